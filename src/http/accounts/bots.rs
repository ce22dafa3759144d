//! `/api/v1/admin/bots` and `/api/v1/admin/keys`: programs that write under a name of their own, and what they show.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Path, Payload},
};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    errors::answer_of,
    presented::{accounts, actor, is_operator, signed},
    session::done,
};
use crate::{
    accounts::{BotWish, KeyWish},
    http::{body::json_body, error::HttpError, reading::fresh, site::Site},
};
use chat_domain::{Role, Scopes, UserId};
use chat_store::{Bot, KeySeen};
use chat_wire::{ErrorCode, timestamp};

const BODY_BYTES_MAX: usize = 1_024;

const NOT_FOUND: HttpError = HttpError::new(ErrorCode::NotFound, "there is nothing of this name");
const BAD_ROLE: HttpError = HttpError::new(ErrorCode::BadRequest, "role is admin, moderator or member");
const BAD_SCOPES: HttpError = HttpError::new(
    ErrorCode::BadRequest,
    "scopes are some of messages:read, messages:write, rooms:manage, moderate and admin; days are 1 to 3650",
);

fn id_of(text: &str) -> Result<Uuid, HttpError> {
    Uuid::try_parse(text).map_err(|_| NOT_FOUND)
}

fn bot_info(site: &Site, bot: &Bot) -> Result<Value, HttpError> {
    let author = accounts(site)?.bot_author(bot);
    let mut info = json!({
        "id": bot.user.id.to_string(),
        "authorId": author.id.as_str(),
        "nickname": author.nickname.as_str(),
        "avatar": author.avatar.as_str(),
        "role": bot.user.role.as_str(),
        "createdAt": timestamp(bot.created_at),
    });
    if let (Some(owner), Some(info)) = (bot.owner, info.as_object_mut()) {
        info.insert("ownerId".into(), owner.to_string().into());
    }
    Ok(info)
}

/// `GET /api/v1/admin/bots`: the bots that live, the newest first.
pub async fn bots(request: HttpRequest, site: Data<Site>) -> Result<HttpResponse, HttpError> {
    let actor = actor(&request, &site).await?;
    let bots = accounts(&site)?.bots(&actor).await.map_err(answer_of)?;
    let bots = bots.iter().map(|bot| bot_info(&site, bot)).collect::<Result<Vec<_>, _>>()?;
    Ok(fresh(&json!({"bots": bots})))
}

/// `POST /api/v1/admin/bots {nickname, avatar?, role?}`: makes one, for which whoever asks answers.
pub async fn add_bot(request: HttpRequest, body: Payload, site: Data<Site>) -> Result<HttpResponse, HttpError> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Asked {
        nickname: String,
        avatar: Option<String>,
        role: Option<String>,
    }
    let actor = actor(&request, &site).await?;
    let accounts = accounts(&site)?;
    accounts.makes_bots(&actor).map_err(answer_of)?;
    let owner = if is_operator(&request, &site) { None } else { Some(signed(&request, &site).await?.user.id) };
    let Asked { nickname, avatar, role } = json_body(body, BODY_BYTES_MAX).await?;
    let role = Role::parse(role.as_deref().unwrap_or("member")).ok_or(BAD_ROLE)?;
    let bot = accounts.add_bot(&actor, owner, BotWish { nickname, avatar, role }).await.map_err(answer_of)?;
    Ok(fresh(&bot_info(&site, &bot)?))
}

/// `DELETE /api/v1/admin/bots/{id}`: ends one, and its keys.
pub async fn end_bot(request: HttpRequest, id: Path<String>, site: Data<Site>) -> Result<HttpResponse, HttpError> {
    let actor = actor(&request, &site).await?;
    let id = UserId::from_uuid(id_of(&id)?);
    accounts(&site)?.end_bot(&actor, id).await.map_err(answer_of)?;
    Ok(done())
}

fn key_info(key: &KeySeen, secret: Option<&str>) -> Value {
    let mut info = json!({
        "id": key.id,
        "prefix": key.prefix,
        "botId": key.bot.to_string(),
        "scopes": key.scopes.names().collect::<Vec<_>>(),
        "createdAt": timestamp(key.created_at),
    });
    if let Some(info) = info.as_object_mut() {
        let more = [
            ("expiresAt", key.expires_at.map(timestamp)),
            ("lastUsedAt", key.last_used_at.map(timestamp)),
            ("key", secret.map(str::to_owned)),
        ];
        info.extend(more.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.into()))));
    }
    info
}

/// `GET /api/v1/admin/keys`: the keys that were not taken back, the newest first.
pub async fn keys(request: HttpRequest, site: Data<Site>) -> Result<HttpResponse, HttpError> {
    let actor = actor(&request, &site).await?;
    let keys = accounts(&site)?.keys(&actor).await.map_err(answer_of)?;
    Ok(fresh(&json!({"keys": keys.iter().map(|key| key_info(key, None)).collect::<Vec<_>>()})))
}

/// `POST /api/v1/admin/keys {botId, scopes, days?}`: makes one. The answer has it, once.
pub async fn add_key(request: HttpRequest, body: Payload, site: Data<Site>) -> Result<HttpResponse, HttpError> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields, rename_all = "camelCase")]
    struct Asked {
        bot_id: String,
        scopes: Vec<String>,
        days: Option<u32>,
    }
    let actor = actor(&request, &site).await?;
    let Asked { bot_id, scopes, days } = json_body(body, BODY_BYTES_MAX).await?;
    let scopes = Scopes::parse(scopes.iter().map(String::as_str)).filter(|scopes| !scopes.is_empty());
    let wish = KeyWish { bot: UserId::from_uuid(id_of(&bot_id)?), scopes: scopes.ok_or(BAD_SCOPES)?, days };
    let (key, secret) = accounts(&site)?.add_key(&actor, wish).await.map_err(answer_of)?;
    Ok(fresh(&key_info(&key, Some(&secret))))
}

/// `DELETE /api/v1/admin/keys/{id}`: takes one back.
pub async fn end_key(request: HttpRequest, id: Path<String>, site: Data<Site>) -> Result<HttpResponse, HttpError> {
    let actor = actor(&request, &site).await?;
    accounts(&site)?.end_key(&actor, id_of(&id)?).await.map_err(answer_of)?;
    Ok(done())
}
