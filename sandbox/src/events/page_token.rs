//! Where a page of a list ended, and where a sync stands: opaque to clients.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;

/// A place in an order: a time (zero in the order of arrival) and a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) at: i64,
    pub(super) position: u64,
}

impl Key {
    pub(super) fn new(at: Timestamp, position: u64) -> Self {
        Self { at: at.as_millisecond(), position }
    }

    pub(super) fn encode(self) -> String {
        URL_SAFE_NO_PAD.encode(format!("p {} {}", self.at, self.position))
    }

    pub(super) fn decode(token: &str) -> Option<Self> {
        let text = decode(token, "p ")?;
        let (at, position) = text.split_once(' ')?;
        Some(Self { at: at.parse().ok()?, position: position.parse().ok()? })
    }
}

/// Everything changed after this moment is news.
pub(super) fn sync_token(changed: Timestamp) -> String {
    URL_SAFE_NO_PAD.encode(format!("s {}", changed.as_millisecond()))
}

pub(super) fn read_sync_token(token: &str) -> Option<Timestamp> {
    let ms = decode(token, "s ")?.parse().ok()?;
    Timestamp::from_millisecond(ms).ok()
}

fn decode(token: &str, prefix: &str) -> Option<String> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
    text.strip_prefix(prefix).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_come_back_as_they_were_and_never_as_one_another() {
        let at = Timestamp::from_millisecond(1_800_000_000_123).unwrap();
        let key = Key::new(at, 7);
        assert_eq!(Key::decode(&key.encode()), Some(key));
        assert_eq!(read_sync_token(&sync_token(at)), Some(at));
        assert_eq!(Key::decode(&sync_token(at)), None);
        assert_eq!(read_sync_token(&key.encode()), None);
        assert_eq!(Key::decode("nonsense!"), None);
    }
}
