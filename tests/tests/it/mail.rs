//! E-mail about accounts, to a real mail server.

use std::time::Duration;

use serde_json::{Value, json};
use tests::{Calrelay, LOGIN, Launch, MailServer, eventually};

const OPERATOR: &str = "operator@example.com";
const USER: &str = "ada@example.com";

/// A server that mails this way, and trusts that mail server.
fn mailing(mail: &MailServer) -> Launch {
    Launch::new()
        .with("SMTP_HOST", "localhost")
        .with("SMTP_PORT", mail.port())
        .with("SMTP_FROM", "calrelay@example.com")
        .with("NOTIFY_TO", format!("Night shift <{OPERATOR}>"))
}

fn logging_in(launch: Launch, mail: &MailServer) -> Launch {
    launch
        .with("SMTP_USER", LOGIN.0)
        .with("SMTP_PASS", LOGIN.1)
        .with("SSL_CERT_FILE", mail.certificate().display())
}

/// The user takes the permission back; this job is the first to notice.
async fn revoke(calrelay: &Calrelay) {
    calrelay.sandbox().control(&format!("/_sandbox/users/{USER}"), &json!({"revoked": true})).await;
    blocked(calrelay, "first").await;
}

async fn blocked(calrelay: &Calrelay, key: &str) {
    let event = json!({
        "summary": "Salary talk", "conference": false,
        "start": {"dateTime": "2027-03-01T09:00:00Z"}, "end": {"dateTime": "2027-03-01T10:00:00Z"},
    });
    let id = calrelay.submit(&event, key).await.expect("accepted");
    eventually("a blocked job", Duration::from_secs(30), || async {
        (calrelay.job(&id).await["state"] == "blocked").then_some(())
    })
    .await;
}

fn to<'a>(letters: &'a [Value], address: &str) -> Vec<&'a Value> {
    letters.iter().filter(|letter| letter["to"] == json!([address])).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_and_the_user_get_one_e_mail_each_over_starttls() {
    let mail = MailServer::start("starttls", 0).await;
    let launch = logging_in(mailing(&mail), &mail).with("NOTIFY_USERS", 1);
    let calrelay = launch.start().await;
    revoke(&calrelay).await;
    for key in ["second", "third", "fourth"] {
        blocked(&calrelay, key).await;
    }
    let letters = mail.given(2).await;
    let (operators, users) = (to(&letters, OPERATOR), to(&letters, USER));
    assert_eq!((operators.len(), users.len()), (1, 1), "{letters:?}");
    for letter in &letters {
        assert_eq!((&letter["encrypted"], &letter["login"]), (&json!(true), &json!(true)));
        assert_eq!(
            (&letter["from"], &letter["auto"]),
            (&json!("calrelay@example.com"), &json!("auto-generated"))
        );
        assert!(!letter.to_string().contains("Salary"), "{letter}");
    }
    assert_eq!(operators[0]["subject"], "The Google Calendar of account default has to be connected again");
    assert_eq!(users[0]["subject"], "Please connect your Google Calendar again");
    // A restart tells nobody again: its first look at the accounts is before the next job is blocked.
    let dir = calrelay.launch();
    calrelay.terminate().await;
    let calrelay = dir.start().await;
    blocked(&calrelay, "fifth").await;
    assert!(!calrelay.log().contains(USER), "{}", calrelay.log());
    assert!(!calrelay.log().contains(LOGIN.1), "{}", calrelay.log());
    // It ends what it has begun.
    calrelay.terminate().await;
    assert_eq!(mail.letters().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_that_is_refused_for_now_is_sent_again_over_tls() {
    let mail = MailServer::start("tls", 1).await;
    let calrelay = logging_in(mailing(&mail), &mail).with("SMTP_TLS", "tls").start().await;
    revoke(&calrelay).await;
    let letters = mail.given(2).await;
    assert_eq!(letters[0], json!({"refused": true}));
    assert_eq!((&letters[1]["to"], &letters[1]["login"]), (&json!([OPERATOR]), &json!(true)));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_sent_to_a_server_that_is_not_trusted_or_does_not_encrypt() {
    for (mode, tls) in [("tls", "tls"), ("starttls", "starttls"), ("none", "starttls")] {
        let mail = MailServer::start(mode, 0).await;
        let calrelay = mailing(&mail).with("SMTP_TLS", tls).start().await;
        revoke(&calrelay).await;
        eventually("a complaint", Duration::from_secs(60), || async {
            calrelay.log().contains("The mail server (SMTP_HOST) takes nothing").then_some(())
        })
        .await;
        assert_eq!(mail.letters(), Vec::<Value>::new(), "{mode}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_on_this_machine_may_be_spoken_to_in_the_clear() {
    let mail = MailServer::start("none", 0).await;
    let calrelay = mailing(&mail).with("SMTP_TLS", "none").start().await;
    revoke(&calrelay).await;
    assert_eq!(mail.given(1).await[0]["to"], json!([OPERATOR]));
}
