//! An offline Google: OAuth and Calendar under one origin, faithful enough to develop and test against, with faults to
//! inject and a page to look at.
//!
//! [`start`] binds a port and serves Google's paths (`/o/oauth2/v2/auth`, `/token`, `/revoke`, `/tokeninfo`,
//! userinfo, OpenID discovery and keys, `/calendar/v3/…`), the calendar week on `/`, and controls under `/_sandbox/`. Point any Google client at it
//! with the credentials file that `GET /_sandbox/credentials` answers.
//!
//! # Controls
//!
//! | route | does |
//! |---|---|
//! | `GET /` | one person's week: `?user=`, `?date=`, `?tz=` |
//! | `GET /_sandbox/outbox` | invitations that would have been mailed, a page or JSON by `Accept` |
//! | `GET /_sandbox/credentials?client=` | a Google credentials file that points here, with `revoke_uri`, `userinfo_uri` and `api_url` besides |
//! | `POST /_sandbox/credentials` `{redirect_uris}` | allows more redirect URIs |
//! | `POST /_sandbox/clients/{client}` `{kind?,publishing?,deleted?,secret?}`, `GET /_sandbox/clients` | an OAuth client: `web` or `installed`, in `production` or `testing`, deleted or not; an unknown one is made; answers its credentials file |
//! | `POST /_sandbox/service-account` `{delegatedScopes?}`, `GET` | what an administrator delegates to the project's service account; answers its credentials file |
//! | `POST /_sandbox/tokens` `{user?,scopes?,expiresIn?,client?}` | a whole grant without a browser; an unknown user is created |
//! | `GET /_sandbox/events?user=&calendar=` | everything stored, tombstones included, each with `insertCount`, `user` and `calendar` |
//! | `GET /_sandbox/stats` | counts by method and result, `refreshes`, `perSecond`, `maxPerMinute` by user and `maxPerMinuteProject` (quota units that arrived in any 60 s, refused ones too) |
//! | `GET /_sandbox/requests?since=` | the last 200,000 calls; `since` is a moment or the last `seq` seen |
//! | `POST`, `GET`, `DELETE /_sandbox/faults` | faults in force |
//! | `POST`, `GET /_sandbox/quota` `{projectPerMinute?,userPerMinute?,calendarPerSecond?,invitationsPerDay?}` | sliding windows |
//! | `POST /_sandbox/meet` `{delayMs?,outcome?}` | how conferences come to be: `success` or `failure` |
//! | `POST /_sandbox/users/{user}` `{revoked?,expired?,sessionEnded?,adminBlocked?,usageLimited?,deleted?,calendarUser?,scopes?,allowedConferenceSolutionTypes?,calendars?,roles?,timeZone?,name?}`, `GET /_sandbox/users` | what happens to people |
//! | `POST`, `GET /_sandbox/clock` `{advanceSeconds}` | the virtual clock |
//! | `POST /_sandbox/reset` `{everything?}` | empty calendars, no troubles; people stay signed in unless `everything` |
//!
//! A fault's `method` is one of `events.insert`, `.get`, `.list`, `.patch`, `.update`, `.delete`, `.import`,
//! `token.refresh`, `token.exchange`, `token.assertion`, `token.revoke`, `tokeninfo`, `userinfo`, `authorize`, or ends in
//! `*`. All faults that match a call apply: latencies add up, and the oldest that refuses or drops decides. A refusal
//! takes Google's usual status and words for its `reason`, or its usual reason for a bare `status`; `layout` is `backend`,
//! `frontend`, `bare` (the front end's without `errors[]`) or `html`; `retryAfter` is seconds or a text. Injected latency
//! passes half before and half after the effect, so that a client which gives up may or may not have been heard. A drop
//! closes the TCP connection without one byte of reply.
//!
//! `usageLimited` refuses writes that carry guests (`quotaExceeded`), and so do more than `invitationsPerDay` guests from
//! outside the user's domain; `roles` (`{"calendar": "reader"|"writer"|null}`) opens others' calendars; `scopes` are the
//! scopes that the user's grants hold from now on; `revoked` ends every grant there is, and a new consent is a new grant;
//! `expired` ends the access tokens alone; after `sessionEnded` a refresh wants a new login (`invalid_rapt`), which a new
//! consent is; `adminBlocked` stops consent and refresh (`admin_policy_enforced`). A client in `testing` gives refresh
//! tokens that live for seven days, unless they only sign in. The page for consent also offers access for a time, and the
//! token response then says so.
//!
//! The pages and controls answer under localhost, a loopback address and the host of `public_url`; where the sandbox listens
//! beyond loopback, also under any address and [`Config::allowed_hosts`] (421 otherwise). Pages of another origin get 403,
//! and a body that is not called `application/json` gets 415. Google's own paths answer under any name.
//!
//! # How strict it is
//!
//! No kinder than Google: a body that Google refuses is refused with its status, reason and domain, and in its words where
//! somebody has quoted them (`events/refusal.rs` says whose words each refusal has, and what is uncertain). Several faults
//! of one body are several entries of `errors[]`. Where nobody knows what Google does, the stricter answer is given.
//!
//! # What it is not
//!
//! Its signatures prove nothing (the key is part of the source), instances of a recurring event can be read but not
//! changed, an invitation goes to the outbox, never into another user's calendar, and of the Calendar API it has the
//! events alone: no batches, no `move`, `instances`, `quickAdd` or `watch`.

mod api_error;
mod calendar;
mod call;
mod catalogue;
mod change;
mod client;
mod clock;
mod config;
mod controls;
mod event;
mod events;
mod faults;
#[cfg(test)]
mod golden;
mod grant;
mod hosts;
mod identifier;
mod journal;
mod key;
mod method;
mod oauth;
mod outbox;
mod page;
mod partial;
mod query;
mod quota;
mod reply;
mod sandbox;
mod server;
mod start_error;
mod stats;
mod user;
mod wire;
mod world;

pub use config::{Config, Meet, MeetOutcome, Quota, TimeSource};
pub use sandbox::Sandbox;
pub use server::{Running, start};
pub use start_error::StartError;
