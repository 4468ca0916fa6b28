//! Every shape: what it keeps and what it refuses.

use serde_json::json;

use super::*;

const FIELDS: &[Field] = &[
    optional("text", Shape::Text(5)),
    optional("bool", Shape::Bool),
    optional("whole", Shape::Whole(0, 9)),
    optional("word", Shape::OneOf(&["one", "two"])),
    optional("but", Shape::OneOfBut(&["one"], &[("two", "it is not")])),
    optional("email", Shape::Email),
    optional("link", Shape::Link),
    optional(
        "list",
        Shape::List { most: 2, each: &Shape::Object(&[required("name", Shape::Text(5))]), because: "" },
    ),
    optional("texts", Shape::Texts(|_, _, _, _| {})),
    optional("refused", Shape::Refused("it is ours.")),
];

fn found(body: Value) -> (Value, Vec<(String, FieldCode)>) {
    let Value::Object(object) = body else { panic!("an object") };
    let mut problems = Problems::default();
    let kept = check_object(&[FIELDS], object, &Path::root(), &mut problems);
    (Value::Object(kept), problems.summary())
}

#[test]
fn what_has_its_shape_is_kept_as_it_is() {
    let body = json!({
        "text": "äöü😀\n", "bool": false, "whole": 9, "word": "two",
        "email": "a@example.com", "link": "https://example.com",
        "list": [{"name": ""}, {"name": "x"}], "texts": {"a": "b"},
    });
    assert_eq!(found(body.clone()), (body, vec![]));
}

#[test]
fn null_is_absent() {
    let body = json!({"text": null, "refused": null, "texts": {"a": null}});
    assert_eq!(found(body), (json!({"texts": {}}), vec![]));
    let (_, problems) = found(json!({"list": [{"name": null}]}));
    assert_eq!(problems, [("list[0].name".to_owned(), FieldCode::Required)]);
}

#[test]
fn what_has_not_is_reported_and_dropped() {
    for (body, field, code) in [
        (json!({"text": 1}), "text", FieldCode::WrongType),
        (json!({"text": "123456"}), "text", FieldCode::TooLong),
        (json!({"text": "\u{0}"}), "text", FieldCode::InvalidCharacter),
        (json!({"bool": "true"}), "bool", FieldCode::WrongType),
        (json!({"bool": 1}), "bool", FieldCode::WrongType),
        (json!({"whole": "1"}), "whole", FieldCode::WrongType),
        (json!({"whole": 1.0}), "whole", FieldCode::WrongType),
        (json!({"whole": -1}), "whole", FieldCode::OutOfRange),
        (json!({"whole": 10}), "whole", FieldCode::OutOfRange),
        (json!({"whole": u64::MAX}), "whole", FieldCode::OutOfRange),
        (json!({"word": "One"}), "word", FieldCode::InvalidChoice),
        (json!({"word": []}), "word", FieldCode::WrongType),
        (json!({"but": "two"}), "but", FieldCode::NotAllowed),
        (json!({"but": "three"}), "but", FieldCode::InvalidChoice),
        (json!({"email": "a"}), "email", FieldCode::InvalidEmail),
        (json!({"link": "a"}), "link", FieldCode::InvalidUrl),
        (json!({"list": {}}), "list", FieldCode::WrongType),
        (json!({"list": [1, 2, 3]}), "list", FieldCode::TooMany),
        (json!({"list": [null]}), "list[0]", FieldCode::WrongType),
        (json!({"list": [{}]}), "list[0].name", FieldCode::Required),
        (json!({"texts": []}), "texts", FieldCode::WrongType),
        (json!({"texts": {"a": 1}}), "texts.a", FieldCode::WrongType),
        (json!({"refused": 1}), "refused", FieldCode::NotAllowed),
        (json!({"what": 1}), "what", FieldCode::UnknownField),
        (json!({"what": null}), "what", FieldCode::UnknownField),
    ] {
        let (_, problems) = found(body.clone());
        assert_eq!(problems, [(field.to_owned(), code)], "{body}");
    }
}

#[test]
fn all_problems_are_reported_at_once() {
    let (kept, problems) = found(json!({"text": 1, "bool": 1, "word": "one", "x": 1}));
    assert_eq!(kept, json!({"word": "one"}));
    assert_eq!(problems.len(), 3);
}

#[test]
fn a_body_of_unknown_names_is_refused_without_looking_at_every_one() {
    let names: Map<String, Value> = (0..50_000).map(|n| (format!("summry{n}"), json!(1))).collect();
    let (_, problems) = found(Value::Object(names));
    assert_eq!(problems.len(), limits::PROBLEMS);
}
