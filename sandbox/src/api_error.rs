//! A refusal of the Calendar API, in either of Google's two layouts.

use std::borrow::Cow;

use serde_json::{Value, json};

use crate::catalogue::{self, AUTHORIZATION, CONSUMER, Layout, Location, Row};
use crate::faults::FaultSpec;
use crate::method::Method;
use crate::reply::{Print, Reply};

/// Boxed, because nearly every function here may return one.
#[derive(Debug, Clone)]
pub(crate) struct ApiError(Box<Parts>);

#[derive(Debug, Clone)]
struct Parts {
    status: u16,
    domain: Cow<'static, str>,
    reason: Cow<'static, str>,
    message: Cow<'static, str>,
    inner: Option<Cow<'static, str>>,
    location: Option<Location>,
    layout: Layout,
    retry_after: Option<String>,
    details: Option<Value>,
    challenge: Option<String>,
    /// The entries of `errors[]` after the first.
    others: Vec<Value>,
}

impl From<Row> for ApiError {
    fn from(row: Row) -> Self {
        Self(Box::new(Parts {
            status: row.status,
            domain: row.domain.into(),
            reason: row.reason.into(),
            message: row.message.into(),
            inner: row.inner.map(Into::into),
            location: row.location,
            layout: row.layout,
            retry_after: None,
            details: None,
            challenge: None,
            others: Vec::new(),
        }))
    }
}

impl ApiError {
    /// A reason from the catalogue.
    pub(crate) fn of(reason: &'static str) -> Self {
        catalogue::by_reason(reason, None).expect("the catalogue has every reason the code names").into()
    }

    pub(crate) fn invalid(message: impl Into<Cow<'static, str>>) -> Self {
        Self::of("invalid").saying(message)
    }

    pub(crate) fn required(message: impl Into<Cow<'static, str>>) -> Self {
        Self::of("required").saying(message)
    }

    /// A word where only others are allowed.
    pub(crate) fn no_such_value(word: &str) -> Self {
        Self::invalid(format!("Invalid value for: {word} is not a valid value"))
    }

    /// Several refusals of one request in one answer: the first gives the status and the words above, and each has its
    /// entry in `errors[]`.
    pub(crate) fn together(refusals: Vec<Self>) -> Option<Self> {
        let mut refusals = refusals.into_iter();
        let mut first = refusals.next()?;
        first.0.others.extend(refusals.map(|refusal| refusal.item()));
        Some(first)
    }

    /// What Google most likely says with a bare status.
    pub(crate) fn of_status(status: u16) -> Self {
        let row = catalogue::by_status(status).or_else(|| catalogue::by_status(500));
        let mut error = Self::from(row.expect("500 is in the catalogue"));
        error.0.status = status;
        error
    }

    /// What an injected fault asks for: anything it leaves out is Google's usual for this method.
    pub(crate) fn injected(method: Method, fault: &FaultSpec) -> Self {
        let (status, reason) = (fault.status, fault.reason.as_deref());
        let known = reason.and_then(|reason| catalogue::by_reason(reason, status));
        let mut error = known.map_or_else(|| Self::of_status(status.unwrap_or(500)), Self::from);
        if let (None, Some(reason)) = (known, reason) {
            error.0.reason = reason.to_owned().into();
        }
        if let Some(status) = status {
            error.0.status = status;
        }
        if let Some(layout) = fault.layout {
            error.0.layout = layout;
        }
        let words = fault.message.clone();
        match error.0.reason.as_ref() {
            "authError" if words.is_none() && error.is_of_the_front() => error = Self::bad_credentials(),
            "insufficientPermissions" => error.lacks_scope(method),
            "accessNotConfigured" => error.0.details = Some(info("SERVICE_DISABLED", &[CONSUMING])),
            "rateLimitExceeded" | "userRateLimitExceeded" => error = error.over_quota(),
            _ => {}
        }
        if let Some(layout) = fault.layout {
            error.0.layout = layout;
        }
        if error.0.status == 401 {
            error.0.challenge = Some(CHALLENGE_INVALID.to_owned());
        }
        if let Some(words) = words {
            error = error.saying(words);
        }
        error.retry_after(fault.retry_after.as_ref().map(ToString::to_string))
    }

    fn is_of_the_front(&self) -> bool {
        match self.0.layout {
            Layout::Frontend | Layout::Bare => true,
            Layout::Backend | Layout::Html => false,
        }
    }

    /// The token is missing from the request.
    pub(crate) fn no_credentials() -> Self {
        let mut error = Self::of("required");
        error.0.status = 401;
        error.0.layout = Layout::Frontend;
        error.0.message = "Request is missing required authentication credential. Expected OAuth 2 access token, login cookie or other valid authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project.".into();
        error.0.inner = Some("Login Required.".into());
        error.0.location = Some(AUTHORIZATION);
        error.0.details = Some(info("CREDENTIALS_MISSING", &[]));
        error.0.challenge = Some("Bearer realm=\"https://accounts.google.com/\"".to_owned());
        error
    }

