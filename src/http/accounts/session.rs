//! What a login is answered with: tokens for a program, cookies for the chat's own pages.

use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, http::header};
use serde::{Deserialize, Serialize};

use super::presented::{ACCESS, REFRESH, is_foreign};
use crate::{
    accounts::{Accounts, Session},
    http::{error::HttpError, site::Site},
    moderation::Actor,
};
use chat_accounts::REFRESH_VALID;
use chat_store::Account;
use chat_wire::ErrorCode;

const FOREIGN: HttpError =
    HttpError::new(ErrorCode::Csrf, "cookies are for pages of the chat itself; this request has another Origin");

/// How a login is to be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// With tokens.
    #[default]
    Token,
    /// With cookies.
    Cookie,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    #[serde(skip_serializing_if = "Option::is_none")]
    access_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_in: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
    user: UserInfo,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    locale: Option<String>,
    role: &'static str,
    rights: u64,
}

/// Somebody as everybody sees them.
#[derive(Serialize)]
pub struct UserInfo {
    id: String,
    nickname: String,
    avatar: &'static str,
}

impl UserInfo {
    /// Of somebody who acts.
    pub fn of(actor: &Actor) -> Self {
        let author = &actor.author;
        Self {
            id: author.id.as_str().to_owned(),
            nickname: author.nickname.as_str().to_owned(),
            avatar: author.avatar.as_str(),
        }
    }
}

fn plain(actor: &Actor) -> Answer {
    let (access_token, expires_in, refresh_token, email, locale) = Default::default();
    let (role, rights) = (actor.role.as_str(), actor.rights.bits());
    Answer { access_token, expires_in, refresh_token, user: UserInfo::of(actor), email, locale, role, rights }
}

/// Who somebody is to themselves.
pub fn whose(actor: &Actor, account: Option<Account>) -> impl Serialize + use<> {
    let (email, locale) = account.map(|account| (account.email, account.locale)).unwrap_or_default();
    Answer { email, locale, ..plain(actor) }
}

/// A page of another origin gets no cookies: it would sign its reader in as somebody else.
pub fn check_kind(kind: Kind, request: &HttpRequest, site: &Site) -> Result<(), HttpError> {
    if kind == Kind::Cookie && is_foreign(request, site) { Err(FOREIGN) } else { Ok(()) }
}

/// The answer to a login that was made or renewed.
pub fn answer(
    mut response: HttpResponseBuilder,
    kind: Kind,
    session: Session,
    accounts: &Accounts,
    site: &Site,
) -> HttpResponse {
    let actor = accounts.actor(&session.signed);
    response.insert_header((header::CACHE_CONTROL, "no-store"));
    let refresh = session.refresh.expose();
    match kind {
        Kind::Token => response.json(Answer {
            access_token: Some(session.access),
            expires_in: Some(Accounts::access_seconds()),
            refresh_token: Some(refresh),
            ..plain(&actor)
        }),
        Kind::Cookie => {
            // The page learns by a 401 that the first one is over.
            set(&mut response, ACCESS, &session.access, Accounts::access_seconds(), site);
            set(&mut response, REFRESH, &refresh, REFRESH_VALID.as_secs(), site);
            response.json(plain(&actor))
        }
    }
}

/// Done, and there is nothing to say.
pub fn done() -> HttpResponse {
    HttpResponse::NoContent().insert_header((header::CACHE_CONTROL, "no-store")).finish()
}

/// Takes the cookies back.
pub fn without_cookies(mut response: HttpResponseBuilder, site: &Site) -> HttpResponse {
    for name in [ACCESS, REFRESH] {
        set(&mut response, name, "", 0, site);
    }
    response.insert_header((header::CACHE_CONTROL, "no-store")).finish()
}

fn set(response: &mut HttpResponseBuilder, name: &str, value: &str, seconds: u64, site: &Site) {
    let base = site.base_path.as_str();
    let path = if base.is_empty() { "/" } else { base };
    let cookie = format!("{name}={value}; Path={path}; Max-Age={seconds}; HttpOnly; Secure; SameSite=Lax");
    response.append_header((header::SET_COOKIE, cookie));
}
