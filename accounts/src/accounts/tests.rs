//! Binding, connecting again, and refusals that come late.

use secrecy::{ExposeSecret as _, SecretString};

use super::*;
use adapter_embedded::{Embedded, Role};
use common::port::{SystemClock, TokenError};
use testing::google::Answering::Refuse;
use testing::google::{FakeTokenEndpoint, client};

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
        client: client(),
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
    office.accounts.connect(&id(), &connection("adalovelace", "very-secret")).await.expect("it is new");
    let doc = office.vault.get(Shelf::Accounts, "default").await.expect("readable").expect("there");
    let text = doc.value.to_string();
    assert!(!text.contains("very-secret") && !text.contains("adalovelace"), "{text}");
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

fn google() -> FakeTokenEndpoint {
    FakeTokenEndpoint::new(Arc::new(SystemClock))
}

fn named(name: &str) -> AccountId {
    AccountId::parse(name).expect("an account id")
}

fn is_disconnected(account: &Account) -> bool {
    matches!(account.state, AccountState::Disconnected { .. })
}

#[tokio::test]
async fn a_revoked_accounts_grant_ends_at_google_and_its_token_is_forgotten() {
    let (office, google) = (office().await, google());
    let accounts = &office.accounts;
    assert_eq!(accounts.revoke(&id(), &google).await, Err(AccountError::NeverConnected));
    accounts.connect(&id(), &connection("ada", "t1")).await.expect("it is new");
    assert_eq!(accounts.revoke(&id(), &google).await, Ok(AtGoogle::Revoked));
    let gone = accounts.get_now(&id()).await.expect("readable").expect("it stays bound");
    assert!(gone.refresh_token.is_none() && is_disconnected(&gone));
    assert_eq!(accounts.revoke(&id(), &google).await, Ok(AtGoogle::Nothing), "nothing is left to end");
    assert_eq!(google.revoked(), ["t1"]);
}

#[tokio::test]
async fn a_grant_ends_with_the_last_account_of_its_user() {
    let (office, google) = (office().await, google());
    let accounts = &office.accounts;
    let (one, two, other) = (named("one"), named("two"), named("other"));
    accounts.connect(&one, &connection("ada", "t1")).await.expect("it is new");
    accounts.connect(&two, &connection("ada", "t2")).await.expect("it is new");
    accounts.connect(&other, &connection("eve", "t3")).await.expect("it is new");
    assert_eq!(accounts.revoke(&one, &google).await, Ok(AtGoogle::KeptFor(vec![two.clone()])));
    let first = accounts.get_now(&one).await.expect("readable").expect("there");
    assert!(first.refresh_token.is_none() && is_disconnected(&first));
    assert_eq!(google.revoked(), [] as [&str; 0]);
    assert_eq!(accounts.revoke(&two, &google).await, Ok(AtGoogle::Revoked));
    assert_eq!(google.revoked(), ["t2"]);
}

#[tokio::test]
async fn of_two_accounts_of_one_user_that_are_revoked_together_one_ends_the_grant() {
    for _ in 0..20 {
        let (office, google) = (office().await, google());
        let accounts = &office.accounts;
        let (one, two) = (named("one"), named("two"));
        accounts.connect(&one, &connection("ada", "t1")).await.expect("it is new");
        accounts.connect(&two, &connection("ada", "t2")).await.expect("it is new");
        let (first, second) = tokio::join!(accounts.revoke(&one, &google), accounts.revoke(&two, &google));
        let told = [first.expect("done"), second.expect("done")];
        assert!(told.contains(&AtGoogle::Revoked), "{told:?}");
    }
}

#[tokio::test]
async fn all_grants_end_at_once_and_no_account_stands_in_anothers_way() {
    let (office, google) = (office().await, google());
    let accounts = &office.accounts;
    for (name, user) in [("one", "ada"), ("two", "ada"), ("three", "eve"), ("four", "bob")] {
        accounts.connect(&named(name), &connection(user, name)).await.expect("it is new");
    }
    accounts.disconnect(&named("four")).await.expect("it is there");
    let told = accounts.revoke_all(&google).await.expect("the vault is there");
    let count = |wanted: &AtGoogle| told.iter().filter(|(_, at_google)| at_google == wanted).count();
    assert_eq!((count(&AtGoogle::Revoked), count(&AtGoogle::Nothing)), (3, 1), "{told:?}");
    for account in accounts.list().await.expect("readable") {
        assert!(account.refresh_token.is_none() && is_disconnected(&account), "{account:?}");
    }
}

#[tokio::test]
async fn a_token_is_kept_unused_until_google_was_told_of_its_end() {
    let (office, google) = (office().await, google());
    let accounts = &office.accounts;
    accounts.connect(&id(), &connection("ada", "t1")).await.expect("it is new");
    google.next(Refuse(TokenError::Unavailable { status: 503 }));
    google.next(Refuse(TokenError::Transport("no answer".to_owned())));
    for _ in 0..2 {
        assert!(matches!(accounts.revoke(&id(), &google).await, Ok(AtGoogle::Untold(_))));
        let waiting = accounts.get_now(&id()).await.expect("readable").expect("there");
        assert!(is_disconnected(&waiting), "nobody uses it meanwhile");
    }
    assert_eq!(accounts.revoke(&id(), &google).await, Ok(AtGoogle::Revoked));
    assert_eq!(google.revoked(), ["t1"]);
}

#[tokio::test]
async fn a_token_that_google_will_not_hear_of_is_forgotten() {
    let (office, google) = (office().await, google());
    let accounts = &office.accounts;
    accounts.connect(&id(), &connection("ada", "t1")).await.expect("it is new");
    google.next(Refuse(TokenError::Refused {
        error: "invalid_request".to_owned(),
        description: String::new(),
    }));
    assert!(matches!(accounts.revoke(&id(), &google).await, Ok(AtGoogle::Refused(_))));
    let gone = accounts.get_now(&id()).await.expect("readable").expect("there");
    assert!(gone.refresh_token.is_none());
}

#[tokio::test]
async fn a_removed_account_leaves_nothing_that_can_be_read_and_no_number_to_be_used_again() {
    let office = office().await;
    let accounts = &office.accounts;
    assert_eq!(accounts.remove(&id()).await, Err(AccountError::NeverConnected));
    let first = accounts.connect(&id(), &connection("ada", "t1")).await.expect("it is new");
    let sealed = first.seal_keys(accounts.ring()).expect("the right key").seal("j", &"a title".to_owned());
    accounts.remove(&id()).await.expect("it is there");
    assert_eq!(accounts.get_now(&id()).await, Ok(None));
    assert_eq!(accounts.get(&id()).await, Ok(None), "it is not remembered either");
    assert_eq!(accounts.was_removed(&id()).await, Ok(true));
    assert_eq!(accounts.was_removed(&named("another")).await, Ok(false));
    let left = office.vault.list(Shelf::FormerAccounts).await.expect("readable");
    assert!(!format!("{left:?}").contains("default"), "the name is not kept: {left:?}");

    let next = accounts.connect(&id(), &connection("eve", "t2")).await.expect("it is bound to nobody");
    assert!(next.generation > first.generation, "{:?}", next.generation);
    let key = next.seal_keys(accounts.ring()).expect("the right key");
    assert!(matches!(key.open("j", &sealed), Err(OpenError::UnknownKey(_))));
    accounts.remove(&id()).await.expect("it is there");
    let third = accounts.connect(&id(), &connection("ada", "t3")).await.expect("it is bound to nobody");
    assert!(third.generation > next.generation);
}
