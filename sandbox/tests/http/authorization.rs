//! The consent page from a browser's side, and the code it leads to.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{ADA, Answer, GRACE, World, event, world};
use crate::oauth::refresh;

const BACK: &str = "http://localhost:3001/oauth2callback";
const SCOPES: &str = "openid email https://www.googleapis.com/auth/calendar.events";

struct Flow {
    world: World,
    id: String,
    secret: String,
}

/// What came back to the client.
type Back = Vec<(String, String)>;

fn value<'a>(back: &'a Back, name: &str) -> &'a str {
    back.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
}

impl Flow {
    async fn new() -> Self {
        let world = world().await;
        world.control("reset", json!({"everything": true})).await;
        let web = world.look("credentials").await["web"].clone();
        let text = |key: &str| web[key].as_str().unwrap().to_owned();
        Self { id: text("client_id"), secret: text("client_secret"), world }
    }

    /// The parameters of a request; an empty value leaves one out.
    fn asking(&self, changes: &[(&str, &str)]) -> Vec<(String, String)> {
        let usual = [
            ("client_id", self.id.as_str()),
            ("redirect_uri", BACK),
            ("response_type", "code"),
            ("scope", SCOPES),
            ("state", "s t&"),
            ("access_type", "offline"),
        ];
        let kept = usual.iter().filter(|(name, _)| changes.iter().all(|(other, _)| other != name));
        kept.chain(changes.iter().filter(|(_, value)| !value.is_empty()))
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    async fn page(&self, changes: &[(&str, &str)]) -> Answer {
        let request = self.world.request(Method::GET, "/o/oauth2/v2/auth").query(&self.asking(changes));
        self.world.send(request).await
    }

    async fn decide(&self, changes: &[(&str, &str)], form: &[(&str, &str)]) -> Back {
        let mut pairs = self.asking(changes);
        pairs.extend(form.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let answer =
            self.world.send(self.world.request(Method::POST, "/o/oauth2/v2/auth").form(&pairs)).await;
        assert_eq!(answer.status, 302, "{}", answer.text);
        let to: url::Url = answer.header("location").parse().unwrap();
        assert!(to.as_str().starts_with(BACK), "{to}");
        to.query_pairs().into_owned().collect()
    }

    async fn exchange(&self, code: &str, more: &[(&str, &str)]) -> Answer {
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("client_id", &self.id),
            ("client_secret", &self.secret),
        ];
        if more.iter().all(|(name, _)| *name != "redirect_uri") {
            form.push(("redirect_uri", BACK));
        }
        form.extend_from_slice(more);
        self.world.send(self.world.request(Method::POST, "/token").form(&form)).await
    }

    async fn tokens(&self, changes: &[(&str, &str)]) -> Value {
        let back = self.decide(changes, &[("user", ADA), ("decision", "all")]).await;
        self.exchange(value(&back, "code"), &[]).await.ok()
    }
}

#[tokio::test]
async fn a_person_chooses_an_account_ticks_scopes_and_goes_back_with_a_code() {
    let flow = Flow::new().await;
    let page = flow.page(&[("login_hint", GRACE)]).await;
    assert_eq!(page.status, 200);
    assert!(page.text.contains("SANDBOX"));
    assert!(page.text.contains("View and edit events on all your calendars"));
    assert!(page.text.contains(r#"name="user" value="grace@example.com" checked"#));
    assert!(
        !page
            .text
            .contains(r#"name="grant" value="https://www.googleapis.com/auth/calendar.events" checked"#),
        "boxes begin unticked"
    );
    assert!(page.header("content-security-policy").contains("default-src 'none'"));
    let form = [
        ("user", GRACE),
        ("grant", "https://www.googleapis.com/auth/calendar.events"),
        ("decision", "allow"),
    ];
    let back = flow.decide(&[], &form).await;
    assert_eq!(value(&back, "state"), "s t&");
    assert!(value(&back, "scope").contains("calendar.events"));
    let tokens = flow.exchange(value(&back, "code"), &[]).await.ok();
    assert!(tokens["refresh_token"].is_string());
    assert_eq!(tokens["expires_in"], 3_599);
    let claims = tokens["id_token"].as_str().unwrap().split('.').nth(1).unwrap();
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
    assert_eq!(
        (claims["iss"].as_str(), claims["email"].as_str()),
        (Some("https://accounts.google.com"), Some(GRACE))
    );
    assert_eq!(claims["aud"], flow.id.as_str());
}

#[tokio::test]
async fn what_is_not_ticked_is_not_granted() {
    let flow = Flow::new().await;
    let back = flow.decide(&[], &[("user", ADA), ("decision", "allow")]).await;
    let tokens = flow.exchange(value(&back, "code"), &[]).await.ok();
    assert_eq!(tokens["scope"], "https://www.googleapis.com/auth/userinfo.email openid");
    let asks_nothing_else = [("scope", "calendar calendar.events")];
    let back = flow.decide(&asks_nothing_else, &[("user", ADA), ("decision", "allow")]).await;
    assert_eq!(value(&back, "error"), "access_denied");
}

#[tokio::test]
async fn a_denial_goes_back_with_the_state_and_no_code() {
    let flow = Flow::new().await;
    let back = flow.decide(&[], &[("user", ADA), ("decision", "deny")]).await;
    assert_eq!(
        (value(&back, "error"), value(&back, "state"), value(&back, "code")),
        ("access_denied", "s t&", "")
    );
}

#[tokio::test]
async fn errors_are_shown_to_the_person_and_never_sent_back() {
    let flow = Flow::new().await;
    for (name, value, status, error) in [
        ("redirect_uri", "http://localhost:3001/oauth2callback/", 400, "redirect_uri_mismatch"),
        ("client_id", "someone-else", 401, "invalid_client"),
        ("response_type", "", 400, "invalid_request"),
        ("scope", "nonsense", 400, "invalid_scope"),
    ] {
        let page = flow.page(&[(name, value)]).await;
        assert_eq!((page.status, page.header("location")), (status, ""));
        assert!(page.text.contains(&format!("Error {status}: {error}")), "{}", page.text);
    }
    for (error, status) in [("deleted_client", 401), ("org_internal", 403), ("admin_policy_enforced", 400)] {
        flow.world.control("faults", json!({"method": "authorize", "reason": error, "count": 1})).await;
        let page = flow.page(&[]).await;
        assert_eq!(page.status, status);
        assert!(page.text.contains(&format!("Error {status}: {error}")));
    }
}

#[tokio::test]
async fn a_code_works_once_for_ten_minutes_and_for_its_redirect_uri() {
    let flow = Flow::new().await;
    let allow = [("user", ADA), ("decision", "all")];
    let back = flow.decide(&[], &allow).await;
    let code = value(&back, "code");
    let other = flow.exchange(code, &[("redirect_uri", "http://localhost:3001/other")]).await;
    assert_eq!((other.status, other.json["error"].as_str()), (400, Some("redirect_uri_mismatch")));
    assert_eq!(flow.exchange(code, &[]).await.status, 200);
    let again = flow.exchange(code, &[]).await;
    assert_eq!(
        (again.json["error"].as_str(), again.json["error_description"].as_str()),
        (Some("invalid_grant"), Some("Bad Request"))
    );
    let garbled = flow.exchange("4/0garbled", &[]).await;
    assert_eq!(garbled.json["error_description"], "Malformed auth code.");
    let back = flow.decide(&[], &allow).await;
    flow.world.hands.advance_ms(600_000);
    assert_eq!(flow.exchange(value(&back, "code"), &[]).await.json["error"], "invalid_grant");
}

#[tokio::test]
async fn a_challenge_wants_its_verifier() {
    let flow = Flow::new().await;
    let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    let allow = [("user", ADA), ("decision", "all")];
    for (challenge, method) in [("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", "S256"), (verifier, "plain")]
    {
        let asked = [("code_challenge", challenge), ("code_challenge_method", method)];
        let back = flow.decide(&asked, &allow).await;
        let code = value(&back, "code");
        assert_eq!(flow.exchange(code, &[]).await.json["error"], "invalid_grant");
        assert_eq!(flow.exchange(code, &[("code_verifier", "wrong")]).await.json["error"], "invalid_grant");
        assert_eq!(flow.exchange(code, &[("code_verifier", verifier)]).await.status, 200, "{method}");
    }
}

#[tokio::test]
async fn a_refresh_token_comes_with_offline_access_on_first_consent_or_when_consent_is_prompted() {
    let flow = Flow::new().await;
    assert!(flow.tokens(&[("access_type", "online")]).await.get("refresh_token").is_none());
    assert!(flow.tokens(&[]).await.get("refresh_token").is_none(), "consent was given before");
    let prompted = flow.tokens(&[("prompt", "consent")]).await;
    let refresh_token = prompted["refresh_token"].as_str().unwrap();
    let revoke = flow.world.request(Method::POST, "/revoke").form(&[("token", refresh_token)]);
    flow.world.send(revoke).await.ok();
    assert!(
        flow.tokens(&[]).await["refresh_token"].is_string(),
        "after a revocation consent is the first again"
    );
}

#[tokio::test]
async fn earlier_grants_are_included_when_asked() {
    let flow = Flow::new().await;
    flow.tokens(&[]).await;
    let alone = flow.tokens(&[("scope", "calendar.readonly openid")]).await;
    assert!(!alone["scope"].as_str().unwrap().contains("calendar.events"));
    let both = flow.tokens(&[("scope", "calendar.readonly"), ("include_granted_scopes", "true")]).await;
    assert!(both["scope"].as_str().unwrap().contains("calendar.events"));
}

#[tokio::test]
async fn prompt_none_shows_no_page() {
    let flow = Flow::new().await;
    let silent = [("prompt", "none"), ("login_hint", ADA)];
    let page = flow.page(&silent).await;
    assert_eq!(page.status, 302);
    assert!(page.header("location").contains("error=interaction_required"));
    flow.tokens(&[]).await;
    let page = flow.page(&silent).await;
    assert!(page.header("location").contains("code="), "{}", page.header("location"));
}

#[tokio::test]
async fn another_address_is_a_new_person() {
    let flow = Flow::new().await;
    let form = [("user", ADA), ("other", " new@example.com "), ("decision", "all")];
    let back = flow.decide(&[], &form).await;
    flow.exchange(value(&back, "code"), &[]).await.ok();
    let users = flow.world.look("users").await;
    assert_eq!(users["users"][3]["email"], "new@example.com");
}

#[tokio::test]
async fn a_person_may_let_an_app_in_for_a_time() {
    let flow = Flow::new().await;
    let page = flow.page(&[]).await;
    assert!(page.text.contains(r#"<select name="lasting">"#));
    let form = [("user", ADA), ("lasting", "604800"), ("decision", "all")];
    let back = flow.decide(&[], &form).await;
    let tokens = flow.exchange(value(&back, "code"), &[]).await.ok();
    assert_eq!(tokens["refresh_token_expires_in"], 604_800);
    let token = tokens["refresh_token"].as_str().unwrap();
    flow.world.control("clock", json!({"advanceSeconds": 604_799})).await;
    assert_eq!(refresh(&flow.world, token).await.status, 200);
    flow.world.control("clock", json!({"advanceSeconds": 1})).await;
    assert_eq!(refresh(&flow.world, token).await.json["error"], "invalid_grant");
    let open_ended = flow.tokens(&[("prompt", "consent")]).await;
    assert!(open_ended.get("refresh_token_expires_in").is_none());
}

#[tokio::test]
async fn an_administrators_policy_stops_the_person_and_tells_the_client_nothing() {
    let flow = Flow::new().await;
    flow.world.control("users/ada@example.com", json!({"adminBlocked": true})).await;
    let mut form = flow.asking(&[]);
    form.extend(
        [("user", ADA), ("decision", "all")].map(|(name, value)| (name.to_owned(), value.to_owned())),
    );
    let request = flow.world.request(Method::POST, "/o/oauth2/v2/auth").form(&form);
    let page = flow.world.send(request).await;
    assert_eq!((page.status, page.header("location")), (400, ""));
    assert!(page.text.contains("Error 400: admin_policy_enforced"), "{}", page.text);
}

#[tokio::test]
async fn a_scope_left_unticked_among_several_is_missing_everywhere() {
    let flow = Flow::new().await;
    let asked = [
        ("scope", "openid email calendar.events calendar.readonly"),
        // Google: without effect for clients made since 2019.
        ("enable_granular_consent", "false"),
    ];
    let page = flow.page(&asked).await;
    assert_eq!(page.text.matches(r#"type="checkbox" name="grant""#).count(), 2);
    let readonly = "https://www.googleapis.com/auth/calendar.readonly";
    let form = [("user", ADA), ("grant", readonly), ("decision", "allow")];
    let back = flow.decide(&asked, &form).await;
    assert!(!value(&back, "scope").contains("calendar.events"), "the redirect says it");
    let tokens = flow.exchange(value(&back, "code"), &[]).await.ok();
    assert!(!tokens["scope"].as_str().unwrap().contains("calendar.events"), "and so does the token");
    let path = "/calendar/v3/calendars/primary/events";
    let access = tokens["access_token"].as_str().unwrap();
    let insert = flow.world.request(Method::POST, path).bearer_auth(access).json(&event("never0"));
    assert_eq!(flow.world.send(insert).await.reason(), "insufficientPermissions");
    let fresh = refresh(&flow.world, tokens["refresh_token"].as_str().unwrap()).await.ok();
    assert_eq!(fresh["scope"], tokens["scope"], "nor does a refresh bring it");
    // What was ticked before begins ticked.
    let page = flow.page(&[asked[0], ("prompt", "consent"), ("login_hint", ADA)]).await;
    assert!(page.text.contains(&format!(r#"value="{readonly}" checked"#)));
}
