//! The mark that the wish to cancel a job leaves in the vault.

use jiff::Timestamp;
use serde::Serialize;

use crate::fingerprint::Fingerprint;

/// What rests on the shelf of cancellations under the job's id. Persisted: fields are added, never renamed.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Mark<'a> {
    /// When the caller or the operator said so.
    pub at: Timestamp,
    /// The job's deadline: the mark means nothing after it.
    pub until: Timestamp,
    /// Of the request that had made the job.
    #[serde(flatten)]
    pub fingerprint: &'a Fingerprint,
}

impl Mark<'_> {
    /// The mark as a document.
    #[must_use]
    pub fn document(&self) -> serde_json::Value {
        serde_json::to_value(self).expect("a mark is plain data")
    }
}

#[cfg(test)]
mod golden;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_stored_is_pinned() {
        let (at, until) = (Timestamp::UNIX_EPOCH, "2030-01-01T00:00:00Z".parse().unwrap());
        for (v2, expected) in [
            (None, json!({"at": at, "until": until, "fingerprint": "f00d"})),
            (Some("cafe"), json!({"at": at, "until": until, "fingerprint": "f00d", "fingerprint2": "cafe"})),
        ] {
            let fingerprint = Fingerprint::stored("f00d".to_owned(), v2.map(str::to_owned));
            assert_eq!(Mark { at, until, fingerprint: &fingerprint }.document(), expected);
        }
    }
}
