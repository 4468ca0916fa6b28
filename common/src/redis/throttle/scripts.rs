//! The throttle's scripts: what goes into them, and what comes out.

use std::time::Duration;

use deadpool_redis::redis::Script;

use super::totals::{self, Spent};
use crate::pace;
use crate::port::{Limit, Line, Window};
use crate::redis::link::{Live, Trouble};
use crate::redis::name;

/// Names the state that the meters are in: another mark, and what was known of them is void. In
/// microseconds, from when on they count.
const MARK: &str = "calrelay:throttle:mark";
const WORKERS: &str = "calrelay:throttle:workers";
/// Three years: no sum of these loses a microsecond in Lua's numbers.
const LONGEST: u64 = 100_000_000_000_000;

macro_rules! script {
    ($name:literal) => {
        Script::new(concat!(
            include_str!("../lua/line.lua"),
            include_str!("../lua/meter.lua"),
            include_str!(concat!("../lua/", $name, ".lua"))
        ))
    };
}

/// What came of asking to take.
pub(super) enum Answer {
    /// Taken, under this mark; so many units each limit's window saw, these ones too.
    Granted { mark: String, within: Vec<u64> },
    /// Nothing was taken.
    Refused { retry_in: Duration },
    /// The mark is another: nothing was taken.
    Lost,
}

pub(super) struct Scripts {
    take: Script,
    resume: Script,
    used: Script,
    place: Script,
    leave: Script,
    pause: Script,
    workers: Script,
}

impl Scripts {
    pub(super) fn new() -> Self {
        Self {
            take: script!("take"),
            resume: script!("resume"),
            used: script!("used"),
            place: script!("place"),
            leave: script!("leave"),
            pause: script!("pause"),
            workers: script!("workers"),
        }
    }

    pub(super) async fn take(
        &self,
        live: &Live,
        known: Option<&str>,
        limits: &[Limit],
    ) -> Result<Answer, Trouble> {
        let mut call = self.take.key(MARK);
        call.arg(known.unwrap_or_default());
        for limit in limits {
            call.key(name::meter(&limit.key, limit.window)).key(name::pause(&limit.key));
            call.arg(match limit.window {
                Window::Second | Window::Minute => "pace",
                Window::Day => "day",
            });
            call.arg(limit.cost)
                .arg(limit.allowed)
                .arg(micros(limit.window.span()))
                .arg(micros(pace::charge(limit)))
                .arg(micros(pace::charge_of_one(limit)))
                .arg(pace::slack(limit.window).as_micros().min(LONGEST.into()).to_string())
                .arg(pace::room_of_day(limit));
        }
        let reply: Vec<String> = live.invoke(&call).await?;
        match reply.first().map(String::as_str) {
            Some("lost") => Ok(Answer::Lost),
            Some("refused") => Ok(Answer::Refused { retry_in: span(reply.get(1))? }),
            Some("granted") => {
                let mark = reply.get(1).ok_or_else(unexpected)?.clone();
                let within = reply[2..].iter().map(|units| number(Some(units))).collect::<Result<_, _>>()?;
                Ok(Answer::Granted { mark, within })
            }
            _ => Err(unexpected()),
        }
    }

    /// Answers the mark under which to go on.
    pub(super) async fn resume(
        &self,
        live: &Live,
        known: Option<&str>,
        days: &[(totals::Line, Spent)],
    ) -> Result<String, Trouble> {
        let mut call = self.resume.key(MARK);
        call.arg(known.unwrap_or_default());
        for ((key, window), spent) in days {
            call.key(name::meter(key, *window)).arg(spent.seen).arg(spent.alone);
        }
        live.invoke(&call).await
    }

    /// How many units the window saw of each of these keys.
    pub(super) async fn used(
        &self,
        live: &Live,
        window: Window,
        lines: &[totals::Line],
    ) -> Result<Vec<u64>, Trouble> {
        let mut call = self.used.prepare_invoke();
        match window {
            Window::Second | Window::Minute => call.arg(micros(window.span())),
            Window::Day => call.arg("day"),
        };
        for (key, window) in lines {
            call.key(name::meter(key, *window));
        }
        let reply: Vec<String> = live.invoke(&call).await?;
        reply.iter().map(|units| number(Some(units))).collect()
    }

    pub(super) async fn place(&self, live: &Live, line: &Line) -> Result<Duration, Trouble> {
        let mut call = self.place.key(name::line(line));
        call.key(name::line_ahead_of(line));
        let reply: String = live.invoke(call.arg(micros(line.charge))).await?;
        span(Some(&reply))
    }

    pub(super) async fn leave(&self, live: &Live, line: &Line) -> Result<(), Trouble> {
        let mut call = self.leave.key(name::line(line));
        live.invoke(call.arg(micros(line.charge))).await
    }

    pub(super) async fn pause(
        &self,
        live: &Live,
        key: &crate::port::ThrottleKey,
        pause: Duration,
    ) -> Result<(), Trouble> {
        live.invoke(self.pause.key(name::pause(key)).arg(micros(pause))).await
    }

    /// Counts the workers, `own` among them.
    pub(super) async fn workers(&self, live: &Live, own: &str, forgotten: Duration) -> Result<u32, Trouble> {
        live.invoke(self.workers.key(WORKERS).key(MARK).arg(own).arg(micros(forgotten))).await
    }
}

/// Rounded up: never sooner than meant.
fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_nanos().div_ceil(1_000)).map_or(LONGEST, |micros| micros.min(LONGEST))
}

fn span(text: Option<&String>) -> Result<Duration, Trouble> {
    number(text).map(Duration::from_micros)
}

fn number(text: Option<&String>) -> Result<u64, Trouble> {
    text.and_then(|text| text.parse().ok()).ok_or_else(unexpected)
}

fn unexpected() -> Trouble {
    Trouble::Refused("a script of the throttle was answered unexpectedly".to_owned())
}
