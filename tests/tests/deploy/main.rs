//! What operators are given to install calrelay with, held to the program and run.
#![expect(clippy::unwrap_used, reason = "these are tests")]

mod compose;
mod crates;
mod dockerfile;
mod installed;
mod k8s;
mod manual;
mod modules;
mod nginx;
mod prometheus;
mod repository;
mod systemd;
