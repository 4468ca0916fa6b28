//! The sandbox over real HTTP, as Google's clients see it.

mod authorization;
mod conditions;
mod controls;
mod drops;
mod errors;
mod harness;
mod journal;
mod lists;
mod meet;
mod outbox;
mod pages;
mod python;
mod quota;
mod resource;
mod tokens;
mod tombstones;
mod validation;
