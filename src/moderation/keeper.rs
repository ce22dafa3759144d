use std::time::Duration;

use actix::{Addr, clock};
use tokio::sync::watch;

use super::Desk;
use chat_rooms::{DefaultsChanged, RoomRegistry};
use chat_store::Store;

/// What concerns all rooms is read at least so often, also where no room lives that the poll would ask for.
const READ_EVERY: Duration = Duration::from_secs(5);
/// The same with a file that is this server's alone: who changes it is this server, but for a command beside it. Longer
/// than a thread that may block is kept for nothing to do (tokio: 10 s).
const READ_OWN_EVERY: Duration = Duration::from_secs(60);
/// After it could not be read.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// Keeps what concerns all rooms as the database has it, for as long as it runs: reads it whenever `control` says that it
/// has changed, and tells the rooms.
pub async fn keep(desk: Desk, store: Store, registry: Addr<RoomRegistry>, mut control: watch::Receiver<i64>) {
    let mut changes = desk.access().changes();
    let read_every = if store.kind() == "sqlite" { READ_OWN_EVERY } else { READ_EVERY };
    loop {
        let mut wait = read_every;
        if let Err(error) = desk.access().refresh(&store).await {
            log::debug!("what concerns all rooms could not be read: {error}");
            wait = AGAIN_AFTER;
        }
        // Those that were banned with their network may be here, whoever on this server has read of it first.
        desk.ban_networks(&desk.access().take_with_network()).await;
        if changes.has_changed().unwrap_or_default() {
            changes.mark_unchanged();
            // Rooms that do not hear it go by it with their next command.
            let _ = registry.try_send(DefaultsChanged);
        }
        tokio::select! {
            changed = control.changed() => if changed.is_err() { return },
            _ = changes.changed() => changes.mark_changed(),
            () = clock::sleep(wait) => {}
        }
    }
}
