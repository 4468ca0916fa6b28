//! What Google was asked for a job, held against what it should have been asked.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use tests::{Request, SandboxView};

use super::row::Asked;

/// A request whose answer nobody waits for any more is listed only once that is given.
const LATE: Duration = Duration::from_secs(10);

/// What a row's requests have to come to.
pub struct Claim {
    /// The row's.
    pub name: String,
    pub event: String,
    pub user: String,
    pub asked: Asked,
}

/// Which claims are not what the sandbox was asked, in words.
pub async fn asked_otherwise(sandbox: &SandboxView, claims: &[Claim]) -> Vec<String> {
    let began = Instant::now();
    loop {
        let seen = tally(&sandbox.requests().await, claims);
        let pairs = || claims.iter().zip(&seen);
        let listed = pairs().all(|(claim, seen)| seen.inserts >= claim.asked.inserts);
        if listed || began.elapsed() > LATE {
            let wrong = pairs().filter(|(claim, seen)| claim.asked != **seen);
            return wrong
                .map(|(Claim { name, asked, .. }, seen)| format!("{name}: asked {seen:?}, not {asked:?}"))
                .collect();
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// What was asked about each claim's event, and for its user's token.
fn tally(requests: &[Request], claims: &[Claim]) -> Vec<Asked> {
    let mut counts: HashMap<(&str, &str), usize> = HashMap::new();
    for request in requests {
        let subject = match request.method.as_str() {
            "events.insert" | "events.get" => request.event_id.as_deref(),
            "token.refresh" => request.user.as_deref(),
            // Of the row itself, and of people who connect again.
            "events.delete" | "token.exchange" | "userinfo" | "authorize" => None,
            other => panic!("nobody asks for {other}"),
        };
        *counts.entry((&request.method, subject.unwrap_or_default())).or_default() += 1;
    }
    let count = |method, subject| counts.get(&(method, subject)).copied().unwrap_or(0);
    let seen = claims.iter().map(|Claim { event, user, .. }| Asked {
        inserts: count("events.insert", event.as_str()),
        gets: count("events.get", event.as_str()),
        refreshes: count("token.refresh", user.as_str()),
    });
    seen.collect()
}
