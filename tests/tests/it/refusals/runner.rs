//! Runs rows against the real program and its sandbox, each for an account and a user of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tests::{Calrelay, Launch, SandboxView};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::person::Person;
use super::requests::{Claim, asked_otherwise};
use super::row::{Asked, End, Pause, Row, Trouble};
use crate::accounts::connect;

/// Far longer than any row takes.
const LIMIT: Duration = Duration::from_secs(90);
/// Rows at a time.
const TOGETHER: usize = 40;
/// Accounts that Google answers while others believe it to be down.
const ANSWERED: usize = 25;

/// One process and its sandbox.
pub struct Runner {
    launch: Launch,
    calrelay: Calrelay,
    sandbox: SandboxView,
    next: AtomicUsize,
}

/// An account and its user.
pub struct Subject {
    pub account: String,
    pub user: String,
}

impl Runner {
    pub async fn start(launch: Launch) -> Arc<Self> {
        let calrelay = launch.start().await;
        let sandbox = calrelay.sandbox();
        sandbox.no_quotas().await;
        let shared = json!({"calendars": ["shared@group.calendar.google.com"]});
        sandbox.control("/_sandbox/users/owner@example.com", &shared).await;
        Arc::new(Self { launch, calrelay, sandbox, next: AtomicUsize::new(0) })
    }

    /// Runs many rows at once, so that nobody waits for another; then looks whether Google was asked once too often.
    pub async fn run_together(self: &Arc<Self>, rows: Vec<Row>) {
        // Some fail as if Google were down. It must be plain that it is not.
        join_all((0..ANSWERED).map(|_| self.succeed())).await;
        let room = Arc::new(Semaphore::new(TOGETHER));
        let mut running = JoinSet::new();
        for row in rows {
            let (runner, room) = (Arc::clone(self), Arc::clone(&room));
            running.spawn(async move {
                let _place = room.acquire_owned().await.expect("never closed");
                runner.run(row).await
            });
        }
        let (mut claims, mut wrong) = (Vec::new(), Vec::new());
        while let Some(ended) = running.join_next().await {
            match ended {
                Ok(claim) => claims.push(claim),
                Err(error) => wrong.push(said(error.into_panic())),
            }
        }
        wrong.extend(asked_otherwise(&self.sandbox, &claims).await);
        assert_eq!(self.circuit_open().await, 0.0, "one user's trouble is not Google's");
        assert!(wrong.is_empty(), "{} rows went wrong:\n{}", wrong.len(), wrong.join("\n"));
    }

    /// Runs a row, and a job of somebody else that Google must not be asked for while the row's job waits.
    pub async fn run_and_watch_another(&self, row: Row) {
        let name = &row.name;
        let (subject, other) = (self.subject().await, self.subject().await);
        self.trouble(&subject, &row).await;
        let id = self.submit(&subject, &row.order).await;
        self.paused(&id, &row).await;
        let behind = self.submit(&other, &json!({})).await;
        self.account_stands(&subject, &row).await;
        self.ends(&id, &row).await;
        let free = match row.end {
            End::Succeeds => {
                let job = self.ended(&behind).await;
                assert_eq!(
                    (&job["state"], &job["attempts"]),
                    (&json!("succeeded"), &json!(0)),
                    "{name}: {job}"
                );
                Some(self.refused_at(&id).await + SignedDuration::from_secs(2))
            }
            End::Fails(_) | End::Waits => {
                let waits = |job: &Value| job["state"] == "waiting";
                let job = self.until(&behind, &format!("{name}: another's job that waits"), waits).await;
                assert_eq!(
                    (&job["waitingFor"], &job["attempts"]),
                    (&json!("quota"), &json!(0)),
                    "{name}: {job}"
                );
                None
            }
        };
        for request in self.sandbox.requests().await {
            let of_another = request.event_id.as_ref() == Some(&behind);
            let early = free.is_none_or(|free| request.start < free);
            assert!(!(of_another && early), "{name}: asked too early: {request:?}");
        }
        let claim = Claim { name: row.name, event: id, user: subject.user, asked: row.asked };
        assert_eq!(asked_otherwise(&self.sandbox, &[claim]).await, Vec::<String>::new());
    }

