//! The connection to Redis: one that all calls share, kept alive, and found again when it is lost.
//!
//! A Redis that is dead or stalled must not cost every call a timeout. The call that meets the trouble ends
//! the connection; from then on every call fails at once, until the keeper, which tries all the time, has a
//! connection that answers.

mod live;

use std::sync::Arc;
use std::time::Duration;

use deadpool_redis::redis::{Cmd, FromRedisValue, RedisError, ScriptInvocation, ServerErrorKind};
use rand::RngExt as _;
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;
use tracing::{info, warn};

pub(super) use live::Live;

use super::address::Address;
use crate::port::Clock;

/// A connection is made within this, Sentinels asked and all, or tried again.
const CONNECT: Duration = Duration::from_secs(3);
/// Between two tries, at least and at most.
const PAUSE: [Duration; 2] = [Duration::from_millis(250), Duration::from_millis(500)];
/// A connection that lasted less is not made again at once.
const SHORT: Duration = Duration::from_secs(1);

/// Why Redis did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// It cannot be reached or did not answer in time; it may have done it all the same.
    #[error("Redis cannot be reached: {0}")]
    Unreachable(String),
    /// It answered that it will not.
    #[error("Redis refused: {0}")]
    Refused(String),
}

#[derive(Clone)]
enum State {
    /// The first try has not ended yet.
    Starting,
    Down(Arc<str>),
    Up(Arc<Live>),
}

pub(super) struct Link {
    state: watch::Receiver<State>,
    database: i64,
    _keeper: AbortOnDropHandle<()>,
}

impl Link {
    pub(super) fn start(address: Address, clock: Arc<dyn Clock>) -> Self {
        let database = address.database();
        let (told, state) = watch::channel(State::Starting);
        let keeper = AbortOnDropHandle::new(tokio::spawn(keep(address, told, clock)));
        Self { state, database, _keeper: keeper }
    }

    /// The number of the database that the URL names.
    pub(super) fn database(&self) -> i64 {
        self.database
    }

    pub(super) fn is_up(&self) -> bool {
        matches!(&*self.state.borrow(), State::Up(live) if live.lost().is_none())
    }

    /// The connection, at once: only the very first calls wait, until the first try has ended.
    pub(super) async fn live(&self) -> Result<Arc<Live>, Trouble> {
        if let Some(known) = usable(&self.state.borrow()) {
            return known;
        }
        let mut state = self.state.clone();
        let told = state.wait_for(|state| usable(state).is_some()).await;
        let known = told.ok().and_then(|state| usable(&state));
        known.unwrap_or_else(|| Err(Trouble::Unreachable("this process is ending".to_owned())))
    }

    /// The connection, as soon as there is one.
    pub(super) async fn up(&self) -> Option<Arc<Live>> {
        let mut state = self.state.clone();
        let told = state.wait_for(|state| matches!(usable(state), Some(Ok(_)))).await;
        told.ok().and_then(|state| usable(&state)?.ok())
    }

    /// Sends one command.
    pub(super) async fn ask<T: FromRedisValue>(&self, cmd: &Cmd) -> Result<T, Trouble> {
        self.live().await?.ask(cmd).await
    }

    pub(super) async fn invoke<T: FromRedisValue>(&self, call: &ScriptInvocation<'_>) -> Result<T, Trouble> {
        self.live().await?.invoke(call).await
    }
}

fn usable(state: &State) -> Option<Result<Arc<Live>, Trouble>> {
    match state {
        State::Starting => None,
        State::Down(why) => Some(Err(Trouble::Unreachable(why.to_string()))),
        State::Up(live) => Some(match live.lost() {
            None => Ok(live.clone()),
            Some(why) => Err(Trouble::Unreachable(why.to_owned())),
        }),
    }
}

/// Connects, watches the connection until it is lost, and connects again, for ever.
async fn keep(mut address: Address, state: watch::Sender<State>, clock: Arc<dyn Clock>) {
    let mut said = false;
    loop {
        let connecting = tokio::time::timeout(CONNECT, live::connect(&mut address)).await;
        let why = match connecting.unwrap_or_else(|_| Err(format!("no connection within {CONNECT:?}"))) {
            Ok(live) => {
                info!("Connected to Redis");
                said = false;
                let began = tokio::time::Instant::now();
                let live = Arc::new(live);
                state.send_replace(State::Up(live.clone()));
                let why = live.until_lost(clock.as_ref()).await;
                warn!(error = why, "The connection to Redis was lost: {why}");
                state.send_replace(State::Down(why.into()));
                if began.elapsed() >= SHORT {
                    continue;
                }
                None
            }
            Err(why) => Some(why),
        };
        if let Some(why) = why {
            if !std::mem::replace(&mut said, true) {
                warn!(error = why, "Redis cannot be reached: {why}; trying again until it can");
            }
            state.send_replace(State::Down(why.into()));
        }
        let fraction: f64 = rand::rng().random();
        clock.sleep(PAUSE[0] + (PAUSE[1] - PAUSE[0]).mul_f64(fraction)).await;
    }
}

/// Whether a connection that answered so is of no more use: it is broken or silent, or the server behind it
/// is not the one to write to.
fn ends_connection(error: &RedisError) -> bool {
    use deadpool_redis::redis::ErrorKind;
    let wrong_server = [
        ErrorKind::Server(ServerErrorKind::ReadOnly),
        ErrorKind::Server(ServerErrorKind::MasterDown),
        ErrorKind::Server(ServerErrorKind::BusyLoading),
    ];
    error.is_io_error() || error.is_unrecoverable_error() || wrong_server.contains(&error.kind())
}
