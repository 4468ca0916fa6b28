//! Files as Google and the sandbox write them, and files as they go wrong.

use std::fs;

use secrecy::ExposeSecret as _;
use serde_json::json;

use super::*;

fn web() -> Value {
    json!({"web": {
        "client_id": "17-abc.apps.googleusercontent.com",
        "project_id": "calendar-17",
        "auth_uri": "https://accounts.google.com/o/oauth2/auth",
        "token_uri": "https://oauth2.googleapis.com/token",
        "auth_provider_x509_cert_url": "https://www.googleapis.com/oauth2/v1/certs",
        "client_secret": "GOCSPX-secret",
        "redirect_uris": ["https://cal.example.com/oauth2callback"],
        "javascript_origins": ["https://cal.example.com"],
    }})
}

fn refusal(file: &Value) -> String {
    Credentials::parse(&file.to_string()).unwrap_err().to_string()
}

#[test]
fn a_web_clients_file_leads_to_google() {
    let credentials = Credentials::parse(&web().to_string()).unwrap();
    assert_eq!(credentials.kind, ClientKind::Web);
    assert_eq!(credentials.client_id, "17-abc.apps.googleusercontent.com");
    assert_eq!(credentials.client_secret.expose_secret(), "GOCSPX-secret");
    assert_eq!(credentials.project_id.as_deref(), Some("calendar-17"));
    assert_eq!(credentials.redirect_uris, ["https://cal.example.com/oauth2callback"]);
    assert_eq!(credentials.auth_uri.as_str(), "https://accounts.google.com/o/oauth2/auth");
    assert_eq!(credentials.token_uri.as_str(), "https://oauth2.googleapis.com/token");
    assert_eq!(credentials.revoke_uri.as_str(), "https://oauth2.googleapis.com/revoke");
    assert_eq!(credentials.userinfo_uri.as_str(), "https://openidconnect.googleapis.com/v1/userinfo");
    assert_eq!(credentials.api_url.as_str(), "https://www.googleapis.com/calendar/v3/");
}

#[test]
fn an_installed_clients_file_is_read_from_disk() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("google-credentials.json");
    let file = json!({"installed": {
        "client_id": "17-abc", "client_secret": "s", "redirect_uris": ["http://localhost"],
    }});
    fs::write(&path, format!("\u{feff}{file}")).unwrap();
    let credentials = Credentials::from_file(&path).unwrap();
    assert_eq!(credentials.kind, ClientKind::Installed);
    assert_eq!(credentials.token_uri.as_str(), TOKEN_URI);
}

#[test]
fn the_sandboxs_file_leads_to_the_sandbox() {
    let file = json!({"web": {
        "client_id": "c", "client_secret": "s", "redirect_uris": [],
        "auth_uri": "http://127.0.0.1:8090/o/oauth2/v2/auth", "token_uri": "http://127.0.0.1:8090/token",
        "revoke_uri": "http://127.0.0.1:8090/revoke", "userinfo_uri": "http://127.0.0.1:8090/v1/userinfo",
        "api_url": "http://127.0.0.1:8090/calendar/v3",
    }});
    let credentials = Credentials::parse(&file.to_string()).unwrap();
    assert_eq!(credentials.revoke_uri.as_str(), "http://127.0.0.1:8090/revoke");
    assert_eq!(credentials.userinfo_uri.as_str(), "http://127.0.0.1:8090/v1/userinfo");
    assert_eq!(credentials.api_url.as_str(), "http://127.0.0.1:8090/calendar/v3/", "slash added");
}

#[test]
fn a_redirect_uri_is_compared_letter_by_letter_for_web_and_by_host_for_installed() {
    let web = Credentials::parse(&web().to_string()).unwrap();
    assert!(web.lists_redirect("https://cal.example.com/oauth2callback"));
    for other in ["https://cal.example.com/oauth2callback/", "http://cal.example.com/oauth2callback"] {
        assert!(!web.lists_redirect(other), "{other}");
    }
    let file = json!({"installed": {"client_id": "c", "client_secret": "s"}});
    let installed = Credentials::parse(&file.to_string()).unwrap();
    for good in ["http://localhost:3001/oauth2callback", "http://127.0.0.1:9/x", "http://[::1]:9/x"] {
        assert!(installed.lists_redirect(good), "{good}");
    }
    assert!(!installed.lists_redirect("https://cal.example.com/oauth2callback"));
}

#[test]
fn debug_output_does_not_hold_the_secret() {
    let credentials = Credentials::parse(&web().to_string()).unwrap();
    assert!(!format!("{credentials:?}").contains("GOCSPX"));
}

