//! WebSocket as a client speaks it (RFC 6455): just what a server of ours sends and needs.

/// The opcodes that occur.
pub const TEXT: u8 = 0x1;
pub const CLOSE: u8 = 0x8;
pub const PING: u8 = 0x9;
pub const PONG: u8 = 0xa;

/// One key for all, so that the answer to it is known; it protects caches, which nobody has here.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
/// The answer that RFC 6455 gives for [`KEY`] (section 1.3).
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// What went wrong with what the server sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broken {
    /// No HTTP, or a head that never ends.
    Head,
    /// The answer to the key is missing or wrong.
    Accept,
    /// A frame with a mask, in parts, or with bits that nobody agreed on.
    Frame,
}

/// Asks for an upgrade; for one with compression as well where it `compresses`.
pub fn upgrade_request(host: &str, path: &str, compresses: bool) -> String {
    let protocol = chat_wire::SUBPROTOCOL;
    let extensions = if compresses { "Sec-WebSocket-Extensions: permessage-deflate\r\n" } else { "" };
    format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: {protocol}\r\n{extensions}\r\n"
    )
}

/// Reads the head of the answer: status and length, or `None` where it is not all there yet.
/// Fails where it is none, or its answer to the key is wrong.
pub fn read_head(bytes: &[u8]) -> Result<Option<(u16, usize)>, Broken> {
    let Some(end) = bytes.windows(4).position(|w| w == b"\r\n\r\n") else {
        return if bytes.len() > HEAD_BYTES_MAX { Err(Broken::Head) } else { Ok(None) };
    };
    let head = bytes.get(..end).and_then(|head| std::str::from_utf8(head).ok()).ok_or(Broken::Head)?;
    let mut lines = head.split("\r\n");
    let mut first = lines.next().unwrap_or_default().split(' ');
    let is_http = first.next().is_some_and(|version| version.starts_with("HTTP/1."));
    let status: u16 = first.next().and_then(|s| s.parse().ok()).filter(|_| is_http).ok_or(Broken::Head)?;
    let accept = lines.find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("sec-websocket-accept").then(|| value.trim())
    });
    if status == 101 && accept != Some(ACCEPT) {
        return Err(Broken::Accept);
    }
    Ok(Some((status, end + 4)))
}

/// The head of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameHead {
    pub opcode: u8,
    /// Its payload is compressed.
    pub is_deflated: bool,
    /// Bytes of the head.
    pub n_head: usize,
    /// Bytes behind it.
    pub n_payload: usize,
}

/// Reads the head of a frame, or `None` where it is not all there yet.
/// Fails where our server would never write such a frame to who does not compress, or to who `compresses`.
pub fn read_frame(bytes: &[u8], compresses: bool) -> Result<Option<FrameHead>, Broken> {
    let &[first, second, ref rest @ ..] = bytes else { return Ok(None) };
    let is_deflated = compresses && first == 0x80 | chat_wire::RSV1 | TEXT;
    if (!is_deflated && first & 0xf0 != 0x80) || second & 0x80 != 0 {
        return Err(Broken::Frame);
    }
    let (n_head, n_payload) = match (second, rest) {
        (127, &[a, b, c, d, e, f, g, h, ..]) => (10, u64::from_be_bytes([a, b, c, d, e, f, g, h])),
        (126, &[a, b, ..]) => (4, u64::from(u16::from_be_bytes([a, b]))),
        (126 | 127, _) => return Ok(None),
        (short, _) => (2, u64::from(short)),
    };
    let n_payload = usize::try_from(n_payload).map_err(|_| Broken::Frame)?;
    Ok(Some(FrameHead { opcode: first & 0x0f, is_deflated, n_head, n_payload }))
}

/// Appends a whole frame, masked as clients must.
pub fn put_frame(out: &mut Vec<u8>, opcode: u8, mask: [u8; 4], payload: &[u8]) {
    let at = out.len();
    chat_wire::put_header(out, opcode, payload.len());
    // The length's first bit says that a mask follows.
    if let Some(length) = out.get_mut(at + 1) {
        *length |= 0x80;
    }
    out.extend_from_slice(&mask);
    out.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, key)| byte ^ key));
}

#[cfg(test)]
mod tests {
    use actix_codec::Decoder as _;
    use actix_http::ws::{Codec, Frame};
    use bytes::BytesMut;

    use super::*;

    #[test]
    fn a_server_understands_what_a_client_writes() {
        for n in [0, 1, 125, 126, 65_535, 65_536] {
            let mut out = Vec::new();
            put_frame(&mut out, TEXT, [1, 2, 3, 4], "x".repeat(n).as_bytes());
            let read = Codec::new().max_size(1 << 20).decode(&mut BytesMut::from(&out[..])).expect("a frame");
            assert_eq!(read, Some(Frame::Text("x".repeat(n).into())), "{n}");
        }
    }

    #[test]
    fn a_client_understands_what_a_server_writes() {
        for n in [0, 1, 125, 126, 65_535, 65_536] {
            let frame = chat_wire::text_frame("x".repeat(n));
            let head = read_frame(&frame, false).expect("a frame").expect("all of it");
            assert_eq!((head.opcode, head.n_head + head.n_payload), (TEXT, frame.len()));
            for cut in 0..head.n_head {
                assert_eq!(read_frame(&frame[..cut], true), Ok(None), "{cut} of {n}");
            }
        }
        assert_eq!(read_frame(&[0x81, 0x80, 0, 0, 0, 0], true), Err(Broken::Frame), "a mask");
        assert_eq!(read_frame(&[0x01, 0x00], false), Err(Broken::Frame), "a part");
        let deflated = chat_wire::deflated_frame(&chat_wire::text_frame("x".repeat(1_000)));
        let head = read_frame(&deflated, true).expect("a frame").expect("all of it");
        assert_eq!((head.opcode, head.is_deflated), (TEXT, true));
        assert_eq!(read_frame(&deflated, false), Err(Broken::Frame), "nobody agreed on it");
        for first in [0x41, 0xe1, 0xd1, 0xc9, 0xc0, 0xc2] {
            assert_eq!(read_frame(&[first, 0x00], true), Err(Broken::Frame), "{first:x}");
        }
    }

    #[test]
    fn the_answer_to_the_upgrade_is_checked() {
        let good = format!("HTTP/1.1 101 Switching Protocols\r\nsec-websocket-accept: {ACCEPT}\r\n\r\n");
        assert_eq!(read_head(good.as_bytes()), Ok(Some((101, good.len()))));
        assert_eq!(read_head(&good.as_bytes()[..good.len() - 1]), Ok(None));
        assert_eq!(read_head(b"HTTP/1.1 503 Service Unavailable\r\n\r\n"), Ok(Some((503, 36))));
        assert_eq!(read_head(b"HTTP/1.1 101 Yes\r\nSec-WebSocket-Accept: no\r\n\r\n"), Err(Broken::Accept));
        assert_eq!(read_head(b"SSH-2.0\r\n\r\n"), Err(Broken::Head));
        assert_eq!(read_head(&vec![b'x'; HEAD_BYTES_MAX + 1]), Err(Broken::Head));
    }
}
