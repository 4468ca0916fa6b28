//! A job's turn in its account's line: which line, what the job takes of it, and where it is.

use serde::{Deserialize, Serialize};

use crate::event::Priority;

/// How a job is placed in its account's line. Persisted: fields are added with a default, never renamed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Turn {
    /// Which of the account's lines it joins.
    #[serde(default)]
    pub priority: Priority,
    /// How many requests Google will see.
    pub cost: u32,
    /// Where it is.
    pub place: Place,
    /// How often it has let the account's normal jobs go first.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub yields: u32,
}

/// Where a job is, as far as its account's line is concerned. Persisted: variants are added, never renamed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "is")]
pub enum Place {
    /// Outside of it: the job is not due yet, or its account cannot write. It joins once it can be done.
    Outside,
    /// In it. A job that ends before its turn gives this charge back.
    InLine {
        /// What the job took of the line, in microseconds.
        micros: u64,
    },
    /// Out of it again: its turn has come, or would come too late.
    Past,
}

impl Turn {
    /// The same job at another place.
    #[must_use]
    pub fn at(self, place: Place) -> Self {
        Self { place, ..self }
    }

    /// Whether the job is in line.
    #[must_use]
    pub fn is_in_line(&self) -> bool {
        matches!(self.place, Place::InLine { .. })
    }

    /// A delivery has come: the place in line has served its purpose.
    pub(super) fn come(self) -> Self {
        match self.place {
            Place::InLine { .. } => self.at(Place::Past),
            Place::Outside | Place::Past => self,
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_rests_as_these_words_and_is_read_again() {
        let turn = Turn { priority: Priority::Normal, cost: 2, place: Place::Outside, yields: 0 };
        for (turn, text) in [
            (turn, r#"{"priority":"normal","cost":2,"place":{"is":"outside"}}"#),
            (
                Turn { priority: Priority::Bulk, yields: 1, ..turn.at(Place::InLine { micros: 204_082 }) },
                r#"{"priority":"bulk","cost":2,"place":{"is":"inLine","micros":204082},"yields":1}"#,
            ),
            (turn.at(Place::Past), r#"{"priority":"normal","cost":2,"place":{"is":"past"}}"#),
        ] {
            assert_eq!(serde_json::to_string(&turn).unwrap(), text);
            assert_eq!(serde_json::from_str::<Turn>(text).unwrap(), turn);
        }
    }

    #[test]
    fn a_delivery_ends_a_place_in_line_and_makes_none() {
        let turn = Turn { priority: Priority::Bulk, cost: 1, place: Place::Outside, yields: 0 };
        for (place, after) in [
            (Place::Outside, Place::Outside),
            (Place::InLine { micros: 7 }, Place::Past),
            (Place::Past, Place::Past),
        ] {
            assert_eq!(turn.at(place).come(), turn.at(after));
        }
    }
}
