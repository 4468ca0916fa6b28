//! Many jobs that cannot be done now, and one that can.

use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::installation::Caller;
use crate::jobs::succeeded;

/// How many they are.
pub const MANY: usize = 400;
const LIMIT: Duration = Duration::from_secs(60);

/// The instant in so many seconds, as a caller writes it.
#[must_use]
pub fn in_seconds(seconds: i64) -> String {
    (Timestamp::now() + SignedDuration::from_secs(seconds)).to_string()
}

async fn accepted(caller: &Caller, event: &Value) -> Value {
    let answer = caller.post(event, None).await.expect("an answer");
    assert_eq!(answer.status, 202, "{answer:?}");
    answer.body
}

/// Posts the event [`MANY`] times; answers what was said at each acceptance.
pub async fn post_many(caller: &Caller, event: &Value) -> Vec<Value> {
    stream::iter(0..MANY).map(|_| accepted(caller, event)).buffer_unordered(16).collect().await
}

/// Cancels these jobs, as their acceptances name them.
///
/// # Panics
/// When one of them can neither be cancelled nor has ended.
pub async fn cancel_many(caller: &Caller, many: &[Value]) {
    stream::iter(many)
        .for_each_concurrent(16, |accepted| async move {
            let answer = caller.cancel(accepted["jobId"].as_str().expect("an id")).await.expect("an answer");
            assert!([200, 202, 409].contains(&answer.status.as_u16()), "{answer:?}");
        })
        .await;
}

/// How long a job for now takes, from its acceptance, which warns of nothing, to its end.
///
/// # Panics
/// When it fails, or takes more than a minute.
pub async fn one_for_now(caller: &Caller, event: &Value) -> Duration {
    let accepted = accepted(caller, event).await;
    assert_eq!(accepted["warnings"], json!([]), "{accepted}");
    let job = succeeded(caller, accepted["jobId"].as_str().expect("an id"), LIMIT).await;
    let at = |name: &str| job[name].as_str().expect("a text").parse::<Timestamp>().expect("an instant");
    at("finishedAt").duration_since(at("submittedAt")).unsigned_abs()
}
