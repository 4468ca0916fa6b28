//! The table `queue`: every statement that touches it.

use std::collections::VecDeque;

use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::owed::End;
use crate::database::DatabaseError;
use common::message::Message;
use common::port::{Delivery, DeliveryTag, Depth, Lane, Turns};

pub(super) struct NewRow {
    pub(super) job: Option<String>,
    pub(super) lane: Lane,
    pub(super) available_at: i64,
    pub(super) body: Vec<u8>,
}

/// A row that was taken.
pub(super) struct Taken {
    pub(super) id: i64,
    pub(super) lane: Lane,
    available_at: i64,
    redelivered: bool,
    body: Vec<u8>,
}

/// What is due.
pub(super) struct Due {
    /// In the order of delivery.
    pub(super) taken: Vec<Taken>,
    /// When the next one that was not taken is due.
    pub(super) next: Option<i64>,
}

/// Dead letters removed in one transaction, at most.
const CHUNK: u32 = 500;

/// The lanes' numbers at rest. Persisted.
const fn number(lane: Lane) -> i64 {
    match lane {
        Lane::Due => 0,
        Lane::Fresh => 1,
        Lane::Dead => 2,
    }
}

pub(super) fn id(tag: DeliveryTag) -> i64 {
    tag.0.cast_signed()
}

impl Taken {
    fn read(row: &Row<'_>, lane: Lane) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            lane,
            available_at: row.get(1)?,
            redelivered: row.get(2)?,
            body: row.get(3)?,
        })
    }

    pub(super) fn into_delivery(self) -> Delivery {
        Delivery {
            tag: DeliveryTag(self.id.cast_unsigned()),
            message: Message::from_bytes(&self.body),
            redelivered: self.redelivered,
        }
    }
}

pub(super) fn insert(db: &Connection, row: &NewRow) -> Result<(), DatabaseError> {
    let mut insert =
        db.prepare_cached("INSERT INTO queue (job, lane, available_at, body) VALUES (?1, ?2, ?3, ?4)")?;
    insert.execute(params![row.job, number(row.lane), row.available_at, row.body])?;
    Ok(())
}

/// Takes up to `limit` rows, each lane from its longest-due on, in the order of [`Turns`].
pub(super) fn take(db: &Connection, now: i64, limit: usize) -> Result<Due, DatabaseError> {
    let share = limit / (usize::from(Turns::DUE_FOR_ONE_FRESH) + 1);
    let mut due = take_from(db, Lane::Due, now, limit - share)?;
    let fresh = take_from(db, Lane::Fresh, now, limit - due.len())?;
    due.extend(take_from(db, Lane::Due, now, limit - due.len() - fresh.len())?);
    let mut next: Option<i64> = None;
    for lane in [Lane::Due, Lane::Fresh] {
        // Lane by lane, so that the index answers however many wait.
        let mut first = db.prepare_cached(
            "SELECT available_at FROM queue WHERE taken = 0 AND lane = ?1 ORDER BY available_at LIMIT 1",
        )?;
        let first: Option<i64> = first.query_row([number(lane)], |row| row.get(0)).optional()?;
        next = next.into_iter().chain(first).min();
    }
    Ok(Due { taken: in_turn(due, fresh), next })
}

fn in_turn(due: Vec<Taken>, fresh: Vec<Taken>) -> Vec<Taken> {
    let (mut due, mut fresh) = (VecDeque::from(due), VecDeque::from(fresh));
    let mut turns = Turns::default();
    let mut taken = Vec::with_capacity(due.len() + fresh.len());
    while let Some(lane) = turns.next(!due.is_empty(), !fresh.is_empty()) {
        taken.extend(match lane {
            Lane::Due | Lane::Dead => due.pop_front(),
            Lane::Fresh => fresh.pop_front(),
        });
    }
    taken
}

fn take_from(db: &Connection, lane: Lane, now: i64, limit: usize) -> Result<Vec<Taken>, DatabaseError> {
    let mut take = db.prepare_cached(
        "UPDATE queue SET taken = 1 WHERE id IN (
            SELECT id FROM queue WHERE taken = 0 AND lane = ?1 AND available_at <= ?2
            ORDER BY available_at, id LIMIT ?3)
         RETURNING id, available_at, redelivered, body",
    )?;
    let rows = take.query_map(params![number(lane), now, limit as i64], |row| Taken::read(row, lane))?;
    let mut taken = rows.collect::<rusqlite::Result<Vec<_>>>()?;
    // RETURNING promises no order.
    taken.sort_by_key(|row| (row.available_at, row.id));
    Ok(taken)
}

pub(super) fn delete(db: &Connection, id: i64) -> Result<(), DatabaseError> {
    db.prepare_cached("DELETE FROM queue WHERE id = ?1")?.execute([id])?;
    Ok(())
}

