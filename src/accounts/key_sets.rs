//! The keys that blogs publish: fetched when the server starts, every hour, and when a token names one that is not known.

use std::time::Duration;

use actix::clock;
use chat_accounts::KeySet;
use futures_util::future::join_all;

use super::office::Accounts;
use crate::https_client::HttpsClient;

/// A key that a blog takes back is taken for so long at most, and tokens by it for an hour more.
const FETCH_EVERY: Duration = Duration::from_secs(3_600);
/// No token has keys fetched more often than this: anybody can make one up that names another key.
const AGAIN_AFTER: Duration = Duration::from_secs(10);
/// After a failure, and twice as long after each further one.
const FAILED_FIRST: Duration = Duration::from_secs(2);
const FAILED_LAST: Duration = Duration::from_secs(300);

/// Keeps them for as long as it runs. A blog that does not answer keeps the keys that it had.
pub(super) async fn fetch_keys(accounts: Accounts) {
    let sets = accounts.0.site_users.sites.key_sets();
    if sets.is_empty() {
        return;
    }
    let client = match HttpsClient::new() {
        Ok(client) => client,
        Err(error) => {
            log::error!("no keys of blogs can be fetched (CHAT_SITES): {error}");
            return;
        }
    };
    join_all(sets.into_iter().map(|set| keep(&accounts, &client, set))).await;
}

async fn keep(accounts: &Accounts, client: &HttpsClient, set: KeySet) {
    let mut failed = FAILED_FIRST;
    let mut said = String::new();
    loop {
        let fetched = client.get(set.url()).await;
        match fetched.and_then(|body| set.take(&body).map_err(|wrong| wrong.to_string())) {
            Ok(n_keys) => {
                log::debug!("{n_keys} keys were fetched from {}", set.url());
                (failed, said) = (FAILED_FIRST, String::new());
                clock::sleep(AGAIN_AFTER).await;
                set.grows_old();
                let wait =
                    clock::timeout(FETCH_EVERY.saturating_sub(AGAIN_AFTER), accounts.0.site_users.unknown.notified());
                let _ = wait.await;
            }
            Err(why) => {
                // Once for each reason: a blog may be away for a day.
                if said != why {
                    log::warn!("the keys at {} could not be fetched; those of before stay: {why}", set.url());
                    said = why;
                }
                clock::sleep(failed).await;
                failed = failed.saturating_mul(2).min(FAILED_LAST);
            }
        }
    }
}
