//! Whether calrelay makes a Meet conference for the event, or the caller brings one.

use serde_json::{Map, Value};

use super::kind;
use super::problems::{Path, Problems};
use super::text::is_link;
use crate::field::FieldCode;

/// Decides whether a conference is to be made. What the caller brings stays in the event.
///
/// Google's `createRequest` is another way of asking for one: it is taken out, because the id of
/// the request is the job's, so that a retry does not make a second conference.
pub(super) fn settle(event: &mut Map<String, Value>, asked: Option<bool>, problems: &mut Problems) -> bool {
    let special = kind::is_special(event);
    if special && asked == Some(true) {
        let message = "an event of this eventType has no conference";
        problems.add("conference", FieldCode::Conflict, message);
    }
    let Some(Value::Object(data)) = event.get("conferenceData") else {
        return asked.unwrap_or(!special && is_timed(event));
    };
    let at = Path::root().key("conferenceData");
    if special {
        let message = format!("an event of this eventType has no conference: leave {at} out");
        problems.add(&at, FieldCode::Conflict, message);
        return false;
    }
    if data.contains_key("createRequest") {
        if data.len() > 1 {
            let message = format!("{at} asks for a new conference and describes another");
            problems.add(at.key("createRequest"), FieldCode::Conflict, message);
        } else if asked == Some(false) {
            let message = "conferenceData.createRequest asks for what `conference` refuses";
            problems.add("conference", FieldCode::Conflict, message);
        }
        event.remove("conferenceData");
        return true;
    }
    if asked == Some(true) {
        let message = "conferenceData brings a conference; leave `conference` out to use that one";
        problems.add("conference", FieldCode::Conflict, message);
    }
    check_brought(data, &at, problems);
    false
}

/// Nobody meets all day long: an all-day event gets a conference only if it is asked for.
fn is_timed(event: &Map<String, Value>) -> bool {
    event.get("start").is_some_and(|start| start.get("date").is_none())
}

fn check_brought(data: &Map<String, Value>, at: &Path, problems: &mut Problems) {
    if !data.contains_key("conferenceSolution") && !problems.concern("conferenceData") {
        let place = at.key("conferenceSolution");
        let message = format!("{at} needs a conferenceSolution and at least one of entryPoints");
        problems.add(place, FieldCode::Required, message);
    }
    let place = at.key("entryPoints");
    let entries = data.get("entryPoints").and_then(Value::as_array);
    let entries = entries.map_or(&[][..], Vec::as_slice);
    if entries.is_empty() && !problems.concern("conferenceData") {
        let message = format!("{at} needs at least one entry in entryPoints");
        problems.add(&place, FieldCode::Required, message);
    }
    check_together(entries, &place, problems);
    for (index, entry) in entries.iter().enumerate() {
        let text = |name: &str| entry.get(name).and_then(Value::as_str);
        let (Some(kind), Some(uri)) = (text("entryPointType"), text("uri")) else {
            continue;
        };
        let (fits, expected) = match kind {
            "phone" => (uri.starts_with("tel:"), "tel:"),
            "sip" => (uri.starts_with("sip:"), "sip:"),
            _ => (is_link(uri), "http:// or https://"),
        };
        if !fits {
            let place = place.index(index).key("uri");
            let message = format!("{place} of a {kind} entry begins with {expected}");
            problems.add(place, FieldCode::InvalidUrl, message);
        }
    }
}