    pub fn sandbox(&self) -> &SandboxView {
        &self.sandbox
    }

    pub fn log(&self) -> String {
        self.calrelay.log()
    }

    /// Connects an account to a user of its own.
    pub async fn subject(&self) -> Subject {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let (account, user) = (format!("account-{number}"), format!("user-{number}@example.com"));
        connect(&self.launch, &self.sandbox, &account, &user).await;
        Subject { account, user }
    }

    /// Posts a job for the account, with these fields besides the usual ones.
    pub async fn submit(&self, subject: &Subject, extra: &Value) -> String {
        let mut body = json!({
            "account": subject.account, "summary": "As ordered", "conference": false,
            "start": {"dateTime": "2027-03-01T09:00:00Z"}, "end": {"dateTime": "2027-03-01T10:00:00Z"},
        });
        body.as_object_mut().expect("an object").extend(extra.as_object().expect("an object").clone());
        let key = format!("order-{}", self.next.fetch_add(1, Ordering::Relaxed));
        self.calrelay.submit(&body, &key).await.expect("accepted")
    }

    /// A job for a new account that nothing happens to.
    async fn succeed(&self) {
        let subject = self.subject().await;
        let id = self.submit(&subject, &json!({})).await;
        assert_eq!(self.ended(&id).await["state"], "succeeded");
    }

    async fn trouble(&self, subject: &Subject, row: &Row) {
        for trouble in &row.troubles {
            match trouble {
                Trouble::Fault(fault) => {
                    let mut fault = fault.clone();
                    fault["user"] = subject.user.as_str().into();
                    self.sandbox.fault(fault).await;
                }
                Trouble::User(change) => self.change(subject, change).await,
                Trouble::Taken(_) | Trouble::TakenAndDeleted => {}
            }
        }
    }

    async fn change(&self, subject: &Subject, change: &Value) {
        self.sandbox.control(&format!("/_sandbox/users/{}", subject.user), change).await;
    }

    /// Runs a row to its end; answers what Google must have been asked by then, and must not be asked any more.
    async fn run(&self, row: Row) -> Claim {
        let name = row.name.clone();
        let subject = self.subject().await;
        self.trouble(&subject, &row).await;
        let id = self.submit_when_taken(&subject, &row).await;
        if row.pause.is_some() {
            self.paused(&id, &row).await;
        }
        self.account_stands(&subject, &row).await;
        if let Some(order) = &row.meanwhile {
            let other = self.submit(&subject, order).await;
            let other = self.ended(&other).await;
            assert_eq!(other["state"], "succeeded", "{name}: meanwhile {other}");
        }
        if let Some(Pause::Reauthorization(..)) = row.pause {
            if let Some(change) = &row.mended {
                self.change(&subject, change).await;
            }
            let mut person = Person::new(&self.calrelay, &subject.account);
            person.connect_again(&subject.user).await;
            assert!(person.card().await.contains("Connected since"), "{name}");
        }
        self.ends(&id, &row).await;
        let taken = row.troubles.iter().any(|it| matches!(it, Trouble::Taken(_) | Trouble::TakenAndDeleted));
        let inserts = row.asked.inserts + usize::from(taken);
        Claim { name, event: id, user: subject.user, asked: Asked { inserts, ..row.asked } }
    }

