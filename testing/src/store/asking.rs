//! Lists, watches, the oldest, and forgetting.

use std::collections::HashSet;
use std::sync::Arc;

use super::{accepted, sample, taken};
use crate::{Bench, soon};
use common::job::{BlockReason, Effect, JobId, JobState, Pause, StateName, Step, Tally, WaitReason};
use common::port::{JobStore, ListFilter, Overdue, Page};

/// All that a filter gives, page by page.
async fn listed(store: &Arc<dyn JobStore>, filter: &ListFilter, limit: u32) -> Vec<JobId> {
    let mut listed = Vec::new();
    let mut after = None;
    loop {
        let page = store.list(filter, Page { after, limit }).await.unwrap();
        assert!(page.len() <= limit as usize);
        let Some(last) = page.last() else {
            return listed;
        };
        after = Some((last.submitted_at, last.id.clone()));
        listed.extend(page.into_iter().map(|job| job.id.clone()));
    }
}

/// A list goes on where the page before ended, in order of submission, also among equal instants,
/// and while new jobs come.
pub async fn a_list_pages_without_gaps(bench: &mut impl Bench<dyn JobStore>) {
    let store = bench.open().await;
    let mut expected = Vec::new();
    for number in 0..100 {
        // Ten of each second, and not in order.
        let job = sample::job("o", "a").with(|fields| fields.submitted_at = sample::at(number * 7 % 10));
        store.restore(&job).await.unwrap();
        expected.push((job.submitted_at, job.id.clone()));
    }
    expected.sort();
    let expected: Vec<JobId> = expected.into_iter().map(|(_, id)| id).collect();
    for limit in [1, 7, 10, 100, 1_000] {
        assert_eq!(listed(&store, &ListFilter::default(), limit).await, expected, "pages of {limit}");
    }
    let first = store.list(&ListFilter::default(), Page { after: None, limit: 50 }).await.unwrap();
    let late = sample::job("o", "a").with(|fields| fields.submitted_at = sample::at(60));
    store.restore(&late).await.unwrap();
    let after = first.last().map(|job| (job.submitted_at, job.id.clone()));
    let rest = store.list(&ListFilter::default(), Page { after, limit: 100 }).await.unwrap();
    let rest: Vec<JobId> = rest.into_iter().map(|job| job.id.clone()).collect();
    assert_eq!(rest[..50], expected[50..]);
    assert_eq!(rest[50..], *std::slice::from_ref(&late.id));
}

/// A filter gives what fits all of its parts, and follows changes.
pub async fn a_list_is_filtered(bench: &mut impl Bench<dyn JobStore>) {
    let store = bench.open().await;
    let mut jobs = Vec::new();
    for (number, (owner, account)) in [("o", "a"), ("o", "b"), ("p", "a"), ("o", "a")].iter().enumerate() {
        let job = sample::job(owner, account).with(|fields| fields.submitted_at = sample::at(number as u64));
        accepted(&store, &job).await;
        jobs.push(job.id.clone());
    }
    let ids =
        |numbers: &[usize]| -> Vec<JobId> { numbers.iter().map(|number| jobs[*number].clone()).collect() };
    let all = ListFilter::default();
    let of_o = ListFilter { owner: Some(sample::owner("o")), ..all.clone() };
    let account = Some(sample::account("a"));
    assert_eq!(listed(&store, &all, 10).await, ids(&[0, 1, 2, 3]));
    assert_eq!(listed(&store, &of_o, 1).await, ids(&[0, 1, 3]));
    assert_eq!(
        listed(&store, &ListFilter { account: account.clone(), ..all.clone() }, 1).await,
        ids(&[0, 2, 3])
    );
    assert_eq!(listed(&store, &ListFilter { account, ..of_o.clone() }, 1).await, ids(&[0, 3]));
    let since = ListFilter { since: Some(sample::at(1)), until: Some(sample::at(3)), ..all };
    assert_eq!(listed(&store, &since, 10).await, ids(&[1, 2]));
    taken(&store, &jobs[1], Step::Cancel).await;
    let in_state = |state| ListFilter { state: Some(state), ..of_o.clone() };
    assert_eq!(listed(&store, &in_state(StateName::Cancelled), 10).await, ids(&[1]));
    assert_eq!(listed(&store, &in_state(StateName::Queued), 10).await, ids(&[0, 3]));
    assert_eq!(listed(&store, &in_state(StateName::Failed), 10).await, ids(&[]));
    // A job that may not start yet waits, from its first record on.
    let scheduled = sample::job("o", "a").with(|fields| fields.not_before = Some(sample::at(3_600)));
    accepted(&store, &scheduled).await;
    for confirmed in [false, true] {
        if confirmed {
            taken(&store, &scheduled.id, Step::Enqueued).await;
        }
        let waiting = listed(&store, &in_state(StateName::Waiting), 10).await;
        assert_eq!(waiting, std::slice::from_ref(&scheduled.id), "confirmed: {confirmed}");
        assert_eq!(listed(&store, &in_state(StateName::Queued), 10).await, ids(&[0, 3]));
    }
}