/// Google's discovery document: at most one video, one sip and one more entry, and `more` never alone.
fn check_together(entries: &[Value], at: &Path, problems: &mut Problems) {
    let kinds = || entries.iter().filter_map(|entry| entry.get("entryPointType").and_then(Value::as_str));
    for kind in ["video", "sip", "more"] {
        if kinds().filter(|found| *found == kind).count() > 1 {
            problems.add(at, FieldCode::TooMany, format!("{at} may hold one {kind} entry"));
        }
    }
    if !entries.is_empty() && kinds().all(|kind| kind == "more") {
        let message = format!("{at} needs a video, phone or sip entry beside the one of type more");
        problems.add(at, FieldCode::Required, message);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn settled(event: Value, asked: Option<bool>) -> (bool, Value, Vec<(String, FieldCode)>) {
        let Value::Object(mut event) = event else { panic!("an object") };
        let mut problems = Problems::default();
        let conference = settle(&mut event, asked, &mut problems);
        (conference, Value::Object(event), problems.summary())
    }

    fn brought() -> Value {
        json!({"conferenceData": {
            "conferenceSolution": {"key": {"type": "hangoutsMeet"}, "name": "Google Meet"},
            "entryPoints": [
                {"entryPointType": "video", "uri": "https://talk.example.com/abc"},
                {"entryPointType": "phone", "uri": "tel:+4930123456,,42#"},
                {"entryPointType": "sip", "uri": "sip:42@talk.example.com"},
                {"entryPointType": "more", "uri": "https://talk.example.com/help"},
            ],
        }})
    }

    #[test]
    fn timed_events_get_one_unless_they_say_no_and_special_ones_do_not() {
        let special = json!({"eventType": "focusTime"});
        let timed = json!({"start": {"dateTime": "2027-01-05T09:00:00Z"}});
        let all_day = json!({"start": {"date": "2027-01-05"}});
        for (event, asked, expected) in [
            (timed.clone(), None, true),
            (timed.clone(), Some(true), true),
            (timed, Some(false), false),
            (all_day.clone(), None, false),
            (all_day.clone(), Some(true), true),
            (all_day, Some(false), false),
            (special.clone(), None, false),
            (special.clone(), Some(false), false),
        ] {
            assert_eq!(settled(event.clone(), asked), (expected, event, vec![]));
        }
        let (_, _, problems) = settled(special, Some(true));
        assert_eq!(problems, [("conference".to_owned(), FieldCode::Conflict)]);
    }

    #[test]
    fn special_events_neither_ask_for_a_conference_nor_bring_one() {
        for data in [json!({"createRequest": {}}), brought()["conferenceData"].clone()] {
            let event = json!({"eventType": "outOfOffice", "conferenceData": data});
            let (asks, _, problems) = settled(event, None);
            assert_eq!((asks, problems), (false, vec![("conferenceData".to_owned(), FieldCode::Conflict)]));
        }
    }

    #[test]
    fn googles_own_way_of_asking_is_understood_and_taken_out() {
        let event = json!({"conferenceData": {"createRequest": {"requestId": "x"}}});
        assert_eq!(settled(event.clone(), None), (true, json!({}), vec![]));
        assert_eq!(settled(event.clone(), Some(true)), (true, json!({}), vec![]));
        let (_, _, problems) = settled(event, Some(false));
        assert_eq!(problems, [("conference".to_owned(), FieldCode::Conflict)]);
        let ask = json!({"start": {"date": "2027-01-05"}, "conferenceData": {"createRequest": {}}});
        let (asks, _, problems) = settled(ask, None);
        assert_eq!((asks, problems), (true, vec![]), "an all-day event that asks for one");
    }

    #[test]
    fn a_conference_that_is_brought_is_passed_on_and_none_is_made() {
        assert_eq!(settled(brought(), None), (false, brought(), vec![]));
        assert_eq!(settled(brought(), Some(false)), (false, brought(), vec![]));
        let (_, _, problems) = settled(brought(), Some(true));
        assert_eq!(problems, [("conference".to_owned(), FieldCode::Conflict)]);
    }

    #[test]
    fn half_a_conference_is_refused() {
        let without = |path: &str, value: Value| {
            let mut event = brought();
            *event.pointer_mut(path).unwrap() = value;
            settled(event, None).2
        };
        let required = |field: &str| (field.to_owned(), FieldCode::Required);
        assert_eq!(
            settled(json!({"conferenceData": {}}), None).2,
            [required("conferenceData.conferenceSolution")]
        );
        assert_eq!(
            without("/conferenceData/entryPoints", json!([])),
            [required("conferenceData.entryPoints")]
        );
        for (index, uri) in ["tel:1", "+4930123456", "42@talk.example.com", "help"].iter().enumerate() {
            let problems = without(&format!("/conferenceData/entryPoints/{index}/uri"), json!(uri));
            let field = format!("conferenceData.entryPoints[{index}].uri");
            assert_eq!(problems, [(field, FieldCode::InvalidUrl)]);
        }
        let entries = |entries: Value| without("/conferenceData/entryPoints", entries);
        let entry = |kind: &str, uri: &str| json!({"entryPointType": kind, "uri": uri});
        let more = entry("more", "https://example.com/help");
        assert_eq!(entries(json!([more])), [required("conferenceData.entryPoints")]);
        assert_eq!(entries(json!([more, entry("phone", "tel:+1"), entry("phone", "tel:+2")])), []);
        for twice in [entry("video", "https://example.com"), entry("sip", "sip:a@example.com"), more.clone()]
        {
            let phone = entry("phone", "tel:+1");
            let too_many = ("conferenceData.entryPoints".to_owned(), FieldCode::TooMany);
            assert_eq!(entries(json!([twice, phone, twice])), [too_many], "{twice}");
        }
        let mut both = brought();
        both["conferenceData"]["createRequest"] = json!({});
        let field = "conferenceData.createRequest".to_owned();
        assert_eq!(settled(both, None).2, [(field, FieldCode::Conflict)]);
    }
}
