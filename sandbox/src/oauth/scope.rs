//! Scopes: what Google knows, how it spells them back, and what a person reads about them.

use crate::grant::Scopes;

const PREFIX: &str = "https://www.googleapis.com/auth/";

pub(crate) const OPENID: &str = "openid";
pub(crate) const EMAIL: &str = "https://www.googleapis.com/auth/userinfo.email";
pub(crate) const PROFILE: &str = "https://www.googleapis.com/auth/userinfo.profile";

/// Short names and what the consent page says.
const CALENDAR: &[(&str, &str)] = &[
    ("calendar", "See, edit, share, and permanently delete all the calendars you can access"),
    ("calendar.readonly", "See and download any calendar you can access"),
    ("calendar.events", "View and edit events on all your calendars"),
    ("calendar.events.readonly", "View events on all your calendars"),
    ("calendar.events.owned", "See, create, change, and delete events on calendars you own"),
    ("calendar.events.owned.readonly", "See the events on calendars you own"),
    ("calendar.events.freebusy", "See the availability on calendars you have access to"),
    ("calendar.events.public.readonly", "See the events on public calendars"),
    ("calendar.app.created", "Make secondary calendars, and see, create, change, and delete events on them"),
    ("calendar.calendars", "See and change the properties of calendars you have access to"),
    ("calendar.calendars.readonly", "See the title, description, and zone of calendars you have access to"),
    ("calendar.calendarlist", "See, add, and remove calendars you’re subscribed to"),
    ("calendar.calendarlist.readonly", "See the list of calendars you’re subscribed to"),
    ("calendar.acls", "See and change the sharing permissions of calendars you own"),
    ("calendar.acls.readonly", "See the sharing permissions of calendars you own"),
    ("calendar.freebusy", "View your availability in your calendars"),
    ("calendar.settings", "See and change your calendar settings"),
    ("calendar.settings.readonly", "View your calendar settings"),
];

/// One scope in the spelling Google answers with; `None` if Google has no such scope.
pub(crate) fn canonical(scope: &str) -> Option<String> {
    match scope {
        "openid" => return Some(OPENID.to_owned()),
        "email" => return Some(EMAIL.to_owned()),
        "profile" => return Some(PROFILE.to_owned()),
        _ => {}
    }
    let short = scope.strip_prefix(PREFIX).unwrap_or(scope);
    let known = short == "userinfo.email"
        || short == "userinfo.profile"
        || CALENDAR.iter().any(|(name, _)| *name == short);
    known.then(|| format!("{PREFIX}{short}"))
}

/// Every scope of a space-separated list, or the first that Google does not know.
pub(crate) fn parse(text: &str) -> Result<Scopes, String> {
    text.split_whitespace().map(|scope| canonical(scope).ok_or_else(|| scope.to_owned())).collect()
}

/// What `/_sandbox/tokens` grants when it is told nothing.
pub(crate) fn usual() -> Scopes {
    ["openid", "email", "calendar.events"].into_iter().filter_map(canonical).collect()
}

pub(crate) fn join(scopes: &Scopes) -> String {
    scopes.iter().map(String::as_str).collect::<Vec<_>>().join(" ")
}

/// Short names in full, for a challenge.
pub(crate) fn list(short: &[&str]) -> String {
    let full: Vec<_> = short.iter().map(|name| format!("{PREFIX}{name}")).collect();
    full.join(" ")
}

/// Whether a token has any of these (short names); asking for none is always satisfied.
pub(crate) fn any(granted: &Scopes, accepted: &[&str]) -> bool {
    accepted.is_empty()
        || accepted.iter().any(|name| granted.iter().any(|scope| scope.strip_prefix(PREFIX) == Some(*name)))
}

/// Sign-in scopes come with the account; a person ticks the others one by one.
pub(crate) fn is_sign_in(scope: &str) -> bool {
    [OPENID, EMAIL, PROFILE].contains(&scope)
}

/// What the consent page says about a scope.
pub(crate) fn sentence(scope: &str) -> &str {
    match scope {
        OPENID => "Associate you with your personal info",
        EMAIL => "See your primary email address",
        PROFILE => "See your personal info, including any you’ve made publicly available",
        _ => {
            let short = scope.strip_prefix(PREFIX).unwrap_or(scope);
            let known = CALENDAR.iter().find(|(name, _)| *name == short);
            known.map_or(scope, |(_, sentence)| sentence)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_and_long_names_become_googles_spelling() {
        let scopes = parse("email openid calendar.events https://www.googleapis.com/auth/calendar").unwrap();
        assert_eq!(
            join(&scopes),
            "https://www.googleapis.com/auth/calendar https://www.googleapis.com/auth/calendar.events https://www.googleapis.com/auth/userinfo.email openid"
        );
        assert_eq!(parse("openid drive").unwrap_err(), "drive");
    }

    #[test]
    fn any_accepted_scope_will_do_and_none_needed_is_enough() {
        let granted = parse("calendar.events.owned").unwrap();
        assert!(any(&granted, &["calendar", "calendar.events.owned"]));
        assert!(!any(&granted, &["calendar", "calendar.events"]));
        assert!(any(&Scopes::new(), &[]));
    }

    #[test]
    fn all_eighteen_calendar_scopes_have_a_sentence() {
        assert_eq!(CALENDAR.len(), 18);
        for (name, _) in CALENDAR {
            assert!(!sentence(&format!("{PREFIX}{name}")).starts_with("https:"));
        }
    }
}
