//! Which sessions there are: for operators all, for a visitor one's own.

use actix_web::{HttpRequest, HttpResponse, web::Data};
use serde::Serialize;

use super::{admin, error::HttpError, reading::fresh, site::Site, visitor::anonymous_id};
use crate::session::JoinContext;
use crate::session_registry::{Found, Record, Wanted};
use chat_domain::AuthorId;
use chat_wire::{ErrorCode, SESSIONS_LIMIT_MAX, SessionsQuery, session_cursor, sessions_query};

/// Most of one's own sessions that one is told.
const OWN_MAX: usize = 100;

/// Whose sessions an answer is about: without Redis a server knows its own alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
enum Scope {
    All,
    Server,
}

/// `GET /api/v1/admin/sessions?server=&user=&cursor=&limit=`: sessions page by page, by server and id; those of one person
/// by id.
pub async fn all(request: HttpRequest, site: Data<Site>) -> Result<HttpResponse, HttpError> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Sessions {
        scope: Scope,
        servers: Vec<ServerSessions>,
        sessions: Vec<Record>,
        #[serde(skip_serializing_if = "Option::is_none")]
        next_cursor: Option<String>,
    }
    #[derive(Serialize)]
    struct ServerSessions {
        id: String,
        sessions: i64,
    }
    let query = sessions_query(request.query_string());
    let SessionsQuery { server, user, after, limit } =
        query.map_err(|why| HttpError::new(ErrorCode::BadRequest, why))?;
    let living = admin::living(&site).await;
    let counts = living.iter().map(|l| ServerSessions { id: l.server.id.clone(), sessions: l.server.n_sessions });
    let meant = living.iter().map(|l| &l.server.id).filter(|id| server.as_ref().is_none_or(|server| server == *id));
    let meant: Vec<String> = meant.cloned().collect();
    let wanted = Wanted {
        servers: &meant,
        user: user.as_ref(),
        after: after.as_ref().map(|(server, id)| (server.as_str(), *id)),
        limit: limit.unwrap_or(SESSIONS_LIMIT_MAX),
    };
    let (scope, Found { records, has_more }) = find(&site, wanted).await;
    let next_cursor = records.last().filter(|_| has_more).map(|last| session_cursor(&last.server_id, last.session_id));
    Ok(fresh(&Sessions { scope, servers: counts.collect(), sessions: records, next_cursor }))
}

/// `GET /api/v1/sessions/me`: the sessions of the identity in the header `X-Anonymous-Id`. How its servers are reached is
/// nothing for visitors.
pub async fn own(request: HttpRequest, site: Data<Site>) -> Result<HttpResponse, HttpError> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct OwnSessions {
        scope: Scope,
        user_id: String,
        sessions: Vec<OwnSession>,
    }
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct OwnSession {
        session_id: String,
        server_id: String,
        connect_time: String,
        last_active_time: String,
        rooms: Vec<String>,
    }
    let anonymous = anonymous_id(&request)?;
    let JoinContext { identity, desk, .. } = site.join_context.get().ok_or(HttpError::STORE_UNAVAILABLE)?;
    let user: AuthorId = desk.access().acting_as(identity.author_id(anonymous));
    let servers = admin::names_as_last_known(&site);
    let wanted = Wanted { servers: &servers, user: Some(&user), after: None, limit: OWN_MAX };
    let (scope, found) = find(&site, wanted).await;
    let sessions = found.records.into_iter().map(|record| OwnSession {
        session_id: record.session_id.to_string(),
        server_id: record.server_id,
        connect_time: record.connect_time,
        last_active_time: record.last_active_time,
        rooms: record.rooms,
    });
    Ok(fresh(&OwnSessions { scope, user_id: user.as_str().to_owned(), sessions: sessions.collect() }))
}

/// In Redis, or among this server's where Redis is not there or does not answer.
async fn find(site: &Site, wanted: Wanted<'_>) -> (Scope, Found) {
    if let Some(everywhere) = site.everywhere.get()
        && let Some(found) = everywhere.find(wanted).await
    {
        return (Scope::All, found);
    }
    (Scope::Server, here(site, wanted))
}

fn here(site: &Site, wanted: Wanted<'_>) -> Found {
    let Wanted { servers, user, after, limit } = wanted;
    let own = site.place.id.as_str();
    // A person's sessions are in the order of their ids alone.
    let is_behind = user.is_none() && after.is_some_and(|(server, _)| server > own);
    if is_behind || !servers.iter().any(|server| server == own) {
        return Found::default();
    }
    let after = after.filter(|(server, _)| user.is_some() || *server == own).map(|(_, id)| id);
    let mut listings = site.roster.page(user, after, limit.saturating_add(1));
    let has_more = listings.len() > limit;
    listings.truncate(limit);
    Found { records: listings.iter().map(|listing| Record::new(listing, &site.place)).collect(), has_more }
}
