//! The pages a person looks at.

pub(crate) mod agenda;
mod details;
mod grid;
pub(crate) mod layout;
mod outbox;
mod places;
mod style;
mod week;

use actix_web::web;

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/", web::get().to(week::show))
        .route("/_sandbox/outbox", web::get().to(outbox::show))
        .route("/_sandbox/style.css", web::get().to(style::show));
}
