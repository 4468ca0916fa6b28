use std::sync::atomic::AtomicUsize;

use testing::ManualClock;
use tokio::sync::Semaphore;

use super::*;

/// A vault that answers with how often it was asked, once it may.
struct Source {
    asked: AtomicUsize,
    may_answer: Semaphore,
    fails: std::sync::atomic::AtomicBool,
    clock: Arc<ManualClock>,
}

impl Source {
    fn new() -> (Arc<Self>, Remembered<usize>) {
        let source = Arc::new(Self {
            asked: AtomicUsize::new(0),
            may_answer: Semaphore::new(Semaphore::MAX_PERMITS),
            fails: false.into(),
            clock: ManualClock::at(Timestamp::UNIX_EPOCH),
        });
        let asked = Arc::clone(&source);
        let remembered = Remembered::new(source.clock.clone(), FRESH, move |name| {
            let (source, there) = (Arc::clone(&asked), !name.starts_with("no"));
            async move {
                let number = source.asked.fetch_add(1, Ordering::Relaxed) + 1;
                let _ = source.may_answer.acquire().await.expect("it is never closed");
                match source.fails.load(Ordering::Relaxed) {
                    true => Err(VaultError::Unusable("as told".to_owned())),
                    false => Ok(there.then_some(number)),
                }
            }
            .boxed()
        });
        (source, remembered)
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }

    fn hang(&self) {
        self.may_answer.forget_permits(Semaphore::MAX_PERMITS);
    }

    fn answer(&self) {
        self.may_answer.add_permits(Semaphore::MAX_PERMITS);
    }
}

#[test]
fn what_is_good_is_used_and_nobody_who_knows_something_waits_for_a_vault_that_hangs() {
    let (well, asked) = (Condition::Well, Instant::now());
    let away = [Condition::Slow { asked }, Condition::Away { asked }];
    let just_under = |span: Duration| Some(span - Duration::from_nanos(1));
    assert_eq!(course(just_under(FRESH), well), Course::Use);
    assert_eq!(course(Some(FRESH), well), Course::AskForAMoment);
    for condition in away {
        assert_eq!(course(just_under(FRESH), condition), Course::Use);
        assert_eq!(course(Some(FRESH), condition), Course::UseAndAsk);
        assert_eq!(course(just_under(STALE), condition), Course::UseAndAsk);
        assert_eq!(course(Some(STALE), condition), Course::Ask);
    }
    assert_eq!(course(None, well), Course::Ask);
}

/// Asks until the answer is as wanted.
async fn until(remembered: &Remembered<usize>, name: &str, wanted: fn(Option<usize>) -> bool) {
    for _ in 0..1_000 {
        if remembered.get(name).await.is_ok_and(wanted) {
            return;
        }
        common::port::pause(Duration::from_millis(20)).await;
    }
    panic!("{name} was not answered as wanted within 20 s");
}

#[tokio::test]
async fn a_vault_that_hangs_is_waited_for_once_and_asked_seldom() {
    let (source, remembered) = Source::new();
    for name in ["a", "b"] {
        assert!(remembered.get(name).await.unwrap().is_some());
    }
    source.hang();
    source.clock.turn(FRESH);
    let began = Instant::now();
    assert_eq!(remembered.get("a").await, Ok(Some(1)));
    let first = began.elapsed();
    assert!(first >= PATIENCE, "{first:?}");
    let mut slowest = Duration::ZERO;
    for _ in 0..1_000 {
        let began = Instant::now();
        assert_eq!(remembered.get("a").await, Ok(Some(1)));
        assert_eq!(remembered.get("b").await, Ok(Some(2)));
        slowest = slowest.max(began.elapsed());
    }
    assert!(slowest < PATIENCE, "nobody waited after the first: {slowest:?}");
    assert!(source.asked() <= 4, "each is asked for once at most, while its question is under way");
    source.answer();
    until(&remembered, "a", |answer| answer > Some(2)).await;
}

#[tokio::test]
async fn what_is_an_hour_old_is_used_no_more_and_a_failure_is_remembered() {
    let (source, remembered) = Source::new();
    assert_eq!(remembered.get("a").await, Ok(Some(1)));
    source.fails.store(true, Ordering::Relaxed);
    source.clock.turn(STALE - Duration::from_secs(1));
    assert_eq!(remembered.get("a").await, Ok(Some(1)));
    source.clock.turn(Duration::from_secs(1));
    let asked = source.asked();
    for _ in 0..100 {
        assert!(remembered.get("a").await.is_err());
        assert!(remembered.get("c").await.is_err());
    }
    assert!(source.asked() <= asked + 2, "one question every {RETRY:?}");
    source.fails.store(false, Ordering::Relaxed);
    until(&remembered, "c", |answer| answer.is_some()).await;
}

#[tokio::test]
async fn who_asks_at_once_shares_one_question_and_a_late_answer_replaces_nothing_newer() {
    let (source, remembered) = Source::new();
    source.hang();
    let many = futures_util::future::join_all((0..50).map(|_| remembered.get("a")));
    let between = async {
        while source.asked() == 0 {
            tokio::task::yield_now().await;
        }
        remembered.remember("a", Some(99), remembered.turn());
        source.answer();
    };
    let (answers, ()) = futures_util::future::join(many, between).await;
    assert!(answers.into_iter().all(|answer| answer == Ok(Some(1))));
    assert_eq!(source.asked(), 1);
    assert_eq!(remembered.get("a").await, Ok(Some(99)));
    let turn = remembered.turn();
    remembered.remember("a", None, remembered.turn());
    remembered.remember("a", Some(1), turn);
    assert_eq!(remembered.get("a").await, Ok(None), "nor one that is gone");
}

#[tokio::test]
async fn made_up_names_push_out_nothing_that_is_there() {
    let (source, remembered) = Source::new();
    assert_eq!(remembered.get("a").await, Ok(Some(1)));
    for number in 0..3 * MISSING {
        assert_eq!(remembered.get(&format!("no {number}")).await, Ok(None));
        assert!(lock(&remembered.inner.kept).missing.len() <= MISSING);
    }
    source.fails.store(true, Ordering::Relaxed);
    source.clock.turn(FRESH);
    assert_eq!(remembered.get("a").await, Ok(Some(1)));
}
