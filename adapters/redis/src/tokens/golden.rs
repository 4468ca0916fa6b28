//! The tokens that builds so far have sealed: during a deployment both read them.

use super::*;
use common::golden;

const TOKEN: &str = include_str!("golden/token.txt");

#[test]
fn a_token_sealed_by_an_earlier_build_is_read() {
    let account = AccountId::parse("team-7").unwrap();
    let value = serde_json::json!({
        "secret": "ya29.x", "expires_at": "2027-01-01T10:20:30.123456789Z", "generation": 7,
        "good_until": "2027-01-01T10:15:30.123456789Z",
    });
    golden::opens(TOKEN, &golden::key(), &context(&account), std::slice::from_ref(&value));
    let kept: Kept =
        golden::key().open("token:team-7", &golden::sealed(TOKEN.trim())).expect("what was written");
    assert_eq!(serde_json::to_value(&kept).expect("plain data"), value);
}
