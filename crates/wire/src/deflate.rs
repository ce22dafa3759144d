//! Messages compressed one by one (RFC 7692): nothing is kept from one to the next, so that what all readers get is
//! compressed once, and a session holds neither a compressor nor a window.

use std::cell::RefCell;

use bytes::{BufMut, Bytes, BytesMut};
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

use super::ws_frame::{RSV1, TEXT, put_header, text_of};

/// A text of at most so many bytes goes as it is: there is little to gain, and work to do at both ends.
const PLAIN_BYTES_MAX: usize = 512;
/// The least work (docs/adr/0016-compression.md says what more would save).
const LEVEL: u32 = 1;
/// What each compressed part ends with, and a message is sent without (RFC 7692, section 7.2.1): the length of an empty
/// block, which brings the bits to a whole byte.
const END: [u8; 4] = [0x00, 0x00, 0xff, 0xff];
/// Most bytes of a block that is not compressed (RFC 1951, section 3.2.4).
const STORED_BYTES_MAX: usize = 0xffff;
/// As how many streams a message may come. RFC 7692 has one that ends its stream before its last byte (section 7.2.3.4).
/// Each begins with a window that is cleared, which is much work for the two bytes that an empty one takes.
const STREAMS_MAX: usize = 8;

thread_local! {
    /// What all sessions of a thread are compressed with: some 300 KiB, made when it is first needed.
    static COMPRESSOR: RefCell<Compress> = RefCell::new(Compress::new(Compression::new(LEVEL), false));
    /// The same for what they send: some 40 KiB. And where it goes.
    static INFLATER: RefCell<(Decompress, Vec<u8>)> = RefCell::new((Decompress::new(false), Vec::new()));
}

/// Compresses a part of a message: a whole number of bytes, which stands behind other parts or before them.
pub fn deflate(text: &[u8]) -> Bytes {
    let mut out = Vec::with_capacity(text.len() + END.len());
    let is_done = COMPRESSOR.with_borrow_mut(|compressor| {
        compressor.reset();
        let status = compressor.compress_vec(text, &mut out, FlushCompress::Sync);
        // Room that is left says that nothing is to come.
        matches!(status, Ok(Status::Ok)) && usize::try_from(compressor.total_in()) == Ok(text.len())
    });
    let is_shorter = is_done && out.len() < text.len() && out.ends_with(&END);
    // A copy has no room to spare, and may be kept for a while.
    if is_shorter { Bytes::copy_from_slice(&out) } else { stored(text) }
}

/// A part of a message that is not worth compressing.
fn stored(text: &[u8]) -> Bytes {
    let mut out = BytesMut::with_capacity(text.len() + 16);
    for block in text.chunks(STORED_BYTES_MAX).chain([&[][..]]) {
        let n_bytes = u16::try_from(block.len()).unwrap_or(u16::MAX);
        out.put_u8(0);
        out.put_u16_le(n_bytes);
        out.put_u16_le(!n_bytes);
        out.put_slice(block);
    }
    out.freeze()
}

/// This text frame as who takes it compressed gets it: the same one where that is no longer.
pub fn deflated_frame(frame: &Bytes) -> Bytes {
    let text = text_of(frame);
    if text.len() <= PLAIN_BYTES_MAX {
        return frame.clone();
    }
    let mut payload = deflate(text);
    payload.truncate(payload.len().saturating_sub(END.len()));
    let mut bytes = BytesMut::with_capacity(payload.len() + 10);
    put_header(&mut bytes, RSV1 | TEXT, payload.len());
    bytes.put_slice(&payload);
    if bytes.len() < frame.len() { bytes.freeze() } else { frame.clone() }
}

/// A WELCOME in chunks ([`super::welcome_chunks`]) as who takes it compressed gets it. `deflate_messages` compresses its
/// longest part, which many may get.
pub fn deflated_welcome(plain: [Bytes; 4], deflate_messages: impl FnOnce(&Bytes) -> Bytes) -> [Bytes; 4] {
    let n_bytes = |chunks: &[Bytes; 4]| chunks.iter().map(Bytes::len).sum::<usize>();
    let [header, head, messages, tail] = &plain;
    if n_bytes(&plain) - header.len() <= PLAIN_BYTES_MAX {
        return plain;
    }
    let (head, messages, mut tail) = (deflate(head), deflate_messages(messages), stored(tail));
    tail.truncate(tail.len().saturating_sub(END.len()));
    let mut header = BytesMut::with_capacity(10);
    put_header(&mut header, RSV1 | TEXT, head.len() + messages.len() + tail.len());
    let deflated = [header.freeze(), head, messages, tail];
    if n_bytes(&deflated) < n_bytes(&plain) { deflated } else { plain }
}

