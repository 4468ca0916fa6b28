//! E-mail: one letter to an SMTP server, over TLS, and how it went.

use std::fmt;
use std::time::Duration;

use lettre::message::header::ContentType;
use lettre::message::{Mailbox, Mailboxes};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::transport::smtp::{self, AsyncSmtpTransport};
use lettre::{AsyncTransport as _, Message, Tokio1Executor};
use secrecy::{ExposeSecret as _, SecretString};

use super::letter::Letter;

/// One answer of the server.
const ANSWER: Duration = Duration::from_secs(15);
/// All of it.
const TOTAL: Duration = Duration::from_secs(60);

/// How e-mail is sent, and to whom.
#[derive(Debug)]
pub struct MailSettings {
    /// The SMTP server's name, which its certificate has to have.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How it is spoken to.
    pub encryption: Encryption,
    /// How to log in, where that is needed.
    pub login: Option<(String, SecretString)>,
    /// Whom it comes from.
    pub from: Mailbox,
    /// Who runs this installation.
    pub operators: Option<Mailboxes>,
    /// Whether the users of accounts are written to as well.
    pub users: Users,
    /// Where operators connect accounts, if that is known.
    pub setup_page: Option<String>,
}

/// How an SMTP server is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encryption {
    /// In TLS from the first byte.
    Tls,
    /// In TLS after `STARTTLS`, or not at all.
    StartTls,
    /// In the clear: a server on this machine.
    None,
}

/// Whether the users of accounts are written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Users {
    /// They are.
    Told,
    /// They are not.
    Left,
}

/// There can be no TLS on this system.
#[derive(Debug, thiserror::Error)]
#[error("e-mail cannot be sent: {0}")]
pub struct NoMail(String);

/// Why a letter was not taken. The texts never hold an address, nor the server's own words, which may.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum NotMailed {
    /// The server does not take this letter.
    #[error("it answered {0}")]
    Refused(u16),
    /// The server takes none now, or does not answer.
    #[error("{0}")]
    Away(String),
    /// There is no letter: an address is none.
    #[error("the address is not one that e-mail can be sent to")]
    NoAddress,
}

/// The way to an SMTP server.
pub struct Mail {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    pub(super) operators: Option<Mailboxes>,
    pub(super) users: Users,
    pub(super) setup_page: Option<String>,
}

impl Mail {
    /// The way to the server that `settings` names.
    ///
    /// # Errors
    /// When the system lacks what TLS needs.
    pub fn new(settings: MailSettings) -> Result<Self, NoMail> {
        let parameters =
            || TlsParameters::new(settings.host.clone()).map_err(|error| NoMail(error.to_string()));
        let tls = match settings.encryption {
            Encryption::Tls => Tls::Wrapper(parameters()?),
            Encryption::StartTls => Tls::Required(parameters()?),
            Encryption::None => Tls::None,
        };
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&settings.host)
            .port(settings.port)
            .tls(tls)
            .timeout(Some(ANSWER));
        if let Some((user, password)) = settings.login {
            builder = builder.credentials(Credentials::new(user, password.expose_secret().to_owned()));
        }
        let MailSettings { from, operators, users, setup_page, .. } = settings;
        Ok(Self { transport: builder.build(), from, operators, users, setup_page })
    }

    /// Sends once; `Ok` means that the server has taken the letter. `id` is the same for every repeat.
    pub(super) async fn send(&self, to: Mailboxes, id: &str, letter: Letter) -> Result<(), NotMailed> {
        let mut message = Message::builder()
            .from(self.from.clone())
            .message_id(Some(format!("<{id}@{}>", self.from.email.domain())))
            // No out-of-office reply is wanted (RFC 3834).
            .header(AutoSubmitted)
            .header(ContentType::TEXT_PLAIN)
            .subject(letter.subject);
        for mailbox in to {
            message = message.to(mailbox);
        }
        let message = message.body(letter.text).map_err(|_| NotMailed::NoAddress)?;
        match tokio::time::timeout(TOTAL, self.transport.send(message)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(not_mailed(&error)),
            Err(_elapsed) => Err(NotMailed::Away("it takes too long".to_owned())),
        }
    }

    /// Connects, encrypts and logs in, as for a letter.
    pub(super) async fn probe(&self) -> Result<(), NotMailed> {
        match self.transport.test_connection().await {
            Ok(true) => Ok(()),
            Ok(false) => Err(NotMailed::Away("it does not answer to NOOP".to_owned())),
            Err(error) => Err(not_mailed(&error)),
        }
    }
}

fn not_mailed(error: &smtp::Error) -> NotMailed {
    if let Some(code) = error.status().map(u16::from) {
        // 4xx is about the moment; so is 5xx to a login, which an operator has to mend.
        return match code {
            400..=499 | 530 | 534 | 535 | 538 => NotMailed::Away(format!("it answered {code}")),
            code => NotMailed::Refused(code),
        };
    }
    NotMailed::Away(
        match (error.is_timeout(), error.is_tls(), error.is_client()) {
            (true, ..) => "it did not answer in time",
            (_, true, _) => "its certificate is not trusted, or it speaks no TLS",
            (.., true) => "it does not offer what is needed: STARTTLS, or a way to log in",
            (false, false, false) => "there is no connection, or its certificate is not trusted",
        }
        .to_owned(),
    )
}

impl fmt::Debug for Mail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mail(operators: {}, users: {:?})", self.operators.is_some(), self.users)
    }
}

/// `Auto-Submitted: auto-generated`.
#[derive(Clone)]
struct AutoSubmitted;

impl lettre::message::header::Header for AutoSubmitted {
    fn name() -> lettre::message::header::HeaderName {
        lettre::message::header::HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> lettre::message::header::HeaderValue {
        lettre::message::header::HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}
