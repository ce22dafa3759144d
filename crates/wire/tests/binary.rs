//! Binary messages, for protocols that take them as they take text.

use std::convert::Infallible;

use bytes::Bytes;
use chat_wire::{FrameReader, Inbound};
use futures_util::{FutureExt, StreamExt, stream};

/// Frames with these first bytes, masked by nothing.
fn frames(frames: &[(u8, &[u8])]) -> Vec<u8> {
    let frame = |(first, payload): &(u8, &[u8])| {
        let n = u8::try_from(payload.len()).unwrap_or(125);
        [&[*first, 0x80 | n, 0, 0, 0, 0], *payload].concat()
    };
    frames.iter().flat_map(frame).collect()
}

fn read(bytes: &[u8], n_at_once: usize, takes_binary: bool) -> Vec<Inbound> {
    let pieces: Vec<_> =
        bytes.chunks(n_at_once).map(|piece| Ok::<_, Infallible>(Bytes::copy_from_slice(piece))).collect();
    let reader = FrameReader::new(stream::iter(pieces), 10);
    let reader = if takes_binary { reader.with_binary() } else { reader };
    // Nothing waits.
    reader.collect().now_or_never().unwrap_or_default()
}

#[test]
fn what_is_binary_is_taken_where_it_is_wanted_and_counts_as_text_does() {
    let whole = frames(&[(0x82, b"\xff\0"), (0x02, b"ab"), (0x80, b"cd"), (0x02, b"12345678"), (0x80, b"9ab")]);
    for n_at_once in [1, 3, 100] {
        let taken = read(&whole, n_at_once, true);
        let text = |bytes: &'static [u8]| Inbound::Text(Bytes::from_static(bytes));
        assert_eq!(taken, [text(b"\xff\0"), Inbound::Fragment, text(b"abcd"), Inbound::Fragment, Inbound::TooLarge]);
        let passed_over = read(&whole, n_at_once, false);
        let expected = [Inbound::Binary, Inbound::Fragment, Inbound::Binary, Inbound::Fragment, Inbound::TooLarge];
        assert_eq!(passed_over, expected);
    }
}
