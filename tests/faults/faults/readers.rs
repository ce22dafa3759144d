//! Clients that stop reading, vanish, or send a byte a second.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, sleep},
};

use crate::{
    client::Habits,
    support::{in_path, until},
    world::{Fault, Spec, World},
};

pub fn faults() -> Vec<Fault> {
    let heavy = Habits { pause_ms: (10, 60), length_max: 1_900, leaves_percent: 1, stops_ms: (4_000, 7_000) };
    let busy =
        Spec { settings: &[("CHAT_OUTBOX_KIB", "128")], habits: heavy, n_rooms: 1, one_by_one: true, ..Spec::SQLITE };
    let quick = &[("CHAT_HEARTBEAT_SECS", "1"), ("CHAT_SILENCE_SECS", "3")];
    let lost = Spec { settings: quick, client_proxy: true, ..Spec::POSTGRES };
    let vanished = "connections of clients lead nowhere from one moment to the next, and nobody is told";
    let short = Spec { settings: &[("CHAT_JOIN_SECS", "3")], one_by_one: true, ..Spec::SQLITE };
    vec![
        Fault::new("readers-stop", "clients in busy rooms stop reading for seconds", busy, |w| {
            Box::pin(stop_reading(w))
        })
        .bit(|ended| ended.needs("readers were cut")),
        Fault::new("clients-vanish", vanished, lost, |w| Box::pin(vanish(w)))
            .bit(|ended| ended.needs("lost sessions were noticed")),
        Fault::new("clients-trickle", "clients that send a byte a second", short, |w| Box::pin(trickle(w)))
            .bit(|ended| ended.needs("slow senders were cut")),
    ]
}

/// Some stop again and again, until one was cut.
async fn stop_reading(world: &mut World) {
    let evictions = "chat_outbox_evictions_total";
    let before = world.server().metric(evictions).await;
    let mut stopped = None::<Instant>;
    until("a reader to be cut", async || {
        if stopped.is_none_or(|at| at.elapsed() > Duration::from_secs(7)) {
            stopped = Some(Instant::now());
            world.stop_reading();
        }
        (world.server().metric(evictions).await > before).then_some(())
    })
    .await;
    world.count("readers were cut");
}

/// The server finds out by itself: after a while it has no more sessions than there are clients.
async fn vanish(world: &mut World) {
    // Those of the time before have to be back first: a line that nobody uses cannot be missed.
    world.acked(5).await;
    let silent = "chat_sessions_closed_total{code=\"4002\"}";
    let before = world.server().metric(silent).await;
    world.door.as_ref().expect("a proxy before the server").lose();
    let noticed = async || (world.server().metric(silent).await > before).then_some(());
    until("a lost session to be noticed", noticed).await;
    until("no session that nobody has", async || (world.n_sessions().await <= 10).then_some(())).await;
    world.count("lost sessions were noticed");
}

/// One that upgrades and then takes its time with the JOIN, and one that takes it with the request.
async fn trickle(world: &mut World) {
    let (address, room) = (world.server().address, in_path(&world.rooms[0]));
    let request = format!(
        "GET /ws/room/{room} HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    );
    let quick = dribble(address, request.clone().into_bytes(), request.len());
    let slow = dribble(address, request.into_bytes(), 0);
    let (with_join, with_request) = tokio::join!(quick, slow);
    assert!(with_join.windows(2).any(|w| w == 4_004_u16.to_be_bytes()), "closed with 4004: {with_join:?}");
    assert!(!with_request.starts_with(b"HTTP/1.1 101"), "{:?}", String::from_utf8_lossy(&with_request));
    world.count("slow senders were cut");
}

/// Sends the first bytes at once and the rest, and then more, one each second, until the server ends it. Tells
/// what came.
async fn dribble(address: std::net::SocketAddr, request: Vec<u8>, n_at_once: usize) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    stream.set_nodelay(true).expect("a setting");
    let (at_once, rest) = request.split_at(n_at_once);
    stream.write_all(at_once).await.expect("a request");
    // The header of a long frame, masked, and then letters.
    let mut bytes = rest.iter().copied().chain([0x81, 0xfe, 0x10, 0x00, 0, 0, 0, 0]).chain(std::iter::repeat(b' '));
    let (mut reader, mut writer) = stream.split();
    let mut got = Vec::new();
    let sending = async {
        loop {
            let byte = bytes.next().expect("no end");
            if writer.write_all(&[byte]).await.is_err() {
                std::future::pending::<()>().await;
            }
            sleep(Duration::from_secs(1)).await;
        }
    };
    let began = Instant::now();
    tokio::select! {
        () = sending => {}
        ended = tokio::time::timeout(Duration::from_secs(60), reader.read_to_end(&mut got)) => {
            // A reset is an end as well.
            assert!(ended.is_ok(), "one that sends a byte a second was not ended in {:?}", began.elapsed());
        }
    }
    got
}
