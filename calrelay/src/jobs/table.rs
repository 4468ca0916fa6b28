//! Jobs as a table.

use comfy_table::{Table, presets};
use common::job::{Job, JobState};

/// The table of `jobs`. Nothing personal is in it.
#[must_use]
pub fn of(jobs: &[Job]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["JOB", "ACCOUNT", "OWNER", "STATE", "WHY", "ATTEMPTS", "SUBMITTED", "UPDATED"]);
    for job in jobs {
        table.add_row([
            job.id.to_string(),
            job.account.to_string(),
            job.owner.to_string(),
            job.state_name().as_str().to_owned(),
            why(job),
            job.tally.attempts.to_string(),
            format!("{:.0}", job.submitted_at),
            format!("{:.0}", job.updated_at),
        ]);
    }
    table.to_string()
}

/// What keeps the job where it is, in one or two words.
fn why(job: &Job) -> String {
    match job.shown_state().as_ref() {
        JobState::Waiting { why, until } => format!("{} until {until:.0}", why.as_str()),
        JobState::Blocked { why, .. } => why.as_str().to_owned(),
        JobState::Failed(failure) => match &failure.google_reason {
            Some(reason) => format!("{} ({reason})", failure.kind.as_str()),
            None => failure.kind.as_str().to_owned(),
        },
        JobState::Accepting { .. } => "not confirmed".to_owned(),
        JobState::Queued | JobState::Running(_) | JobState::Succeeded { .. } | JobState::Cancelled => {
            String::new()
        }
    }
}

#[cfg(test)]
mod tests {
    use common::job::Step;
    use common::sample;
    use jiff::Timestamp;

    use super::*;

    fn at(hour: i64) -> Timestamp {
        Timestamp::from_second(hour * 3_600).expect("within all time")
    }

    fn accepting(not_before: Option<Timestamp>) -> Job {
        sample::states::job(JobState::Accepting { since: at(0) }).with(|fields| {
            fields.not_before = not_before;
            fields.not_after = at(9);
        })
    }

    #[test]
    fn a_job_that_waits_for_its_not_before_says_so_from_its_first_record_on() {
        let first = accepting(Some(at(1)));
        let queued = first.with(|fields| fields.state = JobState::Queued);
        let waiting = first.take(&Step::Enqueued, at(0)).expect("a first step");
        for job in [first, queued, waiting] {
            assert_eq!(why(&job), format!("schedule until {:.0}", at(1)), "{:?}", job.state);
            assert!(of(std::slice::from_ref(&job)).contains(" waiting "), "{:?}", job.state);
        }
        assert_eq!(why(&accepting(None)), "not confirmed");
        assert_eq!(why(&accepting(Some(at(0))).with(|fields| fields.state = JobState::Queued)), "");
    }
}
