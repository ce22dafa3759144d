//! The SQLite file is known by itself and not by its name: nobody else gets it, and it is missed where it goes.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
};

use chat_wire::ErrorCode;
use uuid::Uuid;

use crate::support::{Client, Database, Server, message, soon};

/// Who sends is told soon.
const QUICK: [(&str, &str); 2] = [("CHAT_STORE_WAIT_SECS", "2"), ("CHAT_RATE_LIMITS", "off")];

async fn is_refused(path: &Path) {
    let url = format!("sqlite://{}", path.display());
    let ended = Server::run(&["--listen", "127.0.0.1:0"], &[("DATABASE_URL", &url)]).await;
    assert!(!ended.status.success(), "{}", path.display());
    assert!(ended.stderr.contains("another server is using"), "{}", ended.stderr);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_server_is_refused_by_whatever_name() {
    let (database, server) = Server::alone(&[]).await;
    let path = database.sqlite_path();
    let (soft, hard) = (path.with_file_name("soft.db"), path.with_file_name("hard.db"));
    symlink(&path, &soft).expect("a link");
    fs::hard_link(&path, &hard).expect("a link");
    for other in [&path, &soft, &hard] {
        is_refused(other).await;
    }
    fs::remove_file(path.with_file_name("chat.db.lock")).expect("removed");
    is_refused(&path).await;
    // The first one is none the worse for it.
    Client::author(&server, "post", "author").await.say("still mine").await;
}

async fn health(server: &Server) -> u16 {
    server.get("/healthz").await.status().as_u16()
}

/// A server whose file goes, by `take`: nothing is acknowledged, and one line says what to do.
async fn missed(take: impl AsyncFn(&Path)) -> (Database, Server, Client) {
    let (database, server) = Server::alone(&QUICK).await;
    let mut author = Client::author(&server, "post", "author").await;
    author.say("before").await;
    take(&database.sqlite_path()).await;
    let refused = author.refused(&message(Uuid::new_v4(), "meanwhile")).await;
    assert_eq!(refused.code, ErrorCode::StoreUnavailable);
    soon("/healthz to be degraded", async || health(&server).await == 503).await;
    server.logs_once("is not the file that this server has open").await;
    // Who reads along reads on.
    author.ping().await;
    (database, server, author)
}

fn aside(path: &Path) -> PathBuf {
    path.with_file_name("aside.db")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_deleted_is_missed() {
    missed(async |path| fs::remove_file(path).expect("removed")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_moved_is_missed_until_it_is_back() {
    let (database, server, mut author) = missed(async |path| fs::rename(path, aside(path)).expect("moved")).await;
    let path = database.sqlite_path();
    fs::rename(aside(&path), &path).expect("back");
    soon("/healthz to be green with nobody writing", async || health(&server).await == 200).await;
    author.say("after").await;
    let stored = database.messages("post").await;
    assert_eq!(stored.iter().map(|m| &*m.content).collect::<Vec<_>>(), ["before", "after"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_that_is_put_over_the_file_gets_no_message_of_the_old_ones_server() {
    let replace = async |path: &Path| {
        let backup = path.with_file_name("backup.db");
        let url = format!("sqlite://{}", path.display());
        Server::run(&["backup", backup.to_str().unwrap()], &[("DATABASE_URL", &url)]).await.done();
        fs::rename(backup, path).expect("replaced");
    };
    let (database, server, _) = missed(replace).await;
    let server = server.again(&database, &[]).await;
    Client::author(&server, "post", "author").await.say("on the new one").await;
    let stored = database.messages("post").await;
    assert_eq!(stored.iter().map(|m| &*m.content).collect::<Vec<_>>(), ["before", "on the new one"]);
}

/// Nobody ran `new-epoch`; a client that saw more would mix two histories.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_older_copy_that_is_put_back_by_hand_begins_a_new_epoch() {
    let (database, server) = Server::alone(&QUICK).await;
    let path = database.sqlite_path();
    let copy = path.with_file_name("copy.db");
    let mut author = Client::author(&server, "post", "author").await;
    author.say("in the copy").await;
    Server::run(&["backup", copy.to_str().unwrap()], &[("DATABASE_URL", &database.url)]).await.done();
    author.say("not in the copy").await;
    author.reach(2).await;
    server.kill9().await;

    for name in ["chat.db-wal", "chat.db-shm"] {
        fs::remove_file(path.with_file_name(name)).unwrap_or_default();
    }
    fs::copy(&copy, &path).expect("put back");
    let server = Server::with(&database, &QUICK).await;
    server.logs("the database is older than the one that was here before").await;
    let old = author.history.epoch();
    let (mut author, welcome) = author.back(&server).await;
    assert!(!welcome.head.resumed);
    assert_ne!(welcome.head.room.epoch, old);
    assert_eq!(author.history.contents(), ["in the copy"]);
    author.say("in the new life").await;
    let new = author.history.epoch();
    // Once, not at each start.
    let server = server.again(&database, &QUICK).await;
    let (_, welcome) = author.back(&server).await;
    assert_eq!(welcome.head.room.epoch, new);
    assert!(welcome.head.resumed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_made_is_for_its_owner_only_and_an_open_file_is_warned_of() {
    let (database, server) = Server::alone(&[]).await;
    Client::author(&server, "post", "author").await.say("hello").await;
    let path = database.sqlite_path();
    for name in ["chat.db", "chat.db-wal", "chat.db-shm", "chat.db.lock"] {
        let mode = fs::metadata(path.with_file_name(name)).expect(name).permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    let warning = "can be read by every user";
    assert!(!server.log().contains(warning));
    server.kill9().await;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("a mode");
    let server = Server::start(&database).await;
    server.logs_once(warning).await;
}
