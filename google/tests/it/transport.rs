//! Connections that fail, stall and break: what may have been done, and what cannot have been.

use std::time::{Duration, Instant};

use common::port::{CalendarError, Reach, TokenEndpoint as _, TokenError};
use jiff::Timestamp;
use tokio::net::TcpListener;

use crate::server::{Plan, whole};
use crate::setting::{self, ADDRESS, REDIRECT, SHORT, Setting, stored};

/// What an insert becomes when it goes like this.
async fn told(plan: Plan) -> CalendarError {
    let setting = Setting::impatient().await;
    setting.server.plan(plan);
    let error = setting.insert().await.unwrap_err();
    assert_eq!(setting.server.seen().len(), 1, "it is not sent again");
    assert!(!error.to_string().contains(ADDRESS), "{error}");
    error
}

fn is_no_answer(error: &CalendarError) {
    assert!(matches!(error, CalendarError::NoAnswer(_)), "{error:?}");
    assert_eq!(error.reach(), Reach::Unknown);
}

fn never_left(error: &CalendarError) {
    assert!(matches!(error, CalendarError::NotSent(_)), "{error:?}");
    assert_eq!(error.reach(), Reach::NoEffect);
    assert!(!error.to_string().contains(ADDRESS), "{error}");
}

/// An answer without its last bytes.
fn cut(mut answer: Vec<u8>) -> Vec<u8> {
    answer.truncate(answer.len() - 10);
    answer
}

/// The head of a 200 and this body, whose end is the connection's.
fn unmeasured(body: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{body}").into_bytes()
}

#[tokio::test]
async fn a_refused_connection_means_that_nothing_was_sent() {
    // A port that was free a moment ago.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let credentials = setting::credentials(|path| format!("http://{address}{path}"));
    let (calendar, oauth) = google::connect_with(credentials, REDIRECT.to_owned(), None, SHORT).unwrap();
    never_left(&setting::insert(&calendar).await.unwrap_err());
    let error = oauth.exchange("code", "verifier", Timestamp::UNIX_EPOCH).await.unwrap_err();
    assert!(matches!(error, TokenError::Transport(_)), "{error:?}");
}

#[tokio::test]
async fn an_answer_that_does_not_come_is_waited_for_only_so_long() {
    let started = Instant::now();
    is_no_answer(&told(Plan::SendAndStall(Vec::new())).await);
    assert!(started.elapsed() >= SHORT.total, "{:?}", started.elapsed());
    assert!(started.elapsed() < SHORT.total + Duration::from_secs(10), "{:?}", started.elapsed());
}

#[tokio::test]
async fn an_answer_that_stops_half_way_is_waited_for_only_so_long() {
    let answer = whole(200, &[], &stored().to_string());
    is_no_answer(&told(Plan::SendAndStall(cut(answer))).await);
    is_no_answer(&told(Plan::SendAndStall(b"HTTP/1.1 200 OK\r\nconte".to_vec())).await);
}

#[tokio::test]
async fn a_connection_that_breaks_before_the_answer_leaves_the_effect_unknown() {
    is_no_answer(&told(Plan::Reset).await);
    is_no_answer(&told(Plan::SendAndClose(Vec::new())).await);
    is_no_answer(&told(Plan::SendAndClose(b"HTTP/1.1 20".to_vec())).await);
}

#[tokio::test]
async fn a_200_cut_short_leaves_the_effect_unknown() {
    let event = stored().to_string();
    is_no_answer(&told(Plan::SendAndClose(cut(whole(200, &[], &event)))).await);
    is_no_answer(&told(Plan::SendAndClose(cut(unmeasured(&event)))).await);
    is_no_answer(&told(Plan::SendAndClose(unmeasured(""))).await);
    let chunked =
        format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{event}\r\n", event.len());
    is_no_answer(&told(Plan::SendAndClose(chunked.into_bytes())).await);
}

#[tokio::test]
async fn a_refusal_cut_short_is_no_answer() {
    let answer = whole(404, &[], r#"{"error":{"errors":[{"reason":"notFound"}]}}"#);
    is_no_answer(&told(Plan::SendAndClose(cut(answer))).await);
}

#[tokio::test]
async fn a_200_with_garbage_is_not_understood_and_may_have_been_done() {
    for garbage in ["<html>Welcome to the hotel's network</html>", "{\"kind\":\"calendar#event\"}", "[]"] {
        let error = told(Plan::Send(whole(200, &[], garbage))).await;
        assert!(matches!(error, CalendarError::Unintelligible(_)), "{error:?}");
        assert_eq!(error.reach(), Reach::Unknown);
    }
}

#[tokio::test]
async fn what_is_not_http_is_no_answer() {
    is_no_answer(&told(Plan::SendAndClose(b"220 mail.example.com ESMTP\r\n".to_vec())).await);
}

#[tokio::test]
async fn an_answer_without_end_is_given_up() {
    let setting = Setting::new().await;
    setting.server.plan(Plan::SendAndClose(unmeasured(&" ".repeat(9 << 20))));
    let error = setting.insert().await.unwrap_err();
    assert_eq!(error, CalendarError::Unintelligible("the answer is longer than 8388608 bytes".to_owned()));
}

#[tokio::test]
async fn after_a_broken_connection_the_next_call_gets_a_new_one() {
    let setting = Setting::new().await;
    setting.server.plan(Plan::Reset);
    is_no_answer(&setting.insert().await.unwrap_err());
    setting.server.answer(200, &[], &stored().to_string());
    setting.insert().await.unwrap();
    assert_eq!(setting.server.connections(), 2);
}
