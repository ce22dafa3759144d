use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use actix::clock::timeout;
use actix_web::{rt, web::Bytes};
use futures_util::Stream;
use tokio::{
    sync::{OwnedSemaphorePermit, mpsc},
    task::JoinHandle,
};

use super::{
    MovingError,
    export::{Sink, export_into},
};
use chat_domain::RoomId;
use chat_store::Store;

/// So many exports a server sends at once: each reads on a connection of its own for as long as it takes.
pub const EXPORTS_AT_ONCE: usize = 2;
/// So much is sent at once.
const PART_BYTES: usize = 64 * 1_024;
/// So many parts wait for who reads them.
const PARTS_MAX: usize = 4;
/// Whoever takes nothing for so long is gone: as long as they are there a room is held as it was at one moment.
const TAKEN_WITHIN: Duration = Duration::from_secs(60);

type Part = Result<Bytes, MovingError>;

/// Lines that somebody reads while they are written.
struct Lines {
    part: Vec<u8>,
    parts: mpsc::Sender<Part>,
}

impl Lines {
    async fn send(&mut self) -> Result<(), MovingError> {
        let part = std::mem::replace(&mut self.part, Vec::with_capacity(PART_BYTES));
        match timeout(TAKEN_WITHIN, self.parts.send(Ok(Bytes::from(part)))).await {
            Ok(Ok(())) => Ok(()),
            _ => Err(MovingError::Gone),
        }
    }
}

impl Sink for Lines {
    async fn line(&mut self, text: &str) -> Result<(), MovingError> {
        self.part.extend_from_slice(text.as_bytes());
        if self.part.len() >= PART_BYTES { self.send().await } else { Ok(()) }
    }
}

/// An export as it is written. What breaks off has no last line, by which nobody takes a part for the whole.
pub struct Exporting {
    parts: mpsc::Receiver<Part>,
    /// Ends with this.
    writing: JoinHandle<()>,
    _turn: OwnedSemaphorePermit,
}

/// Writes these rooms, or all with what holds for all of them, for whoever reads it.
pub fn exported(store: Store, rooms: Vec<RoomId>, turn: OwnedSemaphorePermit) -> Exporting {
    let (sender, parts) = mpsc::channel(PARTS_MAX);
    let writing = rt::spawn(async move {
        let mut lines = Lines { part: Vec::with_capacity(PART_BYTES), parts: sender };
        let written = export_into(&store, &rooms, &mut lines).await;
        let done = match written {
            Ok(_) => lines.send().await,
            Err(error) => Err(error),
        };
        if let Err(error) = done {
            log::warn!("an export broke off: {error}");
            // The answer breaks off as well.
            let _ = lines.parts.try_send(Err(error));
        }
    });
    Exporting { parts, writing, _turn: turn }
}

impl Stream for Exporting {
    type Item = Part;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.parts.poll_recv(context)
    }
}

impl Drop for Exporting {
    /// Whoever reads is gone: nothing is read for them any more.
    fn drop(&mut self) {
        self.writing.abort();
    }
}
