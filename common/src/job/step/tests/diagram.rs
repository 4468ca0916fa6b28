//! The state diagram in docs/ARCHITECTURE.md is the one that [`Job::take`] draws.

use std::collections::BTreeSet;

use super::*;
use crate::job::SealedParts;
use crate::message::{Message, Work};

const PAGE: &str = include_str!("../../../../../docs/ARCHITECTURE.md");

/// From, to, and the step.
type Edge = (&'static str, &'static str, &'static str);

/// The states as the record has them: callers see `accepting` as `queued`.
fn name(state: &JobState) -> &'static str {
    match state {
        JobState::Accepting { .. } => "accepting",
        JobState::Queued => "queued",
        JobState::Running(_) => "running",
        JobState::Waiting { .. } => "waiting",
        JobState::Blocked { .. } => "blocked",
        JobState::Succeeded { .. } => "succeeded",
        JobState::Failed(_) => "failed",
        JobState::Cancelled => "cancelled",
    }
}

const STEPS: [&str; 22] = [
    "Enqueued",
    "Placed",
    "Start",
    "BeginWrite",
    "SpendId",
    "LeaveOutConference",
    "Postpone",
    "Succeed",
    "Fail",
    "ConfirmCancelled",
    "Cancel",
    "Revive",
    "Doubt",
    "Stand",
    "Unblock",
    "Replay",
    "TakeBack",
    "Amend",
    "Reseal",
    "Recover",
    "Forget",
    "For",
];

fn step_name(step: &Step) -> &'static str {
    match step {
        Step::Enqueued => "Enqueued",
        Step::Placed { .. } => "Placed",
        Step::Start { .. } => "Start",
        Step::BeginWrite(_) => "BeginWrite",
        Step::SpendId(_) => "SpendId",
        Step::LeaveOutConference(..) => "LeaveOutConference",
        Step::Postpone { .. } => "Postpone",
        Step::Succeed(_) => "Succeed",
        Step::Fail(..) => "Fail",
        Step::ConfirmCancelled(_) => "ConfirmCancelled",
        Step::Cancel => "Cancel",
        Step::Revive { .. } => "Revive",
        Step::Doubt(_) => "Doubt",
        Step::Stand(..) => "Stand",
        Step::Unblock { .. } => "Unblock",
        Step::Replay { .. } => "Replay",
        Step::TakeBack { .. } => "TakeBack",
        Step::Amend(_) => "Amend",
        Step::Reseal { .. } => "Reseal",
        Step::Recover => "Recover",
        Step::Forget => "Forget",
        Step::For(..) => "For",
    }
}

/// Every step, with each pause and each effect that it can carry.
fn steps(mine: &Lease, sealed: &SealedParts) -> Vec<Step> {
    let fresh = lease(&WorkerId::random(), after(now(), minutes(2)));
    let start = Step::Start { lease: fresh, hop: 5, tally: Tally::default(), effect: Effect::None };
    let mut steps = vec![
        Step::Enqueued,
        Step::Placed { turn: turn(), warning: None },
        start.clone(),
        Step::BeginWrite(mine.clone()),
        Step::SpendId(mine.clone()),
        Step::LeaveOutConference(mine.clone(), words()),
        Step::Succeed(result()),
        Step::Fail(mine.clone(), failure(Effect::None)),
        Step::ConfirmCancelled(mine.clone()),
        Step::Cancel,
        Step::Revive { hop: 6, lost_at: None },
        Step::Doubt(now()),
        Step::Stand(mine.clone(), result()),
        Step::Unblock { hop: 6 },
        Step::Replay { hop: 6, not_after: after(now(), minutes(60)) },
        Step::TakeBack { hop: 6 },
        Step::Amend(result()),
        Step::Reseal { before: Box::new(sealed.clone()), after: Box::new(sealed.clone()) },
        Step::Recover,
        Step::Forget,
        // What it carries is drawn as itself: see `every_step_from_every_state_does_what_the_table_says`.
        Step::For(request(b"another"), Box::new(start)),
    ];
    for pause in [
        Pause::Queued,
        Pause::Waiting { why: WaitReason::Retry, until: now() },
        Pause::Blocked { why: BlockReason::Reauthorization, until: None },
    ] {
        for effect in [Effect::None, Effect::Unknown] {
            let (pause, tally) = (pause.clone(), Tally::default());
            steps.push(Step::Postpone { lease: mine.clone(), pause, tally, effect, hop: 6, turn: None });
        }
    }
    steps
}

