use std::time::Duration;

use testing::ManualClock;

use super::*;

fn account(name: &str) -> AccountId {
    AccountId::parse(name).expect("a name")
}

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// Slots of an account, until it is given no more.
fn all_for(slots: &Arc<Slots>, account: &AccountId) -> Vec<Slot> {
    std::iter::from_fn(|| if slots.is_full() { None } else { slots.take_for(account) }).collect()
}

/// As [`all_for`], for accounts that ask in turn.
fn all_for_each(slots: &Arc<Slots>, accounts: &[AccountId]) -> Vec<Vec<Slot>> {
    let mut held: Vec<Vec<Slot>> = accounts.iter().map(|_| Vec::new()).collect();
    loop {
        let before: usize = held.iter().map(Vec::len).sum();
        for (account, held) in accounts.iter().zip(&mut held) {
            if !slots.is_full() {
                held.extend(slots.take_for(account));
            }
        }
        if before == held.iter().map(Vec::len).sum::<usize>() {
            return held;
        }
    }
}

impl Slots {
    fn is_full(&self) -> bool {
        self.state().taken >= self.count
    }
}

#[test]
fn an_account_alone_takes_fifteen_of_sixteen() {
    for (count, held) in
        [(1, 1), (2, 2), (7, 7), (8, 7), (16, 15), (32, 30), (64, 60), (256, 240), (1_000, 937)]
    {
        let slots = Slots::new(count, ManualClock::new());
        assert_eq!(all_for(&slots, &account("a")).len(), held, "of {count}");
    }
}

#[test]
fn however_many_slow_accounts_there_are_one_slot_is_left_for_another() {
    for count in [8, 16, 64, 256] {
        for accounts in 1..count.min(20) {
            let slots = Slots::new(count, ManualClock::new());
            let slow: Vec<AccountId> =
                (0..accounts).map(|number| account(&format!("slow-{number}"))).collect();
            let held = all_for_each(&slots, &slow);
            assert!(slots.take_for(&account("b")).is_some(), "beside {accounts} in {count}");
            assert!(held.iter().all(|held| !held.is_empty()), "{accounts} in {count}");
        }
    }
}

#[test]
fn an_account_that_holds_all_it_may_gives_up_half_to_one_that_waits() {
    let clock = ManualClock::new();
    let slots = Slots::new(16, clock.clone());
    let (a, b) = (account("a"), account("b"));
    let mut of_a = all_for(&slots, &a);
    let mut of_b = all_for(&slots, &b);
    assert_eq!((of_a.len(), of_b.len()), (15, 1));
    // A's jobs end one after the other, and both ask whenever one does.
    while let Some(slot) = of_a.pop() {
        clock.turn(seconds(1));
        drop(slot);
        of_a.extend(slots.take_for(&a));
        if !slots.is_full() {
            of_b.extend(slots.take_for(&b));
        }
        if of_b.len() == 7 {
            break;
        }
    }
    assert_eq!((of_a.len(), of_b.len()), (8, 7), "and one is left for a third");
    // B has nothing more to do.
    of_b.clear();
    clock.turn(seconds(3));
    of_a.extend(all_for(&slots, &a));
    assert_eq!(of_a.len(), 15);
}

#[test]
fn fast_accounts_leave_no_slot_empty() {
    let clock = ManualClock::new();
    let slots = Slots::new(16, clock.clone());
    let accounts: Vec<AccountId> = (0..3).map(|number| account(&format!("fast-{number}"))).collect();
    let once = all_for_each(&slots, &accounts);
    clock.turn(seconds(2));
    drop(once);
    clock.turn(seconds(60));
    let held = all_for_each(&slots, &accounts);
    assert_eq!(held.iter().map(Vec::len).sum::<usize>(), 16);
}

#[test]
fn what_is_given_no_slot_comes_back_when_its_account_will_have_one() {
    let clock = ManualClock::new();
    let slots = Slots::new(16, clock.clone());
    let a = account("a");
    let held = all_for(&slots, &a);
    assert_eq!(slots.place(&a), seconds(1), "at the earliest");
    clock.turn(seconds(15));
    drop(held);
    let _held = all_for(&slots, &a);
    // 15 slots for 15 s each: one becomes free every second, and twice as many come back.
    let places: Vec<Duration> = (0..4).map(|_| slots.place(&a)).collect();
    assert_eq!(places, [1_000, 1_500, 2_000, 2_500].map(Duration::from_millis));
    let later: Vec<Duration> = (0..10_000).map(|_| slots.place(&a)).collect();
    assert_eq!(later[9_999], seconds(120));
}

#[test]
fn accounts_that_do_nothing_are_forgotten() {
    let clock = ManualClock::new();
    let slots = Slots::new(16, clock.clone());
    for number in 0..10 * REMEMBERED {
        drop(slots.take_for(&account(&format!("a-{number}"))));
    }
    assert!(slots.state().accounts.len() <= REMEMBERED);
}

#[tokio::test]
async fn a_slot_that_is_given_back_wakes_who_waits_for_one() {
    let slots = Slots::new(1, ManualClock::new());
    let slot = slots.take();
    let waiting = tokio::spawn({
        let slots = Arc::clone(&slots);
        async move { slots.one_free().await }
    });
    tokio::task::yield_now().await;
    drop(slot);
    tokio::time::timeout(seconds(10), waiting).await.expect("it is woken").expect("it ends");
}
