//! The connection to Redis: one that all calls share, kept alive, and found again when it is lost.
//!
//! A Redis that is dead or stalled must not cost every call a timeout. The call that meets the trouble ends
//! the connection; from then on every call fails at once, until the keeper, which tries all the time, has a
//! connection that answers.
//!
//! A Redis that answers reads and refuses writes (full, without the replicas that it wants, unable to save,
//! read-only) is away too: half an answer would have jobs wait for a record that cannot be written. The keeper
//! takes it up again when it takes a write, and, once it was full, has some room.

mod live;

use std::sync::Arc;
use std::time::Duration;

use deadpool_redis::redis::{Cmd, FromRedisValue, RedisError, ScriptInvocation, ServerErrorKind};
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;
use tracing::{info, warn};

pub(super) use live::Live;

use super::address::Address;
use common::port::Clock;
use common::random;

/// A connection is made within this, Sentinels asked and all, or tried again.
const CONNECT: Duration = Duration::from_secs(3);
/// Between two tries, at most; half of it at least.
const PAUSE: Duration = Duration::from_millis(500);
/// A connection that lasted less is not made again at once.
const SHORT: Duration = Duration::from_secs(1);
/// A server that refuses writes is asked again after so long: it takes somebody's act to change that.
pub(super) const REFUSED: Duration = Duration::from_secs(5);
/// A server that is on the edge, and is lost and found all the time, says so once in this time.
const QUIET: Duration = Duration::from_secs(60);

/// Why Redis did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
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
    pub(super) async fn live(&self) -> Result<Arc<Live>, LinkError> {
        if let Some(known) = usable(&self.state.borrow()) {
            return known;
        }
        let mut state = self.state.clone();
        let told = state.wait_for(|state| usable(state).is_some()).await;
        let known = told.ok().and_then(|state| usable(&state));
        known.unwrap_or_else(|| Err(LinkError::Unreachable("this process is ending".to_owned())))
    }

    /// The connection, as soon as there is one.
    pub(super) async fn up(&self) -> Option<Arc<Live>> {
        let mut state = self.state.clone();
        let told = state.wait_for(|state| matches!(usable(state), Some(Ok(_)))).await;
        told.ok().and_then(|state| usable(&state)?.ok())
    }

    /// Sends one command.
    pub(super) async fn ask<T: FromRedisValue>(&self, cmd: &Cmd) -> Result<T, LinkError> {
        self.live().await?.ask(cmd).await
    }

    pub(super) async fn invoke<T: FromRedisValue>(
        &self,
        call: &ScriptInvocation<'_>,
    ) -> Result<T, LinkError> {
        self.live().await?.invoke(call).await
    }
}

fn usable(state: &State) -> Option<Result<Arc<Live>, LinkError>> {
    match state {
        State::Starting => None,
        State::Down(why) => Some(Err(LinkError::Unreachable(why.to_string()))),
        State::Up(live) => Some(match live.lost() {
            None => Ok(live.clone()),
            Some(lost) => Err(LinkError::Unreachable(lost.to_string())),
        }),
    }
}

/// Connects, watches the connection until it is lost, and connects again, for ever.
async fn keep(mut address: Address, state: watch::Sender<State>, clock: Arc<dyn Clock>) {
    let mut said = Said::default();
    let mut room = Room::Any;
    loop {
        let connecting = tokio::time::timeout(CONNECT, live::connect(&mut address, room)).await;
        let lost = match connecting
            .unwrap_or_else(|_| Err(Lost::Connection(format!("no connection within {CONNECT:?}"))))
        {
            Ok(live) => {
                said.connected();
                let began = tokio::time::Instant::now();
                let live = Arc::new(live);
                state.send_replace(State::Up(live.clone()));
                let lost = live.until_lost(clock.as_ref()).await;
                said.lost(&lost);
                state.send_replace(State::Down(lost.to_string().into()));
                if began.elapsed() >= SHORT && matches!(lost, Lost::Connection(_)) {
                    room = Room::Any;
                    continue;
                }
                lost
            }
            Err(lost) => {
                said.lost(&lost);
                state.send_replace(State::Down(lost.to_string().into()));
                lost
            }
        };
        room = lost.wants();
        let fraction = random::fraction();
        clock.sleep(lost.pause().mul_f64(0.5 + fraction / 2.0)).await;
    }
}

/// Why a connection is of no more use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Lost {
    /// It is broken or silent, or the server behind it is not the one to write to.
    #[error("{0}")]
    Connection(String),
    /// The server's memory is full.
    #[error("its memory is full, give it more (maxmemory): {0}")]
    Full(String),
    /// The server refuses writes for another reason.
    #[error("it refuses writes: {0}")]
    RefusesWrites(String),
}

/// How much free memory a server has to have before it is taken up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Room {
    /// Any that takes a write.
    Any,
    /// A twentieth: a server that was full a moment ago would be full again at once.
    Some,
}

impl Lost {
    fn wants(&self) -> Room {
        match self {
            Self::Full(_) => Room::Some,
            Self::Connection(_) | Self::RefusesWrites(_) => Room::Any,
        }
    }

    /// Until the next try, at most; half of it at least.
    fn pause(&self) -> Duration {
        match self {
            Self::Connection(_) => PAUSE,
            Self::Full(_) | Self::RefusesWrites(_) => REFUSED,
        }
    }

    /// Whether two of them are worth one line in the log.
    fn is_like(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }
}

/// What the log was told. A loss is told once; one that comes again within a minute is told when it lasts.
#[derive(Default)]
struct Said {
    last: Option<(Lost, tokio::time::Instant)>,
    /// The present loss was told.
    told: bool,
}

impl Said {
    fn lost(&mut self, lost: &Lost) {
        let since =
            self.last.as_ref().filter(|(last, _)| last.is_like(lost)).map(|(_, since)| since.elapsed());
        if since.is_some_and(|since| self.told || since < QUIET) {
            return;
        }
        warn!(error = %lost, "Redis cannot be used: {lost}; trying again until it can");
        self.last = Some((lost.clone(), tokio::time::Instant::now()));
        self.told = true;
    }

    fn connected(&mut self) {
        if self.told || self.last.is_none() {
            info!("Connected to Redis");
        }
        self.told = false;
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

/// Whether the server that answered so refuses writes, whatever it is asked to write, and will for a while. A
/// replica is not among them: after a failover another server takes writes at once. A script of Redis 6.2 is
/// refused in the middle, and the reason stands inside the error's text.
fn refuses_writes(error: &RedisError) -> Option<Lost> {
    let text = error.to_string();
    let says = |code: &str| error.code() == Some(code) || text.contains(&format!("-{code} "));
    if says("OOM") {
        return Some(Lost::Full(text));
    }
    ["MISCONF", "NOREPLICAS"].iter().any(|code| says(code)).then_some(Lost::RefusesWrites(text))
}
