//! The ports: what the domain asks of the world, in the domain's words.
//!
//! Each is a trait with adapters: in the crates of `adapters/`, in [`memory`](crate::memory), or, for Google, in the
//! crate `google`.
//! What a method promises is true when it returns.

mod allowance;
mod calendar;
mod clock;
mod queue;
mod store;
mod throttle;
mod token;
mod token_endpoint;
mod vault;
mod vault_open_error;

pub use crate::grant::{ClientRef, GoogleUser, Grant, RefreshToken};
pub use allowance::{Allotment, Allowances};
pub use calendar::{Calendar, CalendarError, Meeting, NewEvent, Reach, StoredEvent, ThrottledKey};
pub use clock::{Clock, SystemClock, pause};
pub use queue::{Delivery, DeliveryTag, Depth, JobQueue, Lane, QueueError, Turns};
pub use store::{Accepted, Backlog, Change, JobStore, ListFilter, Overdue, Page, StoreError, Watch};
pub use throttle::{
    AHEAD, FURTHER_AHEAD, Limit, Line, Take, Throttle, ThrottleKey, Turn, Window, WorkerCount,
};
pub use token::{AccessToken, RefreshTurn, TokenCache};
pub use token_endpoint::{ConsentRequest, TokenEndpoint, TokenError};
pub use vault::{Changes, Doc, Shelf, Vault, VaultError, Version};
pub use vault_open_error::VaultOpenError;
