//! Closed sets: every field that holds one of a few words says which. The words come from the types.

use std::collections::BTreeSet;

use common::account::ReauthorizationCause;
use common::job::{BlockReason, Conference, Effect, FailureKind, StateName, WaitReason};
use common::message::News;
use common::warning::WarningCode;
use serde_json::{Value, json};

use crate::problem::{Kind, type_uri};
use crate::routes::accounts::{AT_GOOGLE, STATES};

/// A field, by its schema and its name, and what it may hold.
type Closed = (&'static str, &'static str, fn() -> Vec<String>);

const FIELDS: &[Closed] = &[
    ("AcceptedReply", "state", states),
    ("JobRecord", "state", states),
    ("JobRecord", "waitingFor", || texts(WaitReason::ALL.map(WaitReason::as_str))),
    ("JobRecord", "blockedBy", || texts(BlockReason::ALL.map(BlockReason::as_str))),
    ("LostRecord", "state", || texts(["unknown"])),
    ("CancelReply", "state", || texts(["cancelled", "cancelling"])),
    ("ResultRecord", "conferenceStatus", || texts(Conference::STATUSES)),
    ("ErrorRecord", "type", || FailureKind::ALL.map(|kind| type_uri(kind.as_str())).to_vec()),
    ("WarningRecord", "code", warnings),
    ("ErrorRecord", "effect", || texts(Effect::ALL.map(Effect::as_str))),
    ("ProblemReply", "type", || {
        let types: BTreeSet<String> = Kind::ALL.map(|kind| type_uri(kind.slug())).into_iter().collect();
        types.into_iter().collect()
    }),
    ("AccountReply", "state", || texts(STATES)),
    ("AccountReply", "cause", causes),
    ("DisconnectReply", "atGoogle", || texts(AT_GOOGLE)),
];

/// Writes the sets into the document.
pub(super) fn describe(document: &mut Value) {
    for (schema, field, words) in FIELDS {
        let field = &mut document["components"]["schemas"][schema]["properties"][field];
        enumerate(field, words());
    }
    let accounts = &mut document["paths"][crate::paths::ACCOUNTS]["get"]["parameters"];
    let parameters = accounts.as_array_mut().expect("accounts are listed by parameters");
    let state = parameters.iter_mut().find(|parameter| parameter["name"] == "state").expect("one of them");
    state["schema"] = json!({"type": "string", "enum": STATES});
}

fn enumerate(field: &mut Value, words: Vec<String>) {
    let nullable = field["type"].as_array().is_some_and(|types| types.contains(&json!("null")));
    let null = nullable.then_some(Value::Null);
    field["enum"] = words.into_iter().map(Value::from).chain(null).collect();
}

fn states() -> Vec<String> {
    texts(StateName::ALL.map(StateName::as_str))
}

/// What a warning may be about; `unknown` is one that a newer build has given.
fn warnings() -> Vec<String> {
    let known = WarningCode::ALL.into_iter().chain([WarningCode::Unknown]);
    known.map(|code| code.as_str().to_owned()).collect()
}

/// Why an account has to be connected again.
pub(super) fn causes() -> Vec<String> {
    let word = |cause| serde_json::to_value(cause).ok().and_then(|word| word.as_str().map(str::to_owned));
    ReauthorizationCause::ALL.into_iter().filter_map(word).collect()
}

/// The `type` of every webhook about a job.
pub(super) fn news() -> Vec<String> {
    texts(News::TYPES)
}

fn texts<const N: usize>(words: [&'static str; N]) -> Vec<String> {
    words.map(str::to_owned).to_vec()
}
