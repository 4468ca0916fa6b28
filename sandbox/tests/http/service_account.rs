//! The service account: signed assertions, delegation, and what it may not do as itself.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Method;
use rustls::SignatureScheme;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::{Value, json};

use crate::harness::{ADA, Answer, GRACE, NOON, World, event, world};
use crate::oauth::refused;

const EVENTS: &str = "https://www.googleapis.com/auth/calendar.events";
const PATH: &str = "/calendar/v3/calendars/primary/events";

struct Office {
    world: World,
    file: Value,
}

impl Office {
    /// With everything delegated that is asked for.
    async fn new() -> Self {
        let world = world().await;
        let file = world.control("service-account", json!({"delegatedScopes": [EVENTS]})).await;
        Self { world, file }
    }

    fn signed(&self, claims: &Value) -> String {
        let key =
            PrivateKeyDer::from_pem_slice(self.file["private_key"].as_str().unwrap().as_bytes()).unwrap();
        let key = aws_lc_rs::default_provider().key_provider.load_private_key(key).unwrap();
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let header = json!({"alg": "RS256", "typ": "JWT", "kid": self.file["private_key_id"]});
        let message = format!("{}.{}", part(&header), part(claims));
        let signer = key.choose_scheme(&[SignatureScheme::RSA_PKCS1_SHA256]).unwrap();
        let signature = signer.sign(message.as_bytes()).unwrap();
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// What Google's libraries claim, with changes; a null leaves one out.
    fn claims(&self, changes: &Value) -> Value {
        let now = NOON / 1_000;
        let mut claims = json!({
            "iss": self.file["client_email"], "scope": EVENTS, "aud": self.file["token_uri"],
            "iat": now, "exp": now + 3_600, "sub": ADA,
        });
        for (name, value) in changes.as_object().unwrap() {
            if value.is_null() {
                claims.as_object_mut().unwrap().remove(name);
            } else {
                claims[name] = value.clone();
            }
        }
        claims
    }

    async fn present(&self, assertion: &str) -> Answer {
        let grant = "urn:ietf:params:oauth:grant-type:jwt-bearer";
        let form = [("grant_type", grant), ("assertion", assertion)];
        self.world.send(self.world.request(Method::POST, "/token").form(&form)).await
    }

    async fn ask(&self, changes: Value) -> Answer {
        self.present(&self.signed(&self.claims(&changes))).await
    }

    async fn token(&self, changes: Value) -> String {
        self.ask(changes).await.ok()["access_token"].as_str().unwrap().to_owned()
    }

    async fn list(&self, token: &str, query: &str) -> Answer {
        self.world.send(self.world.request(Method::GET, &format!("{PATH}?{query}")).bearer_auth(token)).await
    }
}

#[tokio::test]
async fn an_assertion_for_a_person_writes_in_that_persons_calendar() {
    let office = Office::new().await;
    for field in ["project_id", "client_id", "auth_uri", "client_x509_cert_url", "universe_domain"] {
        assert!(office.file[field].is_string(), "{field}");
    }
    assert_eq!(office.file["type"], "service_account");
    let answer = office.ask(json!({})).await.ok();
    assert_eq!((&answer["expires_in"], &answer["token_type"]), (&json!(3_599), &json!("Bearer")));
    assert!(answer.get("refresh_token").is_none(), "it signs again instead");
    let token = answer["access_token"].as_str().unwrap();
    let mut body = event("first0");
    body["attendees"] = json!([{"email": GRACE}]);
    let made = office.world.request(Method::POST, PATH).bearer_auth(token).json(&body);
    assert_eq!(office.world.send(made).await.ok()["organizer"]["email"], ADA);
    assert_eq!(office.world.look("requests").await["requests"][0]["method"], "token.assertion");
    let google = office.token(json!({"aud": "https://oauth2.googleapis.com/token"})).await;
    assert_eq!(office.list(&google, "").await.status, 200);
}

#[tokio::test]
async fn what_is_wrong_with_an_assertion_is_said_in_googles_words() {
    let office = Office::new().await;
    let now = NOON / 1_000;
    let stale = "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp values in the JWT claim.";
    for (changes, description) in [
        (json!({"iss": "other@elsewhere.iam.gserviceaccount.com"}), "Invalid grant: account not found"),
        (json!({"aud": "https://elsewhere.example/token"}), "Invalid JWT: Failed audience check."),
        (json!({"iat": now - 7_200, "exp": now - 3_600}), stale),
        (json!({"iat": now, "exp": now + 7_200}), stale),
        (json!({"iat": now + 600, "exp": now + 4_200}), stale),
        (json!({"exp": null}), stale),
        (json!({"sub": "nobody@example.com"}), "Invalid email or User ID"),
        (json!({"sub": "nobody"}), "Not a valid email"),
    ] {
        refused(&office.ask(changes).await, 400, "invalid_grant", description);
    }
    let bad_scope = office.ask(json!({"scope": "nonsense"})).await;
    refused(&bad_scope, 400, "invalid_scope", "Invalid OAuth scope or ID token audience provided.");
    let jwt = office.signed(&office.claims(&json!({})));
    let forged = office.signed(&office.claims(&json!({"sub": GRACE})));
    let (message, _) = forged.rsplit_once('.').unwrap();
    let (_, signature) = jwt.rsplit_once('.').unwrap();
    let forged = office.present(&format!("{message}.{signature}")).await;
    refused(&forged, 400, "invalid_grant", "Invalid JWT Signature.");
    refused(&office.present("nonsense").await, 400, "invalid_grant", "Bad Request");
    office.world.control(&format!("users/{ADA}"), json!({"deleted": true})).await;
    refused(&office.ask(json!({})).await, 400, "invalid_grant", "The account has been deleted");
}

#[tokio::test]
async fn nobody_is_spoken_for_without_delegation_of_every_scope() {
    let office = Office::new().await;
    let refused_to_delegate = |answer: &Answer| {
        refused(
            answer,
            401,
            "unauthorized_client",
            "Client is unauthorized to retrieve access tokens using this method, or client not authorized for any of the scopes requested.",
        );
    };
    let calendar = "https://www.googleapis.com/auth/calendar";
    refused_to_delegate(&office.ask(json!({"scope": format!("{EVENTS} {calendar}")})).await);
    assert_eq!(office.ask(json!({})).await.status, 200);
    office.world.control("service-account", json!({"delegatedScopes": []})).await;
    refused_to_delegate(&office.ask(json!({})).await);
    assert_eq!(office.ask(json!({"sub": null})).await.status, 200, "for itself it needs nobody's leave");
    office.world.control("service-account", json!({"delegatedScopes": [EVENTS]})).await;
    office.world.control(&format!("users/{ADA}"), json!({"adminBlocked": true})).await;
    refused(&office.ask(json!({})).await, 403, "access_denied", "Requested client not authorized");
}

#[tokio::test]
async fn as_itself_it_writes_in_its_own_calendar_without_guests_and_without_meet() {
    let office = Office::new().await;
    let token = office.token(json!({"sub": null})).await;
    let insert = |body: Value| {
        office
            .world
            .request(Method::POST, &format!("{PATH}?conferenceDataVersion=1"))
            .bearer_auth(&token)
            .json(&body)
    };
    let made = office.world.send(insert(event("first0"))).await.ok();
    assert_eq!(made["creator"]["email"], office.file["client_email"]);
    let mut guests = event("guests");
    guests["attendees"] = json!([{"email": ADA}]);
    office.world.send(insert(guests)).await.refused(
        403,
        "forbiddenForServiceAccounts",
        "Service accounts cannot invite attendees without Domain-Wide Delegation of Authority.",
    );
    let mut meet = event("meeti0");
    meet["conferenceData"] =
        json!({"createRequest": {"requestId": "r", "conferenceSolutionKey": {"type": "hangoutsMeet"}}});
    office.world.send(insert(meet)).await.refused(400, "invalid", "Invalid conference type value.");
    let page = office.world.send(office.world.request(Method::GET, "/_sandbox/users")).await.ok();
    assert_eq!(page["users"][3]["kind"], "serviceAccount");
}

#[tokio::test]
async fn the_account_pays_for_everybody_unless_it_names_the_end_user() {
    let office = Office::new().await;
    office.world.control("quota", json!({"userPerMinute": 2})).await;
    let ada = office.token(json!({})).await;
    let grace = office.token(json!({"sub": GRACE})).await;
    assert_eq!(office.list(&ada, "").await.status, 200);
    assert_eq!(office.list(&grace, "").await.status, 200);
    office.list(&ada, "").await.refused(403, "userRateLimitExceeded", "User Rate Limit Exceeded");
    for _ in 0..2 {
        assert_eq!(office.list(&ada, "quotaUser=ada").await.status, 200);
    }
    assert_eq!(office.list(&ada, "quotaUser=ada").await.reason(), "userRateLimitExceeded");
    let header =
        office.world.request(Method::GET, PATH).bearer_auth(&grace).header("X-Goog-Quota-User", "grace");
    assert_eq!(office.world.send(header).await.status, 200);
    // A person's own token is charged to that person, whatever it names.
    for n in 0..2 {
        assert_eq!(office.list(&office.world.token, &format!("quotaUser=u{n}")).await.status, 200);
    }
    assert_eq!(office.list(&office.world.token, "quotaUser=u3").await.reason(), "userRateLimitExceeded");
}

#[tokio::test]
async fn a_fault_can_hit_the_grant() {
    let office = Office::new().await;
    let fault = json!({"method": "token.assertion", "user": ADA, "status": 503, "count": 1});
    office.world.control("faults", fault).await;
    assert_eq!(office.ask(json!({"sub": GRACE})).await.status, 200);
    assert_eq!(office.ask(json!({})).await.status, 503);
    assert_eq!(office.ask(json!({})).await.status, 200);
}
