//! The suite of the port `Calendar`.

use testing::calendar::{self, CalendarTrouble};

use crate::fake::Fake;

#[tokio::test]
async fn an_event_is_read_as_it_was_written() {
    calendar::an_event_is_read_as_it_was_written(&Fake::new()).await;
}

#[tokio::test]
async fn an_id_is_taken_once() {
    calendar::an_id_is_taken_once(&Fake::new()).await;
}

#[tokio::test]
async fn nothing_is_under_an_id_that_was_never_used() {
    calendar::nothing_is_under_an_id_that_was_never_used(&Fake::new()).await;
}

#[tokio::test]
async fn a_deleted_event_keeps_its_id() {
    calendar::a_deleted_event_keeps_its_id(&Fake::new()).await;
}

#[tokio::test]
async fn a_conference_is_made() {
    calendar::a_conference_is_made(&Fake::new()).await;
}

#[tokio::test]
async fn a_conference_that_is_brought_is_dropped() {
    calendar::a_conference_that_is_brought_is_dropped(&Fake::new()).await;
}

#[tokio::test]
async fn a_refused_conference_is_told_apart() {
    calendar::a_refused_conference_is_told_apart(&Fake::new()).await;
}

#[tokio::test]
async fn guests_are_written_up_to_a_limit() {
    calendar::guests_are_written_up_to_a_limit(&Fake::new()).await;
}

#[tokio::test]
async fn private_properties_stay() {
    calendar::private_properties_stay(&Fake::new()).await;
}

#[tokio::test]
async fn an_access_token_that_is_not_good_is_refused() {
    calendar::an_access_token_that_is_not_good_is_refused(&Fake::new()).await;
}

#[tokio::test]
async fn a_call_in_trouble_says_what_became_of_it() {
    for trouble in CalendarTrouble::ALL {
        calendar::a_call_in_trouble_says_what_became_of_it(&Fake::new(), trouble).await;
    }
}
