//! Every state against every step.

mod diagram;

use std::sync::LazyLock;

use super::*;
use crate::account::AccountId;
use crate::fingerprint::HashKey;
use crate::job::{FailureKind, JobId, Place, StateName, WorkerId};
use crate::owner::Owner;
use crate::seal::Key;
use crate::time::{after, minutes};

fn now() -> Timestamp {
    "2027-01-01T00:00:00Z".parse().expect("an instant")
}

fn lease(worker: &WorkerId, until: Timestamp) -> Lease {
    Lease { worker: worker.clone(), until }
}

fn result() -> Sealed<EventResult> {
    let plain = EventResult {
        event_id: "e".to_owned(),
        event_link: "l".to_owned(),
        conference: crate::job::Conference::NotAsked,
        calendar_id: "primary".to_owned(),
    };
    Key::random().seal("job", &plain)
}

fn words() -> Sealed<String> {
    Key::random().seal("job", &"Invalid conference type value.".to_owned())
}

fn turn() -> Turn {
    Turn { priority: crate::event::Priority::Bulk, cost: 2, place: Place::InLine { micros: 7 }, yields: 0 }
}

fn failure(effect: Effect) -> Failure {
    Failure { kind: FailureKind::Refused, google_status: None, google_reason: None, effect, detail: None }
}

fn request(body: &[u8]) -> Fingerprint {
    static KEY: LazyLock<HashKey> = LazyLock::new(|| HashKey::new(Key::random()));
    KEY.fingerprint(body)
}

fn job(state: JobState) -> Job {
    Job::from(Fields {
        id: JobId::random(),
        owner: Owner::local(),
        account: AccountId::default_account(),
        state,
        tally: Tally { attempts: 1, deferrals: 2, crashes: 0 },
        effect: Effect::None,
        write_began_at: None,
        lost_at: None,
        hop: 5,
        reopened: 0,
        submitted_at: now(),
        updated_at: now(),
        finished_at: None,
        not_before: None,
        not_after: after(now(), minutes(60)),
        cancel_requested: false,
        trace: None,
        warnings: Vec::new(),
        fingerprint: request(b"body"),
        payload: None,
        conference_refused: None,
        turn: None,
    })
}

struct Case {
    mine: Lease,
    states: Vec<JobState>,
}

/// Every state; the running one is held by `mine`, for another minute.
fn cases() -> Case {
    let mine = lease(&WorkerId::random(), after(now(), minutes(1)));
    let states = vec![
        JobState::Accepting { since: now() },
        JobState::Queued,
        JobState::Running(mine.clone()),
        JobState::Waiting { why: WaitReason::Retry, until: now() },
        JobState::Blocked { why: BlockReason::Reauthorization, until: None },
        JobState::Succeeded { result: result() },
        JobState::Failed(failure(Effect::None)),
        JobState::Cancelled,
    ];
    Case { mine, states }
}

/// The name of the state after the step, or of the refusal.
fn outcome(state: &JobState, step: &Step) -> &'static str {
    match job(state.clone()).take(step, now()) {
        Ok(job) => job.state.name().as_str(),
        Err(Refusal::Finished(_)) => "-finished",
        Err(Refusal::LeasedUntil(_)) => "-leased",
        Err(Refusal::StaleHop) => "-stale",
        Err(Refusal::NotYours) => "-not yours",
        Err(Refusal::CancelRequested) => "-cancel requested",
        Err(Refusal::OutOfPlace) => "-out of place",
        Err(Refusal::Unknown) => "-unknown",
        Err(Refusal::OtherRequest) => "-other request",
    }
}

