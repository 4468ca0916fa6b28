//! What a thread logs while a test listens.

use std::fmt::{self, Write as _};
use std::sync::{Arc, Mutex};

use tracing::field::{Field, Visit};
use tracing::subscriber::{DefaultGuard, set_default};
use tracing::{Event, Metadata, Subscriber, span};

/// Listens to the test's own thread until dropped.
pub struct Logs {
    lines: Arc<Mutex<String>>,
    _guard: DefaultGuard,
}

struct Ear(Arc<Mutex<String>>);

struct Words<'a>(&'a mut String);

impl Logs {
    pub fn listen() -> Self {
        let lines = Arc::default();
        let _guard = set_default(Ear(Arc::clone(&lines)));
        Self { lines, _guard }
    }

    pub fn text(&self) -> String {
        self.lines.lock().unwrap().clone()
    }
}

impl Visit for Words<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        write!(self.0, "{}={value:?} ", field.name()).unwrap();
    }
}

impl Subscriber for Ear {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        ["api", "lifecycle"].iter().any(|crate_| metadata.target().starts_with(crate_))
    }

    fn event(&self, event: &Event<'_>) {
        let mut lines = self.0.lock().unwrap();
        event.record(&mut Words(&mut lines));
        lines.push('\n');
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}
