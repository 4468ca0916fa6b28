//! How e-mail is sent, and to whom.

use notices::{Encryption, MailSettings, Users};
use url::Url;

use super::super::problems::Reader;
use super::super::variables::{
    NOTIFY_TO, NOTIFY_USERS, PUBLIC_URL, SMTP_FROM, SMTP_HOST, SMTP_PASS, SMTP_PORT, SMTP_TLS, SMTP_USER,
};

/// The port that is TLS from the first byte (RFC 8314).
const TLS: u16 = 465;

/// Reads the variables; `None` where nobody is to be written to.
pub fn read<L: Fn(&str) -> Option<String>>(env: &mut Reader<L>) -> Option<MailSettings> {
    let host = env.text(&SMTP_HOST);
    let port = env.value(&SMTP_PORT);
    let usual = if port == TLS { Encryption::Tls } else { Encryption::StartTls };
    let encryption = env.optional(&SMTP_TLS).unwrap_or(usual);
    let user = env.text(&SMTP_USER);
    let password = env.secret(&SMTP_PASS);
    let given = env.has_secret(&SMTP_PASS);
    let operators = env.optional(&NOTIFY_TO);
    let users = env.value(&NOTIFY_USERS);
    let named = env.optional(&SMTP_FROM);
    let from = named.or_else(|| user.as_deref().and_then(|user| user.parse().ok()));

    let wanted = env.text(&NOTIFY_TO).is_some() || users == Users::Told;
    match (&host, wanted) {
        (None, true) => {
            env.add(&SMTP_HOST, "must be set beside NOTIFY_TO and NOTIFY_USERS: it sends the e-mail")
        }
        (Some(_), false) => {
            env.add(&NOTIFY_TO, "must be set beside SMTP_HOST, or NOTIFY_USERS=1: nobody is written to");
        }
        (Some(_), true) | (None, false) => {}
    }
    if host.is_some() && from.is_none() && env.text(&SMTP_FROM).is_none() {
        env.add(&SMTP_FROM, "must be set beside SMTP_HOST, unless SMTP_USER is an e-mail address");
    }
    if user.is_some() != given {
        env.add(&SMTP_USER, "must be set beside SMTP_PASS or SMTP_PASS_FILE, and only there");
    }
    if given && encryption == Encryption::None {
        env.add(&SMTP_TLS, "must not be none beside SMTP_PASS: the password would travel unencrypted");
    }
    let page = |url: Url| url.join("google-calendar-setup").ok().map(String::from);
    Some(MailSettings {
        host: host?,
        port,
        encryption,
        login: user.zip(password),
        from: from?,
        operators,
        users,
        // What is wrong with it is said where it matters.
        setup_page: env.text(&PUBLIC_URL).and_then(|text| (PUBLIC_URL.parse)(&text).ok()).and_then(page),
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::wrong;

    #[test]
    fn e_mail_has_a_way_a_sender_and_a_receiver() {
        let (host, to, from) = (
            ("SMTP_HOST", "mail.example.com"),
            ("NOTIFY_TO", "a@example.com, b@example.com"),
            ("SMTP_FROM", "c@example.com"),
        );
        assert_eq!(wrong(&[host, to, from]), Vec::<&str>::new());
        assert_eq!(wrong(&[host, ("NOTIFY_USERS", "1"), from]), Vec::<&str>::new());
        assert_eq!(wrong(&[host, from]), ["NOTIFY_TO"]);
        assert_eq!(wrong(&[to]), ["SMTP_HOST"]);
        assert_eq!(wrong(&[("NOTIFY_USERS", "1")]), ["SMTP_HOST"]);
        assert_eq!(wrong(&[host, to]), ["SMTP_FROM"]);
        assert_eq!(wrong(&[host, ("NOTIFY_TO", "nobody"), from]), ["NOTIFY_TO"]);
    }

    #[test]
    fn a_password_has_a_user_and_travels_encrypted() {
        let rest = [("SMTP_HOST", "mail.example.com"), ("NOTIFY_TO", "a@example.com")];
        let with = |more: &[(&'static str, &'static str)]| wrong(&[&rest, more].concat());
        let (user, password) = (("SMTP_USER", "c@example.com"), ("SMTP_PASS", "hunter2"));
        assert_eq!(with(&[user, password]), Vec::<&str>::new());
        assert_eq!(with(&[user, password, ("SMTP_TLS", "tls")]), Vec::<&str>::new());
        assert_eq!(with(&[user]), ["SMTP_USER"]);
        assert_eq!(with(&[password, ("SMTP_FROM", "c@example.com")]), ["SMTP_USER"]);
        assert_eq!(with(&[user, password, ("SMTP_TLS", "none")]), ["SMTP_TLS"]);
        assert_eq!(with(&[user, password, ("SMTP_TLS", "perhaps")]), ["SMTP_TLS"]);
    }
}
