//! RabbitMQ, Redis and the vault's server.

use std::sync::Arc;
use std::time::Duration;

use adapter_rabbitmq as rabbitmq;
use adapter_redis::{Memory, Redis};
use common::port::{Clock as _, SystemClock, Vault, VaultOpenError};
use jiff::{SignedDuration, Timestamp};
use secrecy::ExposeSecret as _;

use super::finding::{Check, Finding};
use crate::config::Servers;
use crate::installation::vault_choice::open_vault;

/// A server's clock may differ by this much without anybody noticing.
const NEAR: SignedDuration = SignedDuration::from_secs(2);
/// A claim on a job is good for a minute: from here on another worker could take it for over.
const FAR: SignedDuration = SignedDuration::from_secs(30);
/// From this share of its `maxmemory` on somebody should know.
const NEARLY_FULL: f64 = 0.8;
/// Bytes.
const MIB: u64 = 1024 * 1024;
/// Redis that answers at all answers within this.
const REDIS: Duration = Duration::from_secs(5);

pub(super) async fn look(servers: &Servers) -> (Vec<Finding>, Option<Arc<dyn Vault>>) {
    let (mut findings, (others, vault)) = tokio::join!(rabbitmq(servers), redis_and_vault(servers));
    findings.extend(others);
    (findings, vault)
}

async fn rabbitmq(servers: &Servers) -> Vec<Finding> {
    let seen = match rabbitmq::Checkup::of(servers.amqp.expose_secret()).await {
        Ok(seen) => seen,
        Err(why) => return vec![Check::RabbitMq.fails(why)],
    };
    let release = seen.release.as_deref().unwrap_or("of unknown release");
    let mut findings = vec![
        Check::RabbitMq.holds("it lets us in"),
        match (seen.is_too_old(), &seen.release) {
            (true, _) => {
                Check::RabbitMqRelease.fails(format!("RabbitMQ {release}: 3.10.8 or newer is needed"))
            }
            (false, Some(_)) => Check::RabbitMqRelease.holds(format!("RabbitMQ {release}")),
            (false, None) => {
                Check::RabbitMqRelease.warns("it does not tell its release: 3.10.8 or newer is needed")
            }
        },
    ];
    match seen.topology {
        Err(why) => findings.push(Check::RabbitMqTopology.fails(why)),
        Ok(()) => {
            findings.push(Check::RabbitMqTopology.holds("every exchange and queue is there"));
            findings.push(match seen.rights {
                Ok(rabbitmq::Rights::All) => Check::RabbitMqRights.holds("this user may write and read"),
                Ok(rabbitmq::Rights::WriteOnly) => Check::RabbitMqRights.warns(
                    "this user may write and not read: enough for `api`; `worker` needs the right to read ^calrelay\\..*",
                ),
                Err(why) => Check::RabbitMqRights.fails(why),
            });
        }
    }
    findings
}

async fn redis_and_vault(servers: &Servers) -> (Vec<Finding>, Option<Arc<dyn Vault>>) {
    let redis = match Redis::start(servers.redis.expose_secret(), Arc::new(SystemClock)) {
        Ok(redis) => redis,
        Err(error) => return (vec![Check::Redis.fails(format!("REDIS_URL: {error}"))], None),
    };
    let mut findings = redis_alone(&redis).await;
    // Without an answer from Redis it cannot be seen whether the vault is apart from it.
    let answers = redis.is_up();
    let vault = match open_vault(servers.vault.expose_secret(), answers.then_some(&*redis)).await {
        Ok(vault) => {
            findings.push(Check::Vault.holds("it can be used"));
            findings.push(Check::VaultDurable.holds("what it confirms is on its disk, as far as it tells"));
            findings.push(match answers {
                true => Check::VaultApart.holds("it is not the server in REDIS_URL"),
                false => Check::VaultApart.warns("not seen, since Redis does not answer"),
            });
            Some(vault)
        }
        Err(error) => {
            let check = match error {
                VaultOpenError::InvalidUrl(_)
                | VaultOpenError::Unreachable(_)
                | VaultOpenError::Refused(_) => Check::Vault,
                VaultOpenError::NotDurable(_) => Check::VaultDurable,
                VaultOpenError::SameServer => Check::VaultApart,
            };
            findings.push(check.fails(error.to_string()));
            None
        }
    };
    (findings, vault)
}

