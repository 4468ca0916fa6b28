//! How a submission is to be delivered: who is told, and how urgent it is.

use serde::{Deserialize, Serialize};

/// Which guests Google mails about the event. Persisted: variants may be added, never renamed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum SendUpdates {
    /// Every guest.
    #[default]
    All,
    /// Guests who do not use Google Calendar.
    ExternalOnly,
    /// Nobody. Google warns that such events may not reach other calendars.
    None,
}

impl SendUpdates {
    /// The words that callers use, and Google.
    pub(super) const WORDS: &[&str] = &["all", "externalOnly", "none"];

    /// Google's word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::ExternalOnly => "externalOnly",
            Self::None => "none",
        }
    }

    pub(super) fn parse(word: &str) -> Option<Self> {
        [Self::All, Self::ExternalOnly, Self::None].into_iter().find(|choice| choice.as_str() == word)
    }
}

/// How urgent a job is. Persisted: variants may be added, never renamed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Priority {
    /// Somebody may be waiting for it.
    #[default]
    Normal,
    /// One of many: leaves room for others.
    Bulk,
}

impl Priority {
    /// The words that callers use.
    pub(super) const WORDS: &[&str] = &["normal", "bulk"];

    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Bulk => "bulk",
        }
    }

    pub(super) fn parse(word: &str) -> Option<Self> {
        [Self::Normal, Self::Bulk].into_iter().find(|choice| choice.as_str() == word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_understood_and_written_back() {
        for word in SendUpdates::WORDS {
            let choice = SendUpdates::parse(word).unwrap();
            assert_eq!(choice.as_str(), *word);
            assert_eq!(serde_json::to_value(choice).unwrap(), *word);
        }
        for word in Priority::WORDS {
            let choice = Priority::parse(word).unwrap();
            assert_eq!(choice.as_str(), *word);
            assert_eq!(serde_json::to_value(choice).unwrap(), *word);
        }
        assert_eq!(SendUpdates::parse("ALL"), None);
        assert_eq!(Priority::parse("urgent"), None);
    }
}
