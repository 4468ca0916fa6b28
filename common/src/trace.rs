//! Traces: what a caller's request, its job and every attempt at it have in common, as the W3C Recommendation
//! *Trace Context* writes it (<https://www.w3.org/TR/trace-context/>).
//!
//! A job keeps the context of the request that made it, over hops, retries and replays. `tracestate` is not
//! kept: nobody behind calrelay reads it, and it is free text of others that would lie in the clear.

use std::fmt;

use crate::random;
use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use tracing::Span;

/// The version that this writes. What a later one adds is left out, as it is to be.
const VERSION: &str = "00";
/// The length of version 00: `00-<32>-<16>-<2>`.
const LENGTH: usize = 55;
/// The one flag that is defined: whoever called may have recorded it.
const SAMPLED: u8 = 1;

/// Which trace a job belongs to, and the span that it came from. At rest and on its way it is a `traceparent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TraceContext {
    trace: [u8; 16],
    span: [u8; 8],
    sampled: bool,
}

/// A text is no `traceparent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a traceparent")]
pub struct NotATraceparent;

impl TraceContext {
    /// A trace that begins here.
    #[must_use]
    pub fn fresh() -> Self {
        Self { trace: not_zero(), span: not_zero(), sampled: true }
    }

    /// A span of our own in the same trace.
    #[must_use]
    pub fn child(self) -> Self {
        Self { span: not_zero(), ..self }
    }

    /// Reads a `traceparent` of this version or a later one.
    ///
    /// # Errors
    /// [`NotATraceparent`]: it is to be ignored, and a trace begun.
    pub fn parse(text: &str) -> Result<Self, NotATraceparent> {
        let (known, rest) = text.split_at_checked(LENGTH).ok_or(NotATraceparent)?;
        let mut parts = known.split('-');
        let mut next = || parts.next().ok_or(NotATraceparent);
        let (version, trace, span, flags) = (next()?, next()?, next()?, next()?);
        let [version_number] = bytes(version)?;
        let longer_as_it_may_be = version != VERSION && rest.starts_with('-');
        if version_number == 0xff || parts.next().is_some() || !(rest.is_empty() || longer_as_it_may_be) {
            return Err(NotATraceparent);
        }
        let (trace, span, [flags]) = (bytes(trace)?, bytes(span)?, bytes(flags)?);
        if trace == [0; 16] || span == [0; 8] {
            return Err(NotATraceparent);
        }
        Ok(Self { trace, span, sampled: flags & SAMPLED != 0 })
    }

    /// What log lines call it.
    #[must_use]
    pub fn trace_id(self) -> String {
        HEXLOWER.encode(&self.trace)
    }

    /// Log lines inside of this tell the trace.
    #[must_use]
    pub fn log_span(self) -> Span {
        // Without a parent: a job's trace is told once, and not beside that of a request about the job. Whatever
        // level is logged, the trace is.
        tracing::error_span!(parent: None, "trace", trace_id = %self.trace_id())
    }
}

/// [`TraceContext::log_span`], where there is a context: jobs of earlier builds have none.
#[must_use]
pub fn log_span(context: Option<TraceContext>) -> Span {
    context.map_or_else(Span::none, TraceContext::log_span)
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flags = if self.sampled { SAMPLED } else { 0 };
        write!(f, "{VERSION}-{}-{}-{flags:02x}", HEXLOWER.encode(&self.trace), HEXLOWER.encode(&self.span))
    }
}

impl TryFrom<String> for TraceContext {
    type Error = NotATraceparent;

    fn try_from(text: String) -> Result<Self, NotATraceparent> {
        Self::parse(&text)
    }
}

impl From<TraceContext> for String {
    fn from(context: TraceContext) -> Self {
        context.to_string()
    }
}

/// Lower-case hexadecimal digits; upper case is refused.
fn bytes<const N: usize>(text: &str) -> Result<[u8; N], NotATraceparent> {
    let decoded = HEXLOWER.decode(text.as_bytes()).map_err(|_| NotATraceparent)?;
    decoded.try_into().map_err(|_| NotATraceparent)
}

fn not_zero<const N: usize>() -> [u8; N] {
    loop {
        let id: [u8; N] = random::bytes();
        if id != [0; N] {
            return id;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIVEN: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_traceparent_survives_the_journey() {
        for text in [GIVEN, "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"] {
            let context = TraceContext::parse(text).unwrap();
            assert_eq!(context.to_string(), text);
            let json = serde_json::to_string(&context).unwrap();
            assert_eq!(json, format!("\"{text}\""));
            assert_eq!(serde_json::from_str::<TraceContext>(&json).unwrap(), context);
        }
    }

    #[test]
    fn what_a_later_version_or_unknown_flags_say_is_left_out() {
        for text in [
            "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-the-future-brings",
            "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-ff-",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-09",
        ] {
            assert_eq!(TraceContext::parse(text).unwrap().to_string(), GIVEN, "{text}");
        }
    }

    #[test]
    fn what_the_recommendation_calls_invalid_is_ignored() {
        for text in [
            "",
            "00",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01.",
            "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01.",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "0x-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e47-3600f067aa0ba902b7-01",
            "00_4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7_01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0é",
            " 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ] {
            assert_eq!(TraceContext::parse(text), Err(NotATraceparent), "{text}");
        }
    }

    #[test]
    fn a_child_is_another_span_of_the_same_trace() {
        let given = TraceContext::parse(GIVEN).unwrap();
        let child = given.child();
        assert_eq!(child.trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_ne!(child.span, given.span);
        let (one, other) = (TraceContext::fresh(), TraceContext::fresh());
        assert_ne!(one.trace_id(), other.trace_id());
        assert_eq!(TraceContext::parse(&one.to_string()), Ok(one));
    }
}