/// Why a message that came compressed cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotInflated {
    /// It is longer than allowed.
    TooLarge,
    /// It is not what RFC 1951 says.
    Malformed,
}

/// What was compressed to this payload, where that has at most `n_bytes_max`.
///
/// # Errors
/// [`NotInflated`]. No more than `n_bytes_max` and one byte is ever held, however much it would become.
pub fn inflate(payload: &[u8], n_bytes_max: usize) -> Result<Bytes, NotInflated> {
    INFLATER.with_borrow_mut(|(inflater, out)| {
        out.resize(n_bytes_max + 1, 0);
        inflater.reset(false);
        let (mut n_out, mut n_streams) = (0, 1);
        for mut rest in [payload, &END] {
            loop {
                let (n_in_before, n_out_before) = (inflater.total_in(), inflater.total_out());
                let space = out.get_mut(n_out..).unwrap_or_default();
                let status = inflater.decompress(rest, space, FlushDecompress::None);
                let status = status.map_err(|_| NotInflated::Malformed)?;
                let of = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
                let n_read = of(inflater.total_in() - n_in_before);
                n_out += of(inflater.total_out() - n_out_before);
                rest = rest.get(n_read..).unwrap_or_default();
                if n_out > n_bytes_max {
                    return Err(NotInflated::TooLarge);
                }
                if status == Status::StreamEnd {
                    n_streams += 1;
                    if n_streams > STREAMS_MAX {
                        return Err(NotInflated::Malformed);
                    }
                    inflater.reset(false);
                }
                // There was room for more, so nothing of what was read is still to come.
                if rest.is_empty() {
                    break;
                }
                if n_read == 0 && status != Status::StreamEnd {
                    return Err(NotInflated::Malformed);
                }
            }
        }
        Ok(Bytes::copy_from_slice(out.get(..n_out).unwrap_or_default()))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ws_frame::text_frame;

    const MAX: usize = 16 * 1024;

    /// The text of a server's frame, plain or compressed, and whether it was.
    fn read(frame: &[u8], n_bytes_max: usize) -> (Bytes, bool) {
        let bytes = Bytes::copy_from_slice(frame);
        let is_deflated = frame[0] & RSV1 != 0;
        let payload = text_of(&bytes);
        match is_deflated {
            true => (inflate(payload, n_bytes_max).expect("what was compressed"), true),
            false => (Bytes::copy_from_slice(payload), false),
        }
    }

    /// What compresses to little, however much it is.
    fn bomb(n_bytes: usize) -> Vec<u8> {
        deflate(&vec![b'x'; n_bytes]).to_vec()
    }

    #[test]
    fn the_examples_of_the_rfc_are_read() {
        // RFC 7692, section 7.2.3: compressed, with a shared window's first message, not compressed, with a block that
        // ends its stream, and in two blocks.
        for payload in [
            &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00][..],
            &[0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00],
            &[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00],
            &[0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00],
        ] {
            assert_eq!(inflate(payload, 5).as_deref(), Ok(&b"Hello"[..]), "{payload:02x?}");
            assert_eq!(inflate(payload, 4), Err(NotInflated::TooLarge), "{payload:02x?}");
        }
        assert_eq!(inflate(&[0x00], 5).as_deref(), Ok(&b""[..]), "an empty message");
        // The second message of one that is kept in mind refers to the first, of which nothing is known.
        assert_ne!(inflate(&[0xf2, 0x00, 0x11, 0x00, 0x00], 5).as_deref(), Ok(&b"Hello"[..]));
    }

    #[test]
    fn a_message_that_becomes_too_long_is_refused_and_the_next_one_is_read() {
        for n in [MAX + 1, 2 * MAX, 16 << 20] {
            let bomb = bomb(n);
            assert_eq!(inflate(&bomb, MAX), Err(NotInflated::TooLarge), "{n} bytes in {}", bomb.len());
            let held = INFLATER.with_borrow(|(_, out)| out.capacity());
            assert!(held < 2 * MAX + 2, "{held} bytes are held");
            assert_eq!(inflate(&[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00], MAX).as_deref(), Ok(&b"Hello"[..]));
        }
        assert_eq!(inflate(&bomb(MAX), MAX).map(|bytes| bytes.len()), Ok(MAX));
        // Many blocks, each of which is small.
        let many = bomb(1_000).repeat(17);
        assert_eq!(inflate(&many, MAX), Err(NotInflated::TooLarge));
    }

    #[test]
    fn what_is_not_compressed_text_is_refused() {
        // A block of a kind that there is not, a stored one whose lengths differ, a code that nothing has.
        for payload in [&[0x07][..], &[0x00, 0x05, 0x00, 0x05, 0x00, 1, 2, 3, 4, 5], &[0xff; 100]] {
            assert_eq!(inflate(payload, MAX), Err(NotInflated::Malformed), "{payload:02x?}");
        }
        let ends = |n: usize| [0x03, 0x00].repeat(n);
        assert_eq!(inflate(&ends(STREAMS_MAX - 1), MAX).as_deref(), Ok(&b""[..]));
        assert_eq!(inflate(&ends(STREAMS_MAX), MAX), Err(NotInflated::Malformed), "each end clears a window");
    }

    #[test]
    fn nothing_of_one_message_is_seen_by_the_next() {
        let secret = b"another one's secret ".repeat(100);
        assert_eq!(inflate(&deflate(&secret), MAX).as_deref(), Ok(&secret[..]));
        // A message of a sender that goes on with the window of the one before: all of it is from there.
        let mut sender = Compress::new(Compression::best(), false);
        let mut messages = [Vec::with_capacity(1_000), Vec::with_capacity(1_000)];
        for message in &mut messages {
            sender.compress_vec(&secret, message, FlushCompress::Sync).expect("compresses");
        }
        assert_eq!(inflate(&messages[0], MAX).as_deref(), Ok(&secret[..]));
        let seen = inflate(&messages[1], MAX).unwrap_or_default();
        assert!(seen.iter().all(|byte| *byte == 0), "{seen:?}");
    }

    #[test]
    fn short_frames_and_those_that_get_no_shorter_stay_as_they_are() {
        let short = text_frame("x".repeat(PLAIN_BYTES_MAX));
        assert_eq!(deflated_frame(&short).as_ptr(), short.as_ptr());
        let long = text_frame("x".repeat(PLAIN_BYTES_MAX + 1));
        assert!(deflated_frame(&long).len() < 50);
        let mut state = 1_u64;
        let noise: Vec<u8> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            state.to_be_bytes()[0]
        })
        .take(40_000)
        .collect();
        let noise = text_frame(noise);
        assert_eq!(deflated_frame(&noise).as_ptr(), noise.as_ptr());
    }

    proptest! {
        #[test]
        fn what_was_compressed_is_read_as_it_was(text in "[ -~가-힣🎉]{0,40}", n in 0_usize..3_000) {
            let text = text.repeat(n.div_ceil(text.len().max(1)));
            let frame = text_frame(&text);
            let deflated = deflated_frame(&frame);
            prop_assert!(deflated.len() <= frame.len());
            let (back, is_deflated) = read(&deflated, text.len());
            prop_assert_eq!(&back[..], text.as_bytes());
            prop_assert_eq!(is_deflated, deflated.len() < frame.len());
        }

        #[test]
        fn any_bytes_can_be_a_part(parts in proptest::collection::vec(
            (proptest::collection::vec(any::<u8>(), 0..300), 0_usize..400), 1..5,
        )) {
            let parts: Vec<Vec<u8>> = parts.into_iter().map(|(bytes, n)| bytes.repeat(n)).collect();
            let deflated: Vec<u8> = parts.iter().flat_map(|part| deflate(part).to_vec()).collect();
            let whole = parts.concat();
            let back = inflate(&deflated[..deflated.len() - END.len()], whole.len());
            prop_assert_eq!(back.as_deref(), Ok(&whole[..]));
            let kept: Vec<u8> = parts.iter().flat_map(|part| stored(part).to_vec()).collect();
            let back = inflate(&kept[..kept.len() - END.len()], whole.len());
            prop_assert_eq!(back.as_deref(), Ok(&whole[..]));
        }

        #[test]
        fn a_welcome_is_read_as_it_was(head in "[ -~가-힣]{0,600}", n in 0_usize..200, tail in "[\\]}]{0,3}") {
            let messages = r#"{"id":"1","content":"안녕하세요"},"#.repeat(n);
            let whole = [head.as_str(), &messages, &tail].concat();
            let header = crate::ws_frame::text_frame_header(whole.len());
            let plain = [header, head.into(), messages.into(), tail.into()];
            let chunks = deflated_welcome(plain.clone(), |messages| deflate(messages));
            prop_assert!(chunks.concat().len() <= plain.concat().len());
            prop_assert_eq!(&read(&chunks.concat(), whole.len()).0[..], whole.as_bytes());
            prop_assert!(n < 20 || chunks.concat().len() < whole.len());
        }

        #[test]
        fn any_bytes_are_read_or_refused(payload in proptest::collection::vec(any::<u8>(), 0..2_000), n in 0_usize..3_000) {
            if let Ok(bytes) = inflate(&payload, n) {
                prop_assert!(bytes.len() <= n);
            }
        }
    }
}
