//! Everything that lasts: people, calendars, grants and mails.

use std::collections::{BTreeMap, HashMap, VecDeque};

use jiff::Timestamp;

use crate::calendar::{Calendar, CalendarInfo, Role};
use crate::change::Change;
use crate::client::Client;
use crate::grant::{AccessToken, LIVE_REFRESH_TOKENS, RefreshToken, Scopes};
use crate::outbox::{self, Mail};
use crate::user::User;

#[derive(Debug, Default)]
pub(crate) struct World {
    /// In the order of their arrival; the first is the one `default` belongs to.
    pub(crate) users: Vec<User>,
    by_email: HashMap<String, usize>,
    pub(crate) calendars: BTreeMap<String, Calendar>,
    /// Of people with others' calendars: by calendar and user.
    pub(crate) roles: BTreeMap<(String, String), Role>,
    pub(crate) refresh: HashMap<String, RefreshToken>,
    /// For the next refresh token.
    pub(crate) next_serial: u64,
    pub(crate) access: HashMap<String, AccessToken>,
    pub(crate) consents: BTreeMap<(String, String), Scopes>,
    pub(crate) outbox: VecDeque<Mail>,
    pub(crate) redirect_uris: Vec<String>,
    /// What an administrator lets the service account do in anybody's name.
    pub(crate) delegated: Scopes,
    /// The first is the one of the configuration.
    pub(crate) clients: Vec<Client>,
    pub(crate) clock_offset_ms: i64,
}

impl World {
    /// By address, however it is capitalised, or by sub.
    pub(crate) fn user(&self, name: &str) -> Option<&User> {
        match self.by_email.get(name) {
            Some(at) => self.users.get(*at),
            None => {
                let lower = name.to_lowercase();
                self.users.iter().find(|user| user.email == lower || user.sub == name)
            }
        }
    }

    /// What this person may do with this calendar; nothing when either is unknown.
    pub(crate) fn role(&self, calendar: &str, user: &str) -> Option<Role> {
        let owner = &self.calendars.get(calendar)?.info.owner;
        match owner == user {
            true => Some(Role::Owner),
            false => self.roles.get(&(calendar.to_owned(), user.to_owned())).copied(),
        }
    }

    pub(crate) fn client(&self, id: &str) -> Option<&Client> {
        self.clients.iter().find(|client| client.id == id)
    }

    /// The refresh tokens that Google drops when this user and client get one more.
    pub(crate) fn surplus_refresh_tokens(&self, user: &str, client: &str, now: Timestamp) -> Vec<String> {
        let mut live: Vec<_> = self
            .refresh
            .values()
            .filter(|token| token.user == user && token.client == client && token.is_live(now))
            .map(|token| (token.issued, token.serial, &token.token))
            .collect();
        live.sort();
        let surplus = (live.len() + 1).saturating_sub(LIVE_REFRESH_TOKENS);
        live.into_iter().take(surplus).map(|(.., token)| token.clone()).collect()
    }

