//! The port `Allowances`.

use std::time::Duration;

use async_trait::async_trait;

use super::store::StoreError;

/// Shares out what a caller may send among all ingresses: each takes some of it at a time, and asks again once that
/// is used up.
#[async_trait]
pub trait Allowances: Send + Sync {
    /// Takes up to `want` requests out of the window of `caller`, which begins with the first request, lasts `per`
    /// and holds `limit` requests in all.
    ///
    /// # Errors
    /// When it cannot be asked; then an ingress keeps to its share, by [`Self::ingresses`].
    async fn allot(
        &self,
        caller: &str,
        limit: u32,
        per: Duration,
        want: u32,
    ) -> Result<Allotment, StoreError>;

    /// How many ingresses there are that ask, as far as is known; at least one.
    fn ingresses(&self) -> u32;
}

/// A part of what a caller may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allotment {
    /// Requests that are the ingress's alone; none when the window is used up.
    pub granted: u32,
    /// Requests that nobody has taken.
    pub left: u32,
    /// Until the window ends: what is not used by then is nobody's.
    pub resets_in: Duration,
}
