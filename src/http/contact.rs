//! The contact form: `POST /api/v1/inquiries` for everybody, what was asked for those who run the chat.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Path, Payload, Query},
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use super::{
    auth::actor,
    body::json_body,
    error::HttpError,
    html::lang,
    mailing::{OFF, answer_of, network},
    reading::fresh,
    site::Site,
};
use crate::mail::{Asking, MailOffice};
use chat_domain::Rights;
use chat_store::StoredInquiry;
use chat_wire::{ErrorCode, timestamp};

/// A text of 8,000 characters, each of four bytes or an escape of six, and what stands around it.
const BODY_BYTES_MAX: usize = 65_536;
/// So many are answered at once.
const PAGE: usize = 50;

const BAD_QUERY: HttpError = HttpError::new(ErrorCode::BadRequest, "before is the id of an inquiry");
const FORBIDDEN: HttpError = HttpError::new(ErrorCode::Forbidden, "only owners and admins may do this");
const NO_INQUIRY: HttpError = HttpError::new(ErrorCode::NotFound, "there is no such inquiry");

/// `POST /api/v1/inquiries {name?, email, subject, text}`: 202 once it is stored. `website` is a box that nobody sees:
/// what fills it in is no person, and is answered as everybody is.
pub async fn ask(request: HttpRequest, body: Payload, site: Data<Site>) -> Result<HttpResponse, HttpError> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Asked {
        #[serde(default)]
        name: String,
        email: String,
        subject: String,
        text: String,
        #[serde(default)]
        website: String,
    }
    let office = site.mail.as_ref().filter(|office| office.has_contact()).ok_or(OFF)?;
    let Asked { name, email, subject, text, website } = json_body(body, BODY_BYTES_MAX).await?;
    if website.is_empty() {
        let asking = Asking { name, email, subject, text, locale: lang(&request).to_owned() };
        office.ask(asking, network(&request, &site)?).await.map_err(answer_of)?;
    }
    Ok(HttpResponse::Accepted().json(json!({"received": true})))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct InquiryInfo<'a> {
    id: Uuid,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    email: &'a str,
    subject: &'a str,
    text: &'a str,
    at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    mailed_at: Option<String>,
}

impl<'a> InquiryInfo<'a> {
    fn of(stored: &'a StoredInquiry) -> Self {
        let asked = &stored.inquiry;
        Self {
            id: asked.id,
            name: asked.name.as_deref(),
            email: &asked.email,
            subject: &asked.subject,
            text: &asked.text,
            at: timestamp(stored.at),
            mailed_at: stored.mailed_at.map(timestamp),
        }
    }
}

async fn office<'a>(request: &HttpRequest, site: &'a Site) -> Result<&'a MailOffice, HttpError> {
    if !actor(request, site).await?.may(Rights::DEFAULTS) {
        return Err(FORBIDDEN);
    }
    site.mail.as_ref().ok_or(OFF)
}

/// `GET /api/v1/admin/inquiries?before=`: what was asked, the newest first.
pub async fn inquiries(request: HttpRequest, site: Data<Site>) -> Result<HttpResponse, HttpError> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Asked {
        before: Option<Uuid>,
    }
    let asked = Query::<Asked>::from_query(request.query_string()).map_err(|_| BAD_QUERY)?;
    let limit = i64::try_from(PAGE).unwrap_or(i64::MAX).saturating_add(1);
    let found = office(&request, &site).await?.inquiries(asked.before, limit).await;
    let mut found = found.map_err(|_| HttpError::STORE_UNAVAILABLE)?;
    let has_more = found.len() > PAGE;
    found.truncate(PAGE);
    let inquiries: Vec<_> = found.iter().map(InquiryInfo::of).collect();
    Ok(fresh(&json!({"inquiries": inquiries, "hasMore": has_more})))
}

/// `DELETE /api/v1/admin/inquiries/{id}`: forgets one.
pub async fn remove(request: HttpRequest, path: Path<String>, site: Data<Site>) -> Result<HttpResponse, HttpError> {
    let office = office(&request, &site).await?;
    let id = Uuid::parse_str(&path).map_err(|_| NO_INQUIRY)?;
    let was_there = office.remove_inquiry(id).await.map_err(|_| HttpError::STORE_UNAVAILABLE)?;
    if was_there { Ok(HttpResponse::NoContent().finish()) } else { Err(NO_INQUIRY) }
}
