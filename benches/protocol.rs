//! Reading and writing frames: `cargo bench --bench protocol`.
#![allow(missing_docs, clippy::expect_used, reason = "a measuring device")]

use std::hint::black_box;

use chat_domain::{Author, AuthorId, AvatarName, ChatMessage, Content, Nickname};
use chat_wire::{batch_json, decode, message_frame_json, message_json, text_frame};
use chrono::DateTime;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use uuid::Uuid;

fn message(rev: i64) -> ChatMessage {
    let id = AuthorId::from_stored("AAAAAAAAAAAAAAAAAAAAAA");
    let nickname = Nickname::parse("somebody").expect("a nickname");
    ChatMessage {
        id: rev,
        seq: rev,
        rev,
        client_id: Uuid::from_u128(7),
        author: Author { avatar: AvatarName::derived_from(&id), id, nickname, badge: None },
        content: Content::parse(&"some words ".repeat(9)).expect("a content"),
        created_at: DateTime::UNIX_EPOCH,
        annotations: None,
    }
}

fn decoding(c: &mut Criterion) {
    let id = Uuid::from_u128(7);
    let content = "some words ".repeat(9);
    let frames = [
        ("join", format!(r#"{{"type":"JOIN","payload":{{"anonymousId":"{id}","nickname":"somebody"}}}}"#)),
        ("message", format!(r#"{{"type":"MESSAGE","payload":{{"clientId":"{id}","content":"{content}"}}}}"#)),
        ("ping", r#"{"type":"PING"}"#.to_owned()),
    ];
    let mut group = c.benchmark_group("decode");
    for (name, text) in &frames {
        decode(text).expect("a frame");
        group.bench_function(*name, |b| b.iter(|| decode(black_box(text))));
    }
    group.finish();
}

fn encoding(c: &mut Criterion) {
    let one = message(1);
    let frame = |message: &ChatMessage| message_frame_json(message_json(message));
    let frames: Vec<Vec<u8>> = (1..=50).map(|rev| frame(&message(rev))).collect();
    let mut group = c.benchmark_group("encode");
    group.bench_function("message", |b| b.iter(|| text_frame(frame(black_box(&one)))));
    group.throughput(Throughput::Elements(50));
    group.bench_function("batch of 50", |b| b.iter(|| text_frame(batch_json(black_box(&frames)))));
    group.finish();
}

criterion_group!(benches, decoding, encoding);
criterion_main!(benches);
