use std::{
    pin::Pin,
    task::{Context, Poll},
};

use actix_codec::Decoder;
use actix_http::ws::{Codec, Frame, Item};
use bytes::{Bytes, BytesMut};
use futures_util::Stream;

use super::{
    deflate::{NotInflated, inflate},
    ws_frame::{RSV1, TEXT},
};

/// What a client sent over its socket, whole.
#[derive(Debug, PartialEq, Eq)]
pub enum Inbound {
    /// A text message, its fragments joined and inflated where it came compressed; not checked for UTF-8.
    Text(Bytes),
    /// A whole binary message; its content is not kept, but where it is taken as text is ([`FrameReader::with_binary`]).
    Binary,
    /// A part of a message, but not the last one. Whoever limits frames counts it as one, however short it is.
    Fragment,
    /// A ping with its payload.
    Ping(Bytes),
    /// A pong.
    Pong,
    /// The client says goodbye.
    Close,
    /// A frame declares, fragments sum up to, or a compressed message becomes more than allowed. Nothing beyond that was
    /// buffered; whatever follows is dropped unread.
    TooLarge,
    /// The bytes are no WebSocket, or a compressed message cannot be read. Whatever follows is dropped unread.
    Malformed,
}

/// Cuts the bytes of a socket into messages.
///
/// actix's codec looks at a frame's length only once all of it is buffered and never sums fragments, so one
/// socket could make the server hold a gigabyte. This reader looks at each header before it buffers.
pub struct FrameReader<S> {
    bytes: S,
    codec: Codec,
    buffer: BytesMut,
    fragments: Option<Fragments>,
    n_bytes_max: usize,
    /// Messages may come compressed.
    inflates: bool,
    /// Binary messages are taken as text is.
    takes_binary: bool,
    /// The frame in front is the first of a compressed message. Its bit was taken out, as the codec knows of none.
    is_deflated: bool,
    /// Nothing more is read; bytes that come are dropped, so that a close frame can still reach the peer.
    discarding: bool,
}

enum Fragments {
    Text {
        /// As they came.
        text: BytesMut,
        /// All of it together is compressed.
        is_deflated: bool,
    },
    Binary(usize),
}

impl<S> FrameReader<S> {
    /// A reader of messages of at most `n_bytes_max`.
    pub fn new(bytes: S, n_bytes_max: usize) -> Self {
        // Never reached: what is larger is refused by its header, before the codec sees it.
        let codec = Codec::new().max_size(n_bytes_max + 1);
        let (inflates, takes_binary, is_deflated) = (false, false, false);
        Self {
            bytes,
            codec,
            buffer: BytesMut::new(),
            fragments: None,
            n_bytes_max,
            inflates,
            takes_binary,
            is_deflated,
            discarding: false,
        }
    }

    /// Messages may come compressed, where that was agreed on ([`super::accept_deflate`]).
    pub fn inflating(mut self, inflates: bool) -> Self {
        self.inflates = inflates;
        self
    }

    /// What a binary message has is taken as if it were text, for protocols that are bytes whichever they come as.
    pub fn with_binary(mut self) -> Self {
        self.takes_binary = true;
        self
    }

    /// Bytes that wait for the rest of their message.
    pub fn n_bytes_held(&self) -> usize {
        let in_fragments = match &self.fragments {
            Some(Fragments::Text { text, .. }) => text.len(),
            Some(Fragments::Binary(_)) | None => 0,
        };
        self.buffer.len() + in_fragments
    }

    /// The next message that is whole in the buffer.
    fn take(&mut self) -> Option<Inbound> {
        while !self.discarding {
            self.take_bit();
            if self.declares_too_much() {
                return Some(self.give_up(Inbound::TooLarge));
            }
            match self.codec.decode(&mut self.buffer) {
                Ok(Some(frame)) => {
                    let is_deflated = std::mem::take(&mut self.is_deflated);
                    if let Some(inbound) = self.fold(frame, is_deflated) {
                        return Some(inbound);
                    }
                }
                Ok(None) => return None,
                Err(_) => return Some(self.give_up(Inbound::Malformed)),
            }
        }
        None
    }