#[test]
fn every_step_from_every_state_does_what_the_table_says() {
    let Case { mine, states } = cases();
    let start = Step::Start {
        lease: lease(&WorkerId::random(), after(now(), minutes(2))),
        hop: 5,
        tally: Tally::default(),
        effect: Effect::None,
    };
    let postpone = |pause| Step::Postpone {
        lease: mine.clone(),
        pause,
        tally: Tally::default(),
        effect: Effect::None,
        hop: 6,
        turn: None,
    };
    let waiting = Pause::Waiting { why: WaitReason::Quota, until: now() };
    let blocked = Pause::Blocked { why: BlockReason::Paused, until: None };
    let placed = Step::Placed { turn: turn(), warning: None };
    let over = "-finished";
    let out = "-out of place";
    let not = "-not yours";
    #[rustfmt::skip]
    let table: Vec<(Step, [&str; 8])> = vec![
        //                                    accepting    queued       running      waiting      blocked      succeeded    failed    cancelled
        (Step::Enqueued,                     ["queued",    out,         out,         out,         out,         out,         out,      out]),
        (placed,                             ["queued",    "queued",    "running",   "waiting",   "blocked",   over,        over,     over]),
        (start,                              ["running",   "running",   "-leased",  "running",   "running",   over,        over,     over]),
        (Step::BeginWrite(mine.clone()),     [not,         not,         "running",   not,         not,         over,        over,     over]),
        (Step::SpendId(mine.clone()),        [not,         not,         "running",   not,         not,         over,        over,     over]),
        (Step::LeaveOutConference(mine.clone(), words()),
                                             [not,         not,         "running",   not,         not,         over,        over,     over]),
        (postpone(Pause::Queued),            [not,         not,         "queued",    not,         not,         over,        over,     over]),
        (postpone(waiting),                  [not,         not,         "waiting",   not,         not,         over,        over,     over]),
        (postpone(blocked),                  [not,         not,         "blocked",   not,         not,         over,        over,     over]),
        (Step::Succeed(result()),            ["succeeded", "succeeded", "succeeded", "succeeded", "succeeded", over,        over,     over]),
        (Step::Fail(mine.clone(), failure(Effect::None)),
                                             [not,         not,         "failed",    not,         not,         over,        over,     over]),
        (Step::ConfirmCancelled(mine.clone()),
                                             [not,         not,         "cancelled", not,         not,         over,        over,     over]),
        (Step::Cancel,                       ["cancelled", "cancelled", "cancelled", "cancelled", "cancelled", over,        over,     over]),
        (Step::Revive { hop: 6, lost_at: None },
                                             ["queued",    "queued",    "-leased",  "queued",    "queued",    over,        over,     over]),
        (Step::Revive { hop: 5, lost_at: None },
                                             ["-stale",    "-stale",    "-leased",  "-stale",    "-stale",    over,        over,     over]),
        (Step::Doubt(now()),                 ["queued",    "queued",    "running",   "waiting",   "blocked",   over,        over,     over]),
        (Step::Stand(mine.clone(), result()),
                                             [not,         not,         "succeeded", not,         not,         over,        over,     over]),
        (Step::Unblock { hop: 6 },           [out,         out,         out,         out,         "queued",    out,         out,      out]),
        (Step::Replay { hop: 6, not_after: now() },
                                             [out,         out,         out,         out,         out,         out,         "queued", "queued"]),
        (Step::TakeBack { hop: 6 },          [out,         out,         out,         out,         out,         out,         out,      "queued"]),
        (Step::Amend(result()),              [out,         out,         out,         out,         out,         "succeeded", out,      out]),
        (Step::Recover,                      [out,         out,         "queued",    out,         out,         out,         out,      out]),
        (Step::Forget,                       ["queued",    "queued",    "running",   "waiting",   "blocked",   "succeeded", "failed", "cancelled"]),
    ];
    let (this, other) = (request(b"body"), request(b"another"));
    for (step, expected) in &table {
        for (state, expected) in states.iter().zip(expected) {
            assert_eq!(outcome(state, step), *expected, "{step:?} from {state:?}");
            let of = |request: &Fingerprint| Step::For(request.clone(), Box::new(step.clone()));
            assert_eq!(outcome(state, &of(&this)), *expected, "{step:?} from {state:?} for its own request");
            assert_eq!(outcome(state, &of(&other)), "-other request", "{step:?} from {state:?}");
        }
    }
}

#[test]
fn an_older_message_of_another_request_is_told_apart_from_an_older_one_of_its_own() {
    let Case { mine, .. } = cases();
    let start = Step::Start { lease: mine, hop: 1, tally: Tally::default(), effect: Effect::None };
    let queued = job(JobState::Queued);
    let of = |request: Fingerprint| queued.take(&Step::For(request, Box::new(start.clone())), now());
    assert_eq!(of(request(b"body")), Err(Refusal::StaleHop));
    assert_eq!(of(request(b"another")), Err(Refusal::OtherRequest));
}

