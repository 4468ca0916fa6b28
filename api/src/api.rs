//! What every handler shares.

use std::sync::Arc;
use std::time::Duration;

use accounts::keys::ApiKeys;
use accounts::nonces::Nonces;
use common::account::AccountId;
use common::job::{Job, JobId};
use common::port::{Allowances, ConsentRequest, StoreError, TokenEndpoint};
use lifecycle::{Absence, Intake, Ledger};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use url::Url;

use crate::auth::Authenticator;
use crate::caller::Caller;
use crate::follow::Follows;
use crate::hosts::Hosts;
use crate::problem::{Kind, Problem};
use crate::settings::Settings;
use crate::sign_outs::SignOuts;
use crate::wait::Waiting;

/// What an ingress works with.
#[derive(Clone)]
pub struct Ports {
    /// What jobs are accepted and cancelled with: the records, the queue, the vault and the accounts in it.
    pub jobs: lifecycle::Ports,
    /// The keys in the vault.
    pub keys: Arc<ApiKeys>,
    /// What callers may send, where there are other ingresses to share it with.
    pub allowances: Option<Arc<dyn Allowances>>,
    /// Google's OAuth endpoints.
    pub google: Arc<dyn TokenEndpoint>,
}

/// Told when an account has been connected: its blocked jobs can go on.
pub type OnConnected = Arc<dyn Fn(AccountId) + Send + Sync>;

/// What every handler shares.
pub(crate) struct Api {
    pub(crate) intake: Arc<Intake>,
    pub(crate) ledger: Arc<Ledger>,
    /// What outlives the request that began it.
    pub(crate) tasks: TaskTracker,
    pub(crate) follows: Follows,
    pub(crate) ports: Ports,
    pub(crate) authenticator: Authenticator,
    pub(crate) hosts: Hosts,
    pub(crate) settings: Settings,
    pub(crate) public_url: Url,
    pub(crate) nonces: Arc<Nonces>,
    pub(crate) sign_outs: SignOuts,
    pub(crate) on_connected: OnConnected,
    /// Ends long replies: the server is going.
    pub(crate) closing: CancellationToken,
}

/// What can be said of a job's id.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Sight {
    /// It is this job.
    Known(Box<Job>),
    /// Records were lost lately: there may be such a job.
    Unknown(JobId),
}

impl Sight {
    /// The job, if it is known.
    pub(crate) fn job(&self) -> Option<&Job> {
        match self {
            Self::Known(job) => Some(job),
            Self::Unknown(_) => None,
        }
    }

    /// The id.
    pub(crate) fn id(&self) -> &JobId {
        match self {
            Self::Known(job) => &job.id,
            Self::Unknown(id) => id,
        }
    }
}

impl Api {
    /// A consent URL, to learn from it where it leads and comes back to.
    pub(crate) fn consent_url(&self) -> String {
        let request =
            ConsentRequest { state: String::new(), code_challenge: String::new(), login_hint: None };
        self.ports.google.consent_url(&request)
    }

    /// The origin of Google's consent page.
    pub(crate) fn consent_origin(&self) -> String {
        Url::parse(&self.consent_url()).map(|url| url.origin().ascii_serialization()).unwrap_or_default()
    }

    /// Waits for jobs that exist for `caller`; for jobs known to be theirs it need not be told.
    pub(crate) fn waiting<'a>(&'a self, caller: Option<&'a Caller>) -> Waiting<'a> {
        let (ledger, follows, clock) = (&self.ledger, &self.follows, &*self.ports.jobs.clock);
        Waiting { ledger, follows, clock, closing: &self.closing, caller }
    }

    /// What there is under this id for this caller. Others' jobs and jobs that never were look the
    /// same, whatever was lost.
    pub(crate) async fn sight(&self, caller: &Caller, id: &str) -> Result<Sight, Problem> {
        let Ok(id) = JobId::parse(id) else {
            return Err(no_such_job());
        };
        let job = self.ledger.get(&id).await.map_err(unreadable)?;
        self.sight_of(job.filter(|job| caller.sees(job)), id).await
    }

    /// `job`; or what it means that there is none under `id`.
    pub(crate) async fn sight_of(&self, job: Option<Job>, id: JobId) -> Result<Sight, Problem> {
        match job {
            Some(job) => Ok(Sight::Known(Box::new(job))),
            None => match self.ledger.absence().await.map_err(unreadable)? {
                Absence::Never => Err(no_such_job()),
                Absence::Uncertain => Ok(Sight::Unknown(id)),
            },
        }
    }
}

fn no_such_job() -> Problem {
    Problem::new(
        Kind::JobNotFound,
        "There is no job with this id, or it ended so long ago that it is forgotten.",
    )
}

/// What a caller is told while records cannot be read; the log has been told.
pub(crate) fn unreadable(_: StoreError) -> Problem {
    Problem::new(
        Kind::StorageUnavailable,
        "Jobs cannot be looked up now. What was accepted is done all the same; ask again shortly.",
    )
    .retry_after(Duration::from_secs(5))
}