    /// Posts the row's job, and takes its id at Google before its time where the row says so.
    async fn submit_when_taken(&self, subject: &Subject, row: &Row) -> String {
        let taking = row.troubles.iter().find_map(|trouble| match trouble {
            Trouble::Taken(fields) => Some((fields.clone(), false)),
            Trouble::TakenAndDeleted => Some((json!({}), true)),
            Trouble::Fault(_) | Trouble::User(_) => None,
        });
        let Some((mut event, deleted)) = taking else {
            return self.submit(subject, &row.order).await;
        };
        let soon = Timestamp::now() + SignedDuration::from_secs(6);
        let id = self.submit(subject, &json!({"notBefore": soon.to_string()})).await;
        event["id"] = id.as_str().into();
        event["start"] = json!({"dateTime": "2027-03-01T09:00:00Z"});
        event["end"] = json!({"dateTime": "2027-03-01T10:00:00Z"});
        let grant = self.sandbox.control("/_sandbox/tokens", &json!({"user": subject.user})).await;
        let token = grant["access_token"].as_str().expect("a token");
        let events = self.sandbox.url("/calendar/v3/calendars/primary/events");
        let insert = self.calrelay.http().post(&events).bearer_auth(token).json(&event);
        let reply = insert.send().await.expect("an answer");
        assert_eq!(reply.status(), 200, "{}: the job was faster", row.name);
        if deleted {
            let delete = self.calrelay.http().delete(format!("{events}/{id}")).bearer_auth(token);
            assert!(delete.send().await.expect("an answer").status().is_success(), "{}", row.name);
        }
        id
    }

    /// Waits until the job is so.
    pub async fn until(&self, id: &str, what: &str, is: impl Fn(&Value) -> bool) -> Value {
        let mut last = Value::Null;
        let began = Instant::now();
        while began.elapsed() < LIMIT {
            last = self.calrelay.job(id).await;
            if is(&last) {
                return last;
            }
            tokio::time::sleep(Duration::from_millis(150)).await;
        }
        panic!("waited in vain for {what}: {last}")
    }

    /// Waits until the job has ended, however.
    pub async fn ended(&self, id: &str) -> Value {
        self.until(id, "the job's end", |job| !job["finishedAt"].is_null()).await
    }

    /// The job waits as the row says.
    async fn paused(&self, id: &str, row: &Row) -> Value {
        let (name, pause) = (&row.name, row.pause.as_ref().expect("it pauses"));
        let (state, waiting_for, blocked_by) = match pause {
            Pause::Waiting(what, _) => ("waiting", json!(what), Value::Null),
            Pause::UntilMidnight => ("waiting", json!("quota"), Value::Null),
            Pause::CalendarLimits(_) => ("blocked", Value::Null, json!("calendarLimits")),
            Pause::Reauthorization(..) => ("blocked", Value::Null, json!("reauthorization")),
        };
        let job = self
            .until(id, &format!("{name}: a job that is {state}"), |job| {
                // The pause of a row that ends in one may come after others.
                let counted =
                    (&job["attempts"], &job["deferrals"]) == (&json!(row.tally.0), &json!(row.tally.1));
                let last = !matches!(row.end, End::Waits) || counted;
                last && job["state"] == state && job["waitingFor"] == waiting_for
                    || !job["finishedAt"].is_null()
            })
            .await;
        assert_eq!(
            (&job["state"], &job["waitingFor"], &job["blockedBy"], &job["error"], &job["result"]),
            (&json!(state), &waiting_for, &blocked_by, &Value::Null, &Value::Null),
            "{name}: {job}"
        );
        let instant =
            |field: &str| job[field].as_str().map(|at| at.parse::<Timestamp>().expect("an instant"));
        let (updated, next) = (instant("updatedAt").expect("always there"), instant("nextAttemptAt"));
        match pause {
            Pause::Waiting(_, seconds) | Pause::CalendarLimits(seconds) => {
                let waits = next.expect("a time").duration_since(updated).as_secs_f64();
                assert!(seconds.contains(&waits), "{name}: waits {waits} s and not {seconds:?}: {job}");
            }
            Pause::UntilMidnight => {
                let begins = updated.in_tz("America/Los_Angeles").expect("a zone");
                let ends = begins.tomorrow().and_then(|day| day.start_of_day()).expect("a day").timestamp();
                let late = next.expect("a time").duration_since(ends);
                let spread = SignedDuration::from_secs(-1)..=SignedDuration::from_secs(301);
                assert!(spread.contains(&late), "{name}: {late} after midnight: {job}");
            }
            Pause::Reauthorization(..) => {
                assert_eq!(next, None, "{name}: nobody knows when: {job}");
            }
        }
        job
    }

