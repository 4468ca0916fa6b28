//! `reminders`: the calendar's own, or the event's.

use serde_json::{Map, Value, json};

use super::refusal::field::{
    BOTH_REMINDERS, MANY_REMINDERS, METHOD, MINUTES, MISSING_METHOD, MISSING_MINUTES,
};
use crate::api_error::ApiError;

const MOST: usize = 5;
const METHODS: &[&str] = &["email", "popup"];
/// Four weeks.
const MINUTES_BEFORE: std::ops::RangeInclusive<i64> = 0..=40_320;

/// What is kept of them. Overrides count only beside a written `useDefault: false`: what is not written is taken for the
/// calendar's own (google-api-go-client#281, openclaw/gogcli#97, google-api-php-client#233).
pub(super) fn read(object: &Map<String, Value>) -> Result<Value, ApiError> {
    let uses_default = match object.get("useDefault") {
        None | Some(Value::Null) => None,
        Some(Value::Bool(value)) => Some(*value),
        Some(_) => return Err(ApiError::of("badRequest")),
    };
    let overrides = match object.get("overrides") {
        None | Some(Value::Null) => &[][..],
        Some(Value::Array(overrides)) => overrides.as_slice(),
        Some(_) => return Err(ApiError::of("badRequest")),
    };
    let kept: Vec<Value> = overrides.iter().map(one).collect::<Result<_, _>>()?;
    if kept.len() > MOST {
        return Err(MANY_REMINDERS.into());
    }
    match (uses_default, kept.is_empty()) {
        (Some(true) | None, false) => Err(BOTH_REMINDERS.into()),
        (uses_default, true) => Ok(json!({"useDefault": uses_default.unwrap_or(false)})),
        (Some(false), false) => Ok(json!({"useDefault": false, "overrides": kept})),
    }
}

fn one(reminder: &Value) -> Result<Value, ApiError> {
    let reminder = reminder.as_object().ok_or_else(|| ApiError::of("badRequest"))?;
    let method = match reminder.get("method") {
        None | Some(Value::Null) => return Err(MISSING_METHOD.into()),
        Some(Value::String(method)) if METHODS.contains(&method.as_str()) => method,
        Some(Value::String(_)) => return Err(METHOD.into()),
        Some(_) => return Err(ApiError::of("badRequest")),
    };
    let minutes = match reminder.get("minutes") {
        None | Some(Value::Null) => return Err(MISSING_MINUTES.into()),
        Some(minutes) => minutes.as_i64().ok_or_else(|| ApiError::of("badRequest"))?,
    };
    match MINUTES_BEFORE.contains(&minutes) {
        true => Ok(json!({"method": method, "minutes": minutes})),
        false => Err(MINUTES.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(value: Value) -> Result<Value, String> {
        read(value.as_object().unwrap()).map_err(|error| error.message().to_owned())
    }

    fn popup(minutes: i64) -> Value {
        json!({"method": "popup", "minutes": minutes})
    }

    #[test]
    fn minutes_have_bounds_and_overrides_a_number() {
        let with = |list: Vec<Value>| message(json!({"useDefault": false, "overrides": list}));
        assert!(with(vec![popup(0), popup(40_320)]).is_ok());
        assert!(with((0..5).map(popup).collect()).is_ok());
        for list in [vec![popup(40_321)], vec![popup(-1)], (0..6).map(popup).collect()] {
            assert!(with(list.clone()).is_err(), "{list:?}");
        }
        assert!(with(vec![json!({"method": "sms", "minutes": 1})]).is_err());
    }

    #[test]
    fn overrides_want_the_default_to_be_turned_off_in_writing() {
        for value in [json!({"overrides": [popup(1)]}), json!({"useDefault": true, "overrides": [popup(1)]})]
        {
            assert_eq!(
                message(value).unwrap_err(),
                "Cannot specify both default reminders and overrides at the same time."
            );
        }
        for (value, kept) in [
            (json!({}), json!({"useDefault": false})),
            (json!({"overrides": []}), json!({"useDefault": false})),
            (json!({"useDefault": true, "overrides": []}), json!({"useDefault": true})),
            (json!({"useDefault": true, "overrides": null}), json!({"useDefault": true})),
        ] {
            assert_eq!(message(value).unwrap(), kept);
        }
    }
}