    pub(crate) fn apply(&mut self, change: Change) {
        match change {
            Change::User(user) => self.put_user(user),
            Change::Calendar(info) => self.put_calendar(info),
            Change::Event { calendar, event } => {
                if let Some(calendar) = self.calendars.get_mut(&calendar) {
                    calendar.put(*event);
                }
            }
            Change::Mail(mail) => {
                if self.outbox.len() == outbox::KEPT {
                    self.outbox.pop_front();
                }
                self.outbox.push_back(mail);
            }
            Change::Refresh(token) => {
                self.next_serial = self.next_serial.max(token.serial + 1);
                self.refresh.insert(token.token.clone(), token);
            }
            Change::Access(token) => {
                self.access.insert(token.token.clone(), token);
            }
            Change::ForgetRefresh(token) => {
                self.refresh.remove(&token);
            }
            Change::ForgetAccess(token) => {
                self.access.remove(&token);
            }
            Change::Consent { user, client, scopes } => {
                if scopes.is_empty() {
                    self.consents.remove(&(user, client));
                } else {
                    self.consents.insert((user, client), scopes);
                }
            }
            Change::RedirectUri(uri) => {
                if !self.redirect_uris.contains(&uri) {
                    self.redirect_uris.push(uri);
                }
            }
            Change::Client(client) => match self.clients.iter_mut().find(|known| known.id == client.id) {
                Some(known) => *known = client,
                None => self.clients.push(client),
            },
            Change::Role { calendar, user, role } => {
                match role {
                    Some(role) => self.roles.insert((calendar, user), role),
                    None => self.roles.remove(&(calendar, user)),
                };
            }
            Change::Delegated(scopes) => self.delegated = scopes,
            Change::Clock { offset_ms } => self.clock_offset_ms = offset_ms,
            Change::ResetCalendars => self.reset_calendars(),
            Change::ResetAll => {
                *self = Self { clock_offset_ms: self.clock_offset_ms, ..Self::default() };
            }
        }
    }

    fn put_user(&mut self, user: User) {
        if let Some(&at) = self.by_email.get(&user.email) {
            self.users[at] = user;
            return;
        }
        self.by_email.insert(user.email.clone(), self.users.len());
        self.users.push(user);
    }

    fn put_calendar(&mut self, info: CalendarInfo) {
        match self.calendars.get_mut(&info.id) {
            Some(calendar) if calendar.info == info => {}
            Some(calendar) => calendar.set_info(info),
            None => {
                self.calendars.insert(info.id.clone(), Calendar::new(info));
            }
        }
    }

    fn reset_calendars(&mut self) {
        let emails: Vec<String> = self.users.iter().map(|user| user.email.clone()).collect();
        for email in &emails {
            self.put_user(User::new(email));
        }
        self.calendars.retain(|id, _| emails.contains(id));
        for calendar in self.calendars.values_mut() {
            *calendar = Calendar::new(CalendarInfo { time_zone: "UTC".to_owned(), ..calendar.info.clone() });
        }
        self.outbox.clear();
        self.delegated.clear();
        self.roles.clear();
        for client in &mut self.clients {
            *client = client.clone().restored();
        }
    }

    /// The fewest changes that make this world again; expired access tokens are left behind.
    pub(crate) fn snapshot(&self, now: Timestamp) -> impl Iterator<Item = Change> + '_ {
        let people = self.users.iter().cloned().map(Change::User);
        let uris = self.redirect_uris.iter().cloned().map(Change::RedirectUri);
        let clients = self.clients.iter().cloned().map(Change::Client);
        let calendars = self.calendars.values().flat_map(|calendar| {
            let id = &calendar.info.id;
            let events = calendar
                .events
                .values()
                .map(|event| Change::Event { calendar: id.clone(), event: Box::new(event.as_ref().clone()) });
            std::iter::once(Change::Calendar(calendar.info.clone())).chain(events)
        });
        let grants = self.refresh.values().cloned().map(Change::Refresh);
        let access =
            self.access.values().filter(move |token| token.is_live(now)).cloned().map(Change::Access);
        let consents = self.consents.iter().map(|((user, client), scopes)| Change::Consent {
            user: user.clone(),
            client: client.clone(),
            scopes: scopes.clone(),
        });
        let roles = self.roles.iter().map(|((calendar, user), role)| Change::Role {
            calendar: calendar.clone(),
            user: user.clone(),
            role: Some(*role),
        });
        std::iter::once(Change::Clock { offset_ms: self.clock_offset_ms })
            .chain(people)
            .chain(uris)
            .chain(clients)
            .chain(calendars)
            .chain(grants)
            .chain(access)
            .chain(consents)
            .chain(roles)
            .chain(std::iter::once(Change::Delegated(self.delegated.clone())))
            .chain(self.outbox.iter().cloned().map(Change::Mail))
    }
}
