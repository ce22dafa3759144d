//! Putting changes in order: `cargo bench --bench timeline`.
#![allow(missing_docs, clippy::expect_used, reason = "a measuring device")]

use std::{hint::black_box, sync::Arc};

use chat_domain::{Author, AuthorId, AvatarName, Change, ChatMessage, Content, Nickname};
use chat_rooms::Timeline;
use chrono::DateTime;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use uuid::Uuid;

const N: i64 = 1_000;

fn changes() -> Vec<Change> {
    let id = AuthorId::from_stored("AAAAAAAAAAAAAAAAAAAAAA");
    let nickname = Nickname::parse("somebody").expect("a nickname");
    let author = Author { avatar: AvatarName::derived_from(&id), id, nickname, badge: None };
    let change = |rev| {
        Change::from(Arc::new(ChatMessage {
            id: rev,
            seq: rev,
            rev,
            client_id: Uuid::from_u128(7),
            author: author.clone(),
            content: Content::parse("some words").expect("a content"),
            created_at: DateTime::UNIX_EPOCH,
            annotations: None,
        }))
    };
    (1..=N).map(change).collect()
}

fn timeline(c: &mut Criterion) {
    let in_order = changes();
    // As two servers commit in turn: the later of each pair comes first.
    let swapped: Vec<_> = in_order.chunks(2).flat_map(|pair| pair.iter().rev().cloned()).collect();
    let mut group = c.benchmark_group("timeline");
    group.throughput(Throughput::Elements(N.unsigned_abs()));
    for (name, changes) in [("in order", in_order.clone()), ("swapped", swapped)] {
        group.bench_function(name, |b| {
            let offer_all = |changes: Vec<Change>| {
                let mut timeline = Timeline::new(0);
                for change in changes {
                    timeline.offer(change);
                    black_box(timeline.take());
                }
                assert_eq!(timeline.rev(), N);
            };
            b.iter_batched(|| changes.clone(), offer_all, BatchSize::SmallInput);
        });
    }
    group.bench_function("filled by a read", |b| {
        b.iter_batched(|| in_order.clone(), |changes| Timeline::new(0).fill(N, changes), BatchSize::SmallInput);
    });
    group.finish();
}

criterion_group!(benches, timeline);
criterion_main!(benches);
