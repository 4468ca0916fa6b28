//! Placeholder; the real module replaces this file whole.
#![allow(missing_docs)]
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct FieldError {
    pub field: String,
    pub code: String,
    pub message: String,
}
