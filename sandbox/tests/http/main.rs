//! The sandbox over real HTTP, as Google's clients see it.

mod harness;
mod tombstones;
