//! The breaker against a clock that is set by hand.

use testing::ManualClock;

use super::*;

fn breaker() -> (Arc<ManualClock>, Breaker) {
    let clock = ManualClock::at(Timestamp::UNIX_EPOCH);
    (Arc::clone(&clock), Breaker::new(clock, PROBES))
}

fn account(number: usize) -> AccountId {
    AccountId::parse(&format!("a{number}")).expect("a plain name")
}

fn call(breaker: &Breaker, number: usize, outcome: Outcome) {
    breaker.admit(&account(number)).expect("closed").report(outcome);
}

#[test]
fn one_bad_account_among_many_good_ones_does_not_open_it() {
    let (_, breaker) = breaker();
    for number in 1..=9 {
        call(&breaker, number, Outcome::Up);
    }
    for _ in 0..100 {
        call(&breaker, 0, Outcome::Down);
    }
    assert!(!breaker.is_open());
}

#[test]
fn it_opens_when_four_of_five_accounts_fail() {
    let (_, breaker) = breaker();
    call(&breaker, 0, Outcome::Up);
    for number in 1..=3 {
        call(&breaker, number, Outcome::Down);
    }
    assert!(!breaker.is_open(), "three of four is too few accounts");
    call(&breaker, 4, Outcome::Down);
    assert!(breaker.is_open());
}

#[test]
fn few_accounts_need_ten_calls() {
    let (_, breaker) = breaker();
    for _ in 0..9 {
        call(&breaker, 0, Outcome::Down);
    }
    assert!(!breaker.is_open());
    call(&breaker, 0, Outcome::Down);
    assert!(breaker.is_open());
}

#[test]
fn votes_grow_old() {
    let (clock, breaker) = breaker();
    for number in 0..4 {
        call(&breaker, number, Outcome::Down);
    }
    clock.turn(VOTE);
    call(&breaker, 4, Outcome::Down);
    assert!(!breaker.is_open(), "only one vote is current");
}

#[test]
fn while_open_one_probe_at_a_time_with_growing_pauses() {
    let (clock, breaker) = breaker();
    for number in 0..5 {
        call(&breaker, number, Outcome::Down);
    }
    let mut pauses = Vec::new();
    for _ in 0..7 {
        let pause = breaker.left_alone_for().expect("open");
        pauses.push(pause.as_secs());
        assert!(breaker.admit(&account(0)).is_err(), "too early");
        clock.turn(pause);
        let probe = breaker.admit(&account(0)).expect("a probe is due");
        assert_eq!(probe.circuit(), Circuit::Probing);
        assert!(breaker.admit(&account(0)).is_err(), "one at a time");
        probe.report(Outcome::Down);
    }
    assert_eq!(pauses, [1, 2, 4, 8, 16, 30, 30]);
}

#[test]
fn the_first_success_restores_everything() {
    let (clock, breaker) = breaker();
    let early = breaker.admit(&account(7)).expect("closed");
    for number in 0..5 {
        call(&breaker, number, Outcome::Down);
    }
    early.report(Outcome::Up);
    assert!(!breaker.is_open(), "a call from before counts too");
    for number in 0..5 {
        call(&breaker, number, Outcome::Down);
    }
    clock.turn(Duration::from_secs(1));
    breaker.admit(&account(1)).expect("a probe").report(Outcome::Up);
    assert!(!breaker.is_open());
}

#[test]
fn a_probe_that_never_reports_does_not_shut_everybody_out() {
    let (clock, breaker) = breaker();
    for number in 0..5 {
        call(&breaker, number, Outcome::Down);
    }
    clock.turn(Duration::from_secs(1));
    drop(breaker.admit(&account(0)).expect("a probe"));
    assert!(breaker.admit(&account(0)).is_ok());
}

#[test]
fn a_call_that_was_given_up_late_says_that_the_endpoint_hangs() {
    for (waited, asked, open) in [
        (HANGS + Duration::from_secs(1), true, true),
        (HANGS, true, false),
        // It waited for something of ours.
        (HANGS * 3, false, false),
    ] {
        let (clock, breaker) = breaker();
        let mut calls: Vec<_> =
            (0..ACCOUNTS).map(|number| breaker.admit(&account(number)).expect("closed")).collect();
        if asked {
            calls.iter_mut().for_each(Permit::asks);
        }
        clock.turn(waited);
        drop(calls);
        assert_eq!(breaker.is_open(), open, "{waited:?}, asked: {asked}");
    }
}

#[test]
fn nobody_comes_all_the_time_while_a_probe_hangs() {
    let (clock, breaker) = breaker();
    for number in 0..5 {
        call(&breaker, number, Outcome::Down);
    }
    clock.turn(Duration::from_secs(1));
    let _probe = breaker.admit(&account(0)).expect("a probe");
    assert_eq!(breaker.admit(&account(1)).expect_err("one at a time"), PROBING);
}
