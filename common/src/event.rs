//! Placeholder for the parsed event; the real module replaces this file whole.
#![allow(missing_docs)]
use crate::account::AccountId;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CalendarId(String);
impl CalendarId {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SendUpdates {
    All,
    ExternalOnly,
    None,
}
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Priority {
    Normal,
    Bulk,
}
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventDraft(Map<String, Value>);
impl EventDraft {
    pub fn resource(&self) -> &Map<String, Value> {
        &self.0
    }
    pub fn ends_at(&self) -> Option<jiff::Timestamp> {
        None
    }
    pub fn guests(&self) -> usize {
        0
    }
    pub fn has_attachments(&self) -> bool {
        false
    }
}
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submission {
    pub account: AccountId,
    pub calendar: CalendarId,
    pub event: EventDraft,
    pub conference: bool,
    pub send_updates: SendUpdates,
    pub not_before: Option<jiff::Timestamp>,
    pub not_after: Option<jiff::Timestamp>,
    pub priority: Priority,
}
impl Submission {
    pub fn parse(_: &[u8]) -> Result<Submission, BodyError> {
        Err(BodyError::NotUtf8)
    }
    pub fn canonical(&self) -> Vec<u8> {
        Vec::new()
    }
}
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BodyError {
    NotUtf8,
    NotJson { line: usize, column: usize, message: String },
    TooDeep,
    NotAnObject,
    Fields(Vec<crate::field::FieldError>),
}
