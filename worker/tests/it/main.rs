//! The whole worker on the embedded adapters, against a Google that fails when told.
#![expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "a suite is a test")]

mod bench;
mod logs;
mod order;
mod receiver;
mod wait;

mod account_notices;
mod account_reads;
mod birthdays;
mod breaker;
mod cancel;
mod carried;
mod compaction;
mod crash;
mod create;
mod expiry;
mod failures;
mod former;
mod key_reused;
mod late;
mod leases;
mod limits;
mod lost;
mod lost_writes;
mod marks;
mod meet;
mod meet_refused;
mod notice_ids;
mod notices;
mod queue_away;
mod quota;
mod reauthorization;
mod records_away;
mod repeat;
mod replay;
mod sealing;
mod shutdown;
mod slow;
mod tokens;
mod turns;
mod unrecorded;
mod vanished;
