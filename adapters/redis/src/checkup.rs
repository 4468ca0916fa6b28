//! A look at the Redis in `REDIS_URL`, for an operator.

use deadpool_redis::redis::cmd;
use jiff::Timestamp;

use super::{LinkError, Redis};

/// What the server says of itself. It is one that will do: whoever connects has seen to that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkup {
    /// Its release; `None` where `INFO` is forbidden.
    pub release: Option<String>,
    /// Its `maxmemory-policy`; `None` where `INFO` is forbidden.
    pub eviction: Option<String>,
    /// How full it is; `None` where `INFO` is forbidden.
    pub memory: Option<Memory>,
    /// Its time, to the microsecond: quotas go by it.
    pub time: Timestamp,
}

/// How much a server keeps, and may keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// Bytes in use.
    pub used: u64,
    /// Its `maxmemory` in bytes; `None` where it has none.
    pub allowed: Option<u64>,
}

impl Memory {
    fn read(info: &str) -> Option<Self> {
        let number = |name| field(info, name)?.parse().ok();
        let allowed = number("maxmemory").filter(|allowed| *allowed > 0);
        number("used_memory").map(|used| Self { used, allowed })
    }

    /// The share of what it may keep that is in use; `None` where it has no `maxmemory`.
    #[must_use]
    pub fn ratio(self) -> Option<f64> {
        self.allowed.map(|allowed| self.used as f64 / allowed as f64)
    }
}

impl Redis {
    /// Asks how full the server is; `None` where it is away or does not tell.
    pub async fn memory(&self) -> Option<Memory> {
        let info = self.link.ask::<String>(cmd("INFO").arg("memory")).await.ok()?;
        Memory::read(&info)
    }

    /// Asks the server.
    ///
    /// # Errors
    /// When it cannot be reached, or does not tell its time.
    pub async fn check_up(&self) -> Result<Checkup, LinkError> {
        let live = self.link.live().await?;
        let mut info = String::new();
        for section in ["server", "memory"] {
            // It may be kept from us.
            info += &live.ask::<String>(cmd("INFO").arg(section)).await.unwrap_or_default();
        }
        let (seconds, micros): (i64, i32) = live.ask(&cmd("TIME")).await?;
        let time = Timestamp::new(seconds, micros.saturating_mul(1000))
            .map_err(|_| LinkError::Refused("its clock is out of this world".to_owned()))?;
        Ok(Checkup {
            release: field(&info, "redis_version"),
            eviction: field(&info, "maxmemory_policy"),
            memory: Memory::read(&info),
            time,
        })
    }
}

fn field(info: &str, name: &str) -> Option<String> {
    let lines = info.lines().filter_map(|line| line.split_once(':'));
    lines.into_iter().find(|(key, _)| *key == name).map(|(_, value)| value.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_of_zero_is_none() {
        let memory = |text: &str| Memory::read(&text.replace('\n', "\r\n"));
        let half = memory("used_memory:50\nused_memory_rss:9\nmaxmemory:100\nmaxmemory_policy:noeviction\n");
        assert_eq!(half, Some(Memory { used: 50, allowed: Some(100) }));
        assert_eq!(half.and_then(Memory::ratio), Some(0.5));
        let unlimited = memory("used_memory:50\nmaxmemory:0\n");
        assert_eq!(unlimited, Some(Memory { used: 50, allowed: None }));
        assert_eq!(unlimited.and_then(Memory::ratio), None);
        assert_eq!(memory(""), None);
    }
}
