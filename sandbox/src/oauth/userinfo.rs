//! Who a token belongs to, in OpenID's words and in the older words of `oauth2/v2`.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::scope;
use crate::api_error::ApiError;
use crate::call::{self, Call};
use crate::events::authorize;
use crate::grant::Scopes;
use crate::method::Method;
use crate::query::Query;
use crate::reply::{Print, Reply};
use crate::sandbox::{Inner, Sandbox};
use crate::user::{PICTURE, User};
use crate::wire::Wire;

pub(super) async fn oidc(sandbox: Data<Sandbox>, request: HttpRequest) -> HttpResponse {
    answer(sandbox, &request, openid_words).await
}

pub(super) async fn v2(sandbox: Data<Sandbox>, request: HttpRequest) -> HttpResponse {
    answer(sandbox, &request, older_words).await
}

async fn answer(
    sandbox: Data<Sandbox>,
    request: &HttpRequest,
    words: fn(&User, &Scopes) -> Value,
) -> HttpResponse {
    let query = Query::parse(request.query_string());
    let header = request.headers().get("Authorization");
    let token = authorize::bearer(header.and_then(|value| value.to_str().ok()), &query);
    let presented = token.clone();
    let identify = move |inner: &Inner, now: Timestamp| {
        let (person, refusal) = authorize::authorize(inner, Method::UserInfo, presented.as_deref(), now);
        Call { refusal: refusal.map(ApiError::into_reply), ..Call::of(Method::UserInfo, person) }
    };
    let carry_out = move |inner: &mut Inner, call: &Call, _: Timestamp| {
        let access = token.and_then(|token| inner.world.access.get(&token));
        let (Some(person), Some(access)) = (&call.person, access) else {
            return ApiError::bad_credentials().into_reply();
        };
        if !access.scopes.iter().any(|scope| scope::is_sign_in(scope)) {
            return ApiError::missing_scope(Method::UserInfo).into_reply();
        }
        Reply::json(200, &words(person, &access.scopes), Print::Pretty)
    };
    call::perform(sandbox, Wire::of(request), identify, carry_out).await
}

fn openid_words(user: &User, scopes: &Scopes) -> Value {
    let mut info = json!({"sub": user.sub});
    if scopes.contains(scope::EMAIL) {
        info["email"] = json!(user.email);
        info["email_verified"] = json!(true);
    }
    profile(&mut info, user, scopes);
    info
}

fn older_words(user: &User, scopes: &Scopes) -> Value {
    let mut info = json!({"id": user.sub});
    if scopes.contains(scope::EMAIL) {
        info["email"] = json!(user.email);
        info["verified_email"] = json!(true);
    }
    profile(&mut info, user, scopes);
    info
}

fn profile(info: &mut Value, user: &User, scopes: &Scopes) {
    if scopes.contains(scope::PROFILE) {
        info["name"] = json!(user.name);
        info["given_name"] = json!(user.given_name());
        info["family_name"] = json!(user.family_name());
        info["picture"] = json!(PICTURE);
    }
    if let Some(domain) = user.organization() {
        info["hd"] = json!(domain);
    }
}
