//! The suite of the port `Calendar`.

use testing::calendar::{self, CalendarTrouble};

use super::Sandbox;

#[tokio::test]
async fn an_event_is_read_as_it_was_written() {
    calendar::an_event_is_read_as_it_was_written(&Sandbox::start().await).await;
}

#[tokio::test]
async fn an_id_is_taken_once() {
    calendar::an_id_is_taken_once(&Sandbox::start().await).await;
}

#[tokio::test]
async fn nothing_is_under_an_id_that_was_never_used() {
    calendar::nothing_is_under_an_id_that_was_never_used(&Sandbox::start().await).await;
}

#[tokio::test]
async fn a_deleted_event_keeps_its_id() {
    calendar::a_deleted_event_keeps_its_id(&Sandbox::start().await).await;
}

#[tokio::test]
async fn a_conference_is_made() {
    calendar::a_conference_is_made(&Sandbox::start().await).await;
}

#[tokio::test]
async fn a_conference_that_is_brought_is_dropped() {
    calendar::a_conference_that_is_brought_is_dropped(&Sandbox::start().await).await;
}

#[tokio::test]
async fn a_refused_conference_is_told_apart() {
    calendar::a_refused_conference_is_told_apart(&Sandbox::start().await).await;
}

#[tokio::test]
async fn guests_are_written_up_to_a_limit() {
    calendar::guests_are_written_up_to_a_limit(&Sandbox::start().await).await;
}

#[tokio::test]
async fn private_properties_stay() {
    calendar::private_properties_stay(&Sandbox::start().await).await;
}

#[tokio::test]
async fn an_access_token_that_is_not_good_is_refused() {
    calendar::an_access_token_that_is_not_good_is_refused(&Sandbox::start().await).await;
}

#[tokio::test]
async fn a_call_in_trouble_says_what_became_of_it() {
    for trouble in CalendarTrouble::ALL {
        calendar::a_call_in_trouble_says_what_became_of_it(&Sandbox::start().await, trouble).await;
    }
}