/// Answers the lane it went back to; `None` when it is not there, or not taken.
pub(super) fn put_back(db: &Connection, id: i64) -> Result<Option<Lane>, DatabaseError> {
    let mut back = db.prepare_cached(
        "UPDATE queue SET taken = 0, redelivered = 1 WHERE id = ?1 AND taken = 1 RETURNING lane",
    )?;
    let lane: Option<i64> = back.query_row([id], |row| row.get(0)).optional()?;
    Ok(Lane::ALL.into_iter().find(|known| Some(number(*known)) == lane))
}

/// Takes to their end deliveries that could not be before; answers how many fresh ones were put back.
pub(super) fn settle(db: &Connection, ends: &[End]) -> Result<u64, DatabaseError> {
    let mut fresh = 0;
    for end in ends {
        match end {
            End::Done(id) => delete(db, *id)?,
            End::PutBack(id) => fresh += u64::from(put_back(db, *id)? == Some(Lane::Fresh)),
        }
    }
    Ok(fresh)
}

/// Moves everything that waits for an instant by so many nanoseconds: the clock was set back by as much.
pub(super) fn move_back(db: &Connection, by: i64) -> Result<(), DatabaseError> {
    db.execute(
        "UPDATE queue SET available_at = available_at - ?1 WHERE lane <> ?2",
        params![by, number(Lane::Dead)],
    )?;
    Ok(())
}

/// Puts back rows that nobody has seen.
pub(super) fn untake(db: &Connection, ids: &[i64]) -> Result<(), DatabaseError> {
    let mut untake = db.prepare_cached("UPDATE queue SET taken = 0 WHERE id = ?1")?;
    for id in ids {
        untake.execute([id])?;
    }
    Ok(())
}

/// Puts back every row, as seen; answers how many fresh ones there are.
pub(super) fn untake_all(db: &Connection) -> Result<u64, DatabaseError> {
    db.execute("UPDATE queue SET taken = 0, redelivered = 1 WHERE taken = 1", [])?;
    let fresh = db.query_row(
        "SELECT count(*) FROM queue WHERE taken = 0 AND lane = ?1",
        [number(Lane::Fresh)],
        |row| row.get::<_, i64>(0),
    )?;
    Ok(fresh.cast_unsigned())
}

/// Answers whether it was there.
pub(super) fn bury(db: &Connection, id: i64, now: i64) -> Result<bool, DatabaseError> {
    let mut bury =
        db.prepare_cached("UPDATE queue SET lane = ?2, taken = 0, available_at = ?3 WHERE id = ?1")?;
    Ok(bury.execute(params![id, number(Lane::Dead), now])? > 0)
}

/// Where a dead letter stands among the others: when it was buried, and its row.
pub(super) type DeadPlace = (i64, i64);

/// The dead letter after `last`.
pub(super) fn next_dead(
    db: &Connection,
    last: Option<DeadPlace>,
) -> Result<Option<(DeadPlace, Taken)>, DatabaseError> {
    let (buried_at, id) = last.unwrap_or((i64::MIN, i64::MIN));
    let mut next = db.prepare_cached(
        "SELECT id, available_at, redelivered, body FROM queue
         WHERE taken = 0 AND lane = ?1 AND (available_at, id) > (?2, ?3)
         ORDER BY available_at, id LIMIT 1",
    )?;
    let row = next.query_row(params![number(Lane::Dead), buried_at, id], |row| Taken::read(row, Lane::Dead));
    Ok(row.optional()?.map(|row| ((row.available_at, row.id), row)))
}

pub(super) fn forget_dead(db: &Connection, before: i64) -> Result<u64, DatabaseError> {
    let mut forget = db.prepare_cached(
        "DELETE FROM queue WHERE id IN (
            SELECT id FROM queue WHERE taken = 0 AND lane = ?1 AND available_at < ?2 LIMIT ?3)",
    )?;
    Ok(forget.execute(params![number(Lane::Dead), before, CHUNK])? as u64)
}

pub(super) fn depth(db: &Connection, now: i64) -> Result<Depth, DatabaseError> {
    let mut count = db.prepare_cached(
        "SELECT count(*) FROM queue
         WHERE taken = 0 AND lane = ?1 AND available_at BETWEEN ?2 AND ?3",
    )?;
    let mut count = |lane: Lane, from: i64, to: i64| -> rusqlite::Result<u64> {
        let number: i64 = count.query_row(params![number(lane), from, to], |row| row.get(0))?;
        Ok(number.cast_unsigned())
    };
    let later = now.saturating_add(1);
    let fresh = count(Lane::Fresh, i64::MIN, now)?;
    let due = count(Lane::Due, i64::MIN, now)?;
    let delayed = count(Lane::Fresh, later, i64::MAX)? + count(Lane::Due, later, i64::MAX)?;
    let dead = count(Lane::Dead, i64::MIN, i64::MAX)?;
    let taken: i64 = db.query_row("SELECT count(*) FROM queue WHERE taken = 1", [], |row| row.get(0))?;
    Ok(Depth { fresh, due, delayed, taken: taken.cast_unsigned(), dead })
}
