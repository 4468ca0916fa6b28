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
            job.state.name().as_str().to_owned(),
            why(&job.state),
            job.tally.attempts.to_string(),
            format!("{:.0}", job.submitted_at),
            format!("{:.0}", job.updated_at),
        ]);
    }
    table.to_string()
}

/// What keeps the job where it is, in one or two words.
fn why(state: &JobState) -> String {
    match state {
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
