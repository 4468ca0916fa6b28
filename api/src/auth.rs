//! Who calls, and what they may do.

use std::sync::Arc;

use actix_web::http::header::{AUTHORIZATION, HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use actix_web::{HttpMessage as _, HttpRequest};
use common::account::AccountId;
use common::job::Job;
use common::keys::{ApiKey, ApiKeys, Scope};
use common::owner::Owner;
use common::port::Clock;
use secrecy::SecretString;
use tracing::error;

use crate::problem::{Kind, Problem};
use crate::proxies::TrustedProxies;
use crate::rate::{Counted, RateLimit, Rates, Standing};

/// Whether callers need a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// They do.
    Keys,
    /// They do not: everybody is [`Owner::local`] with every scope (`DEV_NO_AUTH`, loopback only).
    Open,
}

/// Lets callers in.
pub(crate) struct Door {
    access: Access,
    keys: Arc<ApiKeys>,
    rates: Rates,
    per_address: RateLimit,
    proxies: TrustedProxies,
    clock: Arc<dyn Clock>,
}

/// Somebody who was let in.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    owner: Owner,
    /// `None` where nobody needs one.
    key: Option<ApiKey>,
}

impl Caller {
    /// On whose behalf they speak.
    pub(crate) fn owner(&self) -> &Owner {
        &self.owner
    }

    /// Whether they may do `scope`.
    pub(crate) fn may(&self, scope: Scope) -> bool {
        self.key.as_ref().is_none_or(|key| key.may(scope))
    }

    /// Refuses an account that their key is not for.
    pub(crate) fn may_use(&self, account: &AccountId) -> Result<(), Problem> {
        if self.key.as_ref().is_none_or(|key| key.may_use(account)) {
            return Ok(());
        }
        let detail = "The key is limited to other accounts.";
        Err(Problem::new(Kind::AccountNotAllowed, detail).naming("account", "not-allowed", detail))
    }

    /// Whether `job` exists for them: others' jobs do not.
    pub(crate) fn sees(&self, job: &Job) -> bool {
        job.owner == self.owner && self.may_use(&job.account).is_ok()
    }
}

impl Door {
    pub(crate) fn new(
        access: Access,
        keys: Arc<ApiKeys>,
        per_address: RateLimit,
        proxies: TrustedProxies,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { access, keys, rates: Rates::default(), per_address, proxies, clock }
    }

    /// Whether callers need no key here.
    pub(crate) fn is_open(&self) -> bool {
        self.access == Access::Open
    }

    /// Lets in a caller who may do `scope` and is not too fast.
    pub(crate) async fn enter(&self, request: &HttpRequest, scope: Scope) -> Result<Caller, Problem> {
        let caller = match self.access {
            Access::Open => {
                self.count_address(request)?;
                Caller { owner: Owner::local(), key: None }
            }
            Access::Keys => {
                let secret = bearer(request.headers())?.ok_or_else(|| {
                    unauthenticated(
                        "Send the header Authorization: Bearer <key>.",
                        "Bearer realm=\"calrelay\"",
                    )
                })?;
                self.holder(request, &secret).await?
            }
        };
        if caller.may(scope) {
            return Ok(caller);
        }
        let detail = format!("This needs a key with the scope {}.", scope.as_str());
        Err(Problem::new(Kind::InsufficientScope, detail))
    }

    /// The caller, if they sent a key; a key that was sent must be good.
    pub(crate) async fn key_holder(&self, request: &HttpRequest) -> Result<Option<Caller>, Problem> {
        match (self.access, bearer(request.headers())?) {
            (Access::Keys, Some(secret)) => self.holder(request, &secret).await.map(Some),
            (Access::Keys, None) | (Access::Open, _) => Ok(None),
        }
    }

    /// Whether `secret` is the key of an administrator.
    pub(crate) async fn is_admin(&self, secret: &SecretString) -> Result<bool, Problem> {
        Ok(self.find(secret).await?.is_some_and(|key| key.may(Scope::Admin)))
    }

    /// Counts a request against its address.
    pub(crate) fn count_address(&self, request: &HttpRequest) -> Result<(), Problem> {
        let Some(peer) = request.peer_addr() else {
            return Ok(());
        };
        let forwarded = request.headers().get_all("x-forwarded-for");
        let address = self.proxies.client(peer.ip(), forwarded.filter_map(|value| value.to_str().ok()));
        self.count(request, Counted::address(address), self.per_address)
    }

    fn count(&self, request: &HttpRequest, caller: Counted, limit: RateLimit) -> Result<(), Problem> {
        let standing: Standing = self.rates.count(caller, limit, self.clock.now());
        request.extensions_mut().insert(standing);
        standing.check().map(|_| ())
    }

    async fn holder(&self, request: &HttpRequest, secret: &SecretString) -> Result<Caller, Problem> {
        let Some(key) = self.find(secret).await? else {
            return Err(unauthenticated(
                "The key is unknown or was revoked.",
                "Bearer realm=\"calrelay\", error=\"invalid_token\"",
            ));
        };
        let limit = RateLimit::per_minute(key.requests_per_minute);
        self.count(request, Counted::Key(key.name.clone()), limit)?;
        Ok(Caller { owner: key.owner.clone(), key: Some(key) })
    }

    async fn find(&self, secret: &SecretString) -> Result<Option<ApiKey>, Problem> {
        self.keys.find(secret).await.map_err(|error| {
            error!(%error, "API keys cannot be read: {error}");
            Problem::storage_unavailable()
        })
    }
}

/// The bearer token of a request, if it has one.
fn bearer(headers: &HeaderMap) -> Result<Option<SecretString>, Problem> {
    let Some(value) = headers.get(AUTHORIZATION) else {
        return Ok(None);
    };
    let token = value.to_str().ok().and_then(|value| {
        let (scheme, token) = value.split_once(' ')?;
        let token = token.trim();
        (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
    });
    match token {
        Some(token) => Ok(Some(SecretString::from(token.to_owned()))),
        None => Err(unauthenticated(
            "The header must read Authorization: Bearer <key>.",
            "Bearer realm=\"calrelay\", error=\"invalid_request\"",
        )),
    }
}

fn unauthenticated(detail: &str, challenge: &'static str) -> Problem {
    Problem::new(Kind::Unauthenticated, detail)
        .with_header(WWW_AUTHENTICATE, HeaderValue::from_static(challenge))
        .naming("Authorization", "unauthenticated", detail)
}

#[cfg(test)]
mod tests {
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
