//! Who calls: the holder of a key, and what they may do with it.

use accounts::keys::{ApiKey, Scope};
use actix_web::http::header::{HeaderValue, WWW_AUTHENTICATE};
use common::account::AccountId;
use common::job::Job;
use common::owner::Owner;

use crate::problem::{Kind, Problem};

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
    pub(crate) fn caller(self) -> Result<Option<Caller>, Problem> {
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
    /// Every caller, where no key is needed.
    pub(crate) fn local() -> Self {
        Self { owner: Owner::local(), key: None }
    }

    /// The holder of `key`.
    pub(crate) fn holding(key: ApiKey) -> Self {
        Self { owner: key.owner.clone(), key: Some(key) }
    }

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

/// The answer to a request that shows no good key.
pub(crate) fn unauthenticated(detail: &str, challenge: &'static str) -> Problem {
    Problem::new(Kind::Unauthenticated, detail)
        .with_header(WWW_AUTHENTICATE, HeaderValue::from_static(challenge))
        .naming("Authorization", "unauthenticated", detail)
}
