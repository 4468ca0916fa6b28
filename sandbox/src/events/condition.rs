//! Conditional requests: `If-Match` on writes, `If-None-Match` on get.

use crate::api_error::ApiError;
use crate::event::Event;

/// Refuses a write whose `If-Match` names another version.
pub(super) fn if_match(header: Option<&str>, event: &Event) -> Result<(), ApiError> {
    match header {
        Some(wanted) if !names(wanted, &event.etag()) => Err(ApiError::of("conditionNotMet")),
        Some(_) | None => Ok(()),
    }
}

/// Whether `If-None-Match` names this version, so that a get need not send it again.
pub(super) fn is_unchanged(header: Option<&str>, event: &Event) -> bool {
    header.is_some_and(|known| names(known, &event.etag()))
}

fn names(header: &str, etag: &str) -> bool {
    header.split(',').map(str::trim).any(|one| one == "*" || one.strip_prefix("W/").unwrap_or(one) == etag)
}

#[cfg(test)]
mod tests {
    use super::names;

    #[test]
    fn lists_weak_tags_and_the_star_are_understood() {
        assert!(names("\"1\"", "\"1\""));
        assert!(names("\"0\", W/\"1\"", "\"1\""));
        assert!(names("*", "\"1\""));
        assert!(!names("\"2\"", "\"1\""));
        assert!(!names("1", "\"1\""));
    }
}
