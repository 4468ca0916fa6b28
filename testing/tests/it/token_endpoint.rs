//! The suite of the port `TokenEndpoint`.

use testing::token_endpoint::{self, EndpointTrouble};

use crate::fake::Fake;

#[tokio::test]
async fn a_code_is_traded_once() {
    token_endpoint::a_code_is_traded_once(&Fake::new()).await;
}

#[tokio::test]
async fn a_code_is_traded_by_its_verifier_alone() {
    token_endpoint::a_code_is_traded_by_its_verifier_alone(&Fake::new()).await;
}

#[tokio::test]
async fn a_refresh_makes_another_access_token() {
    token_endpoint::a_refresh_makes_another_access_token(&Fake::new()).await;
}

#[tokio::test]
async fn an_access_token_ends() {
    token_endpoint::an_access_token_ends(&Fake::new()).await;
}

#[tokio::test]
async fn a_revoked_grant_is_dead() {
    token_endpoint::a_revoked_grant_is_dead(&Fake::new()).await;
}

#[tokio::test]
async fn a_token_goes_to_its_own_client_alone() {
    token_endpoint::a_token_goes_to_its_own_client_alone(&Fake::new()).await;
}

#[tokio::test]
async fn a_refresh_that_is_stopped_says_why() {
    for trouble in EndpointTrouble::ALL {
        token_endpoint::a_refresh_that_is_stopped_says_why(&Fake::new(), trouble).await;
    }
}