    /// Takes out the bit that says that a message is compressed, where it may be: in the first frame of a message
    /// (RFC 7692, section 6). The codec refuses it everywhere else.
    fn take_bit(&mut self) {
        if let Some(first) = self.buffer.first_mut()
            && self.inflates
            && !self.is_deflated
            && *first & RESERVED == RSV1
            && matches!(*first & OPCODE, TEXT | BINARY)
        {
            *first &= !RSV1;
            self.is_deflated = true;
        }
    }

    /// Whether the header in front declares more than is allowed, with the fragments before it.
    fn declares_too_much(&self) -> bool {
        let Some((opcode, n)) = declared(&self.buffer) else { return false };
        let before = match &self.fragments {
            Some(Fragments::Text { text, .. }) if opcode == CONTINUATION => text.len(),
            Some(Fragments::Binary(n_bytes)) if opcode == CONTINUATION => *n_bytes,
            _ => 0,
        };
        usize::try_from(n).map_or(true, |n| n.saturating_add(before) > self.n_bytes_max)
    }

    fn fold(&mut self, frame: Frame, is_deflated: bool) -> Option<Inbound> {
        match frame {
            Frame::Text(text) => Some(self.text(text, is_deflated)),
            Frame::Binary(bytes) if self.takes_binary => Some(self.text(bytes, is_deflated)),
            Frame::Binary(_) => Some(Inbound::Binary),
            Frame::Ping(payload) => Some(Inbound::Ping(payload)),
            Frame::Pong(_) => Some(Inbound::Pong),
            Frame::Close(_) => Some(self.give_up(Inbound::Close)),
            Frame::Continuation(item) => self.fold_fragment(item, is_deflated),
        }
    }

    /// A whole text message, as it came.
    fn text(&mut self, text: Bytes, is_deflated: bool) -> Inbound {
        if !is_deflated {
            return Inbound::Text(text);
        }
        match inflate(&text, self.n_bytes_max) {
            Ok(text) => Inbound::Text(text),
            Err(NotInflated::TooLarge) => self.give_up(Inbound::TooLarge),
            Err(NotInflated::Malformed) => self.give_up(Inbound::Malformed),
        }
    }

    fn fold_fragment(&mut self, item: Item, is_deflated: bool) -> Option<Inbound> {
        let (part, is_last) = match item {
            Item::FirstText(part) => {
                self.fragments = Some(Fragments::Text { text: BytesMut::new(), is_deflated });
                (part, false)
            }
            Item::FirstBinary(part) if self.takes_binary => {
                self.fragments = Some(Fragments::Text { text: BytesMut::new(), is_deflated });
                (part, false)
            }
            Item::FirstBinary(part) => {
                self.fragments = Some(Fragments::Binary(0));
                (part, false)
            }
            Item::Continue(part) => (part, false),
            Item::Last(part) => (part, true),
        };
        let n_bytes = match &mut self.fragments {
            Some(Fragments::Text { text, .. }) => {
                if text.len() + part.len() <= self.n_bytes_max {
                    text.extend_from_slice(&part);
                    text.len()
                } else {
                    text.len() + part.len()
                }
            }
            Some(Fragments::Binary(n_bytes)) => {
                *n_bytes += part.len();
                *n_bytes
            }
            None => return Some(self.give_up(Inbound::Malformed)),
        };
        if n_bytes > self.n_bytes_max {
            return Some(self.give_up(Inbound::TooLarge));
        }
        if !is_last {
            return Some(Inbound::Fragment);
        }
        match self.fragments.take()? {
            Fragments::Text { text, is_deflated } => Some(self.text(text.freeze(), is_deflated)),
            Fragments::Binary(_) => Some(Inbound::Binary),
        }
    }

    fn give_up(&mut self, inbound: Inbound) -> Inbound {
        self.discarding = true;
        self.buffer = BytesMut::new();
        self.fragments = None;
        inbound
    }
}