/// Where a job with this `notBefore` stands after a step that leaves it to the queue.
fn left_to_the_queue(state: &JobState, step: &Step, not_before: Timestamp) -> JobState {
    let job = job(state.clone()).with(|fields| fields.not_before = Some(not_before));
    job.take(step, now()).expect("the step fits the state").state.clone()
}

#[test]
fn a_job_that_is_left_to_the_queue_before_its_time_waits_for_it() {
    let Case { mine, .. } = cases();
    let postpone = Step::Postpone {
        lease: mine.clone(),
        pause: Pause::Queued,
        tally: Tally::default(),
        effect: Effect::None,
        hop: 6,
        turn: None,
    };
    let blocked = JobState::Blocked { why: BlockReason::Reauthorization, until: None };
    let replay = Step::Replay { hop: 6, not_after: after(now(), minutes(60)) };
    for (state, step) in [
        (JobState::Accepting { since: now() }, Step::Enqueued),
        (JobState::Running(mine.clone()), postpone),
        (blocked, Step::Unblock { hop: 6 }),
        (JobState::Queued, Step::Revive { hop: 6, lost_at: None }),
        (JobState::Failed(failure(Effect::None)), replay.clone()),
        (JobState::Cancelled, replay),
        (JobState::Running(mine), Step::Recover),
    ] {
        let second = jiff::SignedDuration::from_secs(1);
        let later = now() + second;
        let waiting = JobState::Waiting { why: WaitReason::Schedule, until: later };
        assert_eq!(left_to_the_queue(&state, &step, later), waiting, "{step:?}");
        for due in [now(), now() - second] {
            assert_eq!(left_to_the_queue(&state, &step, due), JobState::Queued, "{step:?}");
        }
    }
    // A cancelled job that may have left its event waits for nothing.
    let step = Step::TakeBack { hop: 6 };
    assert_eq!(left_to_the_queue(&JobState::Cancelled, &step, after(now(), minutes(5))), JobState::Queued);
}

#[test]
fn callers_see_that_a_job_waits_for_its_time_from_its_first_record_on() {
    let until = after(now(), minutes(5));
    let shown = |state, not_before| {
        let job = job(state).with(|fields| fields.not_before = not_before);
        (job.state_name().as_str(), job.next_attempt_at())
    };
    let accepting = || JobState::Accepting { since: now() };
    for state in [accepting(), JobState::Queued] {
        assert_eq!(shown(state.clone(), Some(until)), ("waiting", Some(until)), "{state:?}");
        assert_eq!(shown(state.clone(), Some(now())), ("queued", None), "{state:?}");
        assert_eq!(shown(state.clone(), None), ("queued", None), "{state:?}");
    }
    // Whatever else is known of a job says more than its notBefore.
    for state in
        cases().states.into_iter().filter(|state| *state != accepting() && *state != JobState::Queued)
    {
        assert_eq!(shown(state.clone(), Some(until)), shown(state.clone(), None), "{state:?}");
    }
}

#[test]
fn a_conference_that_was_refused_is_left_out_until_the_job_has_ended_or_is_replayed() {
    let Case { mine, .. } = cases();
    let leave_out = Step::LeaveOutConference(mine.clone(), words());
    let running = job(JobState::Running(mine.clone())).take(&leave_out, now()).expect("it is ours");
    let kept = |step: &Step| running.take(step, now()).expect("it is ours").conference_refused.is_some();
    assert!(kept(&Step::BeginWrite(mine.clone())) && kept(&Step::Recover));
    assert!(!kept(&Step::Succeed(result())), "the result says it");
    assert!(!kept(&Step::Forget), "Google's words may repeat what was sent");
    let failed = running.take(&Step::Fail(mine, failure(Effect::None)), now()).expect("it is ours");
    let replayed = failed.take(&Step::Replay { hop: 9, not_after: now() }, now()).expect("it failed");
    assert_eq!(replayed.conference_refused, None);
}

