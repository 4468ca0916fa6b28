//! What a thread logs while a test listens.

use std::fmt::{self, Write as _};
use std::sync::{Arc, LazyLock, Mutex};

use tracing::field::{Field, Visit};
use tracing::subscriber::{DefaultGuard, set_default};
use tracing::{Dispatch, Event, Level, Metadata, Subscriber, span};

/// Listens until dropped. The worker of a test runs on the test's own thread, so it is heard.
pub struct Logs {
    lines: Arc<Mutex<Vec<(Level, String)>>>,
    _guard: DefaultGuard,
}

/// Whatever is logged is of interest to somebody from the first line on: what another thread has logged
/// while nobody listened may otherwise be skipped for good.
pub fn prepare() {
    LazyLock::force(&ANOTHER);
}

static ANOTHER: LazyLock<Dispatch> = LazyLock::new(|| Dispatch::new(Ear(Arc::default())));

struct Ear(Arc<Mutex<Vec<(Level, String)>>>);

impl Logs {
    pub fn listen() -> Self {
        let lines = Arc::default();
        let _guard = set_default(Ear(Arc::clone(&lines)));
        Self { lines, _guard }
    }

    /// What was logged as an error.
    pub fn errors(&self) -> Vec<String> {
        let lines = self.lines.lock().unwrap();
        lines.iter().filter(|(level, _)| *level == Level::ERROR).map(|(_, line)| line.clone()).collect()
    }

    /// Everything, one line each.
    pub fn everything(&self) -> String {
        let lines = self.lines.lock().unwrap();
        lines.iter().map(|(level, line)| format!("{level} {line}\n")).collect()
    }
}

impl Subscriber for Ear {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        ["worker", "notices", "lifecycle"].iter().any(|crate_| metadata.target().starts_with(crate_))
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line::default();
        event.record(&mut line);
        self.0.lock().unwrap().push((*event.metadata().level(), line.0));
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

#[derive(Default)]
struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        write!(self.0, "{field}={value:?} ").expect("a string takes everything");
    }
}
