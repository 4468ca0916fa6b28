//! The Events methods of the Calendar API: who may call, which calendar is meant, and what answers.

pub(crate) mod authorize;
mod brought;
mod condition;
mod conference;
mod delete;
mod fields;
mod get;
mod guests;
mod import;
mod insert;
mod kinds;
mod list;
mod moment;
mod objections;
mod page_token;
mod patch;
pub(crate) mod recurrence;
mod refusal;
mod reminders;
pub(crate) mod render;
mod resource;
mod rule;
mod text;
mod times;
mod write;
mod zone;

use actix_web::web::{self, Bytes, Data, Path};
use actix_web::{HttpMessage as _, HttpRequest, HttpResponse};
use jiff::Timestamp;
use serde_json::Value;

use crate::api_error::ApiError;
use crate::calendar::{Calendar, Role};
use crate::call;
use crate::method::Method;
use crate::partial::Mask;
use crate::query::Query;
use crate::reply::Reply;
use crate::sandbox::{Inner, Sandbox};
use crate::user::User;
use crate::wire::Wire;

/// One request, read but not yet believed.
pub(crate) struct Ask {
    pub(crate) query: Query,
    pub(crate) event: Option<String>,
    pub(crate) body: Bytes,
    pub(crate) if_match: Option<String>,
    pub(crate) if_none_match: Option<String>,
    /// Whether the body is said to be a form.
    pub(crate) is_form: bool,
    pub(crate) method: Method,
}

/// A request with its answers to "who" and "where".
pub(crate) struct Scene<'a> {
    pub(crate) inner: &'a mut Inner,
    pub(crate) person: &'a User,
    pub(crate) calendar: &'a str,
    pub(crate) now: Timestamp,
}

type Effect = fn(&mut Scene<'_>, &Ask) -> Result<Reply, ApiError>;

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config
        .service(
            web::resource("/calendar/v3/calendars/{calendar}/events")
                .route(web::post().to(insert_event))
                .route(web::get().to(list_events)),
        )
        .service(
            web::resource("/calendar/v3/calendars/{calendar}/events/import")
                .route(web::post().to(import_event)),
        )
        .service(
            web::resource("/calendar/v3/calendars/{calendar}/events/{event}")
                .route(web::get().to(get_event))
                .route(web::patch().to(patch_event))
                .route(web::put().to(update_event))
                .route(web::delete().to(delete_event)),
        );
}

type Shared = Data<Sandbox>;

async fn insert_event(s: Shared, r: HttpRequest, p: Path<String>, b: Bytes) -> HttpResponse {
    run(s, &r, Method::Insert, p.into_inner(), None, b, insert::insert).await
}

async fn list_events(s: Shared, r: HttpRequest, p: Path<String>, b: Bytes) -> HttpResponse {
    run(s, &r, Method::List, p.into_inner(), None, b, list::list).await
}

async fn import_event(s: Shared, r: HttpRequest, p: Path<String>, b: Bytes) -> HttpResponse {
    run(s, &r, Method::Import, p.into_inner(), None, b, import::import).await
}

async fn get_event(s: Shared, r: HttpRequest, p: Path<(String, String)>, b: Bytes) -> HttpResponse {
    let (calendar, event) = p.into_inner();
    run(s, &r, Method::Get, calendar, Some(event), b, get::get).await
}

async fn patch_event(s: Shared, r: HttpRequest, p: Path<(String, String)>, b: Bytes) -> HttpResponse {
    let (calendar, event) = p.into_inner();
    run(s, &r, Method::Patch, calendar, Some(event), b, patch::patch).await
}

async fn update_event(s: Shared, r: HttpRequest, p: Path<(String, String)>, b: Bytes) -> HttpResponse {
    let (calendar, event) = p.into_inner();
    run(s, &r, Method::Update, calendar, Some(event), b, patch::update).await
}

async fn delete_event(s: Shared, r: HttpRequest, p: Path<(String, String)>, b: Bytes) -> HttpResponse {
    let (calendar, event) = p.into_inner();
    run(s, &r, Method::Delete, calendar, Some(event), b, delete::delete).await
}