#[test]
fn a_replayed_job_says_by_which_message_until_it_is_replayed_again() {
    let Case { mine, .. } = cases();
    let failed = job(JobState::Failed(failure(Effect::None)));
    let replayed = failed.take(&Step::Replay { hop: 9, not_after: now() }, now()).expect("it failed");
    assert_eq!((failed.reopened, replayed.reopened), (0, 9));
    let ended = replayed.with(|fields| {
        fields.state = JobState::Running(mine.clone());
        fields.hop = 12;
    });
    let ended = ended.take(&Step::Fail(mine, failure(Effect::None)), now()).expect("it is ours");
    assert_eq!(ended.reopened, 9);
    let again = ended.take(&Step::Replay { hop: 13, not_after: now() }, now()).expect("it failed");
    assert_eq!(again.reopened, 13);
}

#[test]
fn a_record_without_the_newer_fields_is_still_read() {
    let job = job(JobState::Queued);
    let written = serde_json::to_value(&job).expect("plain data");
    assert_eq!(written.get("conferenceRefused"), None, "older builds wrote none");
    assert_eq!(serde_json::from_value::<Job>(written).expect("a record"), job);
    let refused = job.with(|fields| fields.conference_refused = Some(words()));
    let written = serde_json::to_value(&refused).expect("plain data");
    assert!(written["conferenceRefused"].is_string());
    assert_eq!(serde_json::from_value::<Job>(written).expect("a record"), refused);
}

#[test]
fn a_claim_ends_at_its_own_deadline_and_costs_a_crash() {
    let dead = lease(&WorkerId::random(), now());
    let running = job(JobState::Running(dead));
    let fresh = lease(&WorkerId::random(), after(now(), minutes(1)));
    let step = Step::Start { lease: fresh.clone(), hop: 5, tally: Tally::default(), effect: Effect::None };
    let taken = running.take(&step, now()).expect("the claim is over");
    assert_eq!(taken.state, JobState::Running(fresh));
    assert_eq!((taken.tally.crashes, taken.effect), (1, Effect::Unknown));
    assert!(matches!(
        running.take(&step, now() - jiff::SignedDuration::from_secs(1)),
        Err(Refusal::LeasedUntil(_))
    ));
}

#[test]
fn a_revived_job_may_have_written_and_is_charged_with_nothing() {
    let dead = lease(&WorkerId::random(), now());
    let later = after(now(), minutes(60));
    for state in [JobState::Running(dead), JobState::Queued, JobState::Accepting { since: now() }] {
        let before = job(state);
        let step = Step::Revive { hop: 6, lost_at: Some(later) };
        let revived = before.take(&step, later).expect("nobody is at it");
        assert_eq!((revived.tally, revived.hop, revived.updated_at), (before.tally, 6, later));
        assert_eq!((revived.effect, revived.write_began_at), (Effect::Unknown, Some(later)));
        assert_eq!(revived.lost_at, Some(later));
        let fresh = lease(&WorkerId::random(), after(later, minutes(1)));
        let start =
            |hop| Step::Start { lease: fresh.clone(), hop, tally: Tally::default(), effect: Effect::Unknown };
        assert_eq!(revived.take(&start(5), later), Err(Refusal::StaleHop), "the older message is overtaken");
        let run = revived.take(&start(6), later).expect("the newer one counts");
        assert_eq!(run.tally, before.tally);
        let done = run.take(&Step::Succeed(result()), later).expect("it is open");
        assert_eq!(done.lost_at, None);
    }
}

#[test]
fn a_wish_that_was_known_before_the_loss_keeps_nothing() {
    let wished = job(JobState::Queued).with(|fields| fields.cancel_requested = true);
    let revived = wished.take(&Step::Revive { hop: 6, lost_at: None }, now()).expect("nobody is at it");
    assert_eq!((revived.lost_at, revived.cancel_requested), (None, true));
    let doubted = wished.take(&Step::Doubt(now()), now()).expect("it is open");
    assert_eq!(doubted.lost_at, None);
    // One that came after the loss leaves what is known of that.
    let later = after(now(), minutes(5));
    let lost = wished.with(|fields| fields.lost_at = Some(now()));
    let revived = lost.take(&Step::Revive { hop: 6, lost_at: None }, later).expect("nobody is at it");
    assert_eq!(revived.lost_at, Some(now()));
}

