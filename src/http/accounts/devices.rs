//! `/api/v1/devices`: another device of somebody without an account.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Path, Payload},
};
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use super::{errors::answer_of, presented::accounts, session::done};
use crate::{
    accounts::Accounts,
    http::{address, body::json_body, error::HttpError, reading::fresh, site::Site, visitor::anonymous_id},
};
use chat_domain::{AnonymousId, AuthorId};
use chat_wire::{ErrorCode, timestamp};

/// A body with a secret, a name and a code.
const BODY_BYTES_MAX: usize = 1_024;

/// `POST /api/v1/devices/code {anonymousId, nickname, avatar?}`: a code that another device types.
pub async fn code(request: HttpRequest, body: Payload, site: Data<Site>) -> Result<HttpResponse, HttpError> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields, rename_all = "camelCase")]
    struct Asked {
        anonymous_id: Uuid,
        nickname: String,
        avatar: Option<String>,
    }
    let Asked { anonymous_id, nickname, avatar } = json_body(body, BODY_BYTES_MAX).await?;
    let address = address::of(&request, &site.trusted_proxies);
    let asked = accounts(&site)?.device_code(AnonymousId::new(anonymous_id), (nickname, avatar), address);
    let code = asked.await.map_err(answer_of)?;
    Ok(fresh(&json!({"code": code, "expiresIn": Accounts::device_code_seconds()})))
}

/// `POST /api/v1/devices {anonymousId, code}`: this device acts from now on as the one that shows the code.
pub async fn join(request: HttpRequest, body: Payload, site: Data<Site>) -> Result<HttpResponse, HttpError> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields, rename_all = "camelCase")]
    struct Asked {
        anonymous_id: Uuid,
        code: String,
    }
    let Asked { anonymous_id, code } = json_body(body, BODY_BYTES_MAX).await?;
    let (accounts, address) = (accounts(&site)?, address::of(&request, &site.trusted_proxies));
    let joined = accounts.join_device(AnonymousId::new(anonymous_id), &code, address).await.map_err(answer_of)?;
    let devices = accounts.devices(&joined.author);
    let also: Vec<&str> = devices.iter().map(|author| author.as_str()).collect();
    let author = joined.author.as_str();
    Ok(fresh(&match &joined.called {
        Some((nickname, avatar)) => json!({
            "authorId": author,
            "also": also,
            "changed": true,
            "nickname": nickname.as_str(),
            "avatar": avatar.as_str(),
        }),
        None => json!({"authorId": author, "also": also, "changed": false}),
    }))
}

/// `GET /api/v1/devices`, with `X-Anonymous-Id`: the further devices of whoever asks.
pub async fn list(request: HttpRequest, site: Data<Site>) -> Result<HttpResponse, HttpError> {
    let secret = anonymous_id(&request)?;
    let found = accounts(&site)?.own_devices(secret).await.map_err(answer_of)?;
    let devices: Vec<_> = found
        .further
        .iter()
        .map(|device| match device.joined_at {
            Some(at) => json!({"id": device.id.as_str(), "joinedAt": timestamp(at)}),
            None => json!({"id": device.id.as_str()}),
        })
        .collect();
    let (author, own) = (found.author.as_str(), found.own.as_str());
    Ok(fresh(&json!({"authorId": author, "own": own, "devices": devices})))
}

/// `DELETE /api/v1/devices/{id}`, with `X-Anonymous-Id`: takes a further device back.
pub async fn remove(request: HttpRequest, id: Path<String>, site: Data<Site>) -> Result<HttpResponse, HttpError> {
    const NOT_FOUND: HttpError = HttpError::new(ErrorCode::NotFound, "there is no such device of yours");
    let secret = anonymous_id(&request)?;
    let device = AuthorId::parse(&id).ok_or(NOT_FOUND)?;
    let address = address::of(&request, &site.trusted_proxies);
    accounts(&site)?.remove_device(secret, device, address).await.map_err(answer_of)?;
    Ok(done())
}
