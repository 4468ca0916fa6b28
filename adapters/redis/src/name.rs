//! What the keys are called. Nothing personal: accounts and owners are names of ours, users and calendars
//! are keyed hashes.

use common::account::AccountId;
use common::event::Priority;
use common::port::{Line, ThrottleKey, Window};

/// A user's line: when the next one to join has its turn, in microseconds since 1970 by Redis' own clock, as a
/// decimal string. `accept` and the throttle's `place` join it by the same script.
pub(super) fn line(line: &Line) -> String {
    let kind = match line.priority {
        Priority::Normal => "user",
        Priority::Bulk => "bulk",
    };
    format!("calrelay:line:minute:{kind}:{}", line.user)
}

/// The line whose jobs go before those of `line`: that of the normal jobs.
pub(super) fn line_ahead_of(line: &Line) -> String {
    self::line(&Line { priority: Priority::Normal, ..line.clone() })
}

/// A throttle key as part of a key's name.
pub(super) fn throttled(key: &ThrottleKey) -> String {
    match key {
        ThrottleKey::Project => "project".to_owned(),
        ThrottleKey::User(hash) => format!("user:{hash}"),
        ThrottleKey::Calendar(hash) => format!("calendar:{hash}"),
        ThrottleKey::Guests(hash) => format!("guests:{hash}"),
    }
}

/// What was taken from a limit: see `lua/meter.lua`.
pub(super) fn meter(key: &ThrottleKey, window: Window) -> String {
    format!("calrelay:meter:{}:{}", window.as_str(), throttled(key))
}

/// Until when nothing more is taken for this key, in microseconds since 1970.
pub(super) fn pause(key: &ThrottleKey) -> String {
    format!("calrelay:pause:{}", throttled(key))
}

/// An account's access token, sealed.
pub(super) fn token(account: &AccountId) -> String {
    format!("calrelay:token:{account}")
}

/// Who refreshes an account's token.
pub(super) fn turn(account: &AccountId) -> String {
    format!("calrelay:turn:{account}")
}
