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
    use common::account::AccountId;
    use common::fingerprint::HashKey;
    use common::job::{Effect, Fields, JobId, Step, Tally};
    use common::owner::Owner;
    use common::seal::Key;
    use jiff::Timestamp;

    use super::*;

    fn at(hour: i64) -> Timestamp {
        Timestamp::from_second(hour * 3_600).expect("within all time")
    }

    fn accepting(not_before: Option<Timestamp>) -> Job {
        Job::from(Fields {
            id: JobId::random(),
            owner: Owner::local(),
            account: AccountId::default_account(),
            state: JobState::Accepting { since: at(0) },
            tally: Tally::default(),
            effect: Effect::None,
            write_began_at: None,
            lost_at: None,
            hop: 0,
            reopened: 0,
            submitted_at: at(0),
            updated_at: at(0),
            finished_at: None,
            not_before,
            not_after: at(9),
            cancel_requested: false,
            trace: None,
            fingerprint: HashKey::new(Key::random()).fingerprint(b"request"),
            payload: None,
            conference_refused: None,
            turn: None,
            warnings: Vec::new(),
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
