//! Changes of records, as all processes tell them: one subscription, whatever is watched here.

use std::sync::Arc;
use std::time::Duration;

use deadpool_redis::redis::Msg;
use futures_util::StreamExt as _;
use tokio::sync::Notify;
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;
use tracing::debug;

use super::Redis;
use super::link::Live;
use common::job::JobId;
use common::port::{Watch, pause};
use common::watchers::Watchers;

/// A subscription that is not confirmed within this, or does not answer, is as good as gone.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often an idle subscription is tried.
const PING: Duration = Duration::from_secs(5);
/// Between two subscriptions, where the first was lost.
const PAUSE: Duration = Duration::from_millis(250);

pub(super) struct Changes {
    watchers: Arc<Watchers>,
    wanted: Arc<Notify>,
    channel: String,
    _listener: AbortOnDropHandle<()>,
}

impl Changes {
    pub(super) fn new(redis: Arc<Redis>) -> Self {
        let (watchers, wanted) = (Arc::<Watchers>::default(), Arc::<Notify>::default());
        // Channels are the whole server's: without the number another database's changes would come too.
        let channel = format!("calrelay:changes:{}", redis.link.database());
        let listener = listen(redis, channel.clone(), watchers.clone(), wanted.clone());
        let listener = AbortOnDropHandle::new(tokio::spawn(listener));
        Self { watchers, wanted, channel, _listener: listener }
    }

    /// What changes are told on.
    pub(super) fn channel(&self) -> &str {
        &self.channel
    }

    pub(super) fn watch(&self, id: &JobId) -> Watch {
        let watch = self.watchers.watch(id);
        self.wanted.notify_one();
        watch
    }
}

/// Subscribes once somebody watches anything, and again whenever the subscription is lost. A process that
/// watches nothing, as a worker, hears nothing.
async fn listen(redis: Arc<Redis>, channel: String, watchers: Arc<Watchers>, wanted: Arc<Notify>) {
    wanted.notified().await;
    while let Some(live) = redis.link.up().await {
        if let Err(why) = follow(&live, &channel, &watchers).await {
            debug!(error = why, "The subscription to changes was lost: {why}");
        }
        drop(live);
        pause(PAUSE).await;
    }
}

/// Tells the watchers what it hears until the subscription is lost.
async fn follow(live: &Live, channel: &str, watchers: &Watchers) -> Result<(), String> {
    let late = || "no answer in time".to_owned();
    let made = timeout(PATIENCE, live.client().get_async_pubsub()).await.map_err(|_| late())?;
    let (mut sink, mut messages) = made.map_err(|error| error.to_string())?.split();
    let subscribed = timeout(PATIENCE, sink.subscribe(channel)).await.map_err(|_| late())?;
    subscribed.map_err(|error| error.to_string())?;
    // What happened until now was not heard.
    watchers.tell_all();
    loop {
        // Neither waiting for a message nor sleeping loses anything when it is dropped.
        tokio::select! {
            message = messages.next() => match message {
                Some(message) => {
                    if let Some(id) = changed(&message) {
                        watchers.tell(&id);
                    }
                }
                None => return Err("the connection ended".to_owned()),
            },
            // The server may have become a replica, which hears nothing from us any more.
            () = live.ended() => return Ok(()),
            () = pause(PING) => {
                let answered = timeout(PATIENCE, sink.ping::<()>()).await.map_err(|_| late())?;
                answered.map_err(|error| error.to_string())?;
            }
        }
    }
}

fn changed(message: &Msg) -> Option<JobId> {
    JobId::parse(std::str::from_utf8(message.get_payload_bytes()).ok()?).ok()
}
