//! The replies that several routes share.

use actix_web::HttpResponse;
use actix_web::http::header::{HeaderName, HeaderValue, LOCATION, VARY};
use common::job::StateName;
use lifecycle::Receipt;
use serde::Serialize;
use utoipa::ToSchema;

use crate::paths::job_path;
use crate::prefer::{APPLIED, Preference};
use crate::record::WarningRecord;

/// Says that the job was made by an earlier request.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// A job was accepted: it will be done, or its record will say why not.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AcceptedReply {
    /// The job's id.
    #[schema(example = "7qk1v0j2m8d4h5s6t9a3b7c1e0")]
    job_id: String,
    /// The id that the event will have.
    event_id: String,
    /// Where the job stands when this is sent: waiting before its notBefore, blocked while its account has to be
    /// connected again.
    state: &'static str,
    /// Where the job's record is.
    #[schema(example = "/api/v1/jobs/7qk1v0j2m8d4h5s6t9a3b7c1e0")]
    status_url: String,
    /// What was changed in the request before it was accepted.
    warnings: Vec<WarningRecord>,
}

impl AcceptedReply {
    pub(crate) fn new(receipt: &Receipt, state: StateName) -> Self {
        let id = &receipt.job.id;
        Self {
            job_id: id.to_string(),
            event_id: id.to_string(),
            state: state.as_str(),
            status_url: job_path(id),
            warnings: WarningRecord::all(&receipt.job),
        }
    }
}

/// Adds the headers that every reply about an accepted job has.
pub(crate) fn about(response: &mut HttpResponse, receipt: &Receipt, preference: Preference) {
    let headers = response.headers_mut();
    headers.insert(LOCATION, plain(&job_path(&receipt.job.id)));
    if receipt.replayed {
        headers.insert(REPLAYED, HeaderValue::from_static("true"));
    }
    preferred(response, preference);
}

/// Says which preferences were honoured.
pub(crate) fn preferred(response: &mut HttpResponse, preference: Preference) {
    let headers = response.headers_mut();
    headers.append(VARY, HeaderValue::from_static("Prefer"));
    if let Some(applied) = preference.applied() {
        headers.insert(APPLIED, plain(&applied));
    }
}

fn plain(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("ids and preferences are plain text")
}
