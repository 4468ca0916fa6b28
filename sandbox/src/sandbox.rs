//! The sandbox itself: its lasting world behind one lock, with quotas, faults and statistics around it.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::api_error::ApiError;
use crate::calendar::CalendarInfo;
use crate::change::Change;
use crate::client::Client;
use crate::clock::Clock;
use crate::config::{Config, Meet};
use crate::faults::Faults;
use crate::grant::{AccessToken, Code, RefreshToken, Scopes};
use crate::journal::Journal;
use crate::key::Key;
use crate::quota::Quotas;
use crate::start_error::StartError;
use crate::stats::Stats;
use crate::user::User;
use crate::world::World;

/// A running sandbox's state; what tests may do to it without HTTP.
pub struct Sandbox {
    pub(crate) config: Config,
    pub(crate) clock: Clock,
    inner: Mutex<Inner>,
}

/// Everything behind the lock.
pub(crate) struct Inner {
    pub(crate) world: World,
    pub(crate) faults: Faults,
    pub(crate) quotas: Quotas,
    pub(crate) stats: Stats,
    pub(crate) meet: Meet,
    pub(crate) codes: HashMap<String, Code>,
    pub(crate) key: Key,
    journal: Option<Journal>,
    open: Open,
    latest: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Open {
    Yes,
    /// Stopped: whatever still arrives changes nothing.
    No,
}

/// A fresh pair of tokens.
#[derive(Debug, Clone)]
pub(crate) struct Tokens {
    pub(crate) access: AccessToken,
    pub(crate) refresh: Option<RefreshToken>,
}

impl Sandbox {
    pub(crate) fn open(config: Config) -> Result<Self, StartError> {
        let valid = |user: &String| email_address::EmailAddress::is_valid(user);
        if config.users.is_empty() || !config.users.iter().all(valid) {
            return Err(StartError::Users);
        }
        let mut world = World::default();
        let journal = match &config.state_file {
            Some(path) => Some(Journal::open(path, |change| world.apply(change))?),
            None => None,
        };
        let clock = Clock::new(config.time.clone());
        clock.set_offset_ms(world.clock_offset_ms);
        let mut inner = Inner {
            world,
            faults: Faults::default(),
            quotas: Quotas::new(config.quota),
            stats: Stats::default(),
            meet: config.meet,
            codes: HashMap::new(),
            key: Key::new(),
            journal: None,
            open: Open::Yes,
            latest: Timestamp::MIN,
        };
        inner.populate(&config);
        inner.journal = journal;
        inner.compact(clock.now()).map_err(|source| StartError::StateFile {
            path: config.state_file.clone().unwrap_or_default(),
            source,
        })?;
        Ok(Self { config, clock, inner: Mutex::new(inner) })
    }

    /// A panic while the lock was held is a bug in one call; the world is written in whole values, so the next call may
    /// go on.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Moves the virtual clock forward.
    pub fn advance(&self, by: Duration) {
        let mut inner = self.lock();
        let by = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        let offset_ms = self.clock.offset_ms().saturating_add(by);
        if inner.commit(vec![Change::Clock { offset_ms }]).is_ok() {
            self.clock.set_offset_ms(offset_ms);
        }
    }

    /// The sandbox's time.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Writes the state file in its shortest form and lets go of it. Nothing changes afterwards.
    pub(crate) fn close(&self) -> std::io::Result<()> {
        let now = self.clock.now();
        let mut inner = self.lock();
        let written = match inner.open {
            Open::Yes => inner.compact(now),
            Open::No => Ok(()),
        };
        inner.journal = None;
        inner.open = Open::No;
        written
    }

    /// Lets go of the state file as a killed process would.
    pub(crate) fn abandon(&self) {
        let mut inner = self.lock();
        inner.journal = None;
        inner.open = Open::No;
    }
}

impl Inner {
    /// The time of a call: never before the one before it.
    pub(crate) fn now(&mut self, clock: &Clock) -> Timestamp {
        self.latest = self.latest.max(clock.now());
        self.latest
    }

    /// Writes the changes down, then makes them. Only what was committed may be answered.
    pub(crate) fn commit(&mut self, changes: Vec<Change>) -> Result<(), ApiError> {
        if self.open == Open::No {
            return Err(ApiError::of("backendError"));
        }
        if let Some(journal) = &mut self.journal
            && let Err(error) = journal.append(&changes)
        {
            tracing::error!(%error, "The sandbox cannot write its state file");
            return Err(ApiError::of("backendError"));
        }
        for change in changes {
            self.world.apply(change);
        }
        Ok(())
    }

    fn compact(&mut self, now: Timestamp) -> std::io::Result<()> {
        match &mut self.journal {
            Some(journal) => journal.compact(self.world.snapshot(now)),
            None => Ok(()),
        }
    }

