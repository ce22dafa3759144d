//! `/api/v1/admin/invites` and `/api/v1/admin/users`: who may come, and who is what.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Path, Payload},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    errors::answer_of,
    presented::{accounts, actor},
    session::done,
};
use crate::{
    accounts::InviteWish,
    http::{body::json_body, error::HttpError, reading::fresh, security, site::Site},
};
use chat_domain::{Role, UserId};
use chat_store::{AccountSeen, Invite, TeamOrder};
use chat_wire::{ErrorCode, timestamp};

/// A body with a role.
const BODY_BYTES_MAX: usize = 1_024;
/// So many people are a page.
const PAGE: usize = 100;

const BAD_ROLE: HttpError =
    HttpError::new(ErrorCode::BadRequest, "role is owner, admin, moderator or member, uses 1 to 1000, hours 1 to 720");
/// What a blog calls itself, or one of its users, has so many characters, as its column.
const NAME_CHARS_MAX: usize = 255;
const BAD_NAME: HttpError = HttpError::new(ErrorCode::BadRequest, "site and subject have at most 255 characters");
const BAD_ORDER: HttpError = HttpError::new(ErrorCode::BadRequest, "the body has role, or disabled: true or false");
const NOT_FOUND: HttpError = HttpError::new(ErrorCode::NotFound, "there is nothing of this name");
const BAD_QUERY: HttpError =
    HttpError::new(ErrorCode::BadRequest, "the query takes cursor, as an answer names it, and q: a part of a name");

/// The whole address of a page of ours, with what no server gets to see behind it.
fn link(request: &HttpRequest, site: &Site, page: &str, code: &str) -> String {
    let url = security::own_url(request, &site.trusted_proxies.networks);
    format!("{url}{}/{page}#{code}", site.base_path.as_str())
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct InviteInfo {
    id: Uuid,
    /// Not there where who asks could not have made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    role: &'static str,
    uses_left: i32,
    expires_at: String,
}

fn invite_info(request: &HttpRequest, site: &Site, (invite, code): &(Invite, Option<String>)) -> InviteInfo {
    InviteInfo {
        id: invite.id,
        url: code.as_ref().map(|code| link(request, site, "register", code)),
        role: invite.role.as_str(),
        uses_left: invite.uses_left,
        expires_at: timestamp(invite.expires_at),
    }
}

/// `GET /api/v1/admin/invites`: the invites that somebody may still come by.
pub async fn invites(request: HttpRequest, site: Data<Site>) -> Result<HttpResponse, HttpError> {
    let actor = actor(&request, &site).await?;
    let invites = accounts(&site)?.invites(&actor).await.map_err(answer_of)?;
    let invites: Vec<_> = invites.iter().map(|invite| invite_info(&request, &site, invite)).collect();
    Ok(fresh(&json!({"invites": invites})))
}

/// `POST /api/v1/admin/invites {role, uses, hours}`: another one.
pub async fn invite(request: HttpRequest, body: Payload, site: Data<Site>) -> Result<HttpResponse, HttpError> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Asked {
        role: String,
        uses: u32,
        hours: u32,
    }
    let actor = actor(&request, &site).await?;
    let Asked { role, uses, hours } = json_body(body, BODY_BYTES_MAX).await?;
    let role = Role::parse(&role).ok_or(BAD_ROLE)?;
    let made = accounts(&site)?.invite(&actor, InviteWish { role, uses, hours }).await.map_err(answer_of)?;
    let (invite, code) = made;
    Ok(fresh(&invite_info(&request, &site, &(invite, Some(code)))))
}

/// `DELETE /api/v1/admin/invites/{id}`: takes an invite back.
pub async fn remove_invite(
    request: HttpRequest,
    id: Path<String>,
    site: Data<Site>,
) -> Result<HttpResponse, HttpError> {
    let actor = actor(&request, &site).await?;
    let id = Uuid::try_parse(&id).map_err(|_| NOT_FOUND)?;
    accounts(&site)?.remove_invite(&actor, id).await.map_err(answer_of)?;
    Ok(done())
}