#[test]
fn taking_back_a_job_that_was_left_alone_does_not_settle_what_it_wrote() {
    let cancelled = |until, effect| {
        let running =
            job(JobState::Running(lease(&WorkerId::random(), until))).with(|fields| fields.effect = effect);
        running.take(&Step::Cancel, now()).expect("it is open")
    };
    let minute = jiff::SignedDuration::from_mins(1);
    for effect in [Effect::None, Effect::Unknown] {
        let left = cancelled(now() - minute, effect);
        assert_eq!((left.cancel_requested, left.lost_at), (true, Some(now())));
        assert_eq!((left.effect, left.is_finished()), (Effect::Unknown, false));
    }
    let second = jiff::SignedDuration::from_secs(1);
    for until in [now() + minute, now(), now() - minute + second] {
        assert_eq!(cancelled(until, Effect::None).state, JobState::Cancelled);
        assert_eq!(cancelled(until, Effect::Unknown).lost_at, None, "its attempt may still be at it");
    }
}

#[test]
fn a_job_that_had_succeeded_stands_though_it_was_taken_back() {
    let Case { mine, .. } = cases();
    let wished = job(JobState::Running(mine.clone())).with(|fields| {
        fields.cancel_requested = true;
        fields.lost_at = Some(now());
    });
    assert_eq!(wished.take(&Step::Succeed(result()), now()), Err(Refusal::CancelRequested));
    let stands = wished.take(&Step::Stand(mine, result()), now()).expect("it is ours");
    assert_eq!((stands.effect, &stands.payload, stands.lost_at), (Effect::Done, &None, None));
    assert!(stands.cancel_requested, "the wish stays to be seen");
}

#[test]
fn recovery_costs_a_crash_and_leaves_the_effect_unknown() {
    let Case { mine, .. } = cases();
    let recovered = job(JobState::Running(mine)).take(&Step::Recover, now()).expect("it was running");
    assert_eq!((recovered.tally.crashes, recovered.effect), (1, Effect::Unknown));
}

#[test]
fn an_older_copy_dies_out() {
    let step = |hop| Step::Start {
        lease: lease(&WorkerId::random(), now()),
        hop,
        tally: Tally::default(),
        effect: Effect::None,
    };
    let queued = job(JobState::Queued);
    assert_eq!(queued.take(&step(4), now()), Err(Refusal::StaleHop));
    assert_eq!(queued.take(&step(9), now()).expect("a newer copy").hop, 9);
}

#[test]
fn whichever_of_message_and_record_knows_more_is_believed() {
    let queued = job(JobState::Queued);
    let tally = Tally { attempts: 7, deferrals: 0, crashes: 0 };
    let step =
        Step::Start { lease: lease(&WorkerId::random(), now()), hop: 5, tally, effect: Effect::Unknown };
    let taken = queued.take(&step, now()).expect("it was queued");
    assert_eq!(taken.tally, Tally { attempts: 7, deferrals: 2, crashes: 0 });
    assert_eq!(taken.effect, Effect::Unknown);
}

#[test]
fn a_write_makes_the_effect_unknown_until_somebody_knows() {
    let Case { mine, .. } = cases();
    let running = job(JobState::Running(mine.clone()));
    let writing = running.take(&Step::BeginWrite(mine.clone()), now()).expect("it is ours");
    assert_eq!(writing.effect, Effect::Unknown);
    let done = writing.take(&Step::Succeed(result()), now()).expect("it is open");
    assert_eq!((done.effect, done.finished_at), (Effect::Done, Some(now())));
    let stolen = lease(&WorkerId::random(), mine.until);
    assert_eq!(running.take(&Step::BeginWrite(stolen), now()), Err(Refusal::NotYours));
}

#[test]
fn a_cancellation_waits_for_a_write_whose_outcome_is_unknown() {
    let Case { mine, .. } = cases();
    let running = job(JobState::Running(mine.clone())).with(|fields| fields.effect = Effect::Unknown);
    let asked = running.take(&Step::Cancel, now()).expect("it is open");
    assert_eq!(asked.state.name(), StateName::Running);
    assert!(asked.cancel_requested);
    assert_eq!(asked.take(&Step::BeginWrite(mine.clone()), now()), Err(Refusal::CancelRequested));
    assert_eq!(asked.take(&Step::Succeed(result()), now()), Err(Refusal::CancelRequested));
    let confirmed = asked.take(&Step::ConfirmCancelled(mine), now()).expect("it is ours");
    assert_eq!(confirmed.state, JobState::Cancelled);
}

