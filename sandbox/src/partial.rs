//! Partial replies: Google's `fields` parameter, as in `items(id,start/dateTime),nextPageToken`.

use serde_json::{Map, Value};

/// What to keep of an object; nothing named keeps all.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Mask(Vec<(String, Mask)>);

impl Mask {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut rest = text;
        let mask = Self::list(&mut rest)?;
        rest.is_empty().then_some(mask)
    }

    fn list(rest: &mut &str) -> Option<Self> {
        let mut mask = Self::default();
        loop {
            mask.0.push(Self::item(rest)?);
            match rest.strip_prefix(',') {
                Some(after) => *rest = after,
                None => return Some(mask),
            }
        }
    }

    fn item(rest: &mut &str) -> Option<(String, Self)> {
        let end = rest.find([',', '(', ')', '/']).unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        let name = name.trim();
        if name.is_empty() {
            return None;
        }
        *rest = after;
        if let Some(after) = rest.strip_prefix('/') {
            *rest = after;
            return Some((name.to_owned(), Self(vec![Self::item(rest)?])));
        }
        let Some(after) = rest.strip_prefix('(') else {
            return Some((name.to_owned(), Self::default()));
        };
        *rest = after;
        let inner = Self::list(rest)?;
        *rest = rest.strip_prefix(')')?;
        Some((name.to_owned(), inner))
    }

    pub(crate) fn apply(&self, value: Value) -> Value {
        if self.0.is_empty() {
            return value;
        }
        match value {
            Value::Object(object) => Value::Object(self.keep(object)),
            Value::Array(items) => items.into_iter().map(|item| self.apply(item)).collect(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value,
        }
    }

    fn keep(&self, object: Map<String, Value>) -> Map<String, Value> {
        let wanted =
            |key: &str| self.0.iter().find(|(name, _)| name == key || name == "*").map(|(_, mask)| mask);
        object
            .into_iter()
            .filter_map(|(key, value)| {
                let mask = wanted(&key)?;
                Some((key, mask.apply(value)))
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn cut(fields: &str) -> Value {
        let whole =
            json!({"kind": "k", "items": [{"id": 1, "start": {"date": "d", "timeZone": "z"}}, {"id": 2}]});
        Mask::parse(fields).unwrap().apply(whole)
    }

    #[test]
    fn names_lists_and_paths_select() {
        assert_eq!(cut("kind"), json!({"kind": "k"}));
        assert_eq!(cut("items(id)"), json!({"items": [{"id": 1}, {"id": 2}]}));
        assert_eq!(cut("items/start/date"), json!({"items": [{"start": {"date": "d"}}, {}]}));
        assert_eq!(
            cut("kind,items(id,start(timeZone))"),
            json!({"kind": "k", "items": [{"id": 1, "start": {"timeZone": "z"}}, {"id": 2}]})
        );
        assert_eq!(cut("*"), cut("kind,items"));
    }

    #[test]
    fn broken_masks_are_refused() {
        for bad in ["", "a,", "a(b", "a)", "(a)", "a//b", "a()"] {
            assert!(Mask::parse(bad).is_none(), "{bad}");
        }
    }
}
