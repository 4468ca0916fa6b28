//! Everything that is wrong with one body: Google names several faults of one request in one answer.

use crate::api_error::ApiError;

/// The faults found so far, in the order in which they were found. (Google's order is not known.)
#[derive(Debug, Default)]
pub(super) struct Objections(Vec<ApiError>);

impl Objections {
    /// Notes a fault, once.
    pub(super) fn add(&mut self, fault: impl Into<ApiError>) {
        let fault = fault.into();
        if !self.0.iter().any(|known| known.says_as(&fault)) {
            self.0.push(fault);
        }
    }

    /// The value, or one more objection.
    pub(super) fn take<T>(&mut self, result: Result<T, ApiError>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(fault) => {
                self.add(fault);
                None
            }
        }
    }

    /// `value` if there is nothing against it. A body of the wrong shape is refused for that alone, as Google reads it
    /// before it judges it.
    pub(super) fn settle<T>(self, value: Option<T>) -> Result<T, ApiError> {
        if let Some(shapeless) = self.0.iter().find(|fault| fault.reason() == "badRequest") {
            return Err(shapeless.clone());
        }
        match ApiError::together(self.0) {
            Some(refusal) => Err(refusal),
            // What could not be read was objected to.
            None => value.ok_or_else(|| ApiError::of("badRequest")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_shape_speaks_alone_and_nothing_is_said_twice() {
        let mut objections = Objections::default();
        objections.add(ApiError::invalid("a"));
        objections.add(ApiError::required("b"));
        objections.add(ApiError::invalid("a"));
        assert_eq!(objections.0.len(), 2);
        objections.add(ApiError::of("badRequest"));
        assert_eq!(objections.settle(Some(())).unwrap_err().message(), "Bad Request");
        assert!(Objections::default().settle(Some(())).is_ok());
        assert!(Objections::default().settle(None::<()>).is_err());
    }
}
