//! The people of the sandbox, and what can happen to them.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Where everybody's picture is.
pub(crate) const PICTURE: &str = "https://lh3.googleusercontent.com/a/default-user=s96-c";

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct User {
    /// Lower case; also the id of the primary calendar.
    pub(crate) email: String,
    /// Google's lasting id of the account.
    pub(crate) sub: String,
    pub(crate) name: String,
    /// Writes that carry guests get `quotaExceeded`.
    pub(crate) usage_limited: bool,
    /// The account is gone: no refresh, no calendar.
    pub(crate) deleted: bool,
    /// Has Google Calendar at all.
    pub(crate) calendar_user: bool,
    /// An administrator has restricted the app: no consent, no refresh.
    #[serde(default)]
    pub(crate) admin_blocked: bool,
    /// Kinds of conference that the user's calendars can make.
    #[serde(default = "conference_solutions")]
    pub(crate) allowed_conference_solution_types: Vec<String>,
    #[serde(default)]
    pub(crate) kind: UserKind,
}

/// What sort of account it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum UserKind {
    #[default]
    Person,
    /// Nobody's: it never signs in, invites no guests and makes no conferences.
    ServiceAccount,
}

fn conference_solutions() -> Vec<String> {
    vec!["hangoutsMeet".to_owned()]
}

impl User {
    pub(crate) fn new(email: &str) -> Self {
        let email = email.to_lowercase();
        let kind = match email.ends_with(".gserviceaccount.com") {
            true => UserKind::ServiceAccount,
            false => UserKind::Person,
        };
        Self {
            sub: sub_of(&email),
            name: name_of(&email),
            email,
            usage_limited: false,
            deleted: false,
            calendar_user: true,
            admin_blocked: false,
            allowed_conference_solution_types: conference_solutions(),
            kind,
        }
    }

    /// Whether the page for choosing an account shows it.
    pub(crate) fn can_sign_in(&self) -> bool {
        !self.deleted && self.kind == UserKind::Person
    }

    /// The Workspace domain; Google's own addresses belong to none.
    pub(crate) fn organization(&self) -> Option<&str> {
        let (_, domain) = self.email.split_once('@')?;
        (!["gmail.com", "googlemail.com"].contains(&domain)).then_some(domain)
    }

    pub(crate) fn given_name(&self) -> &str {
        self.name.split(' ').next().unwrap_or(&self.name)
    }

    pub(crate) fn family_name(&self) -> &str {
        self.name.split_once(' ').map_or("", |(_, family)| family)
    }
}

/// 21 digits, as Google's are, and always the same for one address.
fn sub_of(email: &str) -> String {
    let digest = Sha256::digest(email.as_bytes());
    let number = digest.iter().take(8).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    format!("1{number:020}")
}

fn name_of(email: &str) -> String {
    let local = email.split('@').next().unwrap_or(email);
    local
        .split(['.', '_', '-', '+'])
        .filter(|part| !part.is_empty())
        .map(|part| {
            let mut letters = part.chars();
            letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
        })
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sub_has_21_digits_and_depends_on_nothing_but_the_address() {
        let ada = User::new("Ada.Lovelace@Example.com");
        assert_eq!(ada.sub.len(), 21);
        assert!(ada.sub.bytes().all(|b| b.is_ascii_digit()));
        assert_eq!(ada, User::new("ada.lovelace@example.com"));
        assert_ne!(ada.sub, User::new("grace@example.com").sub);
    }

    #[test]
    fn names_are_read_from_the_address() {
        let ada = User::new("ada.lovelace@example.com");
        assert_eq!((ada.given_name(), ada.family_name()), ("Ada", "Lovelace"));
        assert_eq!(User::new("x@example.com").family_name(), "");
    }
}