impl<S, E> Stream for FrameReader<S>
where
    S: Stream<Item = Result<Bytes, E>> + Unpin,
{
    type Item = Inbound;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Inbound>> {
        loop {
            if let Some(inbound) = self.take() {
                return Poll::Ready(Some(inbound));
            }
            // An idle session holds no buffer.
            if self.buffer.is_empty() {
                self.buffer = BytesMut::new();
            }
            match Pin::new(&mut self.bytes).poll_next(cx) {
                Poll::Ready(Some(Ok(_))) if self.discarding => {}
                Poll::Ready(Some(Ok(bytes))) => self.buffer.extend_from_slice(&bytes),
                // A socket that broke has nothing more to say.
                Poll::Ready(Some(Err(_)) | None) => return Poll::Ready(None),
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}

/// Of the first byte of a frame: the bits that are zero unless something was agreed on.
const RESERVED: u8 = 0x70;
/// And the opcode.
const OPCODE: u8 = 0x0f;
/// The opcode of a fragment that is not the first.
const CONTINUATION: u8 = 0x0;
const BINARY: u8 = 0x2;

/// Opcode and payload length that the frame header at the front of `buffer` declares, once it is there (RFC 6455,
/// section 5.2). Nothing where the first two bytes are wrong already: the codec refuses the frame for them, whatever
/// length it declares, so the answer does not depend on how much of the header has come.
fn declared(buffer: &[u8]) -> Option<(u8, u64)> {
    let (first, second) = (*buffer.first()?, *buffer.get(1)?);
    let (opcode, is_masked, second) = (first & OPCODE, second & 0x80 != 0, second & 0x7f);
    let is_known = matches!(opcode, CONTINUATION..=BINARY | 0x8..=0xa);
    if first & RESERVED != 0 || !is_masked || !is_known {
        return None;
    }
    let extended = |n: usize| {
        let bytes = buffer.get(2..2 + n)?;
        Some(bytes.iter().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte)))
    };
    let n = match second {
        126 => extended(2)?,
        127 => extended(8)?,
        short => short.into(),
    };
    Some((opcode, n))
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use actix_codec::Encoder;
    use actix_http::ws::Message;
    use futures_util::{FutureExt, StreamExt, stream};
    use proptest::prelude::*;

    use super::*;

    const MAX: usize = 1_000;

    /// Reads all of `bytes`, coming in pieces of `n`.
    fn read(bytes: &[u8], n: usize) -> Vec<Inbound> {
        let pieces: Vec<_> = bytes.chunks(n).map(|piece| Ok::<_, Infallible>(Bytes::copy_from_slice(piece))).collect();
        FrameReader::new(stream::iter(pieces), MAX).collect().now_or_never().expect("nothing waits")
    }

    /// The same where messages may come compressed.
    fn read_inflating(bytes: &[u8], n: usize) -> Vec<Inbound> {
        let pieces: Vec<_> = bytes.chunks(n).map(|piece| Ok::<_, Infallible>(Bytes::copy_from_slice(piece))).collect();
        let reader = FrameReader::new(stream::iter(pieces), MAX).inflating(true);
        reader.collect().now_or_never().expect("nothing waits")
    }

    /// A masked frame of at most 125 bytes with this first byte.
    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let n = u8::try_from(payload.len()).ok().filter(|n| *n < 126).expect("a short payload");
        let mask = [7, 1, 250, 99];
        let masked = payload.iter().zip(mask.iter().cycle()).map(|(byte, key)| byte ^ key);
        [first, 0x80 | n].into_iter().chain(mask).chain(masked).collect()
    }

    /// A text as a client that compresses sends it.
    fn compressed(text: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(text.len() + 100);
        let mut compressor = flate2::Compress::new(flate2::Compression::best(), false);
        compressor.compress_vec(text, &mut out, flate2::FlushCompress::Sync).expect("compresses");
        out.truncate(out.len() - 4);
        out
    }

    const FIN: u8 = 0x80;

    fn written(messages: Vec<Message>) -> BytesMut {
        let mut bytes = BytesMut::new();
        let mut codec = Codec::new().client_mode();
        for message in messages {
            codec.encode(message, &mut bytes).expect("encodes");
        }
        bytes
    }

    #[test]
    fn joins_fragments_with_control_frames_between_them() {
        let bytes = written(vec![
            Message::Text("one".into()),
            Message::Continuation(Item::FirstText("t".into())),
            Message::Ping("p".into()),
            Message::Continuation(Item::Continue("w".into())),
            Message::Continuation(Item::Last("o".into())),
            Message::Binary("b".into()),
            Message::Close(None),
            Message::Text("after the end".into()),
        ]);
        let expected = [
            Inbound::Text("one".into()),
            Inbound::Fragment,
            Inbound::Ping("p".into()),
            Inbound::Fragment,
            Inbound::Text("two".into()),
            Inbound::Binary,
            Inbound::Close,
        ];
        for n in [1, 2, 3, 7, 1_000] {
            assert_eq!(read(&bytes, n), expected, "in pieces of {n}");
        }
    }

    #[test]
    fn refuses_at_the_header_what_is_too_large() {
        assert_eq!(read(&written(vec![Message::Text("x".repeat(MAX).into())]), 100).len(), 1);
        // A terabyte, declared: fin + text, masked + 64-bit length.
        let header = [&[0x81, 0xff][..], &(1_u64 << 40).to_be_bytes()].concat();
        assert_eq!(read(&header, 1), [Inbound::TooLarge]);
        let long = [&header[..], &[0; 100_000]].concat();
        assert_eq!(read(&long, 4_096), [Inbound::TooLarge]);
        let fragments = std::iter::once(Message::Continuation(Item::FirstText("x".repeat(600).into())))
            .chain((0..100).map(|_| Message::Continuation(Item::Continue("x".repeat(300).into()))));
        assert_eq!(read(&written(fragments.collect()), 512), [Inbound::Fragment, Inbound::Fragment, Inbound::TooLarge]);
        // The header that passes the sum is enough: its payload need not come.
        let mut sum = written(vec![Message::Continuation(Item::FirstText("x".repeat(600).into()))]);
        sum.extend_from_slice(&[0x00, 0x80 | 126]);
        sum.extend_from_slice(&500_u16.to_be_bytes());
        assert_eq!(read(&sum, 1), [Inbound::Fragment, Inbound::TooLarge]);
        let binary = std::iter::once(Message::Continuation(Item::FirstBinary("x".repeat(600).into())))
            .chain((0..100).map(|_| Message::Continuation(Item::Continue("x".repeat(300).into()))));
        assert_eq!(read(&written(binary.collect()), 512), [Inbound::Fragment, Inbound::Fragment, Inbound::TooLarge]);
    }

    #[test]
    fn empty_fragments_are_told_of_one_by_one() {
        let fragments = std::iter::once(Message::Continuation(Item::FirstText(Bytes::new())))
            .chain((0..50).map(|_| Message::Continuation(Item::Continue(Bytes::new()))))
            .chain([Message::Continuation(Item::Last("x".into()))]);
        let read = read(&written(fragments.collect()), 64);
        assert_eq!(read.iter().filter(|i| **i == Inbound::Fragment).count(), 51);
        assert_eq!(read.last(), Some(&Inbound::Text("x".into())));
    }

    #[test]
    fn compressed_messages_are_read_whole_and_in_fragments() {
        let [long, short, split] = [&b"long ".repeat(150)[..], b"short", b"in three fragments"].map(compressed);
        let (first, rest) = split.split_at_checked(3).expect("it is longer");
        let bytes = [
            frame(FIN | RSV1 | TEXT, &long),
            frame(FIN | TEXT, b"plain"),
            frame(RSV1 | TEXT, first),
            frame(FIN | 0x9, b"p"),
            frame(CONTINUATION, &rest[..5]),
            frame(FIN | CONTINUATION, &rest[5..]),
            frame(TEXT, b"plain "),
            frame(FIN | CONTINUATION, b"too"),
            frame(FIN | RSV1 | BINARY, b"nobody looks at it"),
            frame(FIN | RSV1 | TEXT, &short),
            frame(FIN | RSV1 | TEXT, &[0]),
        ]
        .concat();
        let expected = [
            Inbound::Text(b"long ".repeat(150).into()),
            Inbound::Text("plain".into()),
            Inbound::Fragment,
            Inbound::Ping("p".into()),
            Inbound::Fragment,
            Inbound::Text("in three fragments".into()),
            Inbound::Fragment,
            Inbound::Text("plain too".into()),
            Inbound::Binary,
            Inbound::Text("short".into()),
            Inbound::Text(Bytes::new()),
        ];
        for n in [1, 2, 3, 7, 10_000] {
            assert_eq!(read_inflating(&bytes, n), expected, "in pieces of {n}");
        }
        assert_eq!(read(&bytes, 100), [Inbound::Malformed], "nobody agreed on it");
    }

    #[test]
    fn what_inflates_to_too_much_or_to_nothing_that_can_be_read_is_refused() {
        let bomb = compressed(&[b'x'; MAX + 1]);
        let (first, rest) = bomb.split_at_checked(4).expect("it is longer");
        let in_fragments = [frame(RSV1 | TEXT, first), frame(FIN | CONTINUATION, rest)].concat();
        let after = frame(FIN | TEXT, b"after the end");
        for n in [1, 10_000] {
            let whole = [frame(FIN | RSV1 | TEXT, &bomb), after.clone()].concat();
            assert_eq!(read_inflating(&whole, n), [Inbound::TooLarge]);
            let parts = [in_fragments.clone(), after.clone()].concat();
            assert_eq!(read_inflating(&parts, n), [Inbound::Fragment, Inbound::TooLarge]);
            let broken = [frame(FIN | RSV1 | TEXT, &[0x07]), after.clone()].concat();
            assert_eq!(read_inflating(&broken, n), [Inbound::Malformed]);
        }
        assert_eq!(read_inflating(&frame(FIN | RSV1 | TEXT, &compressed(&[b'x'; MAX])), 5).len(), 1);
    }

    #[test]
    fn the_bit_is_refused_where_it_may_not_be() {
        let text = compressed(b"text");
        for (n_before, bytes) in [
            (0, frame(FIN | RSV1 | 0x9, b"p")),
            (0, frame(FIN | RSV1 | 0xa, b"p")),
            (0, frame(FIN | RSV1 | 0x8, b"")),
            (0, frame(FIN | RSV1 | CONTINUATION, &text)),
            (0, frame(FIN | RSV1 | 0x3, &text)),
            (0, frame(FIN | RSV1 | 0x20 | TEXT, &text)),
            (0, frame(FIN | RSV1 | 0x10 | TEXT, &text)),
            (0, frame(FIN | 0x20 | TEXT, &text)),
            (1, [frame(RSV1 | TEXT, &text), frame(FIN | RSV1 | CONTINUATION, b"")].concat()),
            (1, [frame(TEXT, b"t"), frame(RSV1 | CONTINUATION, b"")].concat()),
            (1, [frame(RSV1 | TEXT, &text), frame(FIN | RSV1 | TEXT, &text)].concat()),
            (1, [frame(RSV1 | TEXT, &text), frame(FIN | RSV1 | 0x9, b"p")].concat()),
        ] {
            for n in [1, 2, 1_000] {
                let read = read_inflating(&bytes, n);
                assert_eq!((read.len(), read.last()), (n_before + 1, Some(&Inbound::Malformed)), "{bytes:02x?}");
            }
        }
    }

    #[test]
    fn refuses_what_is_no_websocket() {
        for bytes in [
            &[0x81, 0x01, b'x'][..],
            &[0x83, 0x80, 0, 0, 0, 0],
            &[0x80, 0x80, 0, 0, 0, 0],
            // They also declare too much, which is known later where they come one by one.
            &[0xff; 20],
            &[0xc1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
            &[0x81, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
            &[0x8b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
        ] {
            for n in [1, 100] {
                assert_eq!(read(bytes, n), [Inbound::Malformed], "{bytes:?} in pieces of {n}");
            }
        }
    }

    proptest! {
        #[test]
        fn the_result_does_not_depend_on_how_the_bytes_come(
            header in any::<[u8; 2]>(), bytes in proptest::collection::vec(any::<u8>(), 0..300), n in 1_usize..300
        ) {
            let bytes = [&header[..], &bytes].concat();
            prop_assert_eq!(read(&bytes, n), read(&bytes, bytes.len()));
            prop_assert_eq!(read_inflating(&bytes, n), read_inflating(&bytes, bytes.len()));
        }

        #[test]
        fn never_panics_and_never_holds_much(bytes in proptest::collection::vec(any::<u8>(), 0..4_000), n in 1_usize..300) {
            let pieces: Vec<_> = bytes.chunks(n).map(|piece| Ok::<_, Infallible>(Bytes::copy_from_slice(piece))).collect();
            let mut reader = FrameReader::new(stream::iter(pieces), MAX).inflating(n.is_multiple_of(2));
            while let Some(Some(_)) = reader.next().now_or_never() {
                prop_assert!(reader.n_bytes_held() <= MAX + n + 14);
            }
        }
    }
}
