//! Consent, codes, refreshes, revoking, and whose token it is.

use std::collections::HashMap;
use std::time::Duration;

use common::port::{ClientRef, ConsentRequest, GoogleUser, RefreshToken, TokenEndpoint as _, TokenError};
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use url::Url;

use crate::server::{Plan, whole};
use crate::setting::{REDIRECT, Setting, token};

const CALENDAR: &str = "https://www.googleapis.com/auth/calendar.events";
const NOW: Timestamp = Timestamp::UNIX_EPOCH;

fn refresh_token() -> RefreshToken {
    RefreshToken(SecretString::from("1//refresh"))
}

fn form(pairs: &[(&str, &str)]) -> HashMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[tokio::test]
async fn the_consent_url_asks_for_offline_access_with_pkce_and_state() {
    let oauth = Setting::new().await.oauth;
    let mut request = ConsentRequest {
        state: "s&t/a=te".to_owned(),
        code_challenge: "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM".to_owned(),
        login_hint: Some("ada+cal@example.com".to_owned()),
    };
    let url = Url::parse(&oauth.consent_url(&request)).unwrap();
    assert_eq!(url.path(), "/auth");
    let asked: HashMap<String, String> = url.query_pairs().into_owned().collect();
    let mut expected = form(&[
        ("response_type", "code"),
        ("client_id", "the-client"),
        ("redirect_uri", REDIRECT),
        ("scope", &format!("{CALENDAR} openid email")),
        ("state", "s&t/a=te"),
        ("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"),
        ("code_challenge_method", "S256"),
        ("access_type", "offline"),
        ("prompt", "consent"),
        ("include_granted_scopes", "true"),
        ("login_hint", "ada+cal@example.com"),
    ]);
    assert_eq!(asked, expected);
    assert!(!url.as_str().contains("the-secret"));

    request.login_hint = None;
    let url = Url::parse(&oauth.consent_url(&request)).unwrap();
    expected.remove("login_hint");
    assert_eq!(url.query_pairs().into_owned().collect::<HashMap<_, _>>(), expected);
}

#[tokio::test]
async fn a_code_is_traded_with_its_verifier_for_what_google_granted() {
    let setting = Setting::new().await;
    let userinfo = "https://www.googleapis.com/auth/userinfo.email";
    let answer = json!({
        "access_token": "ya29.new", "expires_in": 3599, "refresh_token": "1//new", "token_type": "Bearer",
        "scope": format!("openid {userinfo} {CALENDAR}"), "id_token": "eyJ.x.y",
        "refresh_token_expires_in": 604_799,
    });
    setting.server.answer(200, &[], &answer.to_string());
    let verifier = "v".repeat(43);
    let grant = setting.oauth.exchange("4/the+code", &verifier, NOW).await.unwrap();
    assert_eq!(grant.access_token.expose_secret(), "ya29.new");
    assert_eq!(grant.valid_for(NOW), Duration::from_secs(3599));
    assert_eq!(grant.refresh_token.unwrap().0.expose_secret(), "1//new");
    assert_eq!(grant.scopes, ["openid", "email", CALENDAR], "by the names they were asked by");

    let seen = setting.server.only();
    assert_eq!((seen.method.as_str(), seen.path.as_str()), ("POST", "/token"));
    assert_eq!(seen.headers["content-type"], "application/x-www-form-urlencoded");
    let expected = form(&[
        ("grant_type", "authorization_code"),
        ("code", "4/the+code"),
        ("code_verifier", &verifier),
        ("client_id", "the-client"),
        ("client_secret", "the-secret"),
        ("redirect_uri", REDIRECT),
    ]);
    assert_eq!(seen.form(), expected);
}

#[tokio::test]
async fn a_refresh_gives_an_access_token_and_keeps_the_old_refresh_token() {
    let setting = Setting::new().await;
    let answer = json!({
        "access_token": "ya29.new", "expires_in": 3599, "scope": CALENDAR, "token_type": "Bearer",
    });
    setting.server.answer(200, &[], &answer.to_string());
    let grant = setting.oauth.refresh(&setting.oauth.client(), &refresh_token(), NOW).await.unwrap();
    assert_eq!(grant.access_token.expose_secret(), "ya29.new");
    assert!(grant.refresh_token.is_none());
    assert_eq!(grant.scopes, [CALENDAR], "a scope that was not granted is not claimed");
    let expected = form(&[
        ("grant_type", "refresh_token"),
        ("refresh_token", "1//refresh"),
        ("client_id", "the-client"),
        ("client_secret", "the-secret"),
    ]);
    assert_eq!(setting.server.only().form(), expected);
}

#[tokio::test]
async fn an_answer_that_leaves_out_scope_and_expiry_is_read_with_care() {
    for (expires_in, seconds) in [(json!(null), 300), (json!(u64::MAX), 86_400), (json!(0), 0)] {
        let setting = Setting::new().await;
        let answer = json!({"access_token": "a", "token_type": "Bearer", "expires_in": expires_in});
        setting.server.answer(200, &[], &answer.to_string());
        let grant = setting.oauth.refresh(&setting.oauth.client(), &refresh_token(), NOW).await.unwrap();
        assert_eq!(grant.valid_for(NOW), Duration::from_secs(seconds), "{expires_in}");
        assert_eq!(grant.scopes, setting.oauth.scopes());
    }
}

