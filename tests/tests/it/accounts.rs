//! Connecting accounts from beside a server, as an operator's tool does: in the same folder, with the same key.

use std::sync::Arc;

use accounts::{Accounts, Connection};
use adapter_embedded::{Embedded, Role};
use common::account::AccountId;
use common::port::{Clock, SystemClock};
use common::seal::{Key, Keyring};
use tests::{Launch, SandboxView, granted};

/// Connects `account` to the sandbox's `user`.
pub async fn connect(launch: &Launch, sandbox: &SandboxView, account: &str, user: &str) {
    connect_at(launch, sandbox, account, user, Arc::new(SystemClock)).await;
}

/// The same at some other time, as far as this folder is told.
pub async fn connect_at(
    launch: &Launch,
    sandbox: &SandboxView,
    account: &str,
    user: &str,
    clock: Arc<dyn Clock>,
) {
    keep_at(launch, account, &granted(sandbox, user).await, clock).await;
}

/// Writes `connection` into the folder.
pub async fn keep(launch: &Launch, account: &str, connection: &Connection) {
    keep_at(launch, account, connection, Arc::new(SystemClock)).await;
}

async fn keep_at(launch: &Launch, account: &str, connection: &Connection, clock: Arc<dyn Clock>) {
    let data = launch.dir().join("data");
    let folder = Embedded::open(&data, Role::Operator, Arc::clone(&clock), None).await.expect("it opens");
    let key = std::fs::read_to_string(data.join("key")).expect("a key");
    let ring = Keyring::new(Key::parse(key.trim()).expect("a key"), Vec::new());
    let hash_key = accounts::secrets::open(folder.vault().as_ref(), &ring).await.expect("the same key");
    let accounts = Accounts::new(folder.vault(), ring, hash_key, clock);
    let account = AccountId::parse(account).expect("an account id");
    accounts.connect(&account, connection).await.expect("connected");
    folder.close().await;
}