#[test]
fn a_cancelled_job_may_not_begin_to_write() {
    let Case { mine, .. } = cases();
    let cancelled =
        job(JobState::Running(mine.clone())).take(&Step::Cancel, now()).expect("nothing was written");
    assert!(matches!(cancelled.take(&Step::BeginWrite(mine), now()), Err(Refusal::Finished(_))));
}

#[test]
fn a_replay_starts_counting_again() {
    let failed = job(JobState::Failed(failure(Effect::Unknown)));
    let later = after(now(), minutes(5));
    let reopened = failed.take(&Step::Replay { hop: 9, not_after: later }, now()).expect("it failed");
    assert_eq!(reopened.tally, Tally::default());
    assert_eq!((reopened.hop, reopened.not_after, reopened.finished_at), (9, later, None));
}

#[test]
fn a_cancelled_job_that_left_its_event_behind_is_still_to_be_cancelled() {
    let cancelled = job(JobState::Cancelled).with(|fields| fields.finished_at = Some(now()));
    let open = cancelled.take(&Step::TakeBack { hop: 9 }, now()).expect("it is cancelled");
    assert!(open.cancel_requested);
    assert_eq!((open.effect, open.hop, open.finished_at), (Effect::Unknown, 9, None));
}

#[test]
fn what_is_forgotten_is_nowhere_in_the_record() {
    let sealed = Key::random().seal("a job", &"an address".to_owned());
    let failed = JobState::Failed(Failure { detail: Some(sealed), ..failure(Effect::Unknown) });
    let forgotten = job(failed).take(&Step::Forget, now()).expect("it can be forgotten");
    assert_eq!(forgotten.payload, None);
    assert_eq!(forgotten.state, JobState::Failed(failure(Effect::Unknown)), "how it ended is still told");
}

/// The job's place in line after the step.
fn place_after(place: Place, state: JobState, step: &Step) -> Option<Place> {
    let job = job(state).with(|fields| fields.turn = Some(turn().at(place)));
    job.take(step, now()).expect("the step fits the state").turn.map(|turn| turn.place)
}

#[test]
fn a_job_keeps_its_place_in_line_until_a_delivery_or_an_attempt_says_otherwise() {
    let Case { mine, .. } = cases();
    let in_line = Place::InLine { micros: 7 };
    let start = Step::Start { lease: mine.clone(), hop: 5, tally: Tally::default(), effect: Effect::None };
    let postpone = |turn| Step::Postpone {
        lease: mine.clone(),
        pause: Pause::Queued,
        tally: Tally::default(),
        effect: Effect::None,
        hop: 6,
        turn,
    };
    let running = || JobState::Running(mine.clone());
    let blocked = JobState::Blocked { why: BlockReason::Reauthorization, until: None };
    for (place, state, step, after) in [
        (in_line, JobState::Accepting { since: now() }, Step::Enqueued, Some(in_line)),
        (in_line, JobState::Queued, Step::Cancel, Some(in_line)),
        (in_line, JobState::Queued, start.clone(), Some(Place::Past)),
        (Place::Outside, JobState::Queued, start, Some(Place::Outside)),
        (Place::Past, running(), postpone(None), Some(Place::Past)),
        (Place::Outside, running(), postpone(Some(turn())), Some(in_line)),
        (Place::Outside, blocked, Step::Unblock { hop: 6 }, Some(Place::Outside)),
        (in_line, JobState::Queued, Step::Succeed(result()), None),
    ] {
        assert_eq!(place_after(place, state, &step), after, "{step:?}");
    }
}

