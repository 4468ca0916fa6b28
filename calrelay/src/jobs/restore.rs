//! `calrelay jobs restore`: jobs back from the dead letters, which are all that may be left of them.

use std::collections::HashSet;

use comfy_table::{Table, presets};
use common::job::JobId;
use common::message::{Message, Unreadable};
use common::port::{Delivery, DeliveryTag};
use lifecycle::Replayed;

use super::outcome::{Outcomes, SHOWN};
use crate::config::JobsConfig;
use crate::installation::Installation;

/// Brings back the dead letters of these jobs, of all for none; or shows them.
///
/// # Errors
/// When the queue or the records cannot be used. Letters that were not used are still there.
pub async fn run(
    installation: &Installation,
    config: &JobsConfig,
    ids: &[JobId],
    dry_run: bool,
) -> anyhow::Result<String> {
    let mut held = Vec::new();
    let said = if dry_run {
        look(installation, ids, &mut held).await
    } else {
        replay(installation, config, ids, &mut held).await
    };
    // Only now: a letter that is put back may be the next one that the queue hands out.
    for tag in held {
        installation.queue.put_back(tag).await?;
    }
    said
}

async fn look(
    installation: &Installation,
    ids: &[JobId],
    held: &mut Vec<DeliveryTag>,
) -> anyhow::Result<String> {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["JOB", "ACCOUNT", "OWNER", "FAILED", "SUBMITTED"]);
    let mut count = 0;
    while let Some(letter) = installation.queue.take_dead().await? {
        held.push(letter.tag);
        match &letter.message {
            Ok(message) if !wanted(message, ids) => continue,
            Ok(_) | Err(_) => count += 1,
        }
        if count <= SHOWN {
            table.add_row(row(&letter.message));
        }
    }
    let more = match count.saturating_sub(SHOWN) {
        0 => String::new(),
        more => format!("\n… and {more} more"),
    };
    Ok(format!("{table}{more}\n{count} dead letters; nothing was done, --dry-run was given"))
}

async fn replay(
    installation: &Installation,
    config: &JobsConfig,
    ids: &[JobId],
    held: &mut Vec<DeliveryTag>,
) -> anyhow::Result<String> {
    let ports = installation.operator_ports();
    let mut outcomes = Outcomes::default();
    let mut missing: HashSet<&JobId> = ids.iter().collect();
    // A job that fails again at once leaves a new letter, which is for another run.
    for _ in 0..installation.queue.depth().await?.dead {
        let Some(Delivery { tag, message, .. }) = installation.queue.take_dead().await? else {
            break;
        };
        let message = match message {
            Ok(message) if wanted(&message, ids) => message,
            Ok(_) => {
                held.push(tag);
                continue;
            }
            Err(unreadable) => {
                held.push(tag);
                if ids.is_empty() {
                    outcomes.leave(format!("a dead letter stays: {unreadable}"));
                }
                continue;
            }
        };
        missing.remove(&message.job);
        match lifecycle::replay_letter(&ports, &config.quotas, &message).await {
            Ok(outcome) => {
                outcomes.add(&message.job, outcome);
                match outcome {
                    Replayed::OtherRequest => held.push(tag),
                    Replayed::Again { .. } | Replayed::UnderWay | Replayed::Ended(_) => {
                        installation.queue.done(tag).await?;
                    }
                }
            }
            Err(error) => {
                held.push(tag);
                return Err(outcomes.cut_short(&message.job, &error));
            }
        }
    }
    for id in missing {
        outcomes.leave(format!("{id} has no dead letter"));
    }
    Ok(outcomes.told("brought back"))
}

fn row(letter: &Result<Message, Unreadable>) -> [String; 5] {
    match letter {
        Ok(message) => [
            message.job.to_string(),
            message.account.to_string(),
            message.owner.to_string(),
            why(message),
            format!("{:.0}", message.submitted_at),
        ],
        Err(unreadable) => {
            ["?".to_owned(), String::new(), String::new(), unreadable.to_string(), String::new()]
        }
    }
}

fn wanted(message: &Message, ids: &[JobId]) -> bool {
    ids.is_empty() || ids.contains(&message.job)
}

fn why(message: &Message) -> String {
    match message.failure() {
        Some(failure) => failure.kind.as_str().to_owned(),
        None => "given up on by the queue".to_owned(),
    }
}
