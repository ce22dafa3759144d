//! What the routes read: a live room where there is one, else the store, each for a bounded time.

use actix::clock::timeout;
use actix_web::{HttpRequest, HttpResponse, http::header, web::Data};
use serde::Serialize;

use super::{error::HttpError, site::Site};
use chat_domain::RoomId;
use chat_rooms::{GetSnapshot, Lookup, MembersWanted, Snapshot};
use chat_store::Work;

impl Site {
    /// What the room shows, if it lives and has loaded.
    pub async fn snapshot(&self, room: &RoomId, n_messages: usize, members: MembersWanted) -> Option<Snapshot> {
        let registry = &self.actors.get()?.registry;
        let ask = async {
            let room = registry.send(Lookup(room.clone())).await.ok()??;
            // A room that ends meanwhile is no longer live; the store has everything.
            room.send(GetSnapshot { n_messages, members }).await.ok()?
        };
        timeout(self.read_wait, ask).await.ok()?
    }

    /// A read of the store, bounded in time.
    pub async fn read<T>(&self, work: impl Future<Output = Result<T, chat_store::StoreError>>) -> Result<T, HttpError> {
        let why = match timeout(self.read_wait, work).await {
            Ok(Ok(value)) => {
                self.store.succeeded(Work::Reading);
                return Ok(value);
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => "the database did not answer in time".to_owned(),
        };
        self.store.failed(Work::Reading, &why);
        Err(HttpError::STORE_UNAVAILABLE)
    }
}

/// The room that a path names: its segment `n`, counted from 1, still percent-encoded. By whichever of its names.
pub fn room_of(request: &HttpRequest, n: usize) -> Result<RoomId, HttpError> {
    let name = chat_wire::room_in_path(request.uri().path(), n).map_err(|_| HttpError::INVALID_ROOM)?;
    Ok(led_to(request, name))
}

/// The room that a body or a query names.
pub fn room_named(request: &HttpRequest, name: &str) -> Result<RoomId, HttpError> {
    Ok(led_to(request, RoomId::parse(name).map_err(|_| HttpError::INVALID_ROOM)?))
}

/// The room that a name leads to.
pub fn led_to(request: &HttpRequest, name: RoomId) -> RoomId {
    let context = request.app_data::<Data<Site>>().and_then(|site| site.join_context.get());
    context.map_or_else(|| name.clone(), |context| context.desk.access().resolve(&name))
}

/// An answer that nobody keeps.
pub fn fresh(body: &impl Serialize) -> HttpResponse {
    HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).json(body)
}