/// Every state, with whatever else of a job decides where a step leads.
fn jobs() -> (Lease, Vec<Job>) {
    let Case { mine, mut states } = cases();
    states.push(JobState::Running(lease(&WorkerId::random(), now())));
    let mut jobs = Vec::new();
    for state in states {
        for effect in [Effect::None, Effect::Unknown] {
            for cancel_requested in [false, true] {
                for not_before in [None, Some(after(now(), minutes(5)))] {
                    jobs.push(job(state.clone()).with(|fields| {
                        fields.effect = effect;
                        fields.cancel_requested = cancel_requested;
                        fields.not_before = not_before;
                    }));
                }
            }
        }
    }
    (mine, jobs)
}

/// Every way from one state to another, and of an attempt to the next; computed by taking every step.
fn drawn_by_the_code() -> BTreeSet<Edge> {
    let (mine, jobs) = jobs();
    let mut edges = BTreeSet::new();
    let mut taken = BTreeSet::new();
    for job in &jobs {
        for step in steps(&mine, &job.sealed_parts()) {
            let step_name = step_name(&step);
            taken.insert(step_name);
            let Ok(next) = job.take(&step, now()) else { continue };
            let (from, to) = (name(&job.state), name(&next.state));
            if from != to || step_name == "Start" {
                edges.insert((from, to, step_name));
            }
        }
        if job.is_finished() {
            edges.insert((name(&job.state), "[*]", ""));
        }
        // What is lost is made again from the job's message, whose content any message has.
        let sealed = Sealed::try_from("AQID".to_owned()).expect("base64");
        let known = job.with(|fields| fields.payload = Some(sealed));
        let message = Message::next_for(&known, Work::Create).expect("there is something to write");
        edges.insert(("[*]", name(&message.rebuild(now()).state), "rebuilt"));
    }
    assert_eq!(taken, BTreeSet::from(STEPS), "a step is not drawn");
    // The intake's first record.
    edges.insert(("[*]", "accepting", "recorded"));
    edges
}

/// The lines of the page's state diagram.
fn diagram() -> impl Iterator<Item = &'static str> {
    let begin = PAGE.split("```mermaid\nstateDiagram-v2\n").nth(1).expect("a state diagram");
    begin.lines().take_while(|line| *line != "```").map(str::trim)
}

fn drawn_on_the_page() -> BTreeSet<Edge> {
    let mut edges = BTreeSet::new();
    for line in diagram() {
        let (from, rest) = line.split_once(" --> ").expect("an arrow");
        let (to, steps) = rest.split_once(": ").unwrap_or((rest, ""));
        for step in steps.split(", ") {
            assert!(edges.insert((from, to, step)), "twice: {line}");
        }
    }
    edges
}

#[test]
fn the_state_diagram_has_every_way_that_the_code_allows_and_no_other() {
    let (code, page) = (drawn_by_the_code(), drawn_on_the_page());
    let lines = |edges: BTreeSet<&Edge>| -> Vec<String> {
        edges.into_iter().map(|(from, to, step)| format!("{from} --> {to}: {step}")).collect()
    };
    let (missing, invented) = (code.difference(&page).collect(), page.difference(&code).collect());
    assert_eq!(
        (lines(missing), lines(invented)),
        Default::default(),
        "missing in the page, and invented by it"
    );
}

#[test]
fn each_state_and_each_step_has_a_row_beside_the_diagram() {
    let section = PAGE.split("\n## The states of a job\n").nth(1).expect("the section");
    let section = section.split("\n## ").next().expect("its text");
    let rows: Vec<&str> = section
        .lines()
        .filter(|line| line.starts_with("| `"))
        .filter_map(|row| row.split('|').nth(1))
        .collect();
    let (_, jobs) = jobs();
    let states: BTreeSet<&str> = jobs.iter().map(|job| name(&job.state)).collect();
    for word in states.into_iter().chain(STEPS) {
        let told = rows.iter().filter(|cell| cell.contains(&format!("`{word}`"))).count();
        assert_eq!(told, 1, "rows of {word}");
    }
}

#[test]
fn the_page_says_what_a_job_may_become_from_blocked() {
    let answer = PAGE.split("**What may a job become from `blocked`?**").nth(1).expect("the question");
    let answer = answer.split("\n\n").next().expect("its answer");
    let (_, jobs) = jobs();
    let states: BTreeSet<&str> = jobs.iter().map(|job| name(&job.state)).collect();
    let told: BTreeSet<&str> =
        answer.split('`').skip(1).step_by(2).filter(|word| states.contains(word)).collect();
    let drawn = drawn_by_the_code();
    let becomes: BTreeSet<&str> =
        drawn.iter().filter(|(from, ..)| *from == "blocked").map(|(_, to, _)| *to).collect();
    assert_eq!(told, becomes);
}
