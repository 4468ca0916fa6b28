//! Lets callers in by their keys, and counts their requests.

use std::future::{Ready, ready};
use std::sync::Arc;

use accounts::keys::{ApiKey, ApiKeys, Scope};
use actix_web::HttpRequest;
use actix_web::http::header::{AUTHORIZATION, HeaderMap};
use common::port::{Clock, VaultError};
use secrecy::SecretString;
use tracing::error;

use crate::arrival::{Arrival, Window};
use crate::caller::{Bearer, Caller, unauthenticated};
use crate::problem::{Kind, Problem};
use crate::proxies::TrustedProxies;
use crate::rate::{Counted, RateLimit, RateStatus, Rates};

/// Whether callers need a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// They do.
    Keys,
    /// They do not: every caller is [`Owner::local`](common::owner::Owner::local) with every scope (`DEV_NO_AUTH`, loopback only).
    Open,
}

/// Lets callers in.
pub(crate) struct Authenticator {
    access: Access,
    keys: Arc<ApiKeys>,
    rates: Rates,
    /// For a caller without a key.
    without_key: RateLimit,
    proxies: TrustedProxies,
    clock: Arc<dyn Clock>,
}

impl Authenticator {
    pub(crate) fn new(
        access: Access,
        keys: Arc<ApiKeys>,
        rates: Rates,
        without_key: RateLimit,
        proxies: TrustedProxies,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { access, keys, rates, without_key, proxies, clock }
    }

    /// Whether callers need no key here.
    pub(crate) fn is_open(&self) -> bool {
        self.access == Access::Open
    }

    /// Lets in a caller who may do `scope`.
    pub(crate) fn enter(&self, request: &HttpRequest, scope: Scope) -> Ready<Result<Caller, Problem>> {
        ready(self.entered(request, scope))
    }

    fn entered(&self, request: &HttpRequest, scope: Scope) -> Result<Caller, Problem> {
        let caller = match self.access {
            Access::Open => Caller::local(),
            Access::Keys => Arrival::of(request).bearer.caller()?.ok_or_else(|| {
                unauthenticated("Send the header Authorization: Bearer <key>.", "Bearer realm=\"calrelay\"")
            })?,
        };
        if caller.may(scope) {
            return Ok(caller);
        }
        let detail = format!("This needs a key with the scope {}.", scope.as_str());
        Err(Problem::new(Kind::InsufficientScope, detail))
    }

    /// The caller, if they sent a key; a key that was sent must be good.
    pub(crate) fn key_holder(&self, request: &HttpRequest) -> Result<Option<Caller>, Problem> {
        match self.access {
            Access::Keys => Arrival::of(request).bearer.caller(),
            Access::Open => Ok(None),
        }
    }

    /// Whether `secret` is the key of an administrator.
    pub(crate) async fn is_admin(&self, secret: &SecretString) -> Result<bool, Problem> {
        match self.keys.find(secret).await {
            Ok(key) => Ok(key.is_some_and(|key| key.may(Scope::Admin))),
            Err(error) => Err(unreadable(&error)),
        }
    }

    /// Who the header `Authorization` shows. A good key counts for itself; anything else for its address,
    /// and before it is looked up: guessing keys costs no more look-ups than the address has requests.
    pub(crate) async fn bearer(&self, request: &HttpRequest) -> (Bearer, Window) {
        let secret = match bearer(request.headers()) {
            Ok(None) => return (Bearer::Nobody, Window::Open),
            Ok(Some(secret)) => secret,
            Err(Malformed) => return (Bearer::Malformed, self.by_address(request).await),
        };
        let (found, charged) = match self.keys.find_known(&secret).await {
            Some(found) => (found, None),
            None => {
                let charged = self.count_address(request).await;
                let permit = || charged.filter(|standing| standing.check().is_err()).map_or(Ok(()), Err);
                match self.keys.find_if(&secret, permit).await {
                    Ok(found) => (found, charged),
                    Err(too_many) => return (Bearer::Unknown, Window::Counted(too_many)),
                }
            }
        };
        if charged.is_some() && !matches!(found, Ok(None)) {
            self.give_back_address(request).await;
        }
        match (found, charged) {
            (Ok(Some(key)), _) => {
                let standing = self.count_key(&key).await;
                (Bearer::Holder(Caller::holding(key)), Window::Counted(standing))
            }
            (Ok(None), Some(charged)) => (Bearer::Unknown, Window::Counted(charged)),
            (Ok(None), None) => (Bearer::Unknown, self.by_address(request).await),
            (Err(error), _) => {
                unreadable(&error);
                (Bearer::Unreadable, Window::Exempt)
            }
        }
    }

    async fn by_address(&self, request: &HttpRequest) -> Window {
        self.count_address(request).await.map_or(Window::Exempt, Window::Counted)
    }

    /// Counts a request against its key.
    pub(crate) async fn count_key(&self, key: &ApiKey) -> RateStatus {
        let limit = RateLimit::per_minute(key.requests_per_minute);
        self.rates.count(Counted::Key(key.name.clone()), limit, self.clock.now()).await
    }

    /// Counts a request against what else it has shown.
    pub(crate) async fn count(&self, caller: Counted) -> RateStatus {
        self.rates.count(caller, self.without_key, self.clock.now()).await
    }

    /// Counts a request against its address.
    pub(crate) async fn count_address(&self, request: &HttpRequest) -> Option<RateStatus> {
        match self.address(request) {
            Some(address) => Some(self.count(address).await),
            None => None,
        }
    }

    async fn give_back_address(&self, request: &HttpRequest) {
        if let Some(address) = self.address(request) {
            self.rates.give_back(&address, self.clock.now()).await;
        }
    }

    fn address(&self, request: &HttpRequest) -> Option<Counted> {
        let peer = request.peer_addr()?;
        let forwarded = request.headers().get_all("x-forwarded-for");
        let address = self.proxies.client(peer.ip(), forwarded.filter_map(|value| value.to_str().ok()));
        Some(Counted::address(address))
    }
}

fn unreadable(error: &VaultError) -> Problem {
    error!(%error, "API keys cannot be read: {error}");
    Problem::storage_unavailable()
}

/// The header `Authorization` is there, and shows no bearer token.
#[derive(Debug, PartialEq, Eq)]
struct Malformed;

/// The bearer token of a request, if it has one.
fn bearer(headers: &HeaderMap) -> Result<Option<SecretString>, Malformed> {
    let Some(value) = headers.get(AUTHORIZATION) else {
        return Ok(None);
    };
    let token = value.to_str().ok().and_then(|value| {
        let (scheme, token) = value.split_once(' ')?;
        let token = token.trim();
        (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
    });
    token.map(|token| Some(SecretString::from(token.to_owned()))).ok_or(Malformed)
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;
    use secrecy::ExposeSecret as _;

    use super::*;

    #[test]
    fn only_a_bearer_token_counts() {
        let token = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(AUTHORIZATION, HeaderValue::from_str(text).unwrap());
            bearer(&headers).map(|token| token.unwrap().expose_secret().to_owned()).ok()
        };
        assert_eq!(token("Bearer crk_x").as_deref(), Some("crk_x"));
        assert_eq!(token("bearer  crk_x ").as_deref(), Some("crk_x"));
        for bad in ["crk_x", "Basic crk_x", "Bearer", "Bearer "] {
            assert_eq!(token(bad), None, "{bad}");
        }
        assert!(bearer(&HeaderMap::new()).unwrap().is_none());
    }
}