#[test]
fn a_warning_about_its_place_is_kept_once() {
    let warning = Warning { field: "notAfter".to_owned(), code: crate::warning::WarningCode::Late };
    let step = Step::Placed { turn: turn().at(Place::Past), warning: Some(warning.clone()) };
    let mut placed = job(JobState::Queued);
    for _ in 0..2 {
        placed = placed.take(&step, after(now(), minutes(1))).expect("it is open");
        assert_eq!(placed.turn, Some(turn().at(Place::Past)));
        assert_eq!((placed.warnings.as_slice(), placed.updated_at), ([warning.clone()].as_slice(), now()));
    }
}

#[test]
fn when_a_write_began_is_known_while_its_outcome_is_not() {
    let Case { mine, .. } = cases();
    let later = after(now(), minutes(5));
    let running = |began| {
        let effect = Effect::Unknown;
        job(JobState::Running(mine.clone())).with(|fields| {
            fields.effect = effect;
            fields.write_began_at = began;
        })
    };
    let postpone = |effect| Step::Postpone {
        lease: mine.clone(),
        pause: Pause::Queued,
        tally: Tally::default(),
        effect,
        hop: 6,
        turn: None,
    };
    let began = |job: &Job, step: &Step| job.take(step, later).expect("the step fits").write_began_at;
    let write = running(None).take(&Step::BeginWrite(mine.clone()), now()).expect("the step fits");
    assert_eq!(write.write_began_at, Some(now()));
    for step in [Step::BeginWrite(mine.clone()), Step::SpendId(mine.clone())] {
        assert_eq!(began(&write, &step), Some(later), "the last one counts: {step:?}");
    }
    assert_eq!(began(&write, &postpone(Effect::Unknown)), Some(now()));
    assert_eq!(began(&write, &Step::Fail(mine.clone(), failure(Effect::Unknown))), Some(now()));
    for step in
        [postpone(Effect::None), Step::Succeed(result()), Step::Fail(mine.clone(), failure(Effect::None))]
    {
        assert_eq!(began(&write, &step), None, "{step:?}");
    }
    let cancelled = write.take(&Step::ConfirmCancelled(mine.clone()), later).expect("the step fits");
    assert_eq!((cancelled.effect, cancelled.write_began_at), (Effect::None, Some(now())));
}

#[test]
fn a_write_of_which_it_is_not_known_when_it_began_counts_from_the_last_instant_it_could_have() {
    let later = after(now(), minutes(5));
    let start = |effect| Step::Start {
        lease: lease(&WorkerId::random(), after(later, minutes(1))),
        hop: 5,
        tally: Tally::default(),
        effect,
    };
    let began = |job: Job, step: &Step| job.take(step, later).expect("the step fits").write_began_at;
    let known = job(JobState::Queued).with(|fields| {
        fields.effect = Effect::Unknown;
        fields.write_began_at = Some(now());
    });
    assert_eq!(began(known.clone(), &start(Effect::Unknown)), Some(now()), "it does not begin anew");
    // A worker that died may have written until its lease ended.
    let until = after(now(), minutes(1));
    for step in [start(Effect::None), Step::Recover] {
        let dead = JobState::Running(lease(&WorkerId::random(), until));
        assert_eq!(began(known.with(|fields| fields.state = dead), &step), Some(until), "{step:?}");
    }
    let cancelled = known.with(|fields| fields.state = JobState::Cancelled);
    assert_eq!(began(cancelled, &Step::TakeBack { hop: 6 }), Some(later));
}

#[test]
fn a_job_that_was_taken_back_ends_when_its_attempt_has_written_nothing() {
    let Case { mine, .. } = cases();
    let ended = |cancel_requested, effect| {
        let write_began_at = Some(now());
        let job = job(JobState::Running(mine.clone())).with(|fields| {
            fields.cancel_requested = cancel_requested;
            fields.write_began_at = write_began_at;
        });
        let (pause, tally) = (Pause::Queued, Tally::default());
        let step = Step::Postpone { lease: mine.clone(), pause, tally, effect, hop: 6, turn: None };
        let job = job.take(&step, now()).expect("the step fits");
        (job.state == JobState::Cancelled, job.write_began_at == Some(now()))
    };
    assert_eq!(ended(true, Effect::None), (true, true));
    assert_eq!(ended(true, Effect::Unknown), (false, true), "Google is asked first");
    assert_eq!(ended(false, Effect::None), (false, false));
}