async fn run(
    sandbox: Shared,
    request: &HttpRequest,
    method: Method,
    calendar: String,
    event: Option<String>,
    body: Bytes,
    effect: Effect,
) -> HttpResponse {
    let header = |name: &str| {
        let value = request.headers().get(name)?;
        value.to_str().ok().map(str::to_owned)
    };
    let query = Query::parse(request.query_string());
    let quota_user = query.get("quotaUser").map(str::to_owned).or_else(|| header("X-Goog-Quota-User"));
    let bearer = authorize::bearer(header("Authorization").as_deref(), &query);
    let ask = Ask {
        event,
        body,
        if_match: header("If-Match"),
        if_none_match: header("If-None-Match"),
        is_form: request.content_type().eq_ignore_ascii_case("application/x-www-form-urlencoded"),
        method,
        query,
    };
    let named = ask.event.clone().or_else(|| proposed_id(&ask));
    let identify = move |inner: &Inner, now| {
        let (person, refusal) = authorize::authorize(inner, method, bearer.as_deref(), now);
        let calendar = match (&person, calendar.as_str()) {
            (Some(person), "primary") => person.email.clone(),
            (_, id) => id.to_lowercase(),
        };
        let charged = authorize::charged(inner, bearer.as_deref(), quota_user.as_deref());
        call::Call {
            method,
            person,
            calendar: Some(calendar),
            event: named,
            charged,
            refusal: refusal.map(ApiError::into_reply),
        }
    };
    let carry_out = move |inner: &mut Inner, call: &call::Call, now: Timestamp| {
        let (Some(person), Some(calendar)) = (&call.person, &call.calendar) else {
            return ApiError::bad_credentials().into_reply();
        };
        let mut scene = Scene { inner, person, calendar, now };
        scene.enter(method).and_then(|()| effect(&mut scene, &ask)).unwrap_or_else(ApiError::into_reply)
    };
    call::perform(sandbox, Wire::of(request), identify, carry_out).await
}

/// The id in an insert's body, for the log alone.
fn proposed_id(ask: &Ask) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Proposed {
        id: Option<String>,
    }
    if ask.method != Method::Insert {
        return None;
    }
    serde_json::from_slice::<Proposed>(&ask.body).ok()?.id
}

impl Scene<'_> {
    /// The calendar, if it exists and this person may see it; anything else is not found.
    pub(crate) fn calendar(&self) -> Result<&Calendar, ApiError> {
        let seen = self.inner.world.role(self.calendar, &self.person.email);
        let calendar = seen.and_then(|_| self.inner.world.calendars.get(self.calendar));
        calendar.ok_or_else(|| ApiError::of("notFound"))
    }

    /// What this person may do here.
    pub(crate) fn role(&self) -> Option<Role> {
        self.inner.world.role(self.calendar, &self.person.email)
    }

    /// An event as this person sees it.
    pub(crate) fn as_seen(&self, event: Value) -> Value {
        match self.role() {
            Some(Role::Owner | Role::Writer) => event,
            Some(Role::Reader) | None => render::without_details(event),
        }
    }

    /// Checks the person's role and brings the calendar up to now.
    fn enter(&mut self, method: Method) -> Result<(), ApiError> {
        self.calendar()?;
        if method.is_write() && self.role() < Some(Role::Writer) {
            return Err(ApiError::of("requiredAccessLevel"));
        }
        if let Some(calendar) = self.inner.world.calendars.get_mut(self.calendar) {
            calendar.settle(self.now);
        }
        Ok(())
    }
}

impl Ask {
    pub(crate) fn event_id(&self) -> &str {
        self.event.as_deref().unwrap_or_default()
    }

    /// A reply with this resource, cut down to the `fields` asked for.
    pub(crate) fn answer(&self, value: Value) -> Result<Reply, ApiError> {
        let value = match self.query.get("fields") {
            None => value,
            Some(fields) => Mask::parse(fields)
                .ok_or_else(|| ApiError::invalid(format!("Invalid field selection {fields}")))?
                .apply(value),
        };
        Ok(Reply::json(200, &value, self.query.print()))
    }
}
