//! `GET /_sandbox/outbox`: the invitations that would have been mailed, as a page or as JSON.

use actix_web::http::header::ACCEPT;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use maud::html;
use serde_json::json;

use super::layout;
use crate::outbox::{Mail, MailKind};
use crate::sandbox::Sandbox;

/// A page shows this many, newest first; JSON has them all.
const SHOWN: usize = 200;

pub(super) async fn show(sandbox: Data<Sandbox>, request: HttpRequest) -> HttpResponse {
    let accept = request.headers().get(ACCEPT).and_then(|value| value.to_str().ok());
    let mails: Vec<Mail> = sandbox.lock().world.outbox.iter().cloned().collect();
    if !accept.unwrap_or_default().contains("text/html") {
        return HttpResponse::Ok().json(json!({"mails": mails}));
    }
    let body = html! {
        nav .bar { h1 { "Outbox" } div .steps { a .button href="/" { "‹ Calendar" } } }
        main {
            @if mails.is_empty() {
                section .empty {
                    p .big { "No mail was sent. " span aria-hidden="true" { "🕊️" } }
                    p { "Google mails guests only when a write says " code { "sendUpdates=all" } ", and never about the past." }
                }
            } @else {
                table {
                    thead { tr { th { "Sent (UTC)" } th { "What" } th { "Event" } th { "From" } th { "To" } } }
                    tbody {
                        @for mail in mails.iter().rev().take(SHOWN) {
                            tr {
                                td { (mail.at.strftime("%Y-%m-%d %H:%M:%S")) }
                                td { (word(mail.kind)) }
                                td { a href=(day(mail)) { bdi { (mail.summary) } } }
                                td { (mail.from) }
                                td { (recipients(&mail.to)) }
                            }
                        }
                    }
                }
                @if mails.len() > SHOWN { p .quiet { "The newest " (SHOWN) " of " (mails.len()) "." } }
            }
        }
    };
    layout::reply(200, layout::Kind::Wide, "Outbox", body).into_response()
}

/// The week in which the event begins.
fn day(mail: &Mail) -> String {
    let date = mail.starts.strftime("%Y-%m-%d").to_string();
    let mut pairs = url::form_urlencoded::Serializer::new(String::new());
    format!("/?{}", pairs.append_pair("user", &mail.from).append_pair("date", &date).finish())
}

fn word(kind: MailKind) -> &'static str {
    match kind {
        MailKind::Invitation => "Invitation",
        MailKind::Update => "Update",
        MailKind::Cancellation => "Cancellation",
    }
}

fn recipients(to: &[String]) -> String {
    match to {
        [a, b, c, rest @ ..] if !rest.is_empty() => format!("{a}, {b}, {c} and {} more", rest.len()),
        few => few.join(", "),
    }
}
