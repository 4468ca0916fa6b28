//! Pages of records, in order of submission.

use std::collections::HashSet;

use deadpool_redis::redis::pipe;

use super::record::{self, Record};
use super::scripts::Scripts;
use super::sets::{self, Entry, Shelf};
use crate::link::Live;
use common::account::AccountId;
use common::job::{Job, JobId, StateName};
use common::port::{ListFilter, Page, StoreError};

/// Entries looked at in one round trip, of each set, where most of them may be others' or in other states.
const MANY: usize = 1_000;
/// Records read in one round trip, at most.
const RECORDS: usize = 200;

pub(super) async fn read(
    scripts: &Scripts,
    live: &Live,
    filter: &ListFilter,
    page: &Page,
) -> Result<Vec<Job>, StoreError> {
    let limit = page.limit as usize;
    let sets = sets_of(filter);
    let compact = match (filter.state, &filter.owner) {
        (None | Some(StateName::Succeeded), Some(owner)) => owner.as_str(),
        (None | Some(StateName::Succeeded), None) => "*",
        (Some(_), _) => "",
    };
    let upto = filter.until.map_or_else(|| "+".to_owned(), |until| format!("({}", sets::instant(until)));
    // Where every entry is wanted, one page of them will do.
    let selective = filter.account.is_some() || filter.state.is_some();
    let most = if selective { MANY } else { limit.clamp(1, MANY) };
    let mut from = Some(first_bound(filter, page));
    let mut found: Vec<Job> = Vec::new();
    while let Some(lower) = from
        && found.len() < limit
    {
        let (most, found_now) = scripts.ranges(live, &sets, (&lower, &upto), most, compact).await?;
        let chunk = merged(found_now, most);
        from = chunk.next;
        let wanted: Vec<String> = chunk.entries.into_iter().filter(|entry| fits(entry, filter)).collect();
        let mut wanted = wanted.as_slice();
        while !wanted.is_empty() && found.len() < limit {
            let some = wanted.len().min(limit - found.len()).min(RECORDS);
            let (now, rest) = wanted.split_at(some);
            wanted = rest;
            let jobs = records(live, now).await?;
            found.extend(jobs.into_iter().filter(|job| is_in(job, filter.state)));
        }
    }
    Ok(found)
}

/// The blocked jobs of these accounts, by their entries alone.
pub(super) async fn blocked(
    scripts: &Scripts,
    live: &Live,
    of: &HashSet<AccountId>,
) -> Result<Vec<(AccountId, JobId)>, StoreError> {
    let sets = [Shelf::Blocked.key().to_owned()];
    let mut from = Some("-".to_owned());
    let mut found = Vec::new();
    while let Some(lower) = from {
        let (most, found_now) = scripts.ranges(live, &sets, (&lower, "+"), MANY, "").await?;
        let chunk = merged(found_now, most);
        from = chunk.next;
        found.extend(chunk.entries.iter().filter_map(|entry| {
            let entry = Entry::parse(entry)?;
            let account = AccountId::parse(entry.account).ok().filter(|account| of.contains(account))?;
            Some((account, entry.id))
        }));
    }
    Ok(found)
}

/// The sets that hold, together, every record the filter could want.
fn sets_of(filter: &ListFilter) -> Vec<String> {
    let shelf = |shelf: Shelf| vec![shelf.key().to_owned()];
    match (filter.state, &filter.owner) {
        // Most of an owner's records have succeeded, and most that have are other owners'.
        (None | Some(StateName::Succeeded), Some(owner)) => vec![sets::of_owner(owner)],
        (Some(state), _) => shelf(Shelf::of(state)),
        (None, None) => Shelf::ALL.into_iter().flat_map(shelf).collect(),
    }
}

/// Where the page begins, as a bound of `ZRANGEBYLEX`.
fn first_bound(filter: &ListFilter, page: &Page) -> String {
    let since = filter.since.map(sets::instant).unwrap_or_default();
    // What follows the id in an entry is a colon; the semicolon comes next after it.
    let after =
        page.after.as_ref().map(|(at, id)| format!("{}{id};", sets::instant(*at))).unwrap_or_default();
    let bound = since.max(after);
    if bound.is_empty() { "-".to_owned() } else { format!("[{bound}") }
}

/// The next entries of some sets.
struct Chunk {
    /// In order, each once.
    entries: Vec<String>,
    /// Where to go on; `None` at the end.
    next: Option<String>,
}

fn merged(found: Vec<Vec<String>>, most: usize) -> Chunk {
    // Beyond the end of a set that has more, nothing is known of it yet.
    let full = found.iter().filter(|entries| entries.len() >= most);
    let known_to = full.filter_map(|entries| entries.last()).min().cloned();
    let mut entries: Vec<String> = found.into_iter().flatten().collect();
    entries.sort_unstable();
    entries.dedup();
    if let Some(end) = &known_to {
        entries.retain(|entry| entry <= end);
    }
    Chunk { entries, next: known_to.map(|end| format!("({end}")) }
}

/// Whether an entry is of a record that the filter could want.
fn fits(entry: &str, filter: &ListFilter) -> bool {
    Entry::parse(entry).is_some_and(|entry| {
        filter.owner.as_ref().is_none_or(|owner| owner.as_str() == entry.owner)
            && filter.account.as_ref().is_none_or(|account| account.as_str() == entry.account)
    })
}

fn is_in(job: &Job, state: Option<StateName>) -> bool {
    state.is_none_or(|state| job.state_name() == state)
}

/// The records of these entries; those that are gone are left out.
async fn records(live: &Live, entries: &[String]) -> Result<Vec<Job>, StoreError> {
    let mut reads = pipe();
    let ids: Vec<JobId> = entries.iter().filter_map(|entry| Some(Entry::parse(entry)?.id)).collect();
    for id in &ids {
        reads.add_command(record::read(id));
    }
    let texts: Vec<Option<Vec<u8>>> = live.pipe_apart(&reads).await?;
    let mut jobs = Vec::with_capacity(texts.len());
    for ((text, id), entry) in texts.into_iter().zip(&ids).zip(entries) {
        let Some(text) = text else {
            continue;
        };
        let job = Record::parse(id, &text)?.job;
        // The same id may have been accepted again after its first record had gone.
        if sets::entry(&job) == *entry {
            jobs.push(job);
        }
    }
    Ok(jobs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(numbers: impl Iterator<Item = usize>) -> Vec<String> {
        numbers.map(|number| format!("{number:05}")).collect()
    }

    #[test]
    fn nothing_beyond_the_end_of_an_unfinished_set_is_given() {
        let even = entries((0..MANY).map(|number| 2 * number));
        let sparse = entries([1, 3, 2 * MANY + 1].into_iter());
        let chunk = merged(vec![even, sparse], MANY);
        assert_eq!(chunk.entries.len(), MANY + 2);
        assert_eq!(chunk.entries[..4], entries(0..4));
        assert_eq!(chunk.next, Some(format!("({:05}", 2 * (MANY - 1))));
        let last = merged(vec![entries(0..3), entries(2..5)], MANY);
        assert_eq!(last.entries, entries(0..5));
        assert_eq!(last.next, None);
    }
}
