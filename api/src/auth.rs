//! Who calls, and what they may do.

use std::future::{Ready, ready};
use std::sync::Arc;

use accounts::keys::{ApiKey, ApiKeys, Scope};
use actix_web::HttpRequest;
use actix_web::http::header::{AUTHORIZATION, HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use common::account::AccountId;
use common::job::Job;
use common::owner::Owner;
use common::port::{Clock, VaultError};
use secrecy::SecretString;
use tracing::error;

use crate::entrance::{Entrance, Window};
use crate::problem::{Kind, Problem};
use crate::proxies::TrustedProxies;
use crate::rate::{Counted, RateLimit, RateStatus, Rates};

/// Whether callers need a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// They do.
    Keys,
    /// They do not: every caller is [`Owner::local`] with every scope (`DEV_NO_AUTH`, loopback only).
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

/// A caller who was let in.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    owner: Owner,
    /// `None` where no key is needed.
    key: Option<ApiKey>,
}

/// What the header `Authorization` has shown.
#[derive(Debug, Clone)]
pub(crate) enum Bearer {
    /// There is none.
    Nobody,
    /// The holder of a good key.
    Holder(Caller),
    /// Something else than a key.
    Malformed,
    /// A key that is unknown or was revoked.
    Unknown,
    /// A key that cannot be looked up now.
    Unreadable,
}

impl Bearer {
    /// The caller, if there is one; a key that was sent must be good.
    fn caller(self) -> Result<Option<Caller>, Problem> {
        match self {
            Self::Nobody => Ok(None),
            Self::Holder(caller) => Ok(Some(caller)),
            Self::Malformed => Err(unauthenticated(
                "The header must read Authorization: Bearer <key>.",
                "Bearer realm=\"calrelay\", error=\"invalid_request\"",
            )),
            Self::Unknown => Err(unauthenticated(
                "The key is unknown or was revoked.",
                "Bearer realm=\"calrelay\", error=\"invalid_token\"",
            )),
            Self::Unreadable => Err(Problem::storage_unavailable()),
        }
    }
}

impl Caller {
    /// On whose behalf they speak.
    pub(crate) fn owner(&self) -> &Owner {
        &self.owner
    }

    /// Names their key, and says nothing of it.
    pub(crate) fn name(&self) -> &str {
        self.key.as_ref().map_or("", |key| &key.name)
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
            Access::Open => Caller { owner: Owner::local(), key: None },
            Access::Keys => Entrance::of(request).bearer.caller()?.ok_or_else(|| {
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
            Access::Keys => Entrance::of(request).bearer.caller(),
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
                let caller = Caller { owner: key.owner.clone(), key: Some(key) };
                (Bearer::Holder(caller), Window::Counted(standing))
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
