//! Addresses that are shown to be somebody's, by a link that is mailed there.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Payload},
};
use serde::Deserialize;

use super::{
    errors::answer_of,
    presented::{accounts, signed},
    session::done,
};
use crate::{
    accounts::Session,
    http::{address, body::json_body, error::HttpError, html::lang, mailing, site::Site},
    mail::MailOffice,
};
use chat_accounts::Email;
use chat_domain::UserId;
use chat_wire::ErrorCode;

/// A body with a password and an address, or with a code.
const BODY_BYTES_MAX: usize = 4_096;

const NO_MAIL: HttpError = HttpError::new(ErrorCode::NotFound, "this chat sends no mail");
const NO_ADDRESS: HttpError = HttpError::new(ErrorCode::NotFound, "this account has no mail address");

fn office(site: &Site) -> Result<&MailOffice, HttpError> {
    site.mail.as_ref().ok_or(NO_MAIL)
}

/// Has a link mailed to who has just registered. Whether that works is no matter of the account, which is made.
pub(super) async fn greet(request: &HttpRequest, site: &Site, session: &Session, email: &str) {
    let (Ok(office), Ok(email)) = (office(site), Email::parse(email)) else { return };
    let user = session.signed.user.id.as_uuid();
    let Ok(from) = mailing::network(request, site) else { return };
    if let Err(refused) = office.confirm(user, &email, lang(request), from).await {
        log::debug!("a link by which an address is confirmed is not mailed: {refused}");
    }
}

async fn mail_to(request: &HttpRequest, site: &Site, user: UserId, email: &Email) -> Result<HttpResponse, HttpError> {
    let from = mailing::network(request, site)?;
    let mailing = office(site)?.confirm(user.as_uuid(), email, lang(request), from);
    mailing.await.map_err(mailing::answer_of)?;
    Ok(HttpResponse::Accepted().finish())
}

/// `POST /api/v1/auth/verify-email {code}`: whoever has the code reads the mail of an address. Nobody has to be signed in:
/// the link may be opened on another device.
pub async fn confirm(request: HttpRequest, body: Payload, site: Data<Site>) -> Result<HttpResponse, HttpError> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Asked {
        code: String,
    }
    let Asked { code } = json_body(body, BODY_BYTES_MAX).await?;
    let address = address::of(&request, &site.trusted_proxies);
    accounts(&site)?.confirm(&code, address).await.map_err(answer_of)?;
    Ok(done())
}

/// `POST /api/v1/me/verify-email`: mails the link once more, where there is something to confirm.
pub async fn again(request: HttpRequest, site: Data<Site>) -> Result<HttpResponse, HttpError> {
    let signed = signed(&request, &site).await?;
    office(&site)?;
    let account = accounts(&site)?.account(&signed).await.map_err(answer_of)?;
    let email = account.email.as_deref().and_then(|email| Email::parse(email).ok()).ok_or(NO_ADDRESS)?;
    mail_to(&request, &site, signed.user.id, &email).await
}

/// `POST /api/v1/me/email {password, email}`: mails a link to another address, which is the account's once it is followed.
/// Whether somebody has that address is not said.
pub async fn change(request: HttpRequest, body: Payload, site: Data<Site>) -> Result<HttpResponse, HttpError> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Asked {
        password: String,
        email: String,
    }
    let signed = signed(&request, &site).await?;
    office(&site)?;
    let Asked { password, email } = json_body(body, BODY_BYTES_MAX).await?;
    let address = address::of(&request, &site.trusted_proxies);
    let wanting = accounts(&site)?.wants_email(&signed, (password, &email), address);
    let email = wanting.await.map_err(answer_of)?;
    mail_to(&request, &site, signed.user.id, &email).await
}
