//! What the fuzz targets share: sockets, read as a session reads them.

use std::{
    pin::pin,
    task::{Context, Poll, Waker},
};

use actix_http::error::PayloadError;
use bytes::Bytes;
use chat_wire::{FRAME_BYTES_MAX, FrameReader, Inbound, decode};
use futures_util::{Stream, stream};

/// The longest header of a WebSocket frame, in bytes: two, eight of length, four of mask (RFC 6455, section 5.2).
const HEADER_BYTES_MAX: usize = 14;

/// Reads bytes as a session does, coming in these pieces; each text goes on to the decoder. Messages may come
/// compressed where it `inflates`.
///
/// # Panics
/// Where more is held than a message may have.
pub fn read(pieces: &[&[u8]], inflates: bool) -> Vec<Inbound> {
    let n_piece_max = pieces.iter().map(|p| p.len()).max().unwrap_or_default();
    let bytes = stream::iter(pieces.iter().map(|p| Ok::<_, PayloadError>(Bytes::copy_from_slice(p))));
    let mut reader = pin!(FrameReader::new(bytes, FRAME_BYTES_MAX).inflating(inflates));
    let mut context = Context::from_waker(Waker::noop());
    let mut inbounds = Vec::new();
    while let Poll::Ready(Some(inbound)) = reader.as_mut().poll_next(&mut context) {
        let n_held = reader.n_bytes_held();
        assert!(n_held <= FRAME_BYTES_MAX + HEADER_BYTES_MAX + n_piece_max, "{n_held} bytes are held");
        if let Inbound::Text(text) = &inbound {
            assert!(text.len() <= FRAME_BYTES_MAX, "a text of {} bytes", text.len());
            let _ = std::str::from_utf8(text).map(decode);
        }
        inbounds.push(inbound);
    }
    inbounds
}

/// Cuts bytes into pieces: each length is one more than a byte of `lengths`, which is gone through again and again.
/// Without lengths, one piece.
pub fn cut<'a>(bytes: &'a [u8], lengths: &[u8]) -> Vec<&'a [u8]> {
    let mut lengths = lengths.iter().cycle();
    let mut rest = bytes;
    let mut pieces = Vec::new();
    while !rest.is_empty() {
        let n = lengths.next().map_or(rest.len(), |n| usize::from(*n) + 1).min(rest.len());
        let (piece, after) = rest.split_at(n);
        pieces.push(piece);
        rest = after;
    }
    pieces
}
