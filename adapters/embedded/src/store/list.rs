//! Pages of records, in order of submission.

use std::collections::HashSet;

use rusqlite::Connection;
use rusqlite::types::Value;

use super::rows;
use crate::column::nanos;
use crate::database::DatabaseError;
use common::account::AccountId;
use common::job::{Job, JobId, StateName};
use common::port::{ListFilter, Page};

pub(super) fn read(db: &Connection, filter: &ListFilter, page: &Page) -> Result<Vec<Job>, DatabaseError> {
    let (conditions, mut values) = conditions(filter, page);
    let conditions = if conditions.is_empty() { "true".to_owned() } else { conditions.join(" AND ") };
    values.push(Value::from(i64::from(page.limit)));
    let sql = format!("SELECT body FROM jobs WHERE {conditions} ORDER BY submitted_at, id LIMIT ?");
    let mut select = db.prepare_cached(&sql)?;
    let bodies = select.query_map(rusqlite::params_from_iter(values), |row| row.get::<_, String>(0))?;
    bodies.map(|body| rows::parse(&body?)).collect()
}

/// The blocked jobs of these accounts, without their records.
pub(super) fn blocked(
    db: &Connection,
    of: &HashSet<AccountId>,
) -> Result<Vec<(AccountId, JobId)>, DatabaseError> {
    let mut select =
        db.prepare_cached("SELECT account, id FROM jobs WHERE state = ?1 ORDER BY submitted_at, id")?;
    let rows = select.query_map([StateName::Blocked.as_str()], |row| {
        Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
    })?;
    let mut found = Vec::new();
    for row in rows {
        let (account, id) = row?;
        if let (Ok(account), Ok(id)) = (AccountId::parse(&account), JobId::parse(&id))
            && of.contains(&account)
        {
            found.push((account, id));
        }
    }
    Ok(found)
}

/// The conditions that are there, each with its values in order.
fn conditions(filter: &ListFilter, page: &Page) -> (Vec<&'static str>, Vec<Value>) {
    let mut conditions = Vec::new();
    let mut values = Vec::new();
    let mut when = |condition: &'static str, value: Option<Vec<Value>>| {
        if let Some(value) = value {
            conditions.push(condition);
            values.extend(value);
        }
    };
    let text = |text: &str| vec![Value::from(text.to_owned())];
    let instant = |instant| vec![Value::from(nanos(instant))];
    when("owner = ?", filter.owner.as_ref().map(|owner| text(owner.as_str())));
    when("account = ?", filter.account.as_ref().map(|account| text(account.as_str())));
    when("state = ?", filter.state.map(|state| text(state.as_str())));
    when("submitted_at >= ?", filter.since.map(instant));
    when("submitted_at < ?", filter.until.map(instant));
    let cursor = page.after.as_ref();
    when(
        "(submitted_at, id) > (?, ?)",
        cursor.map(|(at, id)| vec![Value::from(nanos(*at)), Value::from(id.as_str().to_owned())]),
    );
    (conditions, values)
}
