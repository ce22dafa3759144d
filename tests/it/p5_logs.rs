//! P5: a log that nobody takes costs lines, never a message.

use std::{
    fs::{self, File, OpenOptions},
    io::{PipeReader, Read},
    os::fd::OwnedFd,
    path::PathBuf,
    process::{Command, Stdio},
};

use serde_json::json;

use crate::support::{Client, Database, RawSocket, Server, soon};

/// At this level each frame is a line: thousands, far more than a pipe holds.
const CHATTY: [(&str, &str); 2] = [("RUST_LOG", "trace"), ("CHAT_RATE_LIMITS", "off")];

/// Makes lines.
async fn chatter(server: &Server) {
    let mut client = Client::reader(server, "another post").await;
    for _ in 0..500 {
        client.send(&json!({"type": "PING", "payload": {}})).await;
    }
    client.ping().await;
    client.leave().await;
}

/// People come, talk and go, and it works as ever.
async fn is_lively(server: &Server) {
    let mut reader = Client::reader(server, "post").await;
    let mut n_said = 0;
    for n in 0..30 {
        // What no one understands is logged as well.
        let mut clumsy = RawSocket::open(server, "/ws/room/post", "").await;
        assert!(clumsy.send_bytes(b"no frame at all").await);
        clumsy.closed().await;
        let mut author = Client::author(server, "post", &format!("author {n}")).await;
        for _ in 0..5 {
            author.say("hello").await;
            n_said += 1;
        }
        author.leave().await;
    }
    reader.reach(n_said).await;
    assert_eq!(server.json("/healthz").await["status"], "ok");
}

async fn n_dropped(server: &Server) -> f64 {
    server.metric("chat_log_lines_dropped_total").await
}

/// Makes lines until one finds no place any more.
async fn chatter_until_full(server: &Server) {
    soon("all to be full that lines go to", async || {
        chatter(server).await;
        n_dropped(server).await > 0.0
    })
    .await;
}

/// A server with both streams in one pipe, as in `server 2>&1 | less`.
async fn piped(database: &Database) -> (PipeReader, Server) {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    let stderr = writer.try_clone().expect("a descriptor");
    (reader, Server::writing_to(database, &CHATTY, writer.into(), stderr.into()).await)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pipe_that_nobody_reads_does_not_stop_the_chat() {
    let database = Database::sqlite();
    let (reader, mut server) = piped(&database).await;
    chatter_until_full(&server).await;
    is_lively(&server).await;

    // Whoever reads again is told what is missing.
    let (found, mut told) = tokio::sync::watch::channel(false);
    let reading = std::thread::spawn(move || {
        let mut reader = reader;
        let (mut tail, mut part) = (Vec::new(), [0; 4_096]);
        while let Ok(n @ 1..) = reader.read(&mut part) {
            tail.extend_from_slice(&part[..n]);
            if String::from_utf8_lossy(&tail).contains("log lines were dropped") {
                found.send_replace(true);
            }
            // A sentence may lie across two parts.
            tail.drain(..tail.len().saturating_sub(100));
        }
    });
    soon("a line that says so", async || {
        chatter(&server).await;
        *told.borrow_and_update()
    })
    .await;
    server.stop("TERM").await;
    reading.join().expect("the end of what it wrote");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nor_does_it_keep_the_program_from_ending() {
    let database = Database::sqlite();
    let (reader, mut server) = piped(&database).await;
    chatter_until_full(&server).await;
    server.stop("TERM").await;
    drop(reader);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pipe_that_is_closed_does_not_stop_the_chat() {
    let database = Database::sqlite();
    let (reader, mut server) = piped(&database).await;
    drop(reader);
    is_lively(&server).await;
    soon("lines to be counted", async || n_dropped(&server).await > 0.0).await;
    server.stop("TERM").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_is_always_full_does_not_stop_the_chat() {
    let database = Database::sqlite();
    let full = || OpenOptions::new().write(true).open("/dev/full").expect("a device");
    let mut server = Server::writing_to(&database, &CHATTY, full().into(), full().into()).await;
    is_lively(&server).await;
    soon("lines to be counted", async || n_dropped(&server).await > 0.0).await;
    server.stop("TERM").await;
}

/// A file system of 64 KiB in memory, gone with the test. It lives in a name space of its own, that of a process
/// which does nothing else, so that nothing is left behind where the test is killed.
struct SmallDisk(std::process::Child);

impl SmallDisk {
    /// `None` where the system does not let us mount.
    fn mount() -> Option<Self> {
        let script = "mount -t tmpfs -o size=64k tmpfs /mnt && echo mounted && exec cat";
        let mut holder = Command::new("unshare")
            .args(["--mount", "--map-root-user", "sh", "-c", script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let mut said = [0; 8];
        let is_mounted = holder.stdout.as_mut().is_some_and(|out| out.read_exact(&mut said).is_ok());
        let disk = Self(holder);
        is_mounted.then_some(disk)
    }

    /// A file on it, as seen from outside of its name space.
    fn path(&self, name: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root/mnt/{name}", self.0.id()))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_fills_up_does_not_stop_the_chat_and_is_written_to_again() {
    let database = Database::sqlite();
    let Some(disk) = SmallDisk::mount() else {
        // /dev/full, above, stands for it where only root may mount.
        println!("no file system could be mounted here");
        return;
    };
    let path = disk.path("log");
    let log = OpenOptions::new().append(true).create(true).open(&path).expect("a file");
    let mut server = Server::writing_to(&database, &CHATTY, Stdio::null(), Stdio::from(OwnedFd::from(log))).await;
    chatter_until_full(&server).await;
    assert!(fs::metadata(&path).expect("a file").len() <= 64 * 1024);
    is_lively(&server).await;
    // Somebody makes room.
    let make_room = || File::options().write(true).open(&path).and_then(|f| f.set_len(0)).expect("an empty file");
    make_room();
    soon("the log to go on", async || {
        chatter(&server).await;
        let text = fs::read(&path).expect("a file");
        let says_so = String::from_utf8_lossy(&text).contains("log lines were dropped");
        if !says_so && text.len() > 40 * 1024 {
            make_room();
        }
        says_so
    })
    .await;
    server.stop("TERM").await;
}
