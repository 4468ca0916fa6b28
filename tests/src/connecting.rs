//! Connecting accounts without a browser: by way of the vault, as an operator's tool does.

use std::sync::Arc;

use accounts::{Accounts, Connection};
use common::account::AccountId;
use common::port::{ClientRef, GoogleUser, RefreshToken, SystemClock};
use common::seal::{Key, Keyring};
use serde_json::{Value, json};

use crate::installation::Installation;
use crate::sandbox::SandboxView;

/// Connects `account` to the sandbox's `user`, who has these calendars besides their own.
///
/// # Panics
/// When that does not work.
pub async fn connect(calrelay: &Installation, account: &str, user: &str, calendars: &[String]) {
    connect_with(calrelay, own_key(calrelay), account, user, calendars).await;
}

/// As [`connect`], sealed with other keys.
///
/// # Panics
/// When that does not work.
pub async fn connect_with(
    calrelay: &Installation,
    ring: Keyring,
    account: &str,
    user: &str,
    calendars: &[String],
) {
    let google = calrelay.sandbox().view();
    google.control(&format!("/_sandbox/users/{user}"), &json!({"calendars": calendars})).await;
    let connection = granted(&google, user).await;
    let id = AccountId::parse(account).expect("an account's name");
    opened(calrelay, ring).await.connect(&id, &connection).await.expect("it is connected");
}

/// What the sandbox's `user` grants.
///
/// # Panics
/// When the sandbox does not answer as it should.
pub async fn granted(google: &SandboxView, user: &str) -> Connection {
    let client = google.read("/_sandbox/credentials").await["web"].take();
    connection(&google.control("/_sandbox/tokens", &json!({"user": user})).await, &client)
}

/// What the sandbox's grant comes to for a client, as its credentials file describes it.
///
/// # Panics
/// When one of them lacks a field.
#[must_use]
pub fn connection(grant: &Value, client: &Value) -> Connection {
    let text = |object: &Value, name: &str| object[name].as_str().expect("text").to_owned();
    Connection {
        user: GoogleUser { sub: text(grant, "sub"), email: text(grant, "email") },
        refresh_token: RefreshToken(text(grant, "refresh_token").into()),
        client: ClientRef { token_uri: text(client, "token_uri"), client_id: text(client, "client_id") },
        scopes: text(grant, "scope").split(' ').map(str::to_owned).collect(),
    }
}

/// Its accounts, as whoever has the vault and its key sees them.
///
/// # Panics
/// When the vault cannot be opened.
pub async fn accounts(calrelay: &Installation) -> Accounts {
    opened(calrelay, own_key(calrelay)).await
}

async fn opened(calrelay: &Installation, ring: Keyring) -> Accounts {
    let vault = crate::open_vault(&calrelay.vault().url(), None).await.expect("the vault opens");
    let hash_key = accounts::secrets::open(vault.as_ref(), &ring).await.expect("the vault's secrets");
    Accounts::new(vault, ring, hash_key, Arc::new(SystemClock))
}

fn own_key(calrelay: &Installation) -> Keyring {
    Keyring::new(Key::parse(calrelay.encryption_key()).expect("a key"), Vec::new())
}
