//! `/api/v1/admin/webhooks` and `/api/v1/admin/hooks`: whom other systems' addresses are told what, and who writes by one;
//! and `/api/v1/hooks/{secret}`, where they write.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Path, Payload, ServiceConfig},
};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{
    accounts::{actor, answer_of as account_answer, done, is_operator, signed},
    body::{json_body, whole_body},
    error::HttpError,
    reading::{fresh, room_named},
    resource::{asked, both, kept, public, removed},
    site::Site,
};
use crate::{
    accounts::BotWish,
    webhooks::{Events, HookWish, Hooks, HooksRefused, Tried, line_of},
};
use chat_domain::{AvatarName, Nickname, Rights, Role};
use chat_store::{Delivery, Webhook};
use chat_wire::{ErrorCode, timestamp};

/// A body with an address of 2,000 characters.
const BODY_BYTES_MAX: usize = 16 * 1_024;
/// What other systems send: of what GitHub writes the most.
const SAID_BYTES_MAX: usize = 256 * 1_024;

const NOT_FOUND: HttpError = HttpError::new(ErrorCode::NotFound, "there is nothing of this name");
const BAD_EVENTS: HttpError = HttpError::new(
    ErrorCode::BadRequest,
    "events are some of message.created, message.updated, message.deleted, room, report, held and guard",
);
const BAD_SAID: HttpError = HttpError::new(
    ErrorCode::BadRequest,
    "the body is {text, username?, icon?} in JSON, or what GitHub or Alertmanager sends",
);

/// What admins do with webhooks.
pub fn configure(scope: &mut ServiceConfig) {
    scope
        .service(both("/webhooks", webhooks, add))
        .service(asked("/webhooks/{id}/test", test))
        .service(asked("/webhooks/{id}/wake", wake))
        .service(asked("/webhooks/{id}/redeliver", redeliver))
        .service(public("/webhooks/{id}/log", log))
        .service(kept("/webhooks/{id}", change, remove))
        .service(both("/hooks", inbound, add_inbound))
        .service(removed("/hooks/{id}", remove_inbound));
}

fn hooks(site: &Site) -> Result<&Hooks, HttpError> {
    site.hooks.get().ok_or(HttpError::STORE_UNAVAILABLE)
}

fn answer_of(refused: HooksRefused) -> HttpError {
    match refused {
        HooksRefused::Forbidden => HttpError::new(ErrorCode::Forbidden, "only those with the right may do this"),
        HooksRefused::NotFound => NOT_FOUND,
        HooksRefused::Url => HttpError::new(
            ErrorCode::BadRequest,
            "url is https:// to a public address, or to one that CHAT_WEBHOOK_NETWORKS names, without a password",
        ),
        HooksRefused::Full => HttpError::new(ErrorCode::Forbidden, "there are at most 20"),
        HooksRefused::Content => HttpError::new(
            ErrorCode::InvalidContent,
            "a message has 1 to 2000 characters, some of them visible, and no controls but line feed and tab",
        ),
        HooksRefused::TooFast(wait) => HttpError::rate_limited(wait),
        HooksRefused::Bot(error) => account_answer(error),
        HooksRefused::Unavailable => HttpError::STORE_UNAVAILABLE,
    }
}

fn id_of(text: &str) -> Result<Uuid, HttpError> {
    Uuid::try_parse(text).map_err(|_| NOT_FOUND)
}

