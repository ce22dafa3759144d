//! Being mailed of answers: asking for it in a room, confirming it by the link of a letter, and ending it, which programs that
//! show mail do by themselves (RFC 8058).

use std::sync::Arc;

use actix_web::{
    HttpRequest, HttpResponse,
    http::{StatusCode, header},
    web::{Data, Path, Payload},
};
use serde::Deserialize;
use serde_json::json;

use super::{
    accounts::{accounts, answer_of as account_answer, bearer, presented},
    body::{json_body, whole_body},
    error::HttpError,
    html::{lang, parameter},
    mailing::{answer_of, network},
    reading::{fresh, room_named, room_of},
    site::Site,
    visitor::anonymous_secret,
};
use crate::{
    accounts::{Bearer, NotBearer},
    mail::MailOffice,
    session::Caller,
};
use chat_accounts::is_answers_address_key;
use chat_domain::AuthorId;
use chat_wire::ErrorCode;

/// A body with an address, or with a code.
const BODY_BYTES_MAX: usize = 1_024;
/// What a program that shows mail sends: one field, in a form.
const FORM_BYTES_MAX: usize = 4_096;

const NO_MAIL: HttpError = HttpError::new(ErrorCode::NotFound, "this chat sends no mail");
const NO_LINK: HttpError = HttpError::new(ErrorCode::NotFound, "this is no link of a letter");
const BAD_CODE: HttpError = HttpError::new(ErrorCode::BadCode, "the link is too old, or what it was for has ended");
const BAD_TOKEN: HttpError = HttpError::new(ErrorCode::BadToken, "this login was ended, or never was one");
const NO_PERSON: HttpError = HttpError::new(ErrorCode::Forbidden, "programs are not mailed of answers");

fn office(site: &Site) -> Result<&MailOffice, HttpError> {
    site.mail.as_ref().ok_or(NO_MAIL)
}

/// Whose answers somebody asks for: their own, by whatever shows here who they are.
async fn asker(request: &HttpRequest, site: &Site) -> Result<AuthorId, HttpError> {
    let context = site.join_context.get().ok_or(HttpError::STORE_UNAVAILABLE)?;
    let caller = match bearer(request) {
        Some(token) => match context.accounts.bearer(token).await {
            Ok(Bearer::Account(signed)) => Caller::Account(None, Arc::new(signed.user)),
            Ok(Bearer::Verified(verified)) => Caller::Verified(verified),
            Ok(Bearer::Key(_)) => return Err(NO_PERSON),
            Err(NotBearer::Unavailable(_)) => return Err(HttpError::STORE_UNAVAILABLE),
            Err(_) => return Err(BAD_TOKEN),
        },
        None => match presented(request, site)? {
            Some(token) => {
                let signed = accounts(site)?.signed_in(token).await.map_err(account_answer)?.ok_or(BAD_TOKEN)?;
                Caller::Account(None, Arc::new(signed.user))
            }
            None => Caller::Visitor(anonymous_secret(request)?),
        },
    };
    Ok(caller.principal((&context.identity, context.desk.access())).author_id().clone())
}

/// `POST /api/v1/rooms/{room}/answers {email}`: an address is asked whether it wants to be mailed of answers to what whoever
/// asks writes there. 202 whether it is or not. `website` is a box that nobody sees, as in the contact form.
pub async fn ask(request: HttpRequest, body: Payload, site: Data<Site>) -> Result<HttpResponse, HttpError> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Asked {
        email: String,
        #[serde(default)]
        website: String,
    }
    let room = room_of(&request, 4)?;
    let Asked { email, website } = json_body(body, BODY_BYTES_MAX).await?;
    let office = office(&site)?;
    let author = asker(&request, &site).await?;
    if website.is_empty() {
        let from = network(&request, &site)?;
        let asking = office.wants_answers(accounts(&site)?, (room, author), (&email, lang(&request)), from);
        asking.await.map_err(answer_of)?;
    }
    Ok(HttpResponse::Accepted().json(json!({"received": true})))
}

/// `POST /api/v1/answers/confirm {code}`: whoever has the code reads the mail of the address, and wants it.
pub async fn confirm(body: Payload, site: Data<Site>) -> Result<HttpResponse, HttpError> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Asked {
        code: String,
    }
    let Asked { code } = json_body(body, BODY_BYTES_MAX).await?;
    let confirming = office(&site)?.confirm_answers(accounts(&site)?, &code);
    let (room, stop) = confirming.await.map_err(answer_of)?.ok_or(BAD_CODE)?;
    Ok(fresh(&json!({"roomId": room.as_str(), "stop": stop})))
}

/// `POST /answers/{key}?room=`: the address is mailed no more of that room, or of none. One request is enough, without a
/// cookie or a question, and as often as it likes: a program sends it as soon as its reader presses its button.
pub async fn stop(
    request: HttpRequest,
    path: Path<String>,
    body: Payload,
    site: Data<Site>,
) -> Result<HttpResponse, HttpError> {
    whole_body(body, FORM_BYTES_MAX).await?;
    let key = path.into_inner();
    if !is_answers_address_key(&key) {
        return Err(NO_LINK);
    }
    let room = parameter(&request, "room").map(|name| room_named(&request, &name)).transpose()?;
    office(&site)?.end_answers(&key, room).await.map_err(answer_of)?;
    Ok(HttpResponse::build(StatusCode::NO_CONTENT).insert_header((header::CACHE_CONTROL, "no-store")).finish())
}
