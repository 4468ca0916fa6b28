//! `GoogleCalendar`: the port `Calendar` over Google's Events API.

mod stored;

use async_trait::async_trait;
use common::event::{CalendarId, SendUpdates};
use common::job::JobId;
use common::port::{Calendar, CalendarError, NewEvent, StoredEvent};
use http::{HeaderValue, Method, header};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value, json};
use url::Url;

use crate::error::{self, calendar};
use crate::http::Http;

/// The private properties that hold an event's fingerprint, by its version.
const FINGERPRINT: &str = "calrelayBody";
const FINGERPRINT_2: &str = "calrelayBody2";

/// Google Calendar, spoken to with one request a method.
#[derive(Debug, Clone)]
pub struct GoogleCalendar {
    http: Http,
    api: Url,
}

impl GoogleCalendar {
    pub(crate) fn new(http: Http, api: Url) -> Self {
        Self { http, api }
    }

    fn url(&self, calendar: &CalendarId, id: Option<&JobId>) -> Url {
        let mut url = self.api.clone();
        url.path_segments_mut()
            .expect("the API's URL was checked to be http or https")
            .pop_if_empty()
            .extend(["calendars", calendar.as_str(), "events"])
            .extend(id.map(JobId::as_str));
        url
    }

    /// Sends a request; the body of a 2xx.
    async fn call(
        &self,
        name: &'static str,
        token: &SecretString,
        mut request: reqwest::Request,
    ) -> Result<Vec<u8>, CalendarError> {
        // What cannot be a header is no token that Google ever made.
        let mut bearer = HeaderValue::try_from(format!("Bearer {}", token.expose_secret()))
            .map_err(|_| CalendarError::TokenRefused)?;
        bearer.set_sensitive(true);
        request.headers_mut().insert(header::AUTHORIZATION, bearer);
        let answer = self.http.send(name, request).await.map_err(calendar::broken)?;
        if answer.status.is_success() {
            Ok(answer.body)
        } else {
            Err(calendar::refusal(answer.status, &answer.headers, &answer.body, error::now()))
        }
    }
}

#[async_trait]
impl Calendar for GoogleCalendar {
    async fn insert(&self, token: &SecretString, event: &NewEvent<'_>) -> Result<StoredEvent, CalendarError> {
        let body = Value::Object(resource(event));
        let mut url = self.url(event.calendar, None);
        {
            let mut query = url.query_pairs_mut();
            // Without it Google drops the conference and says nothing.
            if body.get("conferenceData").is_some() {
                query.append_pair("conferenceDataVersion", "1");
            }
            query.append_pair("sendUpdates", event.send_updates.as_str());
            if event.attachments {
                query.append_pair("supportsAttachments", "true");
            }
        }
        let mut request = reqwest::Request::new(Method::POST, url);
        request.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        *request.body_mut() = Some(body.to_string().into());
        stored::parse(&self.call("events.insert", token, request).await?)
    }

    async fn get(
        &self,
        token: &SecretString,
        calendar: &CalendarId,
        id: &JobId,
    ) -> Result<StoredEvent, CalendarError> {
        let request = reqwest::Request::new(Method::GET, self.url(calendar, Some(id)));
        stored::parse(&self.call("events.get", token, request).await?)
    }

    async fn delete(
        &self,
        token: &SecretString,
        calendar: &CalendarId,
        id: &JobId,
        send_updates: SendUpdates,
    ) -> Result<(), CalendarError> {
        let mut url = self.url(calendar, Some(id));
        url.query_pairs_mut().append_pair("sendUpdates", send_updates.as_str());
        let request = reqwest::Request::new(Method::DELETE, url);
        match self.call("events.delete", token, request).await {
            Ok(_) | Err(CalendarError::Deleted) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// Google's Event resource as it is inserted.
fn resource(event: &NewEvent<'_>) -> Map<String, Value> {
    let mut resource = event.resource.clone();
    resource.insert("id".to_owned(), json!(event.id.as_str()));
    if let Some(fingerprint) = event.fingerprint {
        let properties = object(&mut resource, "extendedProperties");
        let private = object(properties, "private");
        private.insert(FINGERPRINT.to_owned(), json!(fingerprint.v1()));
        if let Some(v2) = fingerprint.v2() {
            private.insert(FINGERPRINT_2.to_owned(), json!(v2));
        }
    }
    // A conference that the caller brought stays.
    if event.conference && !resource.contains_key("conferenceData") {
        let request = json!({
            "requestId": event.id.as_str(),
            "conferenceSolutionKey": {"type": "hangoutsMeet"},
        });
        resource.insert("conferenceData".to_owned(), json!({"createRequest": request}));
    }
    resource
}

/// The object at `key`, made if there is none.
fn object<'a>(map: &'a mut Map<String, Value>, key: &str) -> &'a mut Map<String, Value> {
    let value = map.entry(key).or_insert_with(|| json!({}));
    if !value.is_object() {
        *value = json!({});
    }
    value.as_object_mut().expect("it was made one")
}
