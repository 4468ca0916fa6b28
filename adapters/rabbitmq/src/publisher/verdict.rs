//! What became of each message, when confirms and returned messages come mixed up.

use std::collections::HashSet;

use super::super::trouble::RUN_SETUP;
use common::port::QueueError;

/// What the broker said to one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// It took the message, unless it returned it.
    Taken,
    /// It refused the message.
    Rejected,
    /// The connection ended first.
    Unknown,
}

/// One confirm, with the returned message that lapin attached to it: often another one's.
pub(super) struct Landed<R> {
    pub(super) number: u64,
    pub(super) reply: R,
    pub(super) answer: Answer,
    /// The number of a message that came back, if one did; `Some(None)` when it bears none.
    pub(super) returned: Option<Option<u64>>,
}

/// Whom to tell what.
type Verdict<R> = (R, Result<(), QueueError>);

/// Judges messages by their confirms.
///
/// A returned message is attached to a confirm completed no later than its own, as long as no other
/// returned message is before it in the line. So as soon as one has come back, nothing is judged
/// until every message in flight has its confirm: then all that came back are known.
pub(super) struct Verdicts<R> {
    undecided: Vec<Landed<R>>,
}

impl<R> Default for Verdicts<R> {
    fn default() -> Self {
        Self { undecided: Vec::new() }
    }
}

impl<R> Verdicts<R> {
    /// Whether confirms wait for others.
    pub(super) fn undecided(&self) -> bool {
        !self.undecided.is_empty()
    }

    /// Judges what has landed; `flying` messages have no confirm yet.
    pub(super) fn judge(&mut self, landed: Vec<Landed<R>>, flying: usize) -> Vec<Verdict<R>> {
        let calm = self.undecided.is_empty() && landed.iter().all(|landed| landed.returned.is_none());
        self.undecided.extend(landed);
        if !calm && flying > 0 {
            return Vec::new();
        }
        let all = std::mem::take(&mut self.undecided);
        let returned: HashSet<Option<u64>> = all.iter().filter_map(|landed| landed.returned).collect();
        all.into_iter()
            .map(|landed| (landed.reply, verdict(landed.number, landed.answer, &returned)))
            .collect()
    }
}

fn verdict(number: u64, answer: Answer, returned: &HashSet<Option<u64>>) -> Result<(), QueueError> {
    if returned.contains(&Some(number)) {
        return Err(QueueError::Unreachable(format!("RabbitMQ has no queue for the message: {RUN_SETUP}")));
    }
    match answer {
        // One that bears no number came back: it may be this one.
        Answer::Taken if returned.contains(&None) => Err(QueueError::Unconfirmed),
        Answer::Taken => Ok(()),
        Answer::Rejected => Err(QueueError::Full),
        Answer::Unknown => Err(QueueError::Unconfirmed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn landed(number: u64, answer: Answer, returned: Option<u64>) -> Landed<u64> {
        Landed { number, reply: number, answer, returned: returned.map(Some) }
    }

    fn taken(number: u64, returned: Option<u64>) -> Landed<u64> {
        landed(number, Answer::Taken, returned)
    }

    fn lost(verdicts: Vec<Verdict<u64>>) -> Vec<u64> {
        verdicts.into_iter().filter_map(|(number, verdict)| verdict.err().map(|_| number)).collect()
    }

    #[test]
    fn each_answer_is_told_as_it_is() {
        let mut verdicts = Verdicts::default();
        let three = [Answer::Taken, Answer::Rejected, Answer::Unknown];
        let landed =
            three.into_iter().zip(1..).map(|(answer, number)| landed(number, answer, None)).collect();
        let told = verdicts.judge(landed, 5);
        assert_eq!(told, [(1, Ok(())), (2, Err(QueueError::Full)), (3, Err(QueueError::Unconfirmed))]);
    }

    #[test]
    fn a_returned_message_fails_and_the_one_it_was_attached_to_does_not() {
        let mut verdicts = Verdicts::default();
        assert_eq!(lost(verdicts.judge(vec![taken(1, Some(2)), taken(2, None), taken(3, None)], 0)), [2]);
        assert!(!verdicts.undecided());
    }

    /// Three come back before the first confirm: each confirm then bears another one's message.
    #[test]
    fn nothing_is_judged_while_a_returned_message_may_be_on_its_way() {
        let mut verdicts = Verdicts::default();
        assert_eq!(verdicts.judge(vec![taken(3, Some(1))], 3), []);
        assert!(verdicts.undecided());
        assert_eq!(verdicts.judge(vec![taken(1, Some(2)), taken(4, None)], 1), []);
        assert_eq!(lost(verdicts.judge(vec![taken(2, Some(3))], 0)), [3, 1, 2]);
    }

    #[test]
    fn what_is_refused_and_returned_was_returned() {
        let mut verdicts = Verdicts::default();
        let told = verdicts.judge(vec![landed(1, Answer::Rejected, Some(1))], 0);
        assert!(matches!(&told[0].1, Err(QueueError::Unreachable(why)) if why.contains("calrelay setup")));
    }

    #[test]
    fn a_returned_message_without_a_number_may_be_any() {
        let mut verdicts = Verdicts::default();
        let nameless = Landed { number: 1, reply: 1, answer: Answer::Taken, returned: Some(None) };
        assert_eq!(
            verdicts.judge(vec![nameless, taken(2, None)], 0),
            [(1, Err(QueueError::Unconfirmed)), (2, Err(QueueError::Unconfirmed))]
        );
    }
}
