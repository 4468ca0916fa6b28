//! An installation on servers, shared by many processes.

use std::sync::Arc;
use std::time::Duration;

use accounts::Accounts;
use accounts::keys::ApiKeys;
use adapter_rabbitmq::{Link, Part, RabbitQueue};
use adapter_redis::{CountedWorker, Redis};
use anyhow::{Context as _, anyhow, bail};
use common::port::{Vault, VaultOpenError};
use common::seal::Keyring;
use secrecy::{ExposeSecret as _, SecretString};

use super::vault_choice;
use super::{Behind, Installation, is_prepared, unlock};
use crate::config::Servers;
use crate::keyfile;
use crate::patience::{Outlook, Patience};

/// An operator's command waits so long for the broker.
const CONNECT: Duration = Duration::from_secs(10);
/// An ingress that starts waits so long for its first connection to the broker, or for what keeps it from one.
const FIRST_CONNECT: Duration = Duration::from_secs(5);

/// What there may be in the vault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// Nothing yet: then it is made.
    Anything,
    /// What `calrelay setup` has made; otherwise it is the wrong vault, or too early.
    Prepared,
}

/// What is to be closed.
pub(super) struct Connections {
    pub(super) rabbit: Arc<RabbitQueue>,
    pub(super) redis: Arc<Redis>,
    /// While Redis is away each worker keeps to its share of the limits, so they are counted.
    _counted: Option<CountedWorker>,
}

/// A vault that is open and can be read.
pub struct Unlocked {
    /// The vault itself.
    pub vault: Arc<dyn Vault>,
    ring: Keyring,
    /// The accounts in it.
    pub accounts: Arc<Accounts>,
    /// The API keys in it.
    pub keys: Arc<ApiKeys>,
}

impl Unlocked {
    /// Opens the vault.
    ///
    /// # Errors
    /// A sentence that says what to do.
    pub async fn open(
        servers: &Servers,
        redis: &Redis,
        expect: Expect,
        keys: Option<&SecretString>,
        patience: Patience,
    ) -> anyhow::Result<Self> {
        let ring = keyfile::parse(keys.map_or("", |keys| keys.expose_secret())).context("ENCRYPTION_KEY")?;
        let vault = open_vault(&servers.vault, Some(redis), patience).await?;
        match expect {
            Expect::Anything => {}
            Expect::Prepared => prepared(vault.as_ref(), patience).await?,
        }
        let (accounts, keys) = unlock(&vault, ring.clone(), &super::clock()).await?;
        Ok(Self { vault, ring, accounts, keys })
    }
}

impl Installation {
    /// Opens the installation for a process that stays. RabbitMQ and Redis may be away, and are
    /// connected to in the background; without the vault there is nothing to start with. An ingress waits a moment for
    /// RabbitMQ's first answer: a caller who comes at once would be refused.
    ///
    /// # Errors
    /// A sentence that says what to do.
    pub async fn on_servers(
        servers: &Servers,
        part: Part,
        keys: Option<&SecretString>,
        retention: Duration,
    ) -> anyhow::Result<Self> {
        let all = Self::connected(servers, part, keys, retention, Patience::AMinute).await?;
        if let (Part::Ingress, Behind::Servers(Connections { rabbit, .. })) = (part, &all.behind) {
            // That it failed is told elsewhere, and is no reason to wait longer.
            let _ = tokio::time::timeout(FIRST_CONNECT, rabbit.link().changed()).await;
        }
        Ok(all)
    }

    /// Opens the installation for an operator's command, which needs all of it, and now.
    ///
    /// # Errors
    /// A sentence that says what to do.
    pub async fn beside_servers(
        servers: &Servers,
        keys: Option<&SecretString>,
        retention: Duration,
    ) -> anyhow::Result<Self> {
        let all = Self::connected(servers, Part::Operator, keys, retention, Patience::None).await?;
        if let Behind::Servers(Connections { rabbit, .. }) = &all.behind {
            until_up(rabbit).await?;
        }
        Ok(all)
    }

    async fn connected(
        servers: &Servers,
        part: Part,
        keys: Option<&SecretString>,
        retention: Duration,
        patience: Patience,
    ) -> anyhow::Result<Self> {
        let clock = super::clock();
        let redis = Redis::start(servers.redis.expose_secret(), Arc::clone(&clock)).context("REDIS_URL")?;
        let Unlocked { vault, ring, accounts, keys } =
            Unlocked::open(servers, &redis, Expect::Prepared, keys, patience).await?;
        // Last: a worker is given messages from the moment on that it is connected.
        let rabbit = RabbitQueue::start(servers.amqp.expose_secret(), part, retention).context("AMQP_URL")?;
        let throttle = redis.throttle();
        let counted = match part {
            // Who takes jobs is known to the broker, without which there is nothing to do.
            Part::Worker { .. } => Some(throttle.join_as_worker(Arc::clone(&rabbit) as _)),
            Part::Ingress | Part::Operator => None,
        };
        Ok(Self {
            queue: Arc::clone(&rabbit) as _,
            store: redis.store(retention),
            vault,
            accounts,
            keys,
            tokens: redis.tokens(ring),
            throttle,
            allowances: Some(redis.allowances()),
            clock,
            behind: Behind::Servers(Connections { rabbit, redis, _counted: counted }),
        })
    }
}

/// Opens a vault.
///
/// # Errors
/// A sentence that says what to do.
pub async fn open_vault(
    url: &SecretString,
    redis: Option<&Redis>,
    patience: Patience,
) -> anyhow::Result<Arc<dyn Vault>> {
    let outlook = |error: &VaultOpenError| match error.is_temporary() {
        true => Outlook::Hopeful,
        false => Outlook::Hopeless,
    };
    patience.ask(async || vault_choice::open_vault(url.expose_secret(), redis).await, outlook).await
}

async fn prepared(vault: &dyn Vault, patience: Patience) -> anyhow::Result<()> {
    let ask = async || match is_prepared(vault).await {
        Ok(true) => Ok(()),
        Ok(false) => {
            Err(anyhow!("the vault in VAULT_URL is empty: run `calrelay setup` first, or correct VAULT_URL"))
        }
        Err(error) => Err(error.into()),
    };
    patience.ask(ask, |_| Outlook::Hopeful).await
}

/// Waits until messages can be published, for a moment.
async fn until_up(rabbit: &RabbitQueue) -> anyhow::Result<()> {
    let mut link = rabbit.link();
    let up = tokio::time::timeout(CONNECT, link.wait_for(|link| *link == Link::Up)).await;
    if matches!(up, Ok(Ok(_))) {
        return Ok(());
    }
    match &*rabbit.link().borrow() {
        Link::Up => Ok(()),
        Link::Down { why } | Link::Blocked { why } => bail!("RabbitMQ (AMQP_URL) cannot be used: {why}"),
    }
}
