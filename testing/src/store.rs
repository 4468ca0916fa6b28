//! The suite of the port `JobStore`.

mod accepting;
mod asking;
mod stepping;

pub use accepting::{
    a_full_backlog_refuses, a_job_that_takes_no_turn_yet_makes_nobody_wait,
    a_known_job_and_a_full_backlog_take_no_place, a_new_job_comes_with_the_age_of_the_records,
    an_ended_job_makes_room, bulk_jobs_make_no_normal_one_wait, only_an_accepting_job_is_withdrawn,
    places_spread_the_jobs_of_an_account, the_same_job_is_accepted_once,
};
pub use asking::{
    a_list_is_filtered, a_list_pages_without_gaps, a_watcher_learns_of_every_kind_of_change,
    the_blocked_jobs_of_some_accounts_are_found, the_longest_due_is_found, what_ended_long_ago_is_forgotten,
    what_is_overdue_is_found_in_order,
};
pub use stepping::{
    a_record_survives_a_restart, a_restored_record_replaces_nothing, every_step_goes_by_the_rules,
    nothing_is_known_of_an_unknown_job, one_of_fifty_starts_wins,
};

use std::sync::Arc;

use super::sample;
use common::job::{Job, JobId, Step};
use common::port::{Accepted, Backlog, Change, JobStore};

/// Accepts a job that is new.
async fn accepted(store: &Arc<dyn JobStore>, job: &Job) {
    let line = sample::line(job.account.as_str());
    let outcome = store.accept(job, Backlog::default(), &line).await.unwrap();
    assert!(matches!(outcome, Accepted::New { .. }), "{outcome:?}");
}

/// Takes a step that is not refused.
async fn taken(store: &Arc<dyn JobStore>, id: &JobId, step: Step) -> Job {
    match store.take(id, &step, sample::at(1)).await.unwrap() {
        Change::Taken(job) => *job,
        Change::Refused(refusal) => panic!("{step:?} was refused: {refusal:?}"),
    }
}