    /// The token is unknown, expired or revoked.
    pub(crate) fn bad_credentials() -> Self {
        let mut error = Self::of("authError");
        error.0.layout = Layout::Frontend;
        error.0.message = "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project.".into();
        error.0.inner = Some("Invalid Credentials".into());
        error.0.challenge = Some(CHALLENGE_INVALID.to_owned());
        error
    }

    /// The token lacks every scope the method would accept.
    pub(crate) fn missing_scope(method: Method) -> Self {
        let mut error = Self::of("insufficientPermissions");
        error.lacks_scope(method);
        error
    }

    fn lacks_scope(&mut self, method: Method) {
        let rpc = method.rpc();
        let named = [("method", rpc)];
        let metadata: &[(&str, &str)] = if rpc.is_empty() { &[] } else { &named };
        let accepted = method.accepted_scopes();
        self.0.details = Some(info("ACCESS_TOKEN_SCOPE_INSUFFICIENT", metadata));
        self.0.challenge = Some(format!(
            "Bearer realm=\"https://accounts.google.com/\", error=\"insufficient_scope\", scope=\"{accepted}\""
        ));
    }

    /// The detail that comes with a limit on requests, in the layouts that have details.
    pub(crate) fn over_quota(mut self) -> Self {
        self.0.details = Some(info("RATE_LIMIT_EXCEEDED", &[CONSUMING]));
        self
    }

    pub(crate) fn saying(mut self, message: impl Into<Cow<'static, str>>) -> Self {
        self.0.message = message.into();
        self.0.inner = None;
        self
    }

    pub(crate) fn laid_out(mut self, layout: Layout) -> Self {
        self.0.layout = layout;
        self
    }

    pub(crate) fn retry_after(mut self, value: Option<String>) -> Self {
        self.0.retry_after = value;
        self
    }

    pub(crate) fn reason(&self) -> &str {
        &self.0.reason
    }

    /// Whether the two make the same entry.
    pub(crate) fn says_as(&self, other: &Self) -> bool {
        self.0.reason == other.0.reason && self.0.message == other.0.message
    }

    #[cfg(test)]
    pub(crate) fn message(&self) -> &str {
        &self.0.message
    }

    pub(crate) fn into_reply(self) -> Reply {
        let reply = match self.0.layout {
            Layout::Backend | Layout::Frontend | Layout::Bare => {
                Reply::json(self.0.status, &self.body(), Print::Pretty)
            }
            Layout::Html => Reply::html(self.0.status, self.page()),
        };
        let mut reply = reply.labelled(self.0.reason);
        if let Some(value) = self.0.retry_after {
            reply = reply.header("Retry-After", value);
        }
        if let Some(challenge) = self.0.challenge {
            reply = reply.header("WWW-Authenticate", challenge);
        }
        reply
    }

    /// Its entry in `errors[]`.
    fn item(&self) -> Value {
        let mut item = json!({
            "domain": self.0.domain,
            "reason": self.0.reason,
            "message": self.0.inner.as_ref().unwrap_or(&self.0.message),
        });
        if let Some(location) = self.0.location {
            item["locationType"] = location.kind.into();
            item["location"] = location.name.into();
        }
        if self.0.reason == "dailyLimitExceeded" || self.0.reason == "accessNotConfigured" {
            item["extendedHelp"] = "https://console.developers.google.com/".into();
        }
        item
    }

    fn body(&self) -> Value {
        let mut error = json!({"code": self.0.status, "message": self.0.message});
        if self.0.layout != Layout::Bare {
            let items = std::iter::once(self.item()).chain(self.0.others.iter().cloned());
            error["errors"] = items.collect();
        }
        if self.is_of_the_front() {
            error["status"] = catalogue::canonical(self.0.status).into();
            if let Some(details) = &self.0.details {
                error["details"] = json!([details]);
            }
        }
        json!({ "error": error })
    }

    fn page(&self) -> String {
        let status = self.0.status;
        maud::html! {
            (maud::DOCTYPE)
            html lang="en" {
                head { title { "Error " (status) } }
                body {
                    p { b { (status) "." } " That’s an error." }
                    p { (self.0.message) " That’s all we know." }
                }
            }
        }
        .into_string()
    }
}

const CHALLENGE_INVALID: &str = "Bearer realm=\"https://accounts.google.com/\", error=\"invalid_token\"";

const CONSUMING: (&str, &str) = ("consumer", CONSUMER);

/// An entry of `details[]`.
fn info(reason: &str, metadata: &[(&str, &str)]) -> Value {
    let mut named = json!({"service": "calendar-json.googleapis.com"});
    for (name, value) in metadata {
        named[*name] = json!(value);
    }
    json!({
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": reason,
        "domain": "googleapis.com",
        "metadata": named,
    })
}