#[test]
fn a_file_of_another_kind_is_named() {
    assert_eq!(
        refusal(&json!({"type": "service_account", "private_key": "-----BEGIN"})),
        "the credentials file is of the kind service_account, which is not supported yet; make an OAuth client \
         of the type \"Web application\" or \"Desktop app\""
    );
    assert!(refusal(&json!({"type": "authorized_user"})).contains("kind authorized_user"));
    assert!(refusal(&json!({"type": "hunter2"})).contains("kind unknown"), "values are not quoted");
}

#[test]
fn a_file_without_exactly_one_client_is_refused() {
    for file in [json!({}), json!([]), json!("web"), json!({"web": {}, "installed": {}})] {
        assert!(refusal(&file).contains("either \"web\" or \"installed\""), "{file}");
    }
}

#[test]
fn every_wrong_field_is_named() {
    for (field, value, problem) in [
        ("client_id", Value::Null, "is missing"),
        ("client_id", json!("  "), "must be a text that is not empty"),
        ("client_secret", Value::Null, "is missing"),
        ("client_secret", json!(7), "must be a text that is not empty"),
        ("project_id", json!([]), "must be a text that is not empty"),
        ("redirect_uris", json!("http://localhost"), "must be a list of texts"),
        ("redirect_uris", json!([7]), "must be a list of texts"),
        ("auth_uri", json!("accounts.google.com"), "must be a URL"),
        ("token_uri", json!("file:///etc/passwd"), "must be a URL that begins with http:// or https://"),
        (
            "revoke_uri",
            json!("https://u:p@example.com/"),
            "must be a URL without user, password and fragment",
        ),
        (
            "userinfo_uri",
            json!("https://example.com/#x"),
            "must be a URL without user, password and fragment",
        ),
        ("api_url", json!("https://example.com/?x=1"), "must be a URL without a query"),
    ] {
        let mut file = web();
        file["web"][field] = value;
        assert_eq!(refusal(&file), format!("the credentials file's field web.{field} {problem}"));
    }
    assert_eq!(refusal(&json!({"web": 7})), "the credentials file's field web must be an object");
}

#[test]
fn broken_json_is_located_and_not_quoted() {
    let error = Credentials::parse("{\"web\": {\n\"client_secret\": GOCSPX}}").unwrap_err();
    assert_eq!(error, CredentialsError::NotJson { line: 2, column: 18 });
}

#[test]
fn a_missing_file_and_a_folder_are_named() {
    let folder = tempfile::tempdir().unwrap();
    for path in [folder.path().to_owned(), folder.path().join("absent.json")] {
        let error = Credentials::from_file(&path).unwrap_err();
        assert!(matches!(&error, CredentialsError::Unreadable { path: named, .. } if *named == path));
        assert!(error.to_string().contains(&path.display().to_string()));
    }
}

#[test]
fn a_file_that_sends_secrets_to_another_machine_in_the_clear_is_refused_by_field() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("google-credentials.json");
    let read = |field: &str, url: &str| {
        let mut file = web();
        file["web"][field] = json!(url);
        fs::write(&path, file.to_string()).unwrap();
        Credentials::from_file(&path)
    };
    for field in ["auth_uri", "token_uri", "revoke_uri", "userinfo_uri", "api_url"] {
        for url in
            ["https://proxy.example/x", "http://localhost:8090/x", "http://[::1]:9/x", "http://127.0.0.9/x"]
        {
            assert!(read(field, url).is_ok(), "{field} {url}");
        }
        for url in [
            "http://evil.example/x",
            "http://192.0.2.7/x",
            "http://localhost.evil.example/x",
            "http://[2001:db8::1]/x",
        ] {
            let refused = read(field, url).unwrap_err().to_string();
            assert!(refused.contains(&format!("web.{field} must begin with https://")), "{refused}");
            assert!(!refused.contains("example") && !refused.contains("192"), "never quoted: {refused}");
        }
    }
}

#[test]
fn an_api_url_is_one_that_tokens_may_be_sent_to() {
    for good in
        ["https://www.googleapis.com/calendar/v3/", "https://proxy.example/calendar", "http://127.0.0.1:9/x"]
    {
        assert!(given_api_url(good).is_ok(), "{good}");
    }
    for bad in
        ["x", "", "http://evil.example/", "ftp://h/", "https://a:b@h/", "https://h/?x=1", "https://h/#x"]
    {
        assert!(given_api_url(bad).is_err(), "{bad}");
    }
}
