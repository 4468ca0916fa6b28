//! Binding, connecting again, and refusals that come late.

use secrecy::{ExposeSecret as _, SecretString};

use super::*;
use crate::embedded::{Embedded, Role};
use crate::port::SystemClock;

struct Office {
    accounts: Accounts,
    vault: Arc<dyn Vault>,
    _dir: tempfile::TempDir,
}

async fn office() -> Office {
    let dir = tempfile::tempdir().expect("a folder");
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let folder =
        Embedded::open(dir.path(), Role::Operator, Arc::clone(&clock), None).await.expect("it opens");
    let vault: Arc<dyn Vault> = folder.vault();
    let ring = Keyring::new(Key::random(), Vec::new());
    let accounts = Accounts::new(Arc::clone(&vault), ring, HashKey::new(Key::random()), clock);
    Office { accounts, vault, _dir: dir }
}

fn connection(sub: &str, token: &str) -> Connection {
    Connection {
        user: GoogleUser { sub: sub.to_owned(), email: format!("{sub}@example.com") },
        refresh_token: RefreshToken(SecretString::from(token.to_owned())),
        client: ClientRef { token_uri: "https://oauth2.example/token".to_owned(), client_id: "c".to_owned() },
        scopes: vec!["calendar.events".to_owned()],
    }
}

fn id() -> AccountId {
    AccountId::default_account()
}

fn token(office: &Office, account: &Account) -> String {
    let token = account.refresh_token(office.accounts.ring()).expect("the right key").expect("connected");
    token.0.expose_secret().to_owned()
}

#[tokio::test]
async fn the_first_connection_binds_and_later_ones_must_be_the_same_user() {
    let office = office().await;
    let first = office.accounts.connect(&id(), &connection("ada", "t1")).await.expect("it is new");
    assert_eq!((first.generation, token(&office, &first).as_str()), (Generation(1), "t1"));
    let other = office.accounts.connect(&id(), &connection("eve", "t2")).await;
    assert_eq!(other, Err(AccountError::OtherUser { bound_to: "ada@example.com".to_owned() }));
    let kept = office.accounts.get_now(&id()).await.expect("readable").expect("there");
    assert_eq!((kept.generation, token(&office, &kept).as_str()), (Generation(1), "t1"));
    let again = office.accounts.connect(&id(), &connection("ada", "t3")).await.expect("the same user");
    assert_eq!((again.generation, token(&office, &again).as_str()), (Generation(2), "t3"));
    assert_eq!(again.seal_key, first.seal_key, "what is sealed for the account stays readable");
}

#[tokio::test]
async fn a_late_refusal_does_not_touch_a_newer_connection() {
    let office = office().await;
    let accounts = &office.accounts;
    accounts.connect(&id(), &connection("ada", "t1")).await.expect("it is new");
    accounts.connect(&id(), &connection("ada", "t2")).await.expect("the same user");
    let cause = ReauthorizationCause::GrantEnded;
    assert_eq!(accounts.needs_reauthorization(&id(), Generation(1), cause).await, Ok(false));
    assert_eq!(accounts.needs_reauthorization(&id(), Generation(2), cause).await, Ok(true));
    assert_eq!(
        accounts.needs_reauthorization(&id(), Generation(2), cause).await,
        Ok(false),
        "one notice is enough"
    );
    let connected = accounts.connect(&id(), &connection("ada", "t3")).await.expect("the same user");
    assert_eq!(connected.state, AccountState::Connected);
}

#[tokio::test]
async fn a_disconnected_account_forgets_its_token_and_stays_bound() {
    let office = office().await;
    let accounts = &office.accounts;
    assert_eq!(accounts.disconnect(&id()).await, Err(AccountError::NeverConnected));
    accounts.connect(&id(), &connection("ada", "t1")).await.expect("it is new");
    let gone = accounts.disconnect(&id()).await.expect("it is there");
    assert!(gone.refresh_token.is_none());
    assert!(matches!(gone.state, AccountState::Disconnected { .. }));
    assert!(matches!(
        accounts.connect(&id(), &connection("eve", "t2")).await,
        Err(AccountError::OtherUser { .. })
    ));
}

#[tokio::test]
async fn a_new_refresh_token_is_kept_for_its_own_connection_only() {
    let office = office().await;
    let accounts = &office.accounts;
    accounts.connect(&id(), &connection("ada", "t1")).await.expect("it is new");
    let new = |text: &str| RefreshToken(SecretString::from(text.to_owned()));
    accounts.replace_refresh_token(&id(), Generation(7), &new("stray")).await.expect("nothing to do");
    accounts.replace_refresh_token(&id(), Generation(1), &new("t2")).await.expect("kept");
    let account = accounts.get_now(&id()).await.expect("readable").expect("there");
    assert_eq!(token(&office, &account), "t2");
}

#[tokio::test]
async fn concurrent_connections_are_all_counted() {
    let office = office().await;
    let accounts = &office.accounts;
    let connections: Vec<Connection> =
        (0..20).map(|number| connection("ada", &format!("t{number}"))).collect();
    let id = id();
    let all = connections.iter().map(|connection| accounts.connect(&id, connection));
    for connected in futures_util::future::join_all(all).await {
        connected.expect("the same user");
    }
    let account = accounts.get_now(&id).await.expect("readable").expect("there");
    assert_eq!(account.generation, Generation(20));
}

#[tokio::test]
async fn the_vault_never_sees_an_address_or_a_token() {
    let office = office().await;
    office.accounts.connect(&id(), &connection("ada", "very-secret")).await.expect("it is new");
    let doc = office.vault.get(Shelf::Accounts, "default").await.expect("readable").expect("there");
    let text = doc.value.to_string();
    assert!(!text.contains("very-secret") && !text.contains("ada"), "{text}");
}

#[tokio::test]
async fn the_wrong_master_key_is_told_and_changes_nothing() {
    let office = office().await;
    let right = office.accounts.ring();
    crate::secrets::open(office.vault.as_ref(), right).await.expect("made");
    let before = office.vault.list(Shelf::Secrets).await.expect("readable");
    let wrong = Keyring::new(Key::random(), Vec::new());
    let refused = crate::secrets::open(office.vault.as_ref(), &wrong).await.expect_err("another key");
    assert!(matches!(refused, crate::secrets::LockedOut::WrongKey(_)), "{refused}");
    assert_eq!(office.vault.list(Shelf::Secrets).await.expect("readable"), before);
}
