use std::time::Duration;

use actix::{Addr, clock};
use tokio::sync::watch;

use super::Desk;
use chat_rooms::{DefaultsChanged, RoomRegistry};
use chat_store::Store;

/// What concerns all rooms is read at least so often, also where no room lives that the poll would ask for.
const READ_EVERY: Duration = Duration::from_secs(5);

/// Keeps what concerns all rooms as the database has it, for as long as it runs: reads it whenever `control` says that it
/// has changed, and tells the rooms.
pub async fn keep(desk: Desk, store: Store, registry: Addr<RoomRegistry>, mut control: watch::Receiver<i64>) {
    let mut changes = desk.access().changes();
    loop {
        match desk.access().refresh(&store).await {
            // Those that were banned with their network may be here.
            Ok(bans) => desk.ban_networks(&bans).await,
            Err(error) => log::debug!("what concerns all rooms could not be read: {error}"),
        }
        if changes.has_changed().unwrap_or_default() {
            changes.mark_unchanged();
            // Rooms that do not hear it go by it with their next command.
            let _ = registry.try_send(DefaultsChanged);
        }
        tokio::select! {
            changed = control.changed() => if changed.is_err() { return },
            _ = changes.changed() => changes.mark_changed(),
            () = clock::sleep(READ_EVERY) => {}
        }
    }
}
