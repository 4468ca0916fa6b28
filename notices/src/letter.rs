//! The words of e-mail.

use common::account::{AccountId, ReauthorizationCause};
use jiff::Timestamp;

/// A letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Letter {
    pub(super) subject: String,
    pub(super) text: String,
}

/// For the operators: an account has to be connected again.
pub(super) fn to_operators(
    account: &AccountId,
    since: Timestamp,
    cause: ReauthorizationCause,
    setup_page: Option<&str>,
) -> Letter {
    let page = match setup_page {
        Some(page) => format!("{page}?account={account}"),
        None => "the page /google-calendar-setup".to_owned(),
    };
    Letter {
        subject: format!("The Google Calendar of account {account} has to be connected again"),
        text: format!(
            "{}\n\n\
             Since {since} the jobs of account {account} wait. None of them is lost, and nothing has to be\n\
             sent again: they go on by themselves once the same Google user connects it again, on\n\n\
             {page}\n\n\
             This is the only e-mail about it.\n",
            cause.sentence()
        ),
    }
}

/// For the account's own user.
pub(super) fn to_user(cause: ReauthorizationCause) -> Letter {
    Letter {
        subject: "Please connect your Google Calendar again".to_owned(),
        text: format!(
            "Appointments for your Google Calendar wait: they can not be entered any more.\n\n\
             {}\n\n\
             Please ask whoever enters them for you for a new link to connect your calendar, and use the\n\
             same Google user as before. What waits is then entered by itself.\n\n\
             If you have withdrawn the permission on purpose there is nothing to do.\n",
            cause.sentence()
        ),
    }
}
