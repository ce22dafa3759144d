//! A backup that is made under load and put back: whoever comes starts over cleanly, and what was acknowledged before
//! the backup began is in it.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use chat_wire::AckPayload;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::support::{Client, Database, Folder, LIMITS_OFF, Server, soon, whole};

const ROOMS: [&str; 3] = ["post", "another post", "글"];

/// Runs one of the scripts on this database.
async fn script(name: &'static str, url: &str, file: &Path) -> Output {
    let mut command = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts").join(name));
    command.arg(file).env("DATABASE_URL", url).env("CHAT_BIN", env!("CARGO_BIN_EXE_realtime-chat"));
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

#[track_caller]
fn done(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

#[track_caller]
fn refused(output: &Output, names: &str) {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && errors.contains(names), "{errors}");
}

/// What was acknowledged, by `clientId`, with its room.
type Acks = Arc<Mutex<HashMap<Uuid, (&'static str, AckPayload)>>>;

/// Says one thing after the other, and keeps each acknowledgement.
async fn talk(mut client: Client, room: &'static str, acks: Acks, stop: Arc<AtomicBool>) -> Client {
    let mut n = 0;
    while !stop.load(Ordering::Relaxed) {
        let client_id = Uuid::new_v4();
        let ack = client.say_as(client_id, &format!("message {n} in {room}")).await;
        acks.lock().unwrap().insert(client_id, (room, ack));
        n += 1;
    }
    client
}

/// Talkers in every room.
struct Load {
    talkers: JoinSet<Client>,
    acks: Acks,
    stop: Arc<AtomicBool>,
}

impl Load {
    async fn on(server: &Server) -> Self {
        let mut load = Self { talkers: JoinSet::new(), acks: Acks::default(), stop: Arc::default() };
        for n in 0..6 {
            let room = ROOMS[n % ROOMS.len()];
            let client = Client::author(server, room, &format!("talker {n}")).await;
            load.talkers.spawn(talk(client, room, load.acks.clone(), load.stop.clone()));
        }
        load
    }

    /// Waits until this many more were acknowledged.
    async fn goes_on(&self, n: usize) {
        let before = self.n_acks();
        soon("messages", async || self.n_acks() >= before + n).await;
    }

    fn n_acks(&self) -> usize {
        self.acks.lock().unwrap().len()
    }

    async fn end(self) -> Vec<Client> {
        self.stop.store(true, Ordering::Relaxed);
        self.talkers.join_all().await
    }
}

async fn under_load_and_back(old: &Database, new: &Database) {
    let folder = Folder::new("rtc_backup");
    let file = folder.0.join("chat backup");
    let server = Server::with(old, &LIMITS_OFF).await;
    let load = Load::on(&server).await;
    load.goes_on(60).await;
    let before = load.acks.lock().unwrap().clone();
    done(&script("backup", &old.url, &file).await);
    let n_after = load.n_acks();
    // So that clients know of messages which are not in the backup.
    load.goes_on(30).await;
    // The same file is not taken twice.
    refused(&script("backup", &old.url, &file).await, "is there already");
    let clients = load.end().await;
    server.kill9().await;
    println!("{} messages before the backup, {n_after} at its end", before.len());
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&file).unwrap().permissions());
    assert_eq!(mode & 0o077, 0, "nobody else may read it: {mode:o}");

    let restored = done(&script("restore", &new.url, &file).await);
    let epoch = restored.trim().rsplit(' ').next().unwrap().to_owned();
    assert!(restored.contains("new epoch "), "{restored}");

    let mut n_restored = 0;
    for room in ROOMS {
        let (was, is) = (old.messages(room).await, whole(new, room).await);
        assert_eq!(is, was[..is.len()], "what is there is what was there");
        assert_eq!(new.counters(room).await, (is.len() as i64, is.len() as i64), "counters are right");
        assert!(is.len() < was.len(), "clients know of more: {} of {}", is.len(), was.len());
        for (client_id, (_, ack)) in before.iter().filter(|(_, (r, _))| *r == room) {
            let stored = is.iter().find(|m| m.client_id == *client_id).expect("what was acknowledged before");
            assert_eq!((&*stored.id, stored.seq), (ack.id.as_str(), ack.seq));
        }
        n_restored += is.len();
    }
    assert!(n_restored >= before.len());

    // What is there is not overwritten.
    refused(&script("restore", &new.url, &file).await, "not overwritten");
    let server = Server::with(new, &LIMITS_OFF).await;
    for client in clients {
        let known = client.history.epoch();
        let author = client.history.seen.values().find(|m| client.history.acks.contains_key(&m.client_id)).cloned();
        let (mut client, welcome) = client.back(&server).await;
        assert!(!welcome.head.resumed, "it starts over: {:?}", welcome.head);
        assert_ne!(known, epoch);
        assert_eq!(welcome.head.room.epoch, epoch, "every room has the new epoch");
        let rev = welcome.head.room.rev;
        let ack = client.say("in the new life").await;
        assert!(ack.rev > rev, "the counter goes on: {rev}, then {}", ack.rev);
        client.reach(ack.rev).await;
        let message = client.history.list[&ack.seq].clone();
        assert_eq!(Some(message.author.id), author.map(|m| m.author.id), "people stay who they were");
    }
    // A room that was never used as well.
    assert_eq!(Client::reader(&server, "unused").await.history.epoch(), epoch);
    for room in ROOMS {
        let stored = whole(new, room).await;
        assert_eq!(new.counters(room).await, (stored.len() as i64, stored.len() as i64));
        Client::reader(&server, room).await.history.agrees_with(&stored);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_is_backed_up_under_load_and_restored() {
    under_load_and_back(&Database::postgres().await, &Database::postgres().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_is_backed_up_under_load_and_restored() {
    under_load_and_back(&Database::sqlite(), &Database::sqlite()).await;
}

/// A chat with one message, and a backup of it.
async fn small(database: &Database, folder: &Folder) -> PathBuf {
    let file = folder.0.join("backup");
    let server = Server::start(database).await;
    Client::author(&server, "post", "the author").await.say("hello").await;
    done(&script("backup", &database.url, &file).await);
    file
}

/// A database to be backed up and one for what is restored, of either kind.
async fn both_pairs() -> [(Database, Database); 2] {
    [(Database::sqlite(), Database::sqlite()), (Database::postgres().await, Database::postgres().await)]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_restored_where_a_server_has_begun() {
    for (old, new) in both_pairs().await {
        let folder = Folder::new("rtc_backup");
        let file = small(&old, &folder).await;
        let server = Server::start(&new).await;
        let names = if new.is_sqlite() { "another server is using" } else { "not overwritten" };
        refused(&script("restore", &new.url, &file).await, names);
        Client::author(&server, "post", "the author").await.say("mine").await;
        server.kill9().await;
        refused(&script("restore", &new.url, &file).await, "not overwritten");
        let contents: Vec<_> = new.messages("post").await.into_iter().map(|m| m.content.into_owned()).collect();
        assert_eq!(contents, ["mine"]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_that_is_cut_short_is_refused_and_leaves_nothing() {
    for (old, new) in both_pairs().await {
        let folder = Folder::new("rtc_backup");
        let file = small(&old, &folder).await;
        let whole = std::fs::read(&file).unwrap();
        for n in [0, whole.len() / 2, whole.len() - 1] {
            let cut = folder.0.join(format!("{n} bytes"));
            std::fs::write(&cut, &whole[..n]).unwrap();
            let Output { status, stdout, .. } = script("restore", &new.url, &cut).await;
            let said = String::from_utf8_lossy(&stdout);
            assert!(!status.success(), "{n} bytes of {}: {said}", whole.len());
        }
        refused(&script("restore", &new.url, &folder.0.join("elsewhere")).await, "there is no file");
        // So the place is as empty as before.
        done(&script("restore", &new.url, &file).await);
        assert_eq!(new.counters("post").await, (1, 1));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_needs_a_database() {
    let folder = Folder::new("rtc_backup");
    let file = folder.0.join("backup");
    refused(&script("backup", "sqlite:///nowhere/chat.db", &file).await, "there is no file /nowhere/chat.db");
    refused(&script("backup", "mysql://chat", &file).await, "DATABASE_URL begins with");
    let database = Database::postgres().await;
    let elsewhere = format!("{}_elsewhere", database.url);
    refused(&script("backup", &elsewhere, &file).await, "does not exist");
    assert_eq!(std::fs::read_dir(&folder.0).unwrap().count(), 0, "nothing is left");
    let ended = Server::run(&["backup", "chat.db"], &[("DATABASE_URL", &database.url)]).await;
    assert!(!ended.status.success() && ended.stderr.contains("pg_dump"), "{}", ended.stderr);
}
