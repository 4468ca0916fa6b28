//! One connection from the moment it answers until it is lost.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use deadpool_redis::redis::aio::MultiplexedConnection;
use deadpool_redis::redis::{
    AsyncConnectionConfig, Client, Cmd, FromRedisValue, Pipeline, RedisError, RedisResult, ScriptInvocation,
    cmd, pipe,
};
use deadpool_redis::{Connection, Manager, Pool, Runtime, Timeouts};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::{LinkError, Lost, Room, ends_connection, refuses_writes};
use crate::address::Address;
use common::port::Clock;

/// A server that takes longer to accept a connection or to answer is as good as gone.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often an idle connection is tried, so that no call has to find out.
const PING: Duration = Duration::from_secs(1);
/// Connections for long answers, at most.
const POOL: usize = 4;
/// Written to learn whether the server takes writes.
const PROBE: &str = "calrelay:probe";
/// A server that was full is taken up again when so much of its memory is used, in hundredths.
const USED_AT_MOST: u64 = 95;
/// The first release that has all we use.
const OLDEST: (u32, u32) = (6, 2);

pub(crate) struct Live {
    connection: MultiplexedConnection,
    pool: Pool,
    client: Client,
    run_id: String,
    made: Instant,
    /// When it answered last, in milliseconds since it was made.
    answered: AtomicU64,
    lost: OnceLock<Lost>,
    ended: CancellationToken,
}

impl Live {
    /// As the server names itself; empty where it does not.
    pub(crate) fn run_id(&self) -> &str {
        &self.run_id
    }

    /// Makes connections of another kind to the same server.
    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// Returns once the connection is lost.
    pub(crate) async fn ended(&self) {
        self.ended.cancelled().await;
    }

    /// Why the connection is of no more use.
    pub(super) fn lost(&self) -> Option<&Lost> {
        self.lost.get()
    }

    pub(crate) async fn invoke<T: FromRedisValue>(
        &self,
        call: &ScriptInvocation<'_>,
    ) -> Result<T, LinkError> {
        self.judged(call.invoke_async(&mut self.connection.clone()).await)
    }

    pub(crate) async fn ask<T: FromRedisValue>(&self, cmd: &Cmd) -> Result<T, LinkError> {
        self.judged(cmd.query_async(&mut self.connection.clone()).await)
    }

    /// As [`invoke`](Self::invoke), on a connection of its own: a long answer then keeps nobody waiting.
    pub(crate) async fn invoke_apart<T: FromRedisValue>(
        &self,
        call: &ScriptInvocation<'_>,
    ) -> Result<T, LinkError> {
        let mut apart = self.apart().await?;
        self.judged_apart(call.invoke_async(&mut apart).await)
    }

    /// Sends commands together, on a connection of their own. Not for transactions: where `MULTI` is
    /// forbidden, redis 1.8.1 panics on the answer.
    pub(crate) async fn pipe_apart<T: FromRedisValue>(&self, pipe: &Pipeline) -> Result<T, LinkError> {
        let mut apart = self.apart().await?;
        self.judged_apart(pipe.query_async(&mut apart).await)
    }

    /// Whether the server is well is for the shared connection to find out, which is asked all the time.
    async fn apart(&self) -> Result<Connection, LinkError> {
        self.pool.get().await.map_err(|error| LinkError::Unreachable(error.to_string()))
    }

    fn judged<T>(&self, answer: RedisResult<T>) -> Result<T, LinkError> {
        let now = u64::try_from(self.made.elapsed().as_millis()).unwrap_or(u64::MAX);
        let silent = Duration::from_millis(now.saturating_sub(self.answered.load(Ordering::Relaxed)));
        match &answer {
            Err(error) if is_lost(error, silent) => {
                self.lose(refuses_writes(error).unwrap_or_else(|| broken(error)))
            }
            Err(error) if error.is_timeout() => {}
            Ok(_) | Err(_) => self.answered.store(now, Ordering::Relaxed),
        }
        answer.map_err(trouble)
    }

    /// A connection of its own that breaks says nothing of the shared one; a server that refuses writes does.
    fn judged_apart<T>(&self, answer: RedisResult<T>) -> Result<T, LinkError> {
        if let Some(lost) = answer.as_ref().err().and_then(refuses_writes) {
            self.lose(lost);
        }
        answer.map_err(trouble)
    }

    fn lose(&self, why: Lost) {
        if self.lost.set(why).is_ok() {
            self.ended.cancel();
        }
    }

    /// Tries the connection now and then, until it is lost; answers why.
    pub(super) async fn until_lost(&self, clock: &dyn Clock) -> Lost {
        loop {
            tokio::select! {
                () = self.ended.cancelled() => {
                    return self.lost().cloned().unwrap_or_else(|| Lost::Connection("it ended".to_owned()));
                }
                // Dropping a sleep loses nothing.
                () = clock.sleep(PING) => {}
            }
            // What it means is judged where it is asked.
            let _ = self.ask::<()>(&cmd("PING")).await;
        }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.ended.cancel();
    }
}