fn person(site: &Site, seen: &AccountSeen) -> Result<Value, HttpError> {
    let signed = chat_store::SignedIn { login: Uuid::nil(), user: seen.user.clone() };
    let author = accounts(site)?.actor(&signed).author;
    Ok(json!({
        "id": seen.user.id.to_string(),
        "authorId": author.id.as_str(),
        "nickname": author.nickname.as_str(),
        "avatar": author.avatar.as_str(),
        "email": seen.email,
        "role": seen.user.role.as_str(),
        "disabled": seen.disabled_at.is_some(),
        "createdAt": timestamp(seen.created_at),
    }))
}

/// `GET /api/v1/admin/users?cursor=&q=`: people with an account, the newest first.
pub async fn people(request: HttpRequest, site: Data<Site>) -> Result<HttpResponse, HttpError> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Asked {
        cursor: Option<Uuid>,
        q: Option<String>,
    }
    let actor = actor(&request, &site).await?;
    let query = actix_web::web::Query::<Asked>::from_query(request.query_string()).map_err(|_| BAD_QUERY)?;
    let from = (query.cursor.map(UserId::from_uuid), query.q.as_deref());
    let limit = i64::try_from(PAGE.saturating_add(1)).map_err(|_| BAD_QUERY)?;
    let mut found = accounts(&site)?.people(&actor, from, limit).await.map_err(answer_of)?;
    let has_more = found.len() > PAGE;
    found.truncate(PAGE);
    let next = found.last().filter(|_| has_more).map(|seen| seen.user.id.to_string());
    let people = found.iter().map(|seen| person(&site, seen)).collect::<Result<Vec<_>, _>>()?;
    Ok(match next {
        Some(next) => fresh(&json!({"users": people, "nextCursor": next})),
        None => fresh(&json!({"users": people})),
    })
}

fn user_of(id: &str) -> Result<UserId, HttpError> {
    Uuid::try_parse(id).map(UserId::from_uuid).map_err(|_| NOT_FOUND)
}

/// `POST /api/v1/admin/users/{id} {role}` or `{disabled}`: what somebody becomes.
pub async fn change(
    request: HttpRequest,
    id: Path<String>,
    body: Payload,
    site: Data<Site>,
) -> Result<HttpResponse, HttpError> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Asked {
        role: Option<String>,
        disabled: Option<bool>,
    }
    let actor = actor(&request, &site).await?;
    let id = user_of(&id)?;
    let Asked { role, disabled } = json_body(body, BODY_BYTES_MAX).await?;
    let order = match (role, disabled) {
        (Some(role), None) => TeamOrder::Role(Role::parse(&role).ok_or(BAD_ORDER)?),
        (None, Some(disabled)) => TeamOrder::Disabled(disabled),
        _ => return Err(BAD_ORDER),
    };
    let seen = accounts(&site)?.change_team(&actor, id, order).await.map_err(answer_of)?;
    Ok(fresh(&person(&site, &seen)?))
}

/// `POST /api/v1/admin/users/{id}/reset`: a link by which somebody sets a password.
pub async fn reset(request: HttpRequest, id: Path<String>, site: Data<Site>) -> Result<HttpResponse, HttpError> {
    let actor = actor(&request, &site).await?;
    let code = accounts(&site)?.reset_code(&actor, user_of(&id)?).await.map_err(answer_of)?;
    Ok(fresh(&json!({"url": link(&request, &site, "reset", &code)})))
}

/// `POST /api/v1/admin/site-users/erase {site, subject, texts}`: forgets one of a blog's own users.
pub async fn erase_site_user(request: HttpRequest, body: Payload, site: Data<Site>) -> Result<HttpResponse, HttpError> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Asked {
        site: String,
        subject: String,
        #[serde(default)]
        texts: bool,
    }
    let actor = actor(&request, &site).await?;
    let Asked { site: blog, subject, texts } = json_body(body, BODY_BYTES_MAX).await?;
    if blog.chars().count() > NAME_CHARS_MAX || subject.chars().count() > NAME_CHARS_MAX {
        return Err(BAD_NAME);
    }
    let erasing = accounts(&site)?.erase_verified(&actor, (blog, subject), texts);
    Ok(fresh(&json!({"noted": erasing.await.map_err(answer_of)?})))
}
