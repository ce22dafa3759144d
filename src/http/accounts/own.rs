//! `/api/v1/me`: what is somebody's own.

use std::future::ready;

use actix_web::{
    HttpRequest, HttpResponse,
    http::header,
    web::{Bytes, Data, Path, Payload},
};
use futures_util::{StreamExt, stream};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    errors::answer_of,
    presented::{accounts, is_operator, signed},
    session::{done, whose, without_cookies},
};
use crate::{
    accounts::{AccountError, Accounts, Export, ExportPage, ProfileWish},
    http::{address, body::json_body, error::HttpError, reading::fresh, site::Site},
    moderation::Desk,
};
use chat_domain::AnonymousId;
use chat_store::{LoginSeen, SignedIn};
use chat_wire::{ErrorCode, MessagePayload, timestamp};

/// A body with two passwords.
const BODY_BYTES_MAX: usize = 4_096;

const NOT_FOUND: HttpError = HttpError::new(ErrorCode::NotFound, "there is nothing of this name");

/// `GET /api/v1/me`: who is signed in.
pub async fn me(request: HttpRequest, site: Data<Site>) -> Result<HttpResponse, HttpError> {
    // Whoever has the token of the settings has no account.
    if is_operator(&request, &site) {
        return Ok(fresh(&whose(&Desk::operator(), None, &site)));
    }
    let (signed, accounts) = (signed(&request, &site).await?, accounts(&site)?);
    let account = accounts.account(&signed).await.map_err(answer_of)?;
    Ok(fresh(&whose(&accounts.actor(&signed), Some(account), &site)))
}

/// `PATCH /api/v1/me {nickname?, avatar?, locale?}`.
pub async fn change(request: HttpRequest, body: Payload, site: Data<Site>) -> Result<HttpResponse, HttpError> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Asked {
        nickname: Option<String>,
        avatar: Option<String>,
        locale: Option<String>,
    }
    let signed = signed(&request, &site).await?;
    let Asked { nickname, avatar, locale } = json_body(body, BODY_BYTES_MAX).await?;
    let accounts = accounts(&site)?;
    let wish = ProfileWish { nickname, avatar, locale };
    let account = accounts.change_profile(&signed, wish).await.map_err(answer_of)?;
    let actor = accounts.actor(&SignedIn { user: account.user.clone(), ..signed });
    Ok(fresh(&whose(&actor, Some(account), &site)))
}

/// `DELETE /api/v1/me {password, texts}`: forgets who somebody is.
pub async fn erase(request: HttpRequest, body: Payload, site: Data<Site>) -> Result<HttpResponse, HttpError> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Asked {
        password: String,
        texts: bool,
    }
    let signed = signed(&request, &site).await?;
    let Asked { password, texts } = json_body(body, BODY_BYTES_MAX).await?;
    let address = address::of(&request, &site.trusted_proxies);
    accounts(&site)?.erase(&signed, (password, texts), address).await.map_err(answer_of)?;
    Ok(without_cookies(HttpResponse::NoContent(), &site))
}

/// `GET /api/v1/me/export`: all that is known of somebody, written as it is read: it takes a page of memory, however long
/// it is.
pub async fn export(request: HttpRequest, site: Data<Site>) -> Result<HttpResponse, HttpError> {
    let signed = signed(&request, &site).await?;
    let address = address::of(&request, &site.trusted_proxies);
    let accounts = accounts(&site)?;
    let Export { account, authors, logins, pages } = accounts.export(&signed, address).await.map_err(answer_of)?;
    let known = json!({
        "id": account.user.id.to_string(),
        "email": account.email,
        "emailConfirmed": account.email_is_confirmed,
        "nickname": account.user.nickname.as_str(),
        "avatar": account.user.avatar.as_str(),
        "locale": account.locale,
        "role": account.user.role.as_str(),
        "createdAt": timestamp(account.created_at),
        "authorIds": authors.iter().map(|author| author.as_str()).collect::<Vec<_>>(),
        "logins": logins.iter().map(|login| login_info(login, &signed)).collect::<Vec<_>>(),
    });
    let known = known.to_string();
    let head = format!("{},\"rooms\":[", known.strip_suffix('}').unwrap_or(&known));
    let first = stream::once(ready(Ok(Bytes::from(head))));
    let rest = stream::try_unfold(Some((accounts.clone(), pages, false)), async |state| {
        let Some((accounts, mut pages, is_open)) = state else { return Ok(None) };
        // What breaks off here is no JSON: nobody takes a part for the whole.
        let page = accounts.next_page(&mut pages).await?;
        let Some(page) = page else {
            let end = if is_open { "]}],\"complete\":true}" } else { "],\"complete\":true}" };
            return Ok(Some((Bytes::from_static(end.as_bytes()), None)));
        };
        Ok::<_, AccountError>(Some((part_of(&page, is_open), Some((accounts, pages, true)))))
    });
    let head = (header::CACHE_CONTROL, "no-store");
    Ok(HttpResponse::Ok().insert_header(head).content_type("application/json").streaming(first.chain(rest)))
}

