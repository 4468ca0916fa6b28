//! A look at the Redis in `REDIS_URL`, for an operator.

use deadpool_redis::redis::cmd;
use jiff::Timestamp;

use super::{Redis, Trouble};

/// What the server says of itself. It is one that will do: whoever connects has seen to that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkup {
    /// Its release; `None` where `INFO` is forbidden.
    pub release: Option<String>,
    /// Its `maxmemory-policy`; `None` where `INFO` is forbidden.
    pub eviction: Option<String>,
    /// Its time, to the microsecond: quotas go by it.
    pub time: Timestamp,
}

impl Redis {
    /// Asks the server.
    ///
    /// # Errors
    /// When it cannot be reached, or does not tell its time.
    pub async fn check_up(&self) -> Result<Checkup, Trouble> {
        let live = self.link.live().await?;
        let mut info = String::new();
        for section in ["server", "memory"] {
            // It may be kept from us.
            info += &live.ask::<String>(cmd("INFO").arg(section)).await.unwrap_or_default();
        }
        let (seconds, micros): (i64, i32) = live.ask(&cmd("TIME")).await?;
        let time = Timestamp::new(seconds, micros.saturating_mul(1000))
            .map_err(|_| Trouble::Refused("its clock is out of this world".to_owned()))?;
        Ok(Checkup {
            release: field(&info, "redis_version"),
            eviction: field(&info, "maxmemory_policy"),
            time,
        })
    }
}

fn field(info: &str, name: &str) -> Option<String> {
    let lines = info.lines().filter_map(|line| line.split_once(':'));
    lines.into_iter().find(|(key, _)| *key == name).map(|(_, value)| value.trim().to_owned())
}
