use std::time::Duration;

use actix::clock;

use super::{key_sets::fetch_keys, office::Accounts, sweeping::sweep};

/// After something could not be read.
const AGAIN_AFTER: Duration = Duration::from_secs(1);
/// At least so often, whatever is heard.
const READ_EVERY: Duration = Duration::from_secs(30);

/// Keeps the keys, what was taken over, and which logins were ended as the database has it, for as long as it runs: looks
/// whenever something has changed that concerns all rooms; sweeps up what was written by who was erased, and fetches the keys that
/// blogs publish.
pub async fn keep(accounts: Accounts) {
    tokio::join!(look(accounts.clone()), sweep(accounts.clone()), fetch_keys(accounts));
}

async fn look(accounts: Accounts) {
    let mut changes = accounts.changes();
    loop {
        let wait = match accounts.look().await {
            Ok(()) => READ_EVERY,
            Err(error) => {
                log::debug!("what concerns accounts could not be read: {error}");
                AGAIN_AFTER
            }
        };
        tokio::select! {
            changed = changes.changed() => if changed.is_err() { return },
            () = clock::sleep(wait) => {}
        }
    }
}