/// An object with those of these fields that there are.
fn with(info: Value, more: impl IntoIterator<Item = (&'static str, Option<Value>)>) -> Value {
    let mut info = match info {
        Value::Object(info) => info,
        _ => Map::new(),
    };
    info.extend(more.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
    Value::Object(info)
}

fn hook_info(hook: &Webhook, secret: Option<String>) -> Value {
    let state = match (hook.off_at, hook.failing_since) {
        (Some(_), _) => "off",
        (None, Some(_)) => "failing",
        (None, None) => "on",
    };
    let info = json!({
        "id": hook.id,
        "url": hook.url,
        "events": Events::from_stored(hook.events).names().collect::<Vec<_>>(),
        "createdAt": timestamp(hook.created_at),
        "state": state,
    });
    let since = hook.off_at.or(hook.failing_since);
    with(
        info,
        [
            ("roomId", hook.room.as_ref().map(|room| room.as_str().into())),
            ("since", since.map(|at| timestamp(at).into())),
            ("secret", secret.map(Value::from)),
        ],
    )
}

fn tried_info(tried: &Tried) -> HttpResponse {
    let info = json!({"taken": tried.is_taken(), "millis": tried.millis});
    fresh(&with(info, [("status", tried.status.map(Value::from)), ("error", tried.error.clone().map(Value::from))]))
}

/// `GET /api/v1/admin/webhooks`: whoever is told, the newest first.
pub async fn webhooks(request: HttpRequest, site: Data<Site>) -> Result<HttpResponse, HttpError> {
    let actor = actor(&request, &site).await?;
    let all = hooks(&site)?.all(&actor).await.map_err(answer_of)?;
    let all: Vec<_> = all.iter().map(|hook| hook_info(hook, None)).collect();
    // What one can be told of, so that no page keeps a list of its own.
    let kinds = if actor.may(Rights::REVIEW) { Events::all() } else { Events::all().without_review() };
    Ok(fresh(&json!({"webhooks": all, "kinds": kinds.names().collect::<Vec<_>>()})))
}

/// `POST /api/v1/admin/webhooks {url, events?, roomId?}`: tells one more. The answer has its secret, once.
pub async fn add(request: HttpRequest, body: Payload, site: Data<Site>) -> Result<HttpResponse, HttpError> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields, rename_all = "camelCase")]
    struct Asked {
        url: String,
        events: Option<Vec<String>>,
        room_id: Option<String>,
    }
    let actor = actor(&request, &site).await?;
    let Asked { url, events, room_id } = json_body(body, BODY_BYTES_MAX).await?;
    let events = match events {
        Some(events) => Events::parse(events.iter().map(String::as_str)).ok_or(BAD_EVENTS)?,
        None => Events::of_messages(),
    };
    let room = room_id.map(|name| room_named(&request, &name)).transpose()?;
    let (hook, secret) = hooks(&site)?.add(&actor, HookWish { url, events, room }).await.map_err(answer_of)?;
    Ok(fresh(&hook_info(&hook, Some(secret))))
}

/// `PATCH /api/v1/admin/webhooks/{id} {url?, events?}`: tells one of something else, or elsewhere.
pub async fn change(
    request: HttpRequest,
    id: Path<String>,
    body: Payload,
    site: Data<Site>,
) -> Result<HttpResponse, HttpError> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Asked {
        url: Option<String>,
        events: Option<Vec<String>>,
    }
    let actor = actor(&request, &site).await?;
    let Asked { url, events } = json_body(body, BODY_BYTES_MAX).await?;
    let events = events.map(|events| Events::parse(events.iter().map(String::as_str)).ok_or(BAD_EVENTS)).transpose()?;
    let hook = hooks(&site)?.change(&actor, id_of(&id)?, (url, events)).await.map_err(answer_of)?;
    Ok(fresh(&hook_info(&hook, None)))
}

/// `DELETE /api/v1/admin/webhooks/{id}`: nobody is told there any more.
pub async fn remove(request: HttpRequest, id: Path<String>, site: Data<Site>) -> Result<HttpResponse, HttpError> {
    let actor = actor(&request, &site).await?;
    hooks(&site)?.remove(&actor, id_of(&id)?).await.map_err(answer_of)?;
    Ok(done())
}

/// `POST /api/v1/admin/webhooks/{id}/test`: sends a test, and says how that went.
pub async fn test(request: HttpRequest, id: Path<String>, site: Data<Site>) -> Result<HttpResponse, HttpError> {
    let actor = actor(&request, &site).await?;
    Ok(tried_info(&hooks(&site)?.test(&actor, id_of(&id)?).await.map_err(answer_of)?))
}

/// `POST /api/v1/admin/webhooks/{id}/wake`: tries at once, whether it failed or was given up.
pub async fn wake(request: HttpRequest, id: Path<String>, site: Data<Site>) -> Result<HttpResponse, HttpError> {
    let actor = actor(&request, &site).await?;
    let hook = hooks(&site)?.wake(&actor, id_of(&id)?).await.map_err(answer_of)?;
    Ok(fresh(&hook_info(&hook, None)))
}

/// `POST /api/v1/admin/webhooks/{id}/redeliver {delivery}`: sends again what one of the log was of.
pub async fn redeliver(
    request: HttpRequest,
    id: Path<String>,
    body: Payload,
    site: Data<Site>,
) -> Result<HttpResponse, HttpError> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Asked {
        delivery: String,
    }
    let actor = actor(&request, &site).await?;
    let Asked { delivery } = json_body(body, BODY_BYTES_MAX).await?;
    let delivery = delivery.parse::<i64>().map_err(|_| NOT_FOUND)?;
    Ok(tried_info(&hooks(&site)?.redeliver(&actor, id_of(&id)?, delivery).await.map_err(answer_of)?))
}

