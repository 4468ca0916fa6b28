//! Bearer tokens: who calls, and whether this token may.

use jiff::Timestamp;

use crate::api_error::ApiError;
use crate::method::Method;
use crate::oauth::scope;
use crate::query::Query;
use crate::sandbox::Inner;
use crate::user::User;

/// The token of a request, from its header or, as Google still allows, its query.
pub(crate) fn bearer(header: Option<&str>, query: &Query) -> Option<String> {
    let from_header = header.and_then(|header| {
        let (scheme, token) = header.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().to_owned())
    });
    from_header.or_else(|| {
        let named = query.get("access_token").or_else(|| query.get("oauth_token"));
        named.map(str::to_owned)
    })
}

/// Google looks at this much of a `quotaUser`.
const QUOTA_USER: usize = 40;

/// Whose quota a call uses up, if not its person's: a service account that acts for others pays for all of them, unless
/// it names the end user.
pub(crate) fn charged(inner: &Inner, token: Option<&str>, quota_user: Option<&str>) -> Option<String> {
    let account = inner.world.access.get(token?)?.delegate.as_ref()?;
    Some(match quota_user.filter(|user| !user.is_empty()) {
        Some(user) => format!("{account} {}", user.chars().take(QUOTA_USER).collect::<String>()),
        None => account.clone(),
    })
}

/// The person behind a token, and why the call is refused all the same.
pub(crate) fn authorize(
    inner: &Inner,
    method: Method,
    token: Option<&str>,
    now: Timestamp,
) -> (Option<User>, Option<ApiError>) {
    let Some(token) = token else {
        return (None, Some(ApiError::no_credentials()));
    };
    let known = inner.world.access.get(token);
    let Some((token, user)) = known.and_then(|t| Some((t, inner.world.user(&t.user)?))) else {
        return (None, Some(ApiError::bad_credentials()));
    };
    let refusal = if user.deleted || !token.is_live(now) {
        Some(ApiError::bad_credentials())
    } else if !scope::any(&token.scopes, method.scopes()) {
        Some(ApiError::missing_scope(method))
    } else if !user.calendar_user && !method.scopes().is_empty() {
        Some(ApiError::of("notACalendarUser"))
    } else {
        None
    };
    (Some(user.clone()), refusal)
}
