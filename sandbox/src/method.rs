//! The methods a fault can name and a statistic counts, spelled as Google spells them.

use serde::{Deserialize, Serialize};

use crate::oauth::scope;

macro_rules! methods {
    ($($variant:ident = $name:literal),+ $(,)?) => {
        /// One method of Google's.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub(crate) enum Method { $(#[serde(rename = $name)] $variant),+ }

        impl Method {
            pub(crate) const ALL: &'static [Self] = &[$(Self::$variant),+];

            pub(crate) fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }
        }
    };
}

methods! {
    Insert = "events.insert",
    Import = "events.import",
    Get = "events.get",
    List = "events.list",
    Patch = "events.patch",
    Update = "events.update",
    Delete = "events.delete",
    Refresh = "token.refresh",
    Exchange = "token.exchange",
    Assertion = "token.assertion",
    Revoke = "token.revoke",
    UserInfo = "userinfo",
    TokenInfo = "tokeninfo",
    Authorize = "authorize",
}

const WRITE: &[&str] = &["calendar", "calendar.events", "calendar.events.owned", "calendar.app.created"];
const READ: &[&str] = &[
    "calendar",
    "calendar.events",
    "calendar.events.owned",
    "calendar.app.created",
    "calendar.readonly",
    "calendar.events.readonly",
    "calendar.events.owned.readonly",
    "calendar.events.public.readonly",
    "calendar.events.freebusy",
];

/// Which part of Google answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Service {
    Calendar,
    OAuth,
    UserInfo,
    /// Pages for people.
    Consent,
}

impl Method {
    pub(crate) fn service(self) -> Service {
        match self {
            Self::Insert
            | Self::Import
            | Self::Get
            | Self::List
            | Self::Patch
            | Self::Update
            | Self::Delete => Service::Calendar,
            Self::Refresh | Self::Exchange | Self::Assertion | Self::Revoke | Self::TokenInfo => {
                Service::OAuth
            }
            Self::UserInfo => Service::UserInfo,
            Self::Authorize => Service::Consent,
        }
    }

    /// Quota units: a patch counts three times, and what is not Calendar counts nothing.
    pub(crate) fn cost(self) -> u32 {
        match self {
            Self::Patch => 3,
            Self::Insert | Self::Import | Self::Get | Self::List | Self::Update | Self::Delete => 1,
            Self::Refresh
            | Self::Exchange
            | Self::Assertion
            | Self::Revoke
            | Self::UserInfo
            | Self::TokenInfo
            | Self::Authorize => 0,
        }
    }

    pub(crate) fn is_write(self) -> bool {
        match self {
            Self::Insert | Self::Import | Self::Patch | Self::Update | Self::Delete => true,
            Self::Get
            | Self::List
            | Self::Refresh
            | Self::Exchange
            | Self::Assertion
            | Self::Revoke
            | Self::UserInfo
            | Self::TokenInfo
            | Self::Authorize => false,
        }
    }

    /// Any one of these scopes will do (their short names); none needed when empty.
    pub(crate) fn scopes(self) -> &'static [&'static str] {
        match self {
            Self::Get | Self::List => READ,
            Self::Insert | Self::Import | Self::Patch | Self::Update | Self::Delete => WRITE,
            Self::Refresh
            | Self::Exchange
            | Self::Assertion
            | Self::Revoke
            | Self::UserInfo
            | Self::TokenInfo
            | Self::Authorize => &[],
        }
    }

    /// What a challenge names: every scope that would have done.
    pub(crate) fn accepted_scopes(self) -> String {
        match self {
            Self::UserInfo => format!("{} {} {}", scope::OPENID, scope::EMAIL, scope::PROFILE),
            Self::Insert
            | Self::Import
            | Self::Get
            | Self::List
            | Self::Patch
            | Self::Update
            | Self::Delete
            | Self::Refresh
            | Self::Exchange
            | Self::Assertion
            | Self::Revoke
            | Self::TokenInfo
            | Self::Authorize => scope::list(self.scopes()),
        }
    }

    /// The name in Google's error details.
    pub(crate) fn rpc(self) -> &'static str {
        match self {
            Self::Insert => "calendar.v3.Events.Insert",
            Self::Import => "calendar.v3.Events.Import",
            Self::Get => "calendar.v3.Events.Get",
            Self::List => "calendar.v3.Events.List",
            Self::Patch => "calendar.v3.Events.Patch",
            Self::Update => "calendar.v3.Events.Update",
            Self::Delete => "calendar.v3.Events.Delete",
            Self::Refresh
            | Self::Exchange
            | Self::Assertion
            | Self::Revoke
            | Self::UserInfo
            | Self::TokenInfo
            | Self::Authorize => "",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_also_the_serialised_name() {
        for method in Method::ALL {
            let json = serde_json::to_value(method).unwrap();
            assert_eq!(json, method.name());
            assert_eq!(serde_json::from_value::<Method>(json).unwrap(), *method);
        }
    }

    #[test]
    fn writes_accept_no_readonly_scope() {
        for method in Method::ALL.iter().filter(|m| m.is_write()) {
            assert!(method.scopes().iter().all(|s| !s.contains("readonly")));
            assert_eq!(method.scopes().len(), 4);
        }
    }
}