fn delivery_info(delivery: &Delivery) -> Value {
    let info = json!({
        "id": delivery.id.to_string(),
        "webhookId": delivery.webhook_id,
        "event": delivery.event,
        "millis": delivery.millis,
        "at": timestamp(delivery.at),
    });
    with(
        info,
        [
            ("roomId", delivery.room.as_ref().map(|room| room.as_str().into())),
            ("messageId", delivery.message.map(|id| id.to_string().into())),
            ("rev", delivery.rev.map(Value::from)),
            ("entry", delivery.entry.map(|(_, entry)| entry.to_string().into())),
            ("status", delivery.status.map(Value::from)),
            ("error", delivery.error.clone().map(Value::from)),
        ],
    )
}

/// `GET /api/v1/admin/webhooks/{id}/log`: the last hundred tries, the newest first.
pub async fn log(request: HttpRequest, id: Path<String>, site: Data<Site>) -> Result<HttpResponse, HttpError> {
    let actor = actor(&request, &site).await?;
    let all = hooks(&site)?.log(&actor, id_of(&id)?).await.map_err(answer_of)?;
    Ok(fresh(&json!({"deliveries": all.iter().map(delivery_info).collect::<Vec<_>>()})))
}

/// `GET /api/v1/admin/hooks`: the addresses that other systems write by, the newest first.
pub async fn inbound(request: HttpRequest, site: Data<Site>) -> Result<HttpResponse, HttpError> {
    let actor = actor(&request, &site).await?;
    let all = hooks(&site)?.inbound(&actor).await.map_err(answer_of)?;
    let info = all.iter().map(|hook| {
        json!({
            "id": hook.id,
            "roomId": hook.room.as_str(),
            "botId": hook.user.id.to_string(),
            "nickname": hook.user.nickname.as_str(),
            "createdAt": timestamp(hook.created_at),
        })
    });
    Ok(fresh(&json!({"hooks": info.collect::<Vec<_>>()})))
}

/// `POST /api/v1/admin/hooks {roomId, nickname, avatar?}`: another system writes there from now on, as a bot of this name. The
/// answer has the path that it writes to, once.
pub async fn add_inbound(request: HttpRequest, body: Payload, site: Data<Site>) -> Result<HttpResponse, HttpError> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields, rename_all = "camelCase")]
    struct Asked {
        room_id: String,
        nickname: String,
        avatar: Option<String>,
    }
    let actor = actor(&request, &site).await?;
    let accounts = super::accounts::accounts(&site)?;
    accounts.makes_bots(&actor).map_err(account_answer)?;
    let owner = if is_operator(&request, &site) { None } else { Some(signed(&request, &site).await?.user.id) };
    let Asked { room_id, nickname, avatar } = json_body(body, BODY_BYTES_MAX).await?;
    let room = room_named(&request, &room_id)?;
    let wish = BotWish { nickname, avatar, role: Role::Member };
    let (id, secret) = hooks(&site)?.add_inbound(&actor, owner, (room, wish)).await.map_err(answer_of)?;
    Ok(fresh(&json!({"id": id, "path": format!("{}/api/v1/hooks/{secret}", site.base_path.as_str())})))
}

/// `DELETE /api/v1/admin/hooks/{id}`: nobody writes by it any more, and its bot ends.
pub async fn remove_inbound(
    request: HttpRequest,
    id: Path<String>,
    site: Data<Site>,
) -> Result<HttpResponse, HttpError> {
    let actor = actor(&request, &site).await?;
    hooks(&site)?.remove_inbound(&actor, id_of(&id)?).await.map_err(answer_of)?;
    Ok(done())
}

/// `POST /api/v1/hooks/{secret}`: writes what another system says. Whether an address is wrong, over or was never one, it is
/// not there.
pub async fn write(
    request: HttpRequest,
    secret: Path<String>,
    body: Payload,
    site: Data<Site>,
) -> Result<HttpResponse, HttpError> {
    let hooks = hooks(&site)?;
    let hook = hooks.inbound_of(&secret).await.map_err(answer_of)?.ok_or(NOT_FOUND)?;
    let body = whole_body(body, SAID_BYTES_MAX).await?;
    let body: Value = serde_json::from_slice(&body).map_err(|_| BAD_SAID)?;
    let event = request.headers().get("x-github-event").and_then(|event| event.to_str().ok());
    let said = line_of(event, &body).ok_or(BAD_SAID)?;
    let nickname = said.username.as_deref().map(Nickname::parse).transpose();
    let nickname = nickname.map_err(|_| {
        HttpError::new(ErrorCode::InvalidNickname, "a nickname has 2 to 15 characters, all of them visible")
    })?;
    // A picture's address, as others send it, is none of ours: then the bot has its own.
    let avatar = said.icon.as_deref().and_then(|icon| AvatarName::parse(icon).ok());
    let id = hooks.write(&hook, &said.text, (nickname, avatar)).await.map_err(answer_of)?;
    Ok(fresh(&json!({"id": id.to_string(), "roomId": hook.room.as_str()})))
}