    /// The people, client and redirect URIs of the configuration, where they are missing.
    pub(crate) fn populate(&mut self, config: &Config) {
        for email in &config.users {
            if self.world.user(email).is_none() {
                for change in new_user(email) {
                    self.world.apply(change);
                }
            }
        }
        if self.world.client(&config.client_id).is_none() {
            self.world.apply(Change::Client(Client::usual(config)));
        }
        for uri in &config.redirect_uris {
            self.world.apply(Change::RedirectUri(uri.clone()));
        }
    }

    /// A new access token, and a refresh token when that is the source.
    pub(crate) fn issue(&mut self, order: Order<'_>, now: Timestamp) -> Result<Tokens, ApiError> {
        let Order { user, client, scopes, source, lifetime } = order;
        let mut changes = Vec::new();
        let mut acting = None;
        let (refresh, origin) = match source {
            Source::AccessOnly { delegate } => {
                acting = delegate;
                (None, None)
            }
            Source::Refresh(token) => (None, Some(token)),
            Source::NewRefresh { lasting } => {
                let surplus = self.world.surplus_refresh_tokens(user, client, now);
                changes.extend(surplus.into_iter().map(Change::ForgetRefresh));
                let usual =
                    self.world.client(client).and_then(|client| client.refresh_token_lifetime(&scopes));
                let lifetime = usual.into_iter().chain(lasting).min();
                let token = RefreshToken {
                    token: RefreshToken::new_token(),
                    user: user.to_owned(),
                    client: client.to_owned(),
                    scopes: scopes.clone(),
                    issued: now,
                    serial: self.world.next_serial,
                    used: now,
                    expires: lifetime.map(|span| now.checked_add(span).unwrap_or(Timestamp::MAX)),
                    session_ended: false,
                };
                let origin = token.token.clone();
                (Some(token), Some(origin))
            }
        };
        let access = AccessToken {
            token: AccessToken::new_token(),
            user: user.to_owned(),
            client: client.to_owned(),
            scopes,
            expires: now.checked_add(lifetime).unwrap_or(Timestamp::MAX),
            refresh: origin,
            delegate: acting,
        };
        changes.extend(refresh.clone().map(Change::Refresh));
        changes.push(Change::Access(access.clone()));
        self.commit(changes)?;
        Ok(Tokens { access, refresh })
    }

    /// Ends everything this user has granted to this client.
    pub(crate) fn revoke(&mut self, user: &str, client: &str) -> Result<(), ApiError> {
        let refresh = self.world.refresh.values();
        let access = self.world.access.values();
        let mut changes: Vec<Change> = refresh
            .filter(|token| token.user == user && token.client == client)
            .map(|token| Change::ForgetRefresh(token.token.clone()))
            .chain(
                access
                    .filter(|token| token.user == user && token.client == client)
                    .map(|token| Change::ForgetAccess(token.token.clone())),
            )
            .collect();
        changes.push(Change::Consent {
            user: user.to_owned(),
            client: client.to_owned(),
            scopes: Scopes::new(),
        });
        self.commit(changes)
    }

    /// Ends everything this user has granted to any client.
    pub(crate) fn revoke_all(&mut self, user: &str) -> Result<(), ApiError> {
        let clients: Vec<String> = self.world.clients.iter().map(|client| client.id.clone()).collect();
        clients.iter().try_for_each(|client| self.revoke(user, client))
    }

    /// The user's refresh tokens ask for a new login from now on; a new consent is one.
    pub(crate) fn end_sessions(&mut self, user: &str) -> Result<(), ApiError> {
        let tokens = self.world.refresh.values().filter(|token| token.user == user);
        let ended =
            tokens.map(|token| Change::Refresh(RefreshToken { session_ended: true, ..token.clone() }));
        let ended = ended.collect();
        self.commit(ended)
    }
}

/// What new tokens are for.
pub(crate) struct Order<'a> {
    pub(crate) user: &'a str,
    pub(crate) client: &'a str,
    pub(crate) scopes: Scopes,
    pub(crate) source: Source,
    /// Of the access token.
    pub(crate) lifetime: Duration,
}

/// What a new access token hangs on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// A refresh token that comes with it, and ends after `lasting` where the person set an end.
    NewRefresh {
        lasting: Option<SignedDuration>,
    },
    Refresh(String),
    /// No refresh token; `delegate` is the service account that acts for the user.
    AccessOnly {
        delegate: Option<String>,
    },
}

/// A person comes with a calendar.
pub(crate) fn new_user(email: &str) -> [Change; 2] {
    let user = User::new(email);
    let calendar =
        CalendarInfo { id: user.email.clone(), owner: user.email.clone(), time_zone: "UTC".to_owned() };
    [Change::User(user), Change::Calendar(calendar)]
}
