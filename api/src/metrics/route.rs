//! The routes and methods that metrics tell apart: a closed list, whatever callers ask for.

use actix_web::http::Method;

use crate::paths;

/// Every other method.
const OTHER: &str = "other";

/// A route, as metrics name it: a closed list, whatever callers ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Route {
    Events,
    Older,
    Job,
    Status,
    Setup,
    Connect,
    Callback,
    Revoke,
    Accounts,
    Account,
    Links,
    Link,
    OpenApi,
    Other,
}

impl Route {
    pub(crate) const ALL: [Self; 14] = [
        Self::Events,
        Self::Older,
        Self::Job,
        Self::Status,
        Self::Setup,
        Self::Connect,
        Self::Callback,
        Self::Revoke,
        Self::Accounts,
        Self::Account,
        Self::Links,
        Self::Link,
        Self::OpenApi,
        Self::Other,
    ];

    /// The route that serves `path`.
    pub(crate) fn of(path: &str) -> Self {
        let serves = |route: &&Self| fits(route.label(), path);
        Self::ALL.iter().find(serves).copied().unwrap_or(Self::Other)
    }

    /// Its name in metrics.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Events => paths::EVENTS,
            Self::Older => paths::OLDER,
            Self::Job => paths::JOB,
            Self::Status => paths::STATUS,
            Self::Setup => paths::SETUP,
            Self::Connect => paths::CONNECT,
            Self::Callback => paths::CALLBACK,
            Self::Revoke => paths::REVOKE,
            Self::Accounts => paths::ACCOUNTS,
            Self::Account => paths::ACCOUNT,
            Self::Links => paths::LINKS,
            Self::Link => paths::LINK,
            Self::OpenApi => paths::OPENAPI,
            Self::Other => OTHER,
        }
    }

    /// The methods that are told apart: those that the route takes, and all others as one.
    pub(crate) fn methods(self) -> &'static [&'static str] {
        match self {
            Self::Events | Self::Older | Self::Connect | Self::Links => &["POST", OTHER],
            Self::Job | Self::Account => &["GET", "HEAD", "DELETE", OTHER],
            Self::Setup | Self::Revoke | Self::Link => &["GET", "HEAD", "POST", OTHER],
            Self::Status | Self::Accounts | Self::Callback | Self::OpenApi => &["GET", "HEAD", OTHER],
            Self::Other => &["GET", "HEAD", "POST", OTHER],
        }
    }

    /// The name of a method in metrics.
    pub(crate) fn method_label(self, method: &Method) -> &'static str {
        let told_apart = |label: &&&str| **label == method.as_str();
        self.methods().iter().find(told_apart).copied().unwrap_or(OTHER)
    }
}

/// Whether `path` is one that `route` serves, in which `{…}` stands for one part that is not empty.
fn fits(route: &str, path: &str) -> bool {
    let (mut wanted, mut parts) = (route.split('/'), path.split('/'));
    loop {
        match (wanted.next(), parts.next()) {
            (None, None) => return true,
            (Some(wanted), Some(part)) if wanted.starts_with('{') && !part.is_empty() => {}
            (Some(wanted), Some(part)) if wanted == part => {}
            (Some(_) | None, Some(_) | None) => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_fall_into_their_routes_and_all_others_into_one() {
        for route in Route::ALL {
            if route != Route::Job && route != Route::Other {
                assert_eq!(Route::of(route.label()), route);
            }
        }
        assert_eq!(Route::of("/api/v1/jobs/abc"), Route::Job);
        for path in ["/api/v1/jobs/", "/api/v1/jobs/{id}", "/api/v1/jobs/a/b", "/", "/wp-login.php", "other"]
        {
            let expected = if path == "/api/v1/jobs/{id}" { Route::Job } else { Route::Other };
            assert_eq!(Route::of(path), expected, "{path}");
        }
    }

    #[test]
    fn methods_that_a_route_does_not_take_are_one() {
        let label = |route: Route, method: &[u8]| route.method_label(&Method::from_bytes(method).unwrap());
        assert_eq!(label(Route::Events, b"POST"), "POST");
        for method in [b"GET".as_slice(), b"BREW", b"other", b"post"] {
            assert_eq!(label(Route::Events, method), "other");
        }
        assert_eq!(label(Route::Job, b"HEAD"), "HEAD");
    }
}
