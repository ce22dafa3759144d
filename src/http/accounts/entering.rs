//! `/api/v1/auth`: the ways in and out.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Payload},
};
use serde::Deserialize;
use serde_json::json;

use super::{
    confirming::greet,
    errors::answer_of,
    presented::{NOT_SIGNED_IN, accounts, agent, presented, presented_refresh},
    session::{Kind, answer, check_kind, done, without_cookies},
};
use crate::{
    accounts::Wanted,
    http::{address, body::json_body, error::HttpError, html::lang, mailing, reading::fresh, site::Site},
    mail::MailOffice,
};
use chat_accounts::Email;
use chat_wire::ErrorCode;

/// A body with an address, a password and a name.
const BODY_BYTES_MAX: usize = 4_096;

const NO_TOKEN: HttpError =
    HttpError::new(ErrorCode::BadToken, "this needs refreshToken in its body, or the cookie of a page of the chat");

/// `GET /api/v1/auth/settings`: who may register, whether there is mail and a contact form, whether there is an owner.
pub async fn settings(site: Data<Site>) -> Result<HttpResponse, HttpError> {
    let accounts = accounts(&site)?;
    let mail = site.mail.as_ref();
    let setup = accounts.needs_setup().await.map_err(answer_of)?;
    Ok(fresh(
        &json!({"registration": accounts.registration().as_str(), "mail": mail.is_some(), "contact": mail.is_some_and(MailOffice::has_contact), "setup": setup}),
    ))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Registering {
    email: String,
    password: String,
    nickname: String,
    avatar: Option<String>,
    invite: Option<String>,
    code: Option<String>,
    #[serde(default)]
    session: Kind,
}

impl Registering {
    fn wanted(&mut self) -> Wanted {
        let take = std::mem::take::<String>;
        Wanted {
            email: take(&mut self.email),
            password: take(&mut self.password),
            nickname: take(&mut self.nickname),
            avatar: self.avatar.take(),
        }
    }
}

/// `POST /api/v1/auth/setup {code, email, password, nickname, session?}`: the first owner gets mail and password.
pub async fn set_up(request: HttpRequest, body: Payload, site: Data<Site>) -> Result<HttpResponse, HttpError> {
    let mut asked: Registering = json_body(body, BODY_BYTES_MAX).await?;
    check_kind(asked.session, &request, &site)?;
    let (accounts, wanted) = (accounts(&site)?, asked.wanted());
    let from = (agent(&request), address::of(&request, &site.trusted_proxies));
    let email = wanted.email.clone();
    let session = accounts.set_up(wanted, &asked.code.unwrap_or_default(), from).await.map_err(answer_of)?;
    greet(&request, &site, &session, &email).await;
    Ok(answer(HttpResponse::Ok(), asked.session, session, accounts, &site))
}

/// `POST /api/v1/auth/register {email, password, nickname, avatar?, invite?, session?}`: a new account.
pub async fn register(request: HttpRequest, body: Payload, site: Data<Site>) -> Result<HttpResponse, HttpError> {
    let mut asked: Registering = json_body(body, BODY_BYTES_MAX).await?;
    check_kind(asked.session, &request, &site)?;
    let (accounts, wanted) = (accounts(&site)?, asked.wanted());
    let from = (agent(&request), address::of(&request, &site.trusted_proxies));
    let email = wanted.email.clone();
    let session = accounts.register(wanted, asked.invite.as_deref(), from).await.map_err(answer_of)?;
    greet(&request, &site, &session, &email).await;
    Ok(answer(HttpResponse::Created(), asked.session, session, accounts, &site))
}

/// `POST /api/v1/auth/login {email, password, session?}`.
pub async fn log_in(request: HttpRequest, body: Payload, site: Data<Site>) -> Result<HttpResponse, HttpError> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Asked {
        email: String,
        password: String,
        #[serde(default)]
        session: Kind,
    }
    let Asked { email, password, session: kind } = json_body(body, BODY_BYTES_MAX).await?;
    check_kind(kind, &request, &site)?;
    let accounts = accounts(&site)?;
    let from = (agent(&request), address::of(&request, &site.trusted_proxies));
    let session = accounts.log_in(&email, password, from).await.map_err(answer_of)?;
    Ok(answer(HttpResponse::Ok(), kind, session, accounts, &site))
}

/// `POST /api/v1/auth/refresh {refreshToken}`, or with the cookie: renews a login, and answers as it was asked.
pub async fn refresh(request: HttpRequest, body: Payload, site: Data<Site>) -> Result<HttpResponse, HttpError> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields, rename_all = "camelCase")]
    struct Asked {
        refresh_token: Option<String>,
    }
    let Asked { refresh_token } = json_body(body, BODY_BYTES_MAX).await?;
    let accounts = accounts(&site)?;
    let (kind, token) = match refresh_token {
        Some(token) => (Kind::Token, token),
        None => (Kind::Cookie, presented_refresh(&request, &site)?.ok_or(NO_TOKEN)?.to_owned()),
    };
    let session = accounts.refresh(&token).await.map_err(answer_of)?;
    Ok(answer(HttpResponse::Ok(), kind, session, accounts, &site))
}

/// `POST /api/v1/auth/logout`: ends the login that the request is of.
pub async fn log_out(request: HttpRequest, site: Data<Site>) -> Result<HttpResponse, HttpError> {
    let accounts = accounts(&site)?;
    let token = match presented(&request, &site)? {
        Some(token) => token,
        // The cookie that proves it is over by itself after ten minutes, and the other one is not.
        None => {
            let refresh = presented_refresh(&request, &site)?.ok_or(NOT_SIGNED_IN)?;
            let session = accounts.refresh(refresh).await.map_err(answer_of)?;
            accounts.end_login(session.signed.user.id, session.signed.login).await.map_err(answer_of)?;
            return Ok(without_cookies(HttpResponse::NoContent(), &site));
        }
    };
    let signed = accounts.signed_in(token).await.map_err(answer_of)?.ok_or(NOT_SIGNED_IN)?;
    let lived = accounts.end_login(signed.user.id, signed.login).await.map_err(answer_of)?;
    if lived { Ok(without_cookies(HttpResponse::NoContent(), &site)) } else { Err(NOT_SIGNED_IN) }
}

/// `POST /api/v1/auth/password/reset {code, password}`: a new password, by the code of a link.
pub async fn reset_password(request: HttpRequest, body: Payload, site: Data<Site>) -> Result<HttpResponse, HttpError> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Asked {
        code: String,
        password: String,
    }
    let Asked { code, password } = json_body(body, BODY_BYTES_MAX).await?;
    let address = address::of(&request, &site.trusted_proxies);
    accounts(&site)?.reset_password(&code, password, address).await.map_err(answer_of)?;
    Ok(done())
}

/// `POST /api/v1/auth/password/forgot {email}`: has a link mailed, where somebody has this address; the same answer
/// whoever asks. Without mail there is nothing to do.
pub async fn forgot_password(request: HttpRequest, body: Payload, site: Data<Site>) -> Result<HttpResponse, HttpError> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Asked {
        email: String,
    }
    let Asked { email } = json_body(body, BODY_BYTES_MAX).await?;
    if let (Some(office), Ok(email)) = (&site.mail, Email::parse(&email)) {
        let from = mailing::network(&request, &site)?;
        office.forgot(&email, lang(&request), from).await.map_err(mailing::answer_of)?;
    }
    Ok(HttpResponse::Accepted().finish())
}