    /// The account is as the row says, to programs and to people.
    async fn account_stands(&self, subject: &Subject, row: &Row) {
        let Row { name, pause, .. } = row;
        let path = format!("/api/v1/accounts/{}", subject.account);
        let reply = self.calrelay.get(&path).send().await.expect("an answer");
        let account: Value = reply.json().await.expect("JSON");
        let cause = match pause {
            Some(Pause::Reauthorization(cause, sentence)) => Some((cause, sentence)),
            Some(Pause::Waiting(..) | Pause::UntilMidnight | Pause::CalendarLimits(_)) | None => None,
        };
        let Some((cause, sentence)) = cause else {
            assert_eq!(account["state"], "connected", "{name}: {account}");
            let limited = !account["guestsLimitedUntil"].is_null();
            assert_eq!(limited, matches!(pause, Some(Pause::CalendarLimits(_))), "{name}: {account}");
            if limited {
                let page = Person::new(&self.calrelay, &subject.account).card().await;
                let says = "Google does not let this user invite more guests for now";
                assert!(page.contains("Connected since") && page.contains(says), "{name}: {page}");
            }
            return;
        };
        let detail =
            format!("{sentence} The same Google user has to connect it again; jobs wait until then.");
        assert_eq!(
            (&account["state"], &account["cause"], &account["detail"]),
            (&json!("needsReauthorization"), &json!(cause), &json!(detail)),
            "{name}: {account}"
        );
        let page = Person::new(&self.calrelay, &subject.account).card().await;
        for says in ["Needs to be connected again", sentence, &subject.user, "Connect again"] {
            assert!(page.contains(says), "{name}: {says:?} is not on the page: {page}");
        }
    }

    /// The job ends as the row says.
    async fn ends(&self, id: &str, row: &Row) {
        let name = &row.name;
        let job = match &row.end {
            End::Waits => self.calrelay.job(id).await,
            End::Succeeds | End::Fails(_) => self.ended(id).await,
        };
        assert_eq!(
            (&job["attempts"], &job["deferrals"]),
            (&json!(row.tally.0), &json!(row.tally.1)),
            "{name}: {job}"
        );
        let stored = self.sandbox.events().await.remove(id);
        match &row.end {
            End::Waits => assert!(job["finishedAt"].is_null() && stored.is_none(), "{name}: {job}"),
            End::Succeeds => {
                assert_eq!(
                    (&job["state"], &job["error"]),
                    (&json!("succeeded"), &Value::Null),
                    "{name}: {job}"
                );
                let stored = stored.unwrap_or_else(|| panic!("{name}: there is no event"));
                assert_eq!((stored.inserts, &stored.event["status"]), (1, &json!("confirmed")), "{name}");
            }
            End::Fails(told) => {
                assert_eq!((&job["state"], &job["error"]), (&json!("failed"), told), "{name}: {job}");
            }
        }
    }

    /// When Google first refused something about the event.
    async fn refused_at(&self, event: &str) -> Timestamp {
        let requests = self.sandbox.requests().await;
        let refused = requests.iter().find(|request| {
            request.event_id.as_deref() == Some(event) && request.status.is_some_and(|status| status >= 400)
        });
        refused.expect("it was refused").end
    }

    /// How many circuits are open.
    pub async fn circuit_open(&self) -> f64 {
        self.calrelay.metric("calrelay_circuit_open").await
    }
}

/// What a task said before it died.
fn said(panic: Box<dyn std::any::Any + Send>) -> String {
    match panic.downcast::<String>() {
        Ok(text) => *text,
        Err(panic) => panic.downcast_ref::<&str>().copied().unwrap_or("a panic").to_owned(),
    }
}
