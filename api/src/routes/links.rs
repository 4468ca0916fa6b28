//! `POST /api/v1/accounts/{account}/connect-links`: makes a connect link.

use accounts::keys::Scope;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::{HttpRequest, HttpResponse, web};
use common::event::{BodyError, is_email, read_object};
use common::field::{FieldCode, FieldError};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tracing::info;
use url::Url;
use utoipa::ToSchema;

use super::accounts::account_in_path;
use crate::api::Api;
use crate::body::{self, BodyType};
use crate::link::Link;
use crate::openapi::LinkProblems;
use crate::paths::LINK;
use crate::problem::Problem;
use crate::query;

/// Longer ones may not pass every proxy.
const LONGEST_RETURN_URL: usize = 1_000;

/// What a link is made of.
#[derive(Debug, Default, PartialEq, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LinkRequest {
    /// The Google user who is expected: any other is refused. Without it, who opens the link first
    /// decides whom a new account belongs to.
    #[schema(example = "ada@example.com")]
    email: Option<String>,
    /// Where the browser goes afterwards, with `account` and `status` (`connected` or `not-connected`)
    /// in its query; its origin must be one of ALLOWED_ORIGINS.
    #[schema(example = "https://crm.example.com/settings")]
    return_url: Option<String>,
}

/// A link.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LinkReply {
    /// What to send the person to. It works once: pass it on to them alone.
    url: String,
    /// The account that it connects.
    account: String,
    /// It works until then.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
}

/// Make a link that lets one person connect their own calendar to this account.
#[utoipa::path(
    post,
    path = "/api/v1/accounts/{account}/connect-links",
    operation_id = "createConnectLink",
    security(("key" = ["admin"])),
    tag = "accounts",
    params(("account" = String, Path, description = "The account, connected or new")),
    request_body(content = LinkRequest, content_type = "application/json", description = "May be left out: then nobody in particular is expected"),
    responses((status = 201, description = "The link", body = LinkReply), LinkProblems)
)]
pub(crate) async fn create(
    api: web::Data<Api>,
    request: HttpRequest,
    account: web::Path<String>,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let caller = api.authenticator.enter(&request, Scope::Admin).await?;
    query::none(request.query_string())?;
    let account = account_in_path(&account)?;
    caller.may_use(&account)?;
    let wanted = match request.headers().contains_key(CONTENT_TYPE) {
        true => wanted(&body::read(&request, payload, BodyType::Json).await?)?,
        // Nothing to say, nothing to send.
        false => LinkRequest::default(),
    };
    let return_url = wanted.return_url.as_deref().map(|url| return_url(&api, url)).transpose()?;
    let link = Link::new(account, wanted.email, return_url, api.ports.jobs.clock.now());
    info!(account.id = %link.account, "Made a connect link for account {}", link.account);
    let path = link_path(&api, &link);
    let url = api.public_url.join(&path).map_err(|_| Problem::internal())?;
    Ok(HttpResponse::Created().json(LinkReply {
        url: url.into(),
        account: link.account.into(),
        expires_at: link.until,
    }))
}

fn wanted(body: &[u8]) -> Result<LinkRequest, Problem> {
    let fields = read_object(body)?;
    let mut problems = Vec::new();
    let mut add = |field: &str, code, message: &str| {
        problems.push(FieldError { field: field.to_owned(), code, message: message.to_owned() });
    };
    let mut wanted = LinkRequest::default();
    for (name, value) in fields {
        let text = match value {
            Value::Null => None,
            Value::String(text) => Some(text),
            Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                add(&name, FieldCode::WrongType, "must be a text");
                continue;
            }
        };
        match name.as_str() {
            "email" => {
                if text.as_deref().is_some_and(|text| !is_email(text)) {
                    add(
                        &name,
                        FieldCode::InvalidEmail,
                        "must be one e-mail address, such as ada@example.com",
                    );
                }
                wanted.email = text;
            }
            "returnUrl" => wanted.return_url = text,
            _ => add(
                &name,
                FieldCode::UnknownField,
                "no field has this name here; there are email and returnUrl",
            ),
        }
    }
    if problems.is_empty() { Ok(wanted) } else { Err(BodyError::Fields(problems).into()) }
}

/// A URL that browsers may be sent back to: only to places that the operator has named.
fn return_url(api: &Api, text: &str) -> Result<Url, Problem> {
    if text.len() > LONGEST_RETURN_URL {
        let message = format!("must not be longer than {LONGEST_RETURN_URL} characters");
        return Err(Problem::field("returnUrl", FieldCode::TooLong.as_str(), message));
    }
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    let Some(url) = url.filter(|url| url.username().is_empty() && url.password().is_none()) else {
        let message = "must be a whole http or https URL";
        return Err(Problem::field("returnUrl", FieldCode::InvalidUrl.as_str(), message));
    };
    if api.hosts.may_return_to(&url) {
        return Ok(url);
    }
    let message = "its origin is not one of those that ALLOWED_ORIGINS names; an operator can add it";
    Err(Problem::field("returnUrl", FieldCode::NotAllowed.as_str(), message))
}

/// Where a link leads.
pub(super) fn link_path(api: &Api, link: &Link) -> String {
    LINK.replace("{token}", &link.seal(api.ports.jobs.accounts.ring()))
}