async fn redis_alone(redis: &Redis) -> Vec<Finding> {
    let before = SystemClock.now();
    let seen = match tokio::time::timeout(REDIS, redis.check_up()).await {
        Ok(Ok(seen)) => seen,
        Ok(Err(error)) => return vec![Check::Redis.fails(error.to_string())],
        Err(_elapsed) => return vec![Check::Redis.fails("Redis does not answer")],
    };
    let after = SystemClock.now();
    vec![
        Check::Redis.holds(match seen.release {
            Some(release) => format!("Redis {release} answers"),
            None => "it answers, and does not tell its release: 6.2 or newer is needed".to_owned(),
        }),
        match seen.eviction.as_deref() {
            Some("noeviction") => Check::RedisEviction.holds("it evicts nothing"),
            Some(policy) => Check::RedisEviction.fails(format!(
                "maxmemory-policy is {policy}: jobs that were accepted would be unknown when memory is short; set \
                 `maxmemory-policy noeviction` in its redis.conf"
            )),
            None => Check::RedisEviction.warns("it does not tell: make sure of `maxmemory-policy noeviction`"),
        },
        memory(seen.memory),
        clock(seen.time, before, after),
    ]
}

/// Whether there is room for the jobs to come.
fn memory(memory: Option<Memory>) -> Finding {
    let Some(seen) = memory else {
        return Check::RedisMemory.warns("it does not tell how full it is: it needs `INFO memory`");
    };
    let used = seen.used / MIB;
    match (seen.allowed, seen.ratio()) {
        (Some(allowed), Some(ratio)) => {
            let told = format!("{used} MiB of {} MiB are used ({:.0} %)", allowed / MIB, 100.0 * ratio);
            if ratio < NEARLY_FULL {
                Check::RedisMemory.holds(told)
            } else {
                Check::RedisMemory.warns(format!(
                    "{told}: raise `maxmemory`, or lower JOB_RETENTION_DAYS; once it is full no status is kept"
                ))
            }
        }
        (_, _) => Check::RedisMemory.warns(format!(
            "{used} MiB are used, and it has no `maxmemory`: the system ends it once the machine's memory is used up; \
             set `maxmemory` in its redis.conf"
        )),
    }
}

/// How far `theirs`, told between `before` and `after`, is from our time.
fn clock(theirs: Timestamp, before: Timestamp, after: Timestamp) -> Finding {
    let off = match theirs {
        _ if theirs < before => before.duration_since(theirs),
        _ if theirs > after => theirs.duration_since(after),
        _ => SignedDuration::ZERO,
    };
    let told = format!("{:.1} s between this clock and that of Redis", off.as_secs_f64());
    if off <= NEAR {
        Check::Clock.holds(told)
    } else if off < FAR {
        Check::Clock.warns(format!("{told}: let every machine keep time (NTP)"))
    } else {
        Check::Clock.fails(format!(
            "{told}: workers would take each other's jobs for abandoned; set the clocks (NTP)"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Verdict;
    use super::*;

    #[test]
    fn memory_is_told_of_before_it_is_used_up() {
        let memory = |used, allowed| memory(Some(Memory { used: used * MIB, allowed }));
        for (used, allowed, verdict) in [
            (0, Some(100 * MIB), Verdict::Ok),
            (79, Some(100 * MIB), Verdict::Ok),
            (80, Some(100 * MIB), Verdict::Warn),
            (101, Some(100 * MIB), Verdict::Warn),
            (1, None, Verdict::Warn),
        ] {
            assert_eq!(memory(used, allowed).verdict, verdict, "{used} of {allowed:?}");
        }
        assert!(memory(79, Some(100 * MIB)).says.contains("79 MiB of 100 MiB are used (79 %)"));
        assert_eq!(super::memory(None).verdict, Verdict::Warn);
    }

    #[test]
    fn a_clock_that_is_off_is_told_before_it_does_harm() {
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let later = |seconds: i64| now.checked_add(SignedDuration::from_secs(seconds)).unwrap();
        for (theirs, verdict) in [
            (0, Verdict::Ok),
            (1, Verdict::Ok),
            (-2, Verdict::Ok),
            (3, Verdict::Ok),
            (4, Verdict::Warn),
            (-29, Verdict::Warn),
            (-30, Verdict::Fail),
            (31, Verdict::Fail),
            (3_600, Verdict::Fail),
        ] {
            assert_eq!(clock(later(theirs), now, later(1)).verdict, verdict, "{theirs}");
        }
    }
}