/// Blocked jobs are found by their accounts, in order of submission and whatever their number; what is not blocked
/// any more is not among them.
pub async fn the_blocked_jobs_of_some_accounts_are_found(bench: &mut impl Bench<dyn JobStore>) {
    let store = bench.open().await;
    let state = JobState::Blocked { why: BlockReason::Reauthorization, until: None };
    let mut expected = Vec::new();
    for number in 0..1_200 {
        let account = ["a", "b", "c"][number as usize % 3];
        let at = sample::at(number * 7 % 1_200);
        let job = sample::job("o", account).with(|fields| {
            fields.submitted_at = at;
            fields.state = state.clone();
        });
        store.restore(&job).await.unwrap();
        expected.push((at, job.account.clone(), job.id.clone()));
    }
    accepted(&store, &sample::job("o", "a")).await;
    expected.sort_by_key(|one| one.0);
    let of = |names: &[&str]| names.iter().map(|name| sample::account(name)).collect::<HashSet<_>>();
    for names in [&["a", "b", "c"][..], &["b"], &["a", "c", "unknown"], &["unknown"], &[]] {
        let of = of(names);
        let wanted = expected.iter().filter(|(_, account, _)| of.contains(account));
        let wanted: Vec<_> = wanted.map(|(_, account, id)| (account.clone(), id.clone())).collect();
        assert!(store.blocked(&of).await.unwrap() == wanted, "{names:?}");
    }
    let woken = expected[0].2.clone();
    taken(&store, &woken, Step::Unblock { hop: 0 }).await;
    let left = store.blocked(&of(&["a", "b", "c"])).await.unwrap();
    assert_eq!((left.len(), left.iter().any(|(_, id)| *id == woken)), (1_199, false));
}

/// Whoever watches is woken by a step, by the record's appearance and by its removal.
pub async fn a_watcher_learns_of_every_kind_of_change(bench: &mut impl Bench<dyn JobStore>) {
    let store = bench.open().await;
    let job = sample::job("o", "a").with(|fields| fields.state = JobState::Queued);
    let mut watch = store.watch(&job.id);
    store.restore(&job).await.unwrap();
    soon("the record's appearance", watch.changed()).await;
    let mut others: Vec<_> = (0..5).map(|_| store.watch(&job.id)).collect();
    taken(&store, &job.id, Step::Cancel).await;
    // The change came first and is not missed.
    soon("the step", watch.changed()).await;
    for other in &mut others {
        soon("the step, for all", other.changed()).await;
    }
    taken(&store, &job.id, Step::Replay { hop: 2, not_after: sample::at(60) }).await;
    soon("a step after the end", watch.changed()).await;
    let accepting = sample::job("o", "a");
    accepted(&store, &accepting).await;
    let mut watch = store.watch(&accepting.id);
    store.withdraw(&accepting.id).await.unwrap();
    soon("the removal", watch.changed()).await;
}

/// The longest-due is the earliest instant at which a job should have been dealt with.
pub async fn the_longest_due_is_found(bench: &mut impl Bench<dyn JobStore>) {
    let store = bench.open().await;
    let oldest = async |now| store.oldest_due(sample::at(now)).await.unwrap();
    assert_eq!(oldest(1_000).await, None);
    let first = sample::job("o", "a");
    accepted(&store, &first).await;
    assert_eq!(oldest(0).await, Some(sample::noon()));
    // Being run does not make it younger; waiting does, for its reason is known.
    let lease = sample::lease(sample::at(60));
    let start = Step::Start { lease: lease.clone(), hop: 1, tally: Tally::default(), effect: Effect::None };
    taken(&store, &first.id, start).await;
    assert_eq!(oldest(1_000).await, Some(sample::noon()));
    let pause = Pause::Waiting { why: WaitReason::Retry, until: sample::at(300) };
    let postpone =
        Step::Postpone { lease, pause, tally: Tally::default(), effect: Effect::None, hop: 2, turn: None };
    taken(&store, &first.id, postpone).await;
    assert_eq!(oldest(299).await, None);
    assert_eq!(oldest(1_000).await, Some(sample::at(300)));
    let scheduled = sample::job("o", "b").with(|fields| fields.not_before = Some(sample::at(200)));
    accepted(&store, &scheduled).await;
    assert_eq!(oldest(199).await, None);
    assert_eq!(oldest(1_000).await, Some(sample::at(200)));
    taken(&store, &scheduled.id, Step::Enqueued).await;
    assert_eq!(oldest(199).await, None, "it waits for its notBefore");
    assert_eq!(oldest(1_000).await, Some(sample::at(200)));
    let blocked = JobState::Blocked { why: BlockReason::Reauthorization, until: None };
    store.restore(&sample::job("o", "c").with(|fields| fields.state = blocked)).await.unwrap();
    assert_eq!(oldest(1_000).await, Some(sample::at(200)), "a blocked one waits for a person");
    taken(&store, &scheduled.id, Step::Cancel).await;
    assert_eq!(oldest(1_000).await, Some(sample::at(300)), "one that ended is not due");
}

