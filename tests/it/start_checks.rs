//! A database that cannot hold what the product promises ends the start with one line that says what to do.

use std::{fs, os::unix::fs::PermissionsExt, process::Command};

use uuid::Uuid;

use crate::{
    start::{self, one_line},
    support::{Database, Ended, Server, admin_url, cluster::is_root, sql},
};

async fn refused(url: &str, names: &[&str]) {
    start::refused(url, names, &["hunter2"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_encoding_that_cannot_hold_every_text_is_refused() {
    for encoding in ["SQL_ASCII", "EUC_KR", "LATIN1"] {
        let name = format!("rtc_it_{}", Uuid::new_v4().simple());
        let create =
            format!("CREATE DATABASE {name} ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0");
        sql(&admin_url(), &create).await;
        let url = admin_url().rsplit_once('/').map(|(server, _)| format!("{server}/{name}")).expect("a URL");
        refused(&url, &[encoding, "ENCODING 'UTF8'"]).await;
        sql(&admin_url(), &format!("DROP DATABASE {name} WITH (FORCE)")).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_without_a_right_is_told_which_one_it_needs() {
    let database = Database::postgres().await;
    let role = format!("rtc_role_{}", Uuid::new_v4().simple());
    let make = format!("CREATE ROLE {role} LOGIN PASSWORD 'hunter2'; REVOKE ALL ON SCHEMA public FROM public");
    sql(&database.url, &make).await;
    let (_, place) = database.url.split_once('@').expect("a URL");
    let url = format!("postgres://{role}:hunter2@{place}");
    refused(&url, &[&role, "may not make tables", "CREATE ON SCHEMA public"]).await;

    Server::run(&["migrate"], &[("DATABASE_URL", &database.url)]).await.done();
    let grant = async |what: &str| drop(sql(&database.url, &format!("GRANT {what} TO {role}")).await);
    grant("USAGE ON SCHEMA public").await;
    // What it gets, and what it is told of then.
    for (granted, needed) in [
        ("SELECT ON ALL TABLES IN SCHEMA public", "GRANT INSERT ON "),
        ("INSERT ON messages, rooms", "GRANT UPDATE ON messages"),
        ("UPDATE ON messages", "GRANT UPDATE ON rooms"),
        ("UPDATE ON rooms", "GRANT UPDATE ON meta"),
        ("UPDATE ON meta", "ON servers"),
        ("INSERT, UPDATE, DELETE ON servers", "ON reactions"),
        ("INSERT, UPDATE, DELETE ON reactions, message_edits, removed_texts", "ON presence"),
        ("INSERT, UPDATE, DELETE ON presence", "ON users"),
        ("INSERT, UPDATE, DELETE ON users, workspaces, workspace_members, logins, one_time_codes", "ON bans"),
        ("INSERT, UPDATE, DELETE ON bans, reports, audit_log", "ON held_messages"),
        ("INSERT, UPDATE, DELETE ON held_messages, authors", "ON refresh_tokens"),
        ("INSERT, UPDATE, DELETE ON refresh_tokens, author_claims, invites", "ON author_aliases"),
        ("INSERT, UPDATE, DELETE ON author_aliases, device_codes", "ON signing_keys"),
        ("INSERT, UPDATE, DELETE ON signing_keys", "ON room_aliases"),
        ("INSERT, UPDATE ON room_aliases", "ON people"),
        ("INSERT, UPDATE, DELETE ON people, author_names, activity", "ON jobs"),
        ("INSERT, UPDATE, DELETE ON jobs, inquiries", "ON bots"),
        ("INSERT, UPDATE ON bots, api_keys", "GRANT USAGE ON SEQUENCE public.messages_id_seq"),
        ("USAGE ON SEQUENCE messages_id_seq", "GRANT USAGE ON SEQUENCE public.bans_id_seq"),
    ] {
        grant(granted).await;
        refused(&url, &[&role, needed]).await;
    }
    // With just what it was told to get, it runs.
    grant("USAGE ON SEQUENCE bans_id_seq, reports_id_seq, audit_log_id_seq, held_messages_id_seq").await;
    let server = Server::ready_at(&url, &[]).await;
    crate::support::Client::author(&server, "post", "writer").await.say("with few rights").await;
    server.kill9().await;
    sql(&database.url, &format!("DROP OWNED BY {role}; DROP ROLE {role}")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_no_sqlite_database_is_refused() {
    let database = Database::sqlite();
    let path = database.sqlite_path();
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    fs::write(&path, "Dear diary, ".repeat(1_000)).expect("a file");
    refused(&database.url, &["chat.db", "something else than a SQLite database"]).await;
    assert!(fs::read_to_string(&path).expect("the diary").starts_with("Dear diary"), "nothing was done to it");
}

/// The program as a user who may write nothing of others. Ends it where it serves.
fn as_somebody(arguments: &[&str], url: &str) -> Ended {
    let mut command = Command::new("timeout");
    command.arg("30");
    if is_root() {
        command.args(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]);
    }
    command.arg(env!("CARGO_BIN_EXE_realtime-chat"));
    let output = command.args(arguments).env("DATABASE_URL", url).env("CHAT_LISTEN", "127.0.0.1:0").output();
    let output = output.expect("the program");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ended { status: output.status, stdout: text(&output.stdout), stderr: text(&output.stderr) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sqlite_file_or_folder_that_may_not_be_written_is_refused() {
    let database = Database::sqlite();
    Server::run(&["migrate"], &[("DATABASE_URL", &database.url)]).await.done();
    let path = database.sqlite_path();
    let folder = path.parent().expect("a folder").to_owned();
    let mode = fs::Permissions::from_mode;
    for (of_file, of_folder) in [(0o444, 0o777), (0o666, 0o555), (0o444, 0o555)] {
        fs::set_permissions(&path, mode(of_file)).expect("a mode");
        fs::set_permissions(&folder, mode(of_folder)).expect("a mode");
        for arguments in [&[][..], &["migrate"]] {
            // What an earlier try left: with these, the folder need not be written.
            for file in fs::read_dir(&folder).expect("the folder") {
                let file = file.expect("a file").path();
                if file != path {
                    fs::remove_file(file).expect("removed");
                }
            }
            let ended = as_somebody(arguments, &database.url);
            one_line(&ended, &["DATABASE_URL", "chat.db", "must be able to write"], &[]);
        }
    }
    fs::set_permissions(&folder, mode(0o555)).expect("a mode");
    let url = format!("{}/deeper/chat.db", database.url.rsplit_once('/').expect("a folder").0);
    one_line(&as_somebody(&[], &url), &["DATABASE_URL", "deeper", "must be able to write"], &[]);
    fs::set_permissions(&folder, mode(0o755)).expect("a mode");
}