/// A page of an export as it stands in its list of rooms, the last of which `is_open`.
fn part_of(page: &ExportPage, is_open: bool) -> Bytes {
    let messages: Vec<String> =
        page.messages.iter().filter_map(|message| serde_json::to_string(&MessagePayload::from(message)).ok()).collect();
    let before = match (page.is_first, is_open) {
        (false, _) => ",".to_owned(),
        (true, open) => {
            format!("{}{{\"room\":{},\"messages\":[", if open { "]}," } else { "" }, json!(page.room.as_str()))
        }
    };
    Bytes::from(before + &messages.join(","))
}

fn login_info(login: &LoginSeen, signed: &SignedIn) -> Value {
    json!({
        "id": login.id,
        "userAgent": login.user_agent,
        "createdAt": timestamp(login.created_at),
        "lastSeenAt": timestamp(login.last_seen_at.unwrap_or(login.created_at)),
        "current": login.id == signed.login,
    })
}

/// `POST /api/v1/me/password {old, new}`: another password; all other logins end.
pub async fn change_password(request: HttpRequest, body: Payload, site: Data<Site>) -> Result<HttpResponse, HttpError> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Asked {
        old: String,
        new: String,
    }
    let signed = signed(&request, &site).await?;
    let Asked { old, new } = json_body(body, BODY_BYTES_MAX).await?;
    let address = address::of(&request, &site.trusted_proxies);
    accounts(&site)?.change_password(&signed, (old, new), address).await.map_err(answer_of)?;
    Ok(done())
}

/// `GET /api/v1/me/logins`: where somebody is signed in.
pub async fn logins(request: HttpRequest, site: Data<Site>) -> Result<HttpResponse, HttpError> {
    let signed = signed(&request, &site).await?;
    let logins = accounts(&site)?.logins(&signed).await.map_err(answer_of)?;
    Ok(fresh(&logins.iter().map(|login| login_info(login, &signed)).collect::<Vec<_>>()))
}

/// `DELETE /api/v1/me/logins/{id}`: signs out there.
pub async fn end_login(request: HttpRequest, id: Path<String>, site: Data<Site>) -> Result<HttpResponse, HttpError> {
    let signed = signed(&request, &site).await?;
    let id = Uuid::try_parse(&id).map_err(|_| NOT_FOUND)?;
    let lived = accounts(&site)?.end_login(signed.user.id, id).await.map_err(answer_of)?;
    if lived { Ok(done()) } else { Err(NOT_FOUND) }
}

/// `POST /api/v1/auth/ticket`: opens one socket as whoever asks.
pub async fn ticket(request: HttpRequest, site: Data<Site>) -> Result<HttpResponse, HttpError> {
    let signed = signed(&request, &site).await?;
    let ticket = accounts(&site)?.ticket(&signed).await.map_err(answer_of)?;
    Ok(fresh(&json!({"ticket": ticket, "expiresIn": Accounts::ticket_seconds()})))
}

/// `POST /api/v1/me/claim {anonymousId}`: takes the identity of a browser over.
pub async fn claim(request: HttpRequest, body: Payload, site: Data<Site>) -> Result<HttpResponse, HttpError> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields, rename_all = "camelCase")]
    struct Asked {
        anonymous_id: Uuid,
    }
    let signed = signed(&request, &site).await?;
    let Asked { anonymous_id } = json_body(body, BODY_BYTES_MAX).await?;
    let accounts = accounts(&site)?;
    let author = accounts.claim(&signed, AnonymousId::new(anonymous_id)).await.map_err(answer_of)?;
    let also = accounts.claims(&signed).await.map_err(answer_of)?;
    let also: Vec<&str> = also.iter().map(|author| author.as_str()).collect();
    Ok(fresh(&json!({"authorId": author.as_str(), "also": also})))
}
