//! `calrelay queue`: how many messages there are.

use std::sync::Arc;
use std::time::Duration;

use adapter_embedded::{Embedded, Role};
use adapter_rabbitmq::{Part, RabbitQueue};
use comfy_table::{Table, presets};
use common::port::{Depth, JobQueue as _, SystemClock};
use secrecy::ExposeSecret as _;

use crate::config::{self, Place};
use crate::{installation, output};

/// Prints it.
///
/// # Errors
/// When the queue cannot be asked.
pub async fn run() -> anyhow::Result<()> {
    let (depth, taken) = match config::queue_place(|name| std::env::var(name).ok())? {
        Place::Folder(dir) => {
            installation::used(&dir)?;
            let files = Embedded::open(&dir, Role::Operator, Arc::new(SystemClock), None).await?;
            let depth = files.queue().depth().await;
            files.close().await;
            (depth?, true)
        }
        Place::Servers(amqp) => {
            let rabbit = RabbitQueue::start(amqp.expose_secret(), Part::Operator, Duration::ZERO)?;
            let depth = rabbit.depth().await;
            rabbit.close().await;
            (depth?, false)
        }
    };
    Ok(output::answer(&table(&depth, taken))?)
}

/// `taken` where it is known for all processes.
fn table(depth: &Depth, taken: bool) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["LANE", "MESSAGES", "WHICH ARE"]);
    let rows = [
        ("fresh", Some(depth.fresh), "accepted, waiting for a worker"),
        ("due", Some(depth.due), "back, waiting for a worker"),
        ("delayed", Some(depth.delayed), "waiting for their time"),
        ("taken", taken.then_some(depth.taken), "with a worker"),
        ("dead", Some(depth.dead), "copies of failed jobs; `calrelay jobs restore` brings them back"),
    ];
    for (lane, count, meaning) in rows {
        if let Some(count) = count {
            table.add_row([lane.to_owned(), count.to_string(), meaning.to_owned()]);
        }
    }
    table.to_string()
}
