//! The throttle's scripts: what goes into them, and what comes out.

use std::time::Duration;

use deadpool_redis::redis::Script;

use super::totals::{self, Spent};
use crate::link::{LinkError, Live};
use crate::name;
use common::pace;
use common::port::{AHEAD, FURTHER_AHEAD, Limit, Line, ThrottleKey, Turn, Window};

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

/// How a call comes to its limits, as the script has it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Asked {
    /// To take from them.
    Take(Turn),
    /// For a turn of so many calls alone, if it is further away than this.
    Book { calls: u32, beyond: Duration },
}

impl Asked {
    fn mode(self) -> &'static str {
        match self {
            Self::Take(Turn::New { .. }) => "new",
            Self::Take(Turn::Booked) => "booked",
            Self::Take(Turn::Further) => "further",
            Self::Take(Turn::Now) => "now",
            Self::Book { .. } => "book",
        }
    }

    fn ahead(self) -> Duration {
        match self {
            Self::Take(Turn::New { .. }) => AHEAD,
            Self::Take(Turn::Booked | Turn::Further) => FURTHER_AHEAD,
            Self::Take(Turn::Now) => Duration::ZERO,
            Self::Book { beyond, .. } => beyond,
        }
    }

    fn calls(self) -> u32 {
        match self {
            Self::Take(Turn::New { calls }) | Self::Book { calls, .. } => calls,
            Self::Take(Turn::Booked | Turn::Further | Turn::Now) => 0,
        }
    }
}

/// What came of asking.
pub(super) enum Answer {
    /// Taken, under this mark, for a call after `after`; so many units each limit's window saw, these ones too.
    Granted { after: Duration, mark: String, within: Vec<u64> },
    /// Nothing was taken; a turn was booked at the limit of this index.
    Booked { turn: Duration, limit: usize },
    /// Nothing was taken or booked.
    Refused { retry_in: Duration },
    /// The turn is near enough: nothing was taken or booked.
    Near,
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
    give_back: Script,
    unbook: Script,
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
            give_back: script!("give_back"),
            unbook: script!("unbook"),
            workers: script!("workers"),
        }
    }

    pub(super) async fn take(
        &self,
        live: &Live,
        known: Option<&str>,
        limits: &[Limit],
        asked: Asked,
    ) -> Result<Answer, LinkError> {
        let mut call = self.take.key(MARK);
        call.arg(known.unwrap_or_default()).arg(asked.mode());
        call.arg(micros(asked.ahead())).arg(micros(AHEAD));
        for limit in limits {
            call.key(name::meter(&limit.key, limit.window)).key(name::pause(&limit.key));
            call.arg(match (limit.window, &limit.key) {
                (Window::Day, _) => "day",
                (Window::Second | Window::Minute, ThrottleKey::Project) => "shared",
                (Window::Second | Window::Minute, _) => "pace",
            });
            call.arg(limit.cost)
                .arg(limit.allowed)
                .arg(micros(limit.window.span()))
                .arg(micros(pace::charge(limit)))
                .arg(micros(pace::charge_of_one(limit)))
                .arg(pace::slack(limit.window).as_micros().min(LONGEST.into()).to_string())
                .arg(pace::room_of_day(limit))
                .arg(micros(pace::booking(limit, asked.calls())));
        }
        let reply: Vec<String> = live.invoke(&call).await?;
        match reply.first().map(String::as_str) {
            Some("lost") => Ok(Answer::Lost),
            Some("free") => Ok(Answer::Near),
            Some("refused") => Ok(Answer::Refused { retry_in: span(reply.get(1))? }),
            Some("booked") => {
                let limit =
                    usize::try_from(number(reply.get(2))?).ok().and_then(|count| count.checked_sub(1));
                Ok(Answer::Booked { turn: span(reply.get(1))?, limit: limit.ok_or_else(unexpected)? })
            }
            Some("granted") => {
                let after = span(reply.get(1))?;
                let mark = reply.get(2).ok_or_else(unexpected)?.clone();
                let within = reply[3..].iter().map(|units| number(Some(units))).collect::<Result<_, _>>()?;
                Ok(Answer::Granted { after, mark, within })
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
    ) -> Result<String, LinkError> {
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
    ) -> Result<Vec<u64>, LinkError> {
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

    pub(super) async fn place(&self, live: &Live, line: &Line) -> Result<Duration, LinkError> {
        let mut call = self.place.key(name::line(line));
        call.key(name::line_ahead_of(line));
        let reply: String = live.invoke(call.arg(micros(line.charge))).await?;
        span(Some(&reply))
    }

    pub(super) async fn leave(&self, live: &Live, line: &Line) -> Result<(), LinkError> {
        let mut call = self.leave.key(name::line(line));
        live.invoke(call.arg(micros(line.charge))).await
    }

    pub(super) async fn pause(
        &self,
        live: &Live,
        key: &common::port::ThrottleKey,
        pause: Duration,
    ) -> Result<(), LinkError> {
        live.invoke(self.pause.key(name::pause(key)).arg(micros(pause))).await
    }

    pub(super) async fn give_back(&self, live: &Live, limits: &[&Limit]) -> Result<(), LinkError> {
        let mut call = self.give_back.prepare_invoke();
        for limit in limits {
            call.key(name::meter(&limit.key, limit.window)).arg(limit.cost);
        }
        live.invoke(&call).await
    }

    pub(super) async fn unbook(&self, live: &Live, limits: &[&Limit]) -> Result<(), LinkError> {
        let mut call = self.unbook.prepare_invoke();
        for limit in limits {
            call.key(name::meter(&limit.key, limit.window)).arg(micros(pace::booking(limit, 1)));
        }
        live.invoke(&call).await
    }

    /// Counts the workers, `own` among them.
    pub(super) async fn workers(
        &self,
        live: &Live,
        own: &str,
        forgotten: Duration,
    ) -> Result<u32, LinkError> {
        live.invoke(self.workers.key(WORKERS).key(MARK).arg(own).arg(micros(forgotten))).await
    }
}

/// Rounded up: never sooner than meant.
fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_nanos().div_ceil(1_000)).map_or(LONGEST, |micros| micros.min(LONGEST))
}

fn span(text: Option<&String>) -> Result<Duration, LinkError> {
    number(text).map(Duration::from_micros)
}

fn number(text: Option<&String>) -> Result<u64, LinkError> {
    text.and_then(|text| text.parse().ok()).ok_or_else(unexpected)
}

fn unexpected() -> LinkError {
    LinkError::Refused("a script of the throttle was answered unexpectedly".to_owned())
}
