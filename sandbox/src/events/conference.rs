//! Conferences: a Meet that a body asks for, and what becomes of it.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::brought;
use super::refusal::conference::{MISSING_REQUEST_ID, TYPE};
use super::resource::Kind;
use crate::api_error::ApiError;
use crate::config::{Meet, MeetOutcome};
use crate::event::{Conference, ConferenceState, Event};
use crate::identifier;
use crate::query::Query;

/// The only kind of conference that can still be made.
pub(super) const MEET: &str = "hangoutsMeet";

/// What a write wants done about the conference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wish {
    Leave,
    Remove,
    Create { request_id: String },
}

/// Without `conferenceDataVersion=1` the body's conference is ignored, with no error.
pub(super) fn wish(body: &Map<String, Value>, query: &Query, kind: Kind) -> Result<Wish, ApiError> {
    match query.get("conferenceDataVersion") {
        Some("1") => {}
        Some("0") | None => return Ok(Wish::Leave),
        Some(_) => return Err(ApiError::invalid("Invalid Value")),
    }
    if kind == Kind::Patch {
        return Ok(Wish::Leave);
    }
    let data = match body.get("conferenceData") {
        None | Some(Value::Null) => return Ok(Wish::Remove),
        Some(Value::Object(data)) => data,
        Some(_) => return Err(ApiError::of("badRequest")),
    };
    let Some(request) = data.get("createRequest").filter(|value| !value.is_null()) else {
        return brought::check(data).map(|()| Wish::Leave);
    };
    // A fetched conference that is sent back is refused, as was observed at Google (google_workspace_mcp#801).
    let is_echo = data.contains_key("entryPoints") || data.contains_key("conferenceSolution");
    let solution = request.pointer("/conferenceSolutionKey/type").and_then(Value::as_str);
    if is_echo || solution != Some(MEET) {
        return Err(TYPE.into());
    }
    match request.get("requestId").and_then(Value::as_str) {
        Some(id) if !id.is_empty() => Ok(Wish::Create { request_id: id.to_owned() }),
        Some(_) | None => Err(MISSING_REQUEST_ID.into()),
    }
}

impl Wish {
    /// A request with the id of the one before it is ignored.
    pub(super) fn apply(&self, event: &mut Event, meet: Meet, now: Timestamp) {
        match self {
            Self::Leave => {}
            Self::Remove => event.conference = None,
            Self::Create { request_id } => {
                let last = event.conference.as_ref().map(|last| &last.request_id);
                if last == Some(request_id) {
                    return;
                }
                event.conference =
                    Some(Conference { request_id: request_id.clone(), state: begin(meet, now) });
            }
        }
    }
}

fn begin(meet: Meet, now: Timestamp) -> ConferenceState {
    let delay = Duration::from_millis(meet.delay_ms);
    match (delay.is_zero(), meet.outcome) {
        (true, MeetOutcome::Success) => ConferenceState::Success,
        (true, MeetOutcome::Failure) => ConferenceState::Failure,
        (false, outcome) => {
            ConferenceState::Pending { ready: now.checked_add(delay).unwrap_or(Timestamp::MAX), outcome }
        }
    }
}

/// `conferenceData` and, once there is one, the link.
pub(super) fn shown(event: &Event) -> Option<(Value, Option<String>)> {
    let conference = event.conference.as_ref()?;
    let status = match conference.state {
        ConferenceState::Pending { .. } => "pending",
        ConferenceState::Success => "success",
        ConferenceState::Failure => "failure",
    };
    let mut data = json!({
        "createRequest": {
            "requestId": conference.request_id,
            "conferenceSolutionKey": {"type": "hangoutsMeet"},
            "status": {"statusCode": status},
        },
    });
    if conference.state != ConferenceState::Success {
        return Some((data, None));
    }
    let id = identifier::conference_id(&event.id, &conference.request_id);
    let link = format!("https://meet.google.com/{id}");
    data["entryPoints"] = json!([{
        "entryPointType": "video",
        "uri": link,
        "label": format!("meet.google.com/{id}"),
    }]);
    data["conferenceSolution"] = json!({
        "key": {"type": "hangoutsMeet"},
        "name": "Google Meet",
        "iconUri": "https://fonts.gstatic.com/s/i/productlogos/meet_2020q4/v6/web-512dp/logo_meet_2020q4_color_2x_web_512dp.png",
    });
    data["conferenceId"] = json!(id);
    Some((data, Some(link)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish_of(data: Value, version: &str, kind: Kind) -> Result<Wish, ApiError> {
        let body = Map::from_iter([("conferenceData".to_owned(), data)]);
        let query = Query::parse(&format!("conferenceDataVersion={version}"));
        wish(&body, &query, kind)
    }

    fn request(solution: &str) -> Value {
        json!({"createRequest": {"requestId": "r", "conferenceSolutionKey": {"type": solution}}})
    }

    #[test]
    fn a_conference_needs_the_version_and_the_right_type() {
        let created = Wish::Create { request_id: "r".to_owned() };
        assert_eq!(wish_of(request("hangoutsMeet"), "1", Kind::New).unwrap(), created);
        assert_eq!(wish_of(request("hangoutsMeet"), "0", Kind::New).unwrap(), Wish::Leave);
        let refused = wish_of(request("eventHangout"), "1", Kind::New).unwrap_err();
        assert_eq!(refused.message(), "Invalid conference type value.");
        let mut echo = request("hangoutsMeet");
        echo["entryPoints"] = json!([]);
        assert!(wish_of(echo, "1", Kind::Replacement).is_err());
        assert_eq!(wish_of(Value::Null, "1", Kind::PatchWithConference).unwrap(), Wish::Remove);
        assert_eq!(wish_of(Value::Null, "1", Kind::Patch).unwrap(), Wish::Leave);
    }
}