#[tokio::test]
async fn a_token_of_another_client_or_endpoint_goes_nowhere() {
    let setting = Setting::new().await;
    let mine = setting.oauth.client();
    let another = ClientRef { client_id: "another".to_owned(), ..mine.clone() };
    let elsewhere = ClientRef { token_uri: "https://oauth2.googleapis.com/token".to_owned(), ..mine };
    for error in [
        setting.oauth.refresh(&another, &refresh_token(), NOW).await.unwrap_err(),
        setting.oauth.refresh(&elsewhere, &refresh_token(), NOW).await.unwrap_err(),
        setting.oauth.revoke(&elsewhere, &refresh_token()).await.unwrap_err(),
    ] {
        let TokenError::InvalidClient { error, description } = error else { panic!("{error:?}") };
        assert_eq!(error, "client_changed");
        assert!(description.contains("connect the account again"), "{description}");
    }
    assert_eq!(setting.server.connections(), 0);
}

#[tokio::test]
async fn the_grant_of_a_client_that_was_replaced_can_still_be_ended() {
    let setting = Setting::new().await;
    setting.server.answer(200, &[], "{}");
    let former = ClientRef { client_id: "former".to_owned(), ..setting.oauth.client() };
    assert_eq!(setting.oauth.revoke(&former, &refresh_token()).await, Ok(()));
    assert_eq!(setting.server.only().form(), form(&[("token", "1//refresh")]));
}

#[tokio::test]
async fn revoking_is_done_also_when_the_grant_had_ended() {
    let ended = json!({"error": "invalid_token", "error_description": "Token expired or revoked"});
    for (status, body) in [(200, "{}".to_owned()), (200, String::new()), (400, ended.to_string())] {
        let setting = Setting::new().await;
        setting.server.answer(status, &[], &body);
        let told = setting.oauth.revoke(&setting.oauth.client(), &refresh_token()).await;
        assert_eq!(told, Ok(()), "{status} {body}");
        let seen = setting.server.only();
        assert_eq!((seen.method.as_str(), seen.path.as_str()), ("POST", "/revoke"));
        assert_eq!(seen.form(), form(&[("token", "1//refresh")]));
    }
}

#[tokio::test]
async fn revoking_is_not_done_when_google_could_not_be_asked() {
    let setting = Setting::impatient().await;
    let client = setting.oauth.client();
    setting.server.answer(503, &[], "");
    let told = setting.oauth.revoke(&client, &refresh_token()).await;
    assert_eq!(told, Err(TokenError::Unavailable { status: 503 }));
    setting.server.answer(400, &[("content-type", "text/html")], "<html>");
    let told = setting.oauth.revoke(&client, &refresh_token()).await;
    assert_eq!(told, Err(TokenError::Unavailable { status: 400 }));
    setting.server.plan(Plan::SendAndStall(Vec::new()));
    let told = setting.oauth.revoke(&client, &refresh_token()).await;
    assert!(matches!(told, Err(TokenError::Transport(_))), "{told:?}");
}

#[tokio::test]
async fn the_user_is_the_subject_of_the_token() {
    let setting = Setting::new().await;
    let answer = json!({"sub": "1078", "email": "ada@example.com", "email_verified": true});
    setting.server.answer(200, &[], &answer.to_string());
    let user = setting.oauth.user(&token()).await.unwrap();
    assert_eq!(user, GoogleUser { sub: "1078".to_owned(), email: "ada@example.com".to_owned() });
    let seen = setting.server.only();
    assert_eq!((seen.method.as_str(), seen.path.as_str()), ("GET", "/userinfo"));
    assert_eq!(seen.headers["authorization"], "Bearer ya29.token");

    setting.server.answer(200, &[], r#"{"sub":"1078"}"#);
    assert_eq!(setting.oauth.user(&token()).await.unwrap().email, "1078", "without the scope email");
}

#[tokio::test]
async fn an_answer_without_a_user_is_none() {
    let setting = Setting::new().await;
    for body in ["{}", "<html>", "", r#"{"id":"1078","email":"ada@example.com"}"#, r#"{"sub":""}"#] {
        setting.server.answer(200, &[], body);
        let told = setting.oauth.user(&token()).await;
        assert!(matches!(told, Err(TokenError::Transport(_))), "{body} {told:?}");
    }
    let refused = json!({"error": "invalid_request", "error_description": "Invalid Credentials"});
    setting.server.answer(401, &[], &refused.to_string());
    assert!(matches!(setting.oauth.user(&token()).await, Err(TokenError::Refused { .. })));
}

#[tokio::test]
async fn a_200_that_is_no_token_is_no_answer_and_is_not_repeated() {
    let setting = Setting::impatient().await;
    let client = setting.oauth.client();
    let mut cut = whole(200, &[], r#"{"access_token":"ya29.hidden","token_type":"Bearer"}"#);
    cut.truncate(cut.len() - 5);
    for plan in [
        Plan::Send(whole(200, &[("content-type", "text/html")], "<html>ya29.hidden")),
        Plan::Send(whole(200, &[], "")),
        Plan::Send(whole(200, &[], r#"{"access_token":["ya29.hidden"]}"#)),
        Plan::Send(whole(200, &[], r#"{"token":"ya29.hidden"}"#)),
        Plan::SendAndClose(cut),
        Plan::SendAndStall(Vec::new()),
        Plan::Reset,
    ] {
        setting.server.plan(plan.clone());
        let error = setting.oauth.refresh(&client, &refresh_token(), NOW).await.unwrap_err();
        assert!(matches!(error, TokenError::Transport(_)), "{plan:?} {error:?}");
        assert!(!error.to_string().contains("hidden"), "{error}");
    }
    assert_eq!(setting.server.seen().len(), 7, "each once");
}

#[tokio::test]
async fn no_secret_is_in_debug_output() {
    let setting = Setting::new().await;
    let text = format!("{:?} {:?}", setting.oauth, setting.calendar);
    assert!(!text.contains("the-secret"), "{text}");
}
