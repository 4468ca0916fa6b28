//! Each word that an answer may hold is produced by a test: a state, reason or problem that no code sets would be a
//! promise that nothing keeps.
//!
//! For each value this names a test. The test has to exist, to run, and to mention the value.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::path::Path;

use common::job::{BlockReason, Conference, FailureKind, StateName, WaitReason};
use common::warning::WarningCode;
use tests::corpus;

/// A file of tests, and one of its tests.
type Test = (&'static str, &'static str);

fn read(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
    std::fs::read_to_string(root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The lines of a test, comments left out.
fn lines_of((file, test): Test) -> Vec<String> {
    let text = read(file);
    let (before, after) =
        text.split_once(&format!("fn {test}(")).unwrap_or_else(|| panic!("{file} has no {test}"));
    let attributes = before.rsplit("\n\n").next().expect("what stands above it");
    assert!(attributes.contains("test") && attributes.contains("#["), "{test} is no test");
    assert!(!attributes.contains("#[ignore"), "{test} does not run");
    let body = after.split("\n}\n").next().expect("its lines");
    body.lines().map(str::trim).filter(|line| !line.starts_with("//")).map(str::to_owned).collect()
}

/// Whether the test mentions `word` as JSON has it, or the variant that stands for it.
fn mentions(test: Test, word: &str, variant: Option<&str>) -> bool {
    let quoted = format!("\"{word}\"");
    let is_variant = |line: &str| {
        let Some(variant) = variant else { return false };
        line.split(variant).skip(1).any(|rest| !rest.starts_with(|c: char| c.is_alphanumeric()))
    };
    lines_of(test).iter().any(|line| line.contains(&quoted) || is_variant(line))
}

/// Fails unless the test that `by` names for each value mentions it, as a word or as a variant of `of`.
fn all_produced<T: Copy + Debug>(
    of: &str,
    all: &[T],
    word: impl Fn(T) -> &'static str,
    by: impl Fn(T) -> Test,
) {
    for value in all {
        let (word, variant) = (word(*value), format!("{of}::{value:?}"));
        let test = by(*value);
        assert!(mentions(test, word, Some(&variant)), "{} in {} does not mention {word}", test.1, test.0);
    }
}

#[test]
fn each_state_is_produced_by_a_test() {
    all_produced("JobState", &StateName::ALL, StateName::as_str, |state| match state {
        StateName::Queued => {
            ("api/tests/http/accepting.rs", "what_may_start_now_is_queued_whatever_its_not_before_was")
        }
        StateName::Running => ("worker/tests/it/leases.rs", "a_second_delivery_of_a_running_job_is_parked"),
        StateName::Waiting => (
            "tests/tests/it/grants/switches.rs",
            "a_client_that_is_gone_or_has_another_secret_now_blames_no_account",
        ),
        StateName::Blocked => (
            "tests/tests/it/blocked.rs",
            "a_caller_is_told_at_once_that_the_calendar_has_to_be_connected_again",
        ),
        StateName::Succeeded => {
            ("tests/tests/it/ending.rs", "an_event_that_ends_in_a_second_outlives_a_throttle_and_an_outage")
        }
        StateName::Failed => (
            "tests/tests/it/cancel.rs",
            "a_cancelled_job_says_that_it_could_not_find_out_when_google_cannot_be_asked_until_its_deadline",
        ),
        StateName::Cancelled => {
            ("tests/tests/it/cancel.rs", "a_scheduled_job_is_cancelled_at_once_and_google_never_hears_of_it")
        }
    });
    // What a job is whose record is lost: no state of a record.
    let lost = ("tests/tests/distributed/redis_away.rs", "after_redis_was_emptied_no_accepted_job_is_denied");
    assert!(mentions(lost, "unknown", None));
}

#[test]
fn each_reason_to_wait_or_to_be_blocked_is_produced_by_a_test() {
    all_produced("WaitReason", &WaitReason::ALL, WaitReason::as_str, |why| match why {
        WaitReason::Schedule => ("worker/tests/it/expiry.rs", "a_job_never_starts_before_its_time"),
        WaitReason::Quota => ("worker/tests/it/quota.rs", "a_job_without_room_takes_a_new_place_in_line"),
        WaitReason::Retry => (
            "tests/tests/it/suspects.rs",
            "a_job_that_kills_its_process_is_found_within_five_deaths_and_not_run_again",
        ),
        WaitReason::Operator => (
            "tests/tests/it/grants/switches.rs",
            "a_client_that_is_gone_or_has_another_secret_now_blames_no_account",
        ),
    });
    // Nothing pauses a job yet; the contract has the word for the issue on an event's whole life.
    let set: Vec<BlockReason> =
        BlockReason::ALL.into_iter().filter(|why| *why != BlockReason::Paused).collect();
    all_produced("BlockReason", &set, BlockReason::as_str, |why| match why {
        BlockReason::Reauthorization => (
            "worker/tests/it/reauthorization.rs",
            "a_second_refusal_blocks_the_account_with_one_notice_and_no_more_calls",
        ),
        BlockReason::CalendarLimits => (
            "tests/tests/it/grants/switches.rs",
            "a_user_who_may_invite_nobody_for_now_holds_up_jobs_with_guests_alone",
        ),
        BlockReason::Paused => unreachable!("it is left out"),
    });
}

/// The test that makes a job fail so.
fn failing(kind: FailureKind) -> Test {
    match kind {
        FailureKind::Refused => {
            ("worker/tests/it/meet_refused.rs", "an_event_without_a_conference_is_not_tried_twice")
        }
        FailureKind::CalendarNotFound => {
            ("worker/tests/it/failures.rs", "a_calendar_that_is_never_found_does_not_exist")
        }
        FailureKind::IdempotencyKeyReused => {
            ("worker/tests/it/repeat.rs", "an_event_of_another_request_is_left_alone")
        }
        FailureKind::DeletedByUser => {
            ("worker/tests/it/repeat.rs", "an_event_that_its_user_deleted_is_not_made_again")
        }
        FailureKind::AttemptsExhausted => (
            "worker/tests/it/failures.rs",
            "a_job_whose_attempts_are_used_up_fails_once_google_says_that_there_is_nothing",
        ),
        FailureKind::Expired => ("worker/tests/it/expiry.rs", "a_job_that_waits_is_back_in_time_to_expire"),
        FailureKind::Poison => ("worker/tests/it/crash.rs", "a_job_that_killed_five_workers_is_poison"),
        FailureKind::Unreadable => {
            ("worker/tests/it/former.rs", "a_job_of_the_former_user_fails_and_never_reaches_the_next")
        }
        FailureKind::CancellationUnconfirmed => {
            ("worker/tests/it/cancel.rs", "a_cancellation_that_cannot_be_confirmed_in_time_says_so")
        }
    }
}

#[test]
fn each_way_to_fail_is_produced_by_a_test() {
    all_produced("FailureKind", &FailureKind::ALL, FailureKind::as_str, failing);
}

#[test]
fn each_status_of_a_conference_is_produced_by_a_test() {
    for status in Conference::STATUSES {
        let (test, variant): (Test, _) = match status {
            "pending" => {
                (("worker/tests/it/notices.rs", "a_conference_that_comes_later_is_told_as_an_update"), None)
            }
            "success" => (
                ("worker/tests/it/create.rs", "a_job_is_created_once_and_its_result_is_right"),
                Some("Conference::Ready"),
            ),
            "failure" => (
                ("worker/tests/it/meet.rs", "a_conference_that_fails_leaves_the_event_alone"),
                Some("Conference::Failed"),
            ),
            "unavailable" => (
                ("tests/tests/it/meet_refused.rs", "every_event_stands_where_google_refuses_its_conference"),
                None,
            ),
            other => panic!("{other}: name the test that produces it"),
        };
        assert!(mentions(test, status, variant), "{} does not mention {status}", test.1);
    }
}

#[test]
fn each_warning_is_produced_by_a_body_of_the_corpus_or_by_a_test() {
    // `every_field_of_a_real_body_is_in_the_calendar_as_it_was_sent_and_once` compares them with the answers.
    let cases = corpus("real_events.json");
    let warned: BTreeSet<&str> = cases
        .iter()
        .filter_map(|case| case["expect"]["warnings"].as_array())
        .flatten()
        .filter_map(|warning| warning[1].as_str())
        .collect();
    for code in WarningCode::ALL {
        let found = match code {
            WarningCode::ReadOnly
            | WarningCode::Characters
            | WarningCode::OneDay
            | WarningCode::WindowsZone
            | WarningCode::Recurrence
            | WarningCode::Endless
            | WarningCode::Completed
            | WarningCode::DuplicateGuest => warned.contains(code.as_str()),
            // What this build cannot read of a newer one.
            WarningCode::Unknown => continue,
            // It is of an account's line, not of a body.
            WarningCode::Late => {
                let test = "jobs_whose_turn_is_beyond_their_deadline_say_so_and_hold_up_nobody";
                mentions(("tests/tests/it/turns.rs", test), code.as_str(), None)
            }
        };
        assert!(found, "{} is produced by no test", code.as_str());
    }
}

/// The problems of the guide, which has each that the ingress can answer (a test beside `Kind` sees to that).
fn problems_of_the_guide() -> BTreeSet<String> {
    let guide = read("docs/INTEGRATING.md");
    let table = guide.split("| status | problem | post again? |\n").nth(1).expect("the table");
    let rows = table.lines().take_while(|line| line.starts_with('|'));
    let cells = rows.filter_map(|row| row.split('|').nth(2));
    cells.flat_map(|cell| cell.split('`').skip(1).step_by(2).map(str::to_owned)).collect()
}

/// The test that is answered so.
fn answered(problem: &str) -> Test {
    const ACCEPTING: &str = "api/tests/http/accepting.rs";
    const BAD_INPUTS: &str = "api/tests/http/bad_inputs.rs";
    const DOORS: &str = "api/tests/http/doors.rs";
    const ENCODING: &str = "api/tests/http/encoding.rs";
    match problem {
        "malformed-body" => (ENCODING, "half_a_surrogate_pair_is_refused_with_its_place"),
        "invalid-header" => ("api/tests/http/repeating.rs", "a_key_that_is_none_is_refused_by_its_header"),
        "invalid-query" => (BAD_INPUTS, "unknown_paths_methods_and_parameters_are_problems_too"),
        "invalid-fields" => (ACCEPTING, "a_deadline_that_is_past_is_refused_by_its_name"),
        "body-too-large" => (BAD_INPUTS, "a_body_without_a_length_is_cut_off_at_the_limit"),
        "body-too-slow" => {
            ("tests/tests/it/metrics.rs", "every_series_is_there_from_the_start_and_no_outcome_adds_one")
        }
        "unsupported-media-type" => (ENCODING, "another_coding_is_refused_by_the_headers_name"),
        "unauthenticated" => (DOORS, "without_a_good_key_nothing_is_accepted"),
        "insufficient-scope" | "account-not-allowed" => {
            (DOORS, "a_key_may_do_what_its_scopes_and_accounts_say")
        }
        "foreign-origin" | "misdirected" => {
            (DOORS, "a_name_that_was_pointed_at_loopback_and_a_foreign_page_are_refused")
        }
        "not-found" | "method-not-allowed" => {
            (BAD_INPUTS, "unknown_paths_methods_and_parameters_are_problems_too")
        }
        "job-not-found" => {
            ("api/tests/http/reading.rs", "others_jobs_and_jobs_that_never_were_look_the_same")
        }
        "job-unknown" => ("api/tests/http/losing.rs", "nobody_takes_back_what_may_be_anothers"),
        "account-not-connected" => {
            (ACCEPTING, "an_account_that_was_never_connected_or_no_longer_is_gets_no_jobs")
        }
        "account-not-found" => {
            ("api/tests/http/accounts.rs", "an_account_tells_why_it_needs_to_be_connected_again")
        }
        "job-finished" => ("api/tests/http/cancelling.rs", "a_job_that_has_ended_cannot_be_taken_back"),
        "cancelled" => ("api/tests/http/older.rs", "a_cancelled_job_is_no_success"),
        "idempotency-key-reused" => (
            "tests/tests/it/idempotency.rs",
            "fifty_equal_posts_with_one_key_make_one_event_and_fifty_equal_answers",
        ),
        "rate-limited" => (DOORS, "a_key_has_its_own_rate_and_is_told_where_it_stands"),
        "backlog-full" => (ACCEPTING, "an_account_or_an_owner_with_too_many_unfinished_jobs_is_refused"),
        "queue-full" | "queue-unavailable" => (ACCEPTING, "a_full_or_absent_queue_leaves_nothing_behind"),
        "storage-unavailable" => (ACCEPTING, "without_the_vault_only_what_was_lately_read_of_it_can_be_used"),
        "outcome-unknown" => (ACCEPTING, "an_unconfirmed_publish_is_told_as_such_and_keeps_its_record"),
        "internal" => (BAD_INPUTS, "a_panic_in_a_handler_is_a_problem_and_the_next_request_is_served"),
        other => panic!("{other}: name the test that is answered so"),
    }
}

#[test]
fn each_problem_of_the_guide_is_answered_in_a_test() {
    let problems = problems_of_the_guide();
    assert!(problems.len() >= 28, "{problems:?}");
    for problem in problems {
        let test = answered(&problem);
        assert!(mentions(test, &problem, None), "{} in {} does not mention {problem}", test.1, test.0);
    }
}
