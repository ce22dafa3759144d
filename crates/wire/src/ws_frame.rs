//! Frames as a WebSocket server writes them: final, unmasked (RFC 6455, section 5.2). Encoded by hand so
//! that one encoding is shared by every recipient.

use bytes::{BufMut, Bytes, BytesMut};

use super::CloseCode;

const FIN: u8 = 0x80;
/// Says that a message is compressed (RFC 7692, section 6).
pub const RSV1: u8 = 0x40;
/// The opcode of a text frame.
pub const TEXT: u8 = 0x1;
const CLOSE: u8 = 0x8;
const PING: u8 = 0x9;
const PONG: u8 = 0xa;
/// The longest payload of a control frame, in bytes (RFC 6455, section 5.5).
const CONTROL_BYTES_MAX: usize = 125;

/// The header of a text frame whose payload has `n_bytes`.
pub fn text_frame_header(n_bytes: usize) -> Bytes {
    let mut header = BytesMut::with_capacity(10);
    put_header(&mut header, TEXT, n_bytes);
    header.freeze()
}

/// A whole text frame.
pub fn text_frame(json: impl AsRef<[u8]>) -> Bytes {
    frame(TEXT, json.as_ref())
}

/// The text of a whole frame, as [`text_frame`] writes it.
pub fn text_of(frame: &[u8]) -> &[u8] {
    let n_header = match frame.get(1) {
        Some(126) => 4,
        Some(127) => 10,
        _ => 2,
    };
    frame.get(n_header..).unwrap_or_default()
}

/// A ping without payload.
pub fn ping_frame() -> Bytes {
    frame(PING, &[])
}

/// The answer to a ping, with its payload.
pub fn pong_frame(payload: &[u8]) -> Bytes {
    frame(PONG, payload.get(..CONTROL_BYTES_MAX).unwrap_or(payload))
}

/// A close frame with code and reason.
pub fn close_frame(code: CloseCode) -> Bytes {
    let mut payload = code.number().to_be_bytes().to_vec();
    payload.extend_from_slice(code.reason().as_bytes());
    frame(CLOSE, &payload)
}

fn frame(opcode: u8, payload: &[u8]) -> Bytes {
    let mut bytes = BytesMut::with_capacity(payload.len() + 10);
    put_header(&mut bytes, opcode, payload.len());
    bytes.put_slice(payload);
    bytes.freeze()
}

/// Appends the header of a final, unmasked frame. The opcode may have [`RSV1`].
pub fn put_header(bytes: &mut impl BufMut, opcode: u8, n_bytes: usize) {
    bytes.put_u8(FIN | opcode);
    match (u8::try_from(n_bytes), u16::try_from(n_bytes)) {
        (Ok(short), _) if short < 126 => bytes.put_u8(short),
        (_, Ok(medium)) => {
            bytes.put_u8(126);
            bytes.put_u16(medium);
        }
        _ => {
            bytes.put_u8(127);
            bytes.put_u64(u64::try_from(n_bytes).unwrap_or(u64::MAX));
        }
    }
}

#[cfg(test)]
mod tests {
    use actix_codec::Decoder as _;
    use actix_http::ws::{CloseReason, Codec, Frame};

    use super::*;

    fn read(bytes: &Bytes) -> Option<Frame> {
        Codec::new().client_mode().max_size(1 << 20).decode(&mut BytesMut::from(&bytes[..])).expect("a valid frame")
    }

    #[test]
    fn another_reader_understands_every_length() {
        for n in [0, 1, 125, 126, 127, 65_535, 65_536, 70_000] {
            let text = "x".repeat(n);
            let framed = text_frame(&text);
            assert_eq!(read(&framed), Some(Frame::Text(text.clone().into())), "{n}");
            assert_eq!(text_frame_header(n), framed[..framed.len() - n]);
            assert_eq!(text_of(&framed), text.as_bytes());
        }
    }

    #[test]
    fn another_reader_understands_control_frames() {
        assert_eq!(read(&ping_frame()), Some(Frame::Ping(Bytes::new())));
        assert_eq!(read(&pong_frame(b"abc")), Some(Frame::Pong("abc".into())));
        for code in CloseCode::ALL {
            let reason = CloseReason { code: code.number().into(), description: Some(code.reason().into()) };
            assert_eq!(read(&close_frame(code)), Some(Frame::Close(Some(reason))));
        }
    }
}