/// Overdue jobs come in the order in which they were due, page by page and each once, also among equal instants; what
/// is due later, waits for somebody or has ended is not among them.
pub async fn what_is_overdue_is_found_in_order(bench: &mut impl Bench<dyn JobStore>) {
    let store = bench.open().await;
    assert_eq!(store.overdue(sample::at(3_600), None, 10).await, Ok(Vec::new()));
    let mut expected = Vec::new();
    for number in 0..60 {
        // Ten of each second, and not in order.
        let due = sample::at(number * 7 % 6);
        let state = match number % 3 {
            0 => JobState::Queued,
            1 => JobState::Accepting { since: due },
            _ => JobState::Waiting { why: WaitReason::Retry, until: due },
        };
        let job = sample::job("o", "a").with(|fields| {
            fields.submitted_at = due;
            fields.updated_at = due;
            fields.state = state;
        });
        store.restore(&job).await.unwrap();
        expected.push((due, job));
    }
    let later = sample::job("o", "a").with(|fields| fields.not_before = Some(sample::at(6)));
    accepted(&store, &later).await;
    let blocked = JobState::Blocked { why: BlockReason::Reauthorization, until: None };
    store.restore(&sample::job("o", "a").with(|fields| fields.state = blocked)).await.unwrap();
    let ended = sample::job("o", "a").with(|fields| fields.state = JobState::Queued);
    store.restore(&ended).await.unwrap();
    taken(&store, &ended.id, Step::Cancel).await;
    // A job that is being run was due when it was begun.
    let lease = sample::lease(sample::at(60));
    let start = Step::Start { lease, hop: 1, tally: Tally::default(), effect: Effect::None };
    let run = taken(&store, &expected[0].1.id, start).await;
    expected[0].1 = run;
    expected.sort_by_key(|(due, job)| (*due, job.id.clone()));
    for limit in [1, 7, 60, 200] {
        let mut found: Vec<Overdue> = Vec::new();
        loop {
            let page = store.overdue(sample::at(6), found.last(), limit).await.unwrap();
            assert!(page.len() <= limit as usize);
            if page.is_empty() {
                break;
            }
            found.extend(page);
        }
        let found: Vec<_> = found.into_iter().map(|one| (one.due, one.job)).collect();
        assert!(found == expected, "pages of {limit}");
    }
    assert_eq!(store.overdue(sample::at(0), None, 10).await, Ok(Vec::new()));
    // The page goes on behind one that is gone meanwhile.
    let page = store.overdue(sample::at(6), None, 15).await.unwrap();
    taken(&store, &page[14].job.id, Step::Cancel).await;
    let next = store.overdue(sample::at(6), page.last(), 1).await.unwrap();
    assert!(next[0].due >= page[14].due && next[0].job.id != page[14].job.id);
}

/// What ended before the instant goes; what ended later or has not ended stays.
pub async fn what_ended_long_ago_is_forgotten(bench: &mut impl Bench<dyn JobStore>) {
    let store = bench.open().await;
    let ended = |number| {
        sample::job("o", "a").with(|fields| {
            fields.state = JobState::Cancelled;
            fields.finished_at = Some(sample::at(number));
        })
    };
    for number in 0..1_203 {
        store.restore(&ended(number % 100)).await.unwrap();
    }
    let late = ended(100);
    store.restore(&late).await.unwrap();
    let open = sample::job("o", "a");
    accepted(&store, &open).await;
    assert_eq!(store.forget_finished(sample::at(100)).await, Ok(1_203));
    assert_eq!(store.forget_finished(sample::at(100)).await, Ok(0));
    let mut left = listed(&store, &ListFilter::default(), 100).await;
    left.sort();
    let mut expected = vec![late.id.clone(), open.id.clone()];
    expected.sort();
    assert_eq!(left, expected);
}
