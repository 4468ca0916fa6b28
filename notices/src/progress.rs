//! How far the notice of one account has come: a document in the vault, so that of all workers one tells,
//! and a restart tells no receiver twice.

use std::time::Duration;

use common::account::Generation;
use common::time::{after, minutes};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The worker that has taken it on is done by then, or dead.
const CLAIM: Duration = minutes(3);

/// Whom to tell. Persisted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Channel {
    /// The receiver of webhooks.
    Webhook,
    /// The operators, by e-mail.
    Operators,
    /// The account's own user, by e-mail.
    User,
}

/// The notice that one connection of an account has ended. Persisted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Progress {
    /// The connection.
    pub(super) generation: Generation,
    /// A worker is at it until then.
    claimed_until: Option<Timestamp>,
    /// Who is still to be told.
    pub(super) left: Vec<Errand>,
}

/// A receiver that is still to be told. Persisted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Errand {
    pub(super) channel: Channel,
    /// Tries so far that failed.
    pub(super) tries: u32,
    /// Not before.
    due: Timestamp,
}

/// How an errand went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Run {
    /// There is nothing more to do.
    Over,
    /// It has failed, and is to be tried again after so long.
    Again(Duration),
    /// It could not be tried, and is to be after so long.
    Later(Duration),
}

impl Progress {
    /// No receiver has been told.
    pub(super) fn new(generation: Generation, channels: &[Channel], now: Timestamp) -> Self {
        let errand = |channel: &Channel| Errand { channel: *channel, tries: 0, due: now };
        Self { generation, claimed_until: None, left: channels.iter().map(errand).collect() }
    }

    /// What is to be done now; nothing while another worker is at it.
    pub(super) fn due(&self, now: Timestamp) -> Vec<Errand> {
        if self.claimed_until.is_some_and(|until| until > now) {
            return Vec::new();
        }
        self.left.iter().filter(|errand| errand.due <= now).copied().collect()
    }

    /// Taken on by this worker.
    pub(super) fn claimed(&self, now: Timestamp) -> Self {
        Self { claimed_until: Some(after(now, CLAIM)), ..self.clone() }
    }

    /// Let go of, these errands having been run.
    pub(super) fn ran(&self, runs: &[(Channel, Run)], now: Timestamp) -> Self {
        let run = |errand: &Errand| match runs.iter().find(|(channel, _)| *channel == errand.channel) {
            None => Some(*errand),
            Some((_, Run::Over)) => None,
            Some((_, Run::Again(delay))) => {
                Some(Errand { tries: errand.tries.saturating_add(1), due: after(now, *delay), ..*errand })
            }
            Some((_, Run::Later(delay))) => Some(Errand { due: after(now, *delay), ..*errand }),
        };
        Self { claimed_until: None, left: self.left.iter().filter_map(run).collect(), ..*self }
    }
}

#[cfg(test)]
mod tests {
    use Channel::{Operators, User, Webhook};

    use super::*;

    fn now() -> Timestamp {
        "2027-01-01T00:00:00Z".parse().expect("an instant")
    }

    fn due(progress: &Progress, now: Timestamp) -> Vec<Channel> {
        progress.due(now).iter().map(|errand| errand.channel).collect()
    }

    #[test]
    fn everybody_is_told_at_once_and_by_one_worker() {
        let progress = Progress::new(Generation(1), &[Webhook, Operators], now());
        assert_eq!(due(&progress, now()), [Webhook, Operators]);
        let claimed = progress.claimed(now());
        assert_eq!(due(&claimed, now()), []);
        assert_eq!(due(&claimed, after(now(), CLAIM)), [Webhook, Operators], "that worker has died");
    }

    #[test]
    fn who_was_told_is_told_no_more_and_who_was_not_is_told_later() {
        let minute = Duration::from_secs(60);
        let all = Progress::new(Generation(1), &[Webhook, Operators, User], now()).claimed(now());
        let runs = [(Webhook, Run::Over), (Operators, Run::Again(minute)), (User, Run::Later(minute))];
        let left = all.ran(&runs, now());
        assert_eq!(due(&left, now()), []);
        assert_eq!(due(&left, after(now(), minute)), [Operators, User]);
        let tries: Vec<u32> = left.left.iter().map(|errand| errand.tries).collect();
        assert_eq!(tries, [1, 0]);
        assert_eq!(left.ran(&[(Operators, Run::Over), (User, Run::Over)], now()).left, []);
    }

    #[test]
    fn what_is_at_rest_stays_readable() {
        let progress = Progress::new(Generation(3), &[User], now()).claimed(now());
        let golden = serde_json::json!({
            "generation": 3, "claimedUntil": "2027-01-01T00:03:00Z",
            "left": [{ "channel": "user", "tries": 0, "due": "2027-01-01T00:00:00Z" }],
        });
        assert_eq!(serde_json::to_value(&progress).expect("plain data"), golden);
        assert_eq!(serde_json::from_value::<Progress>(golden).expect("what was written"), progress);
    }
}
