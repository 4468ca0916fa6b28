//! One test's part of a broker, and the guard over what it leaves behind.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::rabbitmq::RabbitServer;

/// How long what was acknowledged or is on its way may take to be gone.
const SETTLING: Duration = Duration::from_secs(5);

/// A vhost. When it is dropped it must be empty, but for what the test has declared; then it is deleted.
pub struct Vhost {
    server: RabbitServer,
    name: String,
    expected: Mutex<Expected>,
}

enum Expected {
    /// So many messages in these queues, none in others.
    Exactly(BTreeMap<String, u64>),
    Anything,
}

impl Vhost {
    pub(super) async fn create(server: &RabbitServer) -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("test-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let made = server
            .eval(&format!(
                "rabbit_vhost:add(<<\"{name}\">>, <<\"guest\">>), rabbit_auth_backend_internal:set_permissions(\
                 <<\"guest\">>, <<\"{name}\">>, <<\".*\">>, <<\".*\">>, <<\".*\">>, <<\"guest\">>)."
            ))
            .await;
        assert_eq!(made, "ok");
        Self { server: server.clone(), name, expected: Mutex::new(Expected::Exactly(BTreeMap::new())) }
    }

    /// `amqp://guest:guest@127.0.0.1:<port>/<vhost>`
    #[must_use]
    pub fn url(&self) -> String {
        self.url_for("guest")
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The broker that it is in.
    #[must_use]
    pub fn server(&self) -> &RabbitServer {
        &self.server
    }

    /// Messages by queue, those that a consumer holds included.
    pub async fn messages(&self) -> BTreeMap<String, u64> {
        counts(&self.server.eval(&self.counting()).await)
    }

    /// Declares that the test leaves so many messages in `queue`.
    ///
    /// # Panics
    /// After [`Self::leaves_anything`].
    pub fn leaves(&self, queue: &str, messages: u64) {
        match &mut *self.expected.lock().expect("no panics") {
            Expected::Exactly(counts) => {
                counts.insert(queue.to_owned(), messages);
            }
            Expected::Anything => panic!("it may leave anything already"),
        }
    }

    /// Declares that what the test leaves says nothing.
    pub fn leaves_anything(&self) {
        *self.expected.lock().expect("no panics") = Expected::Anything;
    }

    /// Limits `queue` to so many messages by a policy; `None` lifts it.
    pub async fn limit(&self, queue: &str, messages: Option<u64>) {
        let policy = format!("limit-{queue}");
        match messages {
            Some(messages) => {
                let pattern = format!("^{}$", queue.replace('.', "\\."));
                let definition = format!("{{\"max-length\":{messages}}}");
                let set =
                    ["set_policy", "-p", &self.name, "--apply-to", "queues", &policy, &pattern, &definition];
                self.server.ctl(&set).await;
            }
            None => {
                self.server.ctl(&["clear_policy", "-p", &self.name, &policy]).await;
            }
        }
    }

    /// Adds a user whose rights are these patterns, and answers the URL for it.
    pub async fn add_user(&self, name: &str, configure: &str, write: &str, read: &str) -> String {
        // Users belong to the broker, not to the vhost.
        let user = format!("{name}-{}", self.name);
        self.server.ctl(&["add_user", &user, "guest"]).await;
        self.server.ctl(&["set_permissions", "-p", &self.name, &user, configure, write, read]).await;
        self.url_for(&user)
    }

    /// Closes every client's connection to this vhost, as an operator would (320 `CONNECTION_FORCED`).
    pub async fn close_connections(&self) {
        self.server.ctl(&["close_all_connections", "--vhost", &self.name, "a test closes it"]).await;
    }

    fn url_for(&self, user: &str) -> String {
        format!("amqp://{user}:guest@127.0.0.1:{}/{}", self.server.port(), self.name)
    }

    /// Asks each queue's leader; what `rabbitmqctl list_queues` says is seconds old.
    fn counting(&self) -> String {
        format!(
            "Count = fun(Queue) -> case amqqueue:get_type(Queue) of \
             rabbit_quorum_queue -> {{Name, _}} = amqqueue:get_pid(Queue), {{ok, {{_, Total}}, _}} = \
             ra:leader_query({{Name, node()}}, fun rabbit_fifo:query_messages_total/1), Total; \
             _ -> [{{messages, Total}}] = rabbit_amqqueue:info(Queue, [messages]), Total end end, \
             lists:flatten([io_lib:format(\"~s=~p;\", [element(4, amqqueue:get_name(Queue)), Count(Queue)]) || \
             Queue <- rabbit_amqqueue:list(<<\"{}\">>)]).",
            self.name
        )
    }

    /// What is there that was not declared, or the other way round.
    fn surprise(&self) -> Option<String> {
        let expected = self.expected.lock().expect("no panics");
        let Expected::Exactly(expected) = &*expected else { return None };
        let began = Instant::now();
        loop {
            let found = self.server.eval_now(&self.counting()).map(|text| {
                counts(&text).into_iter().filter(|(_, messages)| *messages > 0).collect::<BTreeMap<_, _>>()
            });
            if found.as_ref() == Ok(expected) {
                return None;
            }
            if began.elapsed() > SETTLING {
                return Some(format!("messages were left behind: {found:?}; declared were {expected:?}"));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// Reads `"queue=3;other=0;"`.
fn counts(text: &str) -> BTreeMap<String, u64> {
    text.trim_matches(['"', '[', ']'])
        .split(';')
        .filter_map(|row| row.rsplit_once('='))
        .map(|(queue, messages)| (queue.to_owned(), messages.parse().expect("a number of messages")))
        .collect()
}

impl Drop for Vhost {
    fn drop(&mut self) {
        if !self.server.is_running() {
            return;
        }
        let surprise = if std::thread::panicking() { None } else { self.surprise() };
        let _ = self.server.eval_now(&format!("rabbit_vhost:delete(<<\"{}\">>, <<\"guest\">>).", self.name));
        if let Some(surprise) = surprise {
            panic!("{surprise}");
        }
    }
}