/// Connects to the master, and makes sure that it is one that takes writes and has `room`.
pub(super) async fn connect(address: &mut Address, room: Room) -> Result<Live, Lost> {
    let client = address.master().await.map_err(|error| broken(&error))?;
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(PATIENCE))
        .set_response_timeout(Some(PATIENCE));
    let connecting = client.get_multiplexed_async_connection_with_config(&config);
    let mut connection = connecting.await.map_err(|error| broken(&error))?;
    // A server that is still loading its data answers this with an error.
    let () = cmd("PING").query_async(&mut connection).await.map_err(|error| broken(&error))?;
    let about = About::ask(&mut connection).await.map_err(|error| broken(&error))?;
    about.check().map_err(Lost::Connection)?;
    about.check_room(room)?;
    let write = cmd("SET").arg(PROBE).arg(1).arg("PX").arg(1).query_async(&mut connection).await;
    let () = write.map_err(|error| refuses_writes(&error).unwrap_or_else(|| broken(&error)))?;
    let manager = Manager::new_with_config(client.get_connection_info().clone(), config)
        .map_err(|error| broken(&error))?;
    let patience = Timeouts { wait: Some(PATIENCE), create: Some(PATIENCE), recycle: Some(PATIENCE) };
    let pool = Pool::builder(manager).max_size(POOL).timeouts(patience).runtime(Runtime::Tokio1);
    let pool = pool.build().map_err(|error| Lost::Connection(error.to_string()))?;
    Ok(Live {
        connection,
        pool,
        client,
        run_id: about.value("run_id").to_owned(),
        made: Instant::now(),
        answered: AtomicU64::new(0),
        lost: OnceLock::new(),
        ended: CancellationToken::new(),
    })
}

/// Whether a call that ended so, after nothing was answered for `silent`, is the connection's end. A server
/// that answers others in time is busy, not gone: then the call alone has failed.
fn is_lost(error: &RedisError, silent: Duration) -> bool {
    if error.is_timeout() {
        silent >= PATIENCE
    } else {
        ends_connection(error) || refuses_writes(error).is_some()
    }
}

fn broken(error: &RedisError) -> Lost {
    Lost::Connection(error.to_string())
}

fn trouble(error: RedisError) -> LinkError {
    if ends_connection(&error) || refuses_writes(&error).is_some() {
        LinkError::Unreachable(error.to_string())
    } else {
        LinkError::Refused(error.to_string())
    }
}

/// What the server says of itself.
struct About(String);

impl About {
    async fn ask(connection: &mut MultiplexedConnection) -> RedisResult<Self> {
        let mut all = String::new();
        for section in ["server", "replication", "memory"] {
            match pipe().cmd("INFO").arg(section).query_async::<(String,)>(connection).await {
                Ok((text,)) => all.push_str(&text),
                Err(error) if ends_connection(&error) => return Err(error),
                // It may be kept from us: then nothing is checked.
                Err(_) => {}
            }
        }
        Ok(Self(all))
    }

    fn value(&self, name: &str) -> &str {
        let line = self.0.lines().find_map(|line| line.split_once(':').filter(|(key, _)| *key == name));
        line.map_or("", |(_, value)| value.trim())
    }

    /// Whether the server has the room that is asked for. One that does not tell is asked by writing.
    fn check_room(&self, room: Room) -> Result<(), Lost> {
        let number = |name| self.value(name).parse::<u64>().ok();
        match (room, number("used_memory"), number("maxmemory")) {
            (Room::Some, Some(used), Some(most)) if most > 0 && used > most / 100 * USED_AT_MOST => {
                Err(Lost::Full(format!("{used} of {most} bytes are used")))
            }
            (Room::Any | Room::Some, _, _) => Ok(()),
        }
    }

    /// Whether this server will do.
    fn check(&self) -> Result<(), String> {
        if self.value("role") == "slave" {
            return Err("the server is a replica; give the primary's address, or the Sentinels'".to_owned());
        }
        let version = self.value("redis_version");
        if release(version).is_some_and(|found| found < OLDEST) {
            return Err(format!("the server is Redis {version}; it has to be 6.2 or newer"));
        }
        let policy = self.value("maxmemory_policy");
        if !matches!(policy, "" | "noeviction") {
            warn!(
                redis.maxmemory_policy = policy,
                "Redis evicts keys when memory is short (maxmemory-policy {policy}): jobs may then be unknown \
                 that were accepted; set it to noeviction"
            );
        }
        Ok(())
    }
}

fn release(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.split('.').map(str::parse);
    Some((parts.next()?.ok()?, parts.next()?.ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about(text: &str) -> About {
        About(text.replace('\n', "\r\n"))
    }

    #[test]
    fn only_a_primary_that_is_new_enough_will_do() {
        assert_eq!(about("redis_version:7.0.15\nrole:master\nmaxmemory_policy:noeviction\n").check(), Ok(()));
        assert_eq!(about("redis_version:6.2.0\nrole:master\n").check(), Ok(()));
        assert_eq!(about("").check(), Ok(()), "a server that does not tell is taken as it is");
        about("redis_version:7.0.15\nrole:slave\n").check().unwrap_err();
        about("redis_version:6.0.16\nrole:master\n").check().unwrap_err();
    }

    #[test]
    fn a_late_answer_is_the_end_only_where_nothing_else_was_answered() {
        let error = |kind: std::io::ErrorKind| RedisError::from(std::io::Error::from(kind));
        let late = error(std::io::ErrorKind::TimedOut);
        assert!(is_lost(&late, PATIENCE));
        assert!(!is_lost(&late, PATIENCE / 2), "it is busy with others");
        assert!(is_lost(&error(std::io::ErrorKind::BrokenPipe), Duration::ZERO));
    }

    #[test]
    fn a_name_is_not_found_inside_another() {
        let about = about("# Server\nmaster_run_id:x\nrun_id:abc\n");
        assert_eq!(about.value("run_id"), "abc");
    }
}
