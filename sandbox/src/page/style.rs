//! The one style sheet: colours for light and dark, and a class for every place an event can have, because a strict
//! content policy forbids styles in the page.

use std::fmt::Write as _;
use std::sync::LazyLock;

use actix_web::HttpResponse;

use super::places::{HOUR_ROWS, LANES};

static SHEET: LazyLock<String> = LazyLock::new(sheet);

pub(super) async fn show() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/css; charset=utf-8")
        .insert_header(("Cache-Control", "max-age=300"))
        .body(SHEET.as_str())
}

/// Google's event colours, and the blue of events without one.
const COLOURS: &[&str] = &[
    "#1a73e8", "#7986cb", "#33b679", "#8e24aa", "#e67c73", "#f6bf26", "#f4511e", "#039be5", "#616161",
    "#3f51b5", "#0b8043", "#d50000",
];

fn sheet() -> String {
    let mut sheet = include_str!("style.css").to_owned();
    let mut rule = |text: std::fmt::Arguments<'_>| {
        writeln!(sheet, "{text}").expect("a string takes all that is written to it");
    };
    for row in 1..=24 * HOUR_ROWS {
        rule(format_args!(".r{row}{{grid-row-start:{row}}}.s{row}{{grid-row-end:span {row}}}"));
    }
    for lanes in 1..=LANES {
        let width = 100.0 / lanes as f64;
        rule(format_args!(".w{lanes}{{width:calc({width:.3}% - 2px)}}"));
        for lane in 1..lanes {
            let left = width * lane as f64;
            rule(format_args!(".w{lanes}.l{lane}{{margin-left:{left:.3}%}}"));
        }
    }
    for column in 1..=7 {
        rule(format_args!(
            ".c{column}{{grid-column-start:{column}}}.n{column}{{grid-column-end:span {column}}}"
        ));
    }
    for (number, colour) in COLOURS.iter().enumerate() {
        rule(format_args!(".k{number}{{--k:{colour}}}"));
    }
    sheet
}
