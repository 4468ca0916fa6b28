//! What is done with a message, by what is to be done and what it carries: every combination that can be read, those
//! that no build has written too.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::job::{
    BlockReason, Conference, Effect, EventResult, Failure, FailureKind, Job, JobId, StateName, Step,
};
use common::message::{End, Message, News, Notice, Work};
use common::port::{JobQueue as _, JobStore as _, Lane};
use testing::google::Method::{Get, Insert};

use crate::bench::{Bench, message};
use crate::notices::told;
use crate::order::order;
use crate::wait::eventually;

/// Whether a message carries a result, a failure, and what somebody was told that blocks it.
type Carries = (bool, bool, bool);

fn combinations() -> impl Iterator<Item = Carries> {
    (0..8_u8).map(|bits| (bits & 4 != 0, bits & 2 != 0, bits & 1 != 0))
}

async fn carrying(
    bench: &Bench,
    work: impl FnOnce(Option<End>) -> Work,
    (result, failure, told): Carries,
) -> Message {
    let job: Job = bench.job_for(&order()).await;
    let keys = bench.account(&job.account).await.seal_keys(bench.accounts.ring()).unwrap();
    let outcome = EventResult {
        event_id: job.id.to_string(),
        event_link: "https://calendar.example/event".to_owned(),
        conference: Conference::NotAsked,
        calendar_id: "primary".to_owned(),
    };
    let why = Failure {
        kind: FailureKind::Refused,
        google_status: Some(400),
        google_reason: None,
        effect: Effect::None,
        detail: None,
    };
    let why = failure.then_some(why);
    let end = match (result.then(|| keys.seal(job.id.as_str(), &outcome)), why) {
        (None, None) => None,
        (Some(result), None) => Some(End::Succeeded(result)),
        (None, Some(why)) => Some(End::Failed(why)),
        (Some(result), Some(why)) => Some(End::Both(result, why)),
    };
    Message { work: work(end), told: told.then_some(BlockReason::Reauthorization), ..message(&job) }
}

fn create(end: Option<End>) -> Work {
    end.map_or(Work::Create, Work::Record)
}

async fn publish(bench: &Bench, message: &Message) -> JobId {
    bench.queue.publish(message, Lane::Fresh, Duration::ZERO).await.unwrap();
    message.job.clone()
}

#[tokio::test]
async fn a_message_that_carries_an_end_has_it_recorded_and_a_success_before_a_failure() {
    let mut seen = Vec::new();
    for carries in combinations() {
        let mut bench = Bench::new().await;
        let carrying = carrying(&bench, create, carries).await;
        let id = publish(&bench, &carrying).await;
        bench.start();
        let ended = bench.ended(&id).await;
        bench.quiet().await;
        seen.push((carries, ended.state.name(), bench.google.methods(&id)));
    }
    let (succeeded, failed) = (StateName::Succeeded, StateName::Failed);
    let expected = [
        // Nothing was known beside the message: Google is asked before the event is written.
        ((false, false, false), succeeded, vec![Get, Insert]),
        ((false, false, true), succeeded, vec![Get, Insert]),
        ((false, true, false), failed, vec![]),
        ((false, true, true), failed, vec![]),
        ((true, false, false), succeeded, vec![]),
        ((true, false, true), succeeded, vec![]),
        ((true, true, false), succeeded, vec![]),
        ((true, true, true), succeeded, vec![]),
    ];
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn a_message_that_carries_an_end_is_published_with_it_again_where_that_cannot_be_recorded() {
    for carries in combinations() {
        let (result, failure, _) = carries;
        if !result && !failure {
            continue;
        }
        let mut bench = Bench::new().await;
        let carrying = carrying(&bench, create, carries).await;
        let published = listen(&bench);
        publish(&bench, &carrying).await;
        bench.store.refuse(|step| matches!(step, Step::Succeed(_) | Step::Fail(..)));
        bench.start();
        bench.delayed(1).await;
        let last = published.lock().unwrap().last().cloned().expect("one was published");
        let (effect, tally) = (last.effect, last.tally);
        let (hop, write_began_at) = (carrying.hop + 1, last.write_began_at);
        assert_eq!(last, Message { hop, effect, tally, write_began_at, ..carrying }, "{carries:?}");
        assert_eq!(effect, if result { Effect::Done } else { Effect::None }, "{carries:?}");
    }
}

/// What is published from now on.
fn listen(bench: &Bench) -> Arc<Mutex<Vec<Message>>> {
    let published = Arc::<Mutex<Vec<Message>>>::default();
    let heard = Arc::clone(&published);
    bench.queue.refuse(move |message, _| {
        heard.lock().unwrap().push(message.clone());
        None
    });
    published
}

#[tokio::test]
async fn a_look_at_a_conference_passes_on_whatever_its_message_carries() {
    for carries in combinations() {
        let mut bench = Bench::new().await;
        let looking = carrying(&bench, |end| Work::Conference { looks: 0, end }, carries).await;
        let published = listen(&bench);
        let id = publish(&bench, &looking).await;
        bench.start();
        bench.delayed(1).await;
        assert_eq!(bench.google.methods(&id), [Get], "{carries:?}");
        assert_eq!(bench.store.get(&id).await.unwrap(), None, "nothing is recorded");
        let next = Message {
            work: Work::Conference { looks: 1, end: looking.work.end().cloned() },
            hop: looking.hop + 1,
            ..looking.clone()
        };
        assert_eq!(*published.lock().unwrap(), [looking, next], "{carries:?}");
    }
}

#[tokio::test]
async fn a_notice_tells_what_its_message_carries() {
    for carries in combinations() {
        let (result, failure, _) = carries;
        let (mut bench, receiver) = told().await;
        let notice = Notice { news: News::Succeeded, at: bench.now(), tries: 0, occurrence: Some(0) };
        let notice = carrying(&bench, |end| Work::Notice { notice, end }, carries).await;
        let id = publish(&bench, &notice).await;
        bench.start();
        let calls = receiver.heard(1).await;
        eventually("an acknowledgement", async || {
            let depth = bench.queue.depth().await.unwrap();
            (depth.fresh + depth.due + depth.taken == 0).then_some(())
        })
        .await;
        let data = &calls[0].body["data"];
        assert_eq!(data["result"].is_object(), result, "{carries:?}");
        assert_eq!(data["error"].is_object(), failure, "{carries:?}");
        assert!(data["blockedBy"].is_null(), "{carries:?}: the news say what blocks a job");
        assert_eq!(bench.google.methods(&id), [], "{carries:?}");
    }
}
