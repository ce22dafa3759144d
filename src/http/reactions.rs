//! Who reacts with what.

use actix_web::{HttpRequest, HttpResponse, web::Data};
use serde::Serialize;

use super::{
    accounts::{presented, signed},
    error::HttpError,
    reading::{fresh, room_of},
    site::Site,
};
use crate::session::JoinContext;
use chat_domain::{AnonymousId, AuthorId};
use chat_wire::{
    ErrorCode, OwnReactionsQuery, REACTORS_LIMIT_MAX, ReactorsQuery, message_in_path, own_reactions_query,
    reactor_cursor, reactors_query,
};

/// The header that an identity is proved with. A header rather than a parameter: addresses are logged on their way.
pub const ANONYMOUS_ID: &str = "x-anonymous-id";

/// `GET /api/v1/rooms/{room}/messages/{id}/reactions?emoji=&cursor=&limit=`: who reacts with an emoji, in the order of
/// their ids.
pub async fn reactors(request: HttpRequest, site: Data<Site>) -> Result<HttpResponse, HttpError> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct ReactorsAnswer<'a> {
        authors: Vec<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        next_cursor: Option<String>,
    }
    let room = room_of(&request, 4)?;
    let id = message_in_path(request.uri().path(), 6).ok_or(HttpError::MESSAGE_NOT_FOUND)?;
    let query = reactors_query(request.query_string());
    let ReactorsQuery { emoji, after, limit } = query.map_err(|why| HttpError::new(ErrorCode::BadRequest, why))?;
    let limit = limit.unwrap_or(REACTORS_LIMIT_MAX);
    let read = site.read(site.store.reactions_of(&room, id, &emoji, after, limit)).await?;
    let found = read.ok_or(HttpError::MESSAGE_NOT_FOUND)?;
    Ok(fresh(&ReactorsAnswer {
        authors: found.authors.iter().map(|author| author.as_str()).collect(),
        next_cursor: found.authors.last().filter(|_| found.has_more).map(reactor_cursor),
    }))
}

/// `GET /api/v1/rooms/{room}/reactions/mine?from=&to=`: what the identity in the header `X-Anonymous-Id` reacts with, or
/// without this header whoever is signed in.
pub async fn own(request: HttpRequest, site: Data<Site>) -> Result<HttpResponse, HttpError> {
    #[derive(Serialize)]
    struct OwnReactions<'a> {
        reactions: Vec<OwnReaction<'a>>,
    }
    #[derive(Serialize)]
    struct OwnReaction<'a> {
        id: String,
        emojis: Vec<&'a str>,
    }
    let room = room_of(&request, 4)?;
    let query = own_reactions_query(request.query_string());
    let OwnReactionsQuery { from, to } = query.map_err(|why| HttpError::new(ErrorCode::BadRequest, why))?;
    let author = who_asks(&request, &site).await?;
    let read = site.read(site.store.reactions_by(&room, &author, from, to)).await?;
    let mut reactions: Vec<OwnReaction<'_>> = Vec::new();
    for (message, emoji) in &read {
        let id = message.to_string();
        match reactions.last_mut().filter(|last| last.id == id) {
            Some(last) => last.emojis.push(emoji.as_str()),
            None => reactions.push(OwnReaction { id, emojis: vec![emoji.as_str()] }),
        }
    }
    Ok(fresh(&OwnReactions { reactions }))
}

/// The author that the request proves to be of.
async fn who_asks(request: &HttpRequest, site: &Site) -> Result<AuthorId, HttpError> {
    let is_anonymous = request.headers().contains_key(ANONYMOUS_ID);
    let JoinContext { identity, desk, .. } = site.join_context.get().ok_or(HttpError::STORE_UNAVAILABLE)?;
    if is_anonymous || presented(request, site)?.is_none() {
        let author = identity.author_id(anonymous_id(request)?);
        return Ok(desk.access().acting_as(author));
    }
    Ok(identity.user_author_id(signed(request, site).await?.user.id))
}

/// The secret that the request carries. It is used and forgotten here; no answer names it.
pub fn anonymous_id(request: &HttpRequest) -> Result<AnonymousId, HttpError> {
    anonymous_secret(request).map(AnonymousId::new)
}

/// The same as it was sent.
pub fn anonymous_secret(request: &HttpRequest) -> Result<uuid::Uuid, HttpError> {
    const NONE: HttpError = HttpError::new(ErrorCode::BadRequest, "the header X-Anonymous-Id is one UUID");
    let mut values = request.headers().get_all(ANONYMOUS_ID);
    let (Some(value), None) = (values.next(), values.next()) else { return Err(NONE) };
    value.to_str().ok().and_then(|text| uuid::Uuid::try_parse(text).ok()).ok_or(NONE)
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn an_identity_is_one_uuid_in_the_header() {
        let id = "6f9619ff-8b86-4d01-b42d-00cf4fc964ff";
        for (values, is_one) in
            [(&[id][..], true), (&[], false), (&[""], false), (&["x"], false), (&[id, id], false), (&["é"], false)]
        {
            let mut request = TestRequest::default();
            for value in values {
                request = request.append_header((ANONYMOUS_ID, *value));
            }
            assert_eq!(anonymous_id(&request.to_http_request()).is_ok(), is_one, "{values:?}");
        }
    }
}
