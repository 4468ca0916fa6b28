//! The calls that an attempt makes of Google, with all that they take.

use super::Attempts;
use super::leased::Leased;
use super::opened::Writing;

/// What an attempt calls with: [`create`](super::create) and [`settle`](super::settle) say what for.
pub(super) struct Call<'a> {
    pub(super) attempts: &'a Attempts,
    pub(super) leased: &'a Leased<'a>,
    pub(super) writing: &'a Writing,
}
