//! Messages as clients write them, masked, compressed or not, in fragments, with control frames between: what is read
//! is what was written, up to the first message that is too large.
#![no_main]

use arbitrary::Arbitrary;
use chat_wire::{FRAME_BYTES_MAX, Inbound, RSV1, deflate};
use libfuzzer_sys::fuzz_target;
use realtime_chat_fuzz::{cut, read};

#[derive(Arbitrary, Debug)]
struct Conversation<'a> {
    messages: Vec<Message<'a>>,
    mask: [u8; 4],
    lengths: [u8; 4],
}

#[derive(Arbitrary, Debug)]
enum Message<'a> {
    Ping(&'a [u8]),
    Pong(&'a [u8]),
    Close,
    Data {
        is_text: bool,
        is_compressed: bool,
        payload: &'a [u8],
        /// As many times over: a few bytes of input reach the limit.
        times: u8,
        /// Where fragments end, in bytes.
        fragments: Option<[u16; 3]>,
        ping_between: bool,
    },
}

const TEXT: u8 = 0x1;
const BINARY: u8 = 0x2;
const CLOSE: u8 = 0x8;
const PING: u8 = 0x9;
const PONG: u8 = 0xa;
const FIN: u8 = 0x80;

fuzz_target!(|conversation: Conversation<'_>| {
    let Conversation { messages, mask, lengths } = conversation;
    let mut wire = Vec::new();
    let mut expected = Vec::new();
    for message in messages {
        let mut put = |first: u8, payload: &[u8]| put_frame(&mut wire, first, mask, payload);
        match message {
            Message::Ping(payload) => {
                let payload = control(payload);
                put(FIN | PING, payload);
                expected.push(Inbound::Ping(payload.to_vec().into()));
            }
            Message::Pong(payload) => {
                put(FIN | PONG, control(payload));
                expected.push(Inbound::Pong);
            }
            Message::Close => {
                put(FIN | CLOSE, &[]);
                expected.push(Inbound::Close);
                break;
            }
            Message::Data { is_text, is_compressed, payload, times, fragments, ping_between } => {
                let payload = payload.repeat(usize::from(times));
                let mut opcode = if is_text { TEXT } else { BINARY };
                let sent = if is_compressed { compressed(&payload) } else { payload.clone() };
                if is_compressed {
                    opcode |= RSV1;
                }
                let mut parts = split(&sent, fragments.as_ref().map_or(&[][..], |f| f));
                let last = parts.pop().unwrap_or_default();
                let mut n_bytes = 0;
                for part in parts {
                    n_bytes += part.len();
                    put(opcode, part);
                    opcode = 0;
                    // What comes after the one that was too much is not read.
                    if n_bytes <= FRAME_BYTES_MAX {
                        expected.push(Inbound::Fragment);
                        if ping_between {
                            put(FIN | PING, b"x");
                            expected.push(Inbound::Ping("x".into()));
                        }
                    }
                }
                put(FIN | opcode, last);
                // What a binary message would become nobody looks at.
                if sent.len() > FRAME_BYTES_MAX || is_text && payload.len() > FRAME_BYTES_MAX {
                    expected.push(Inbound::TooLarge);
                    break;
                }
                expected.push(if is_text { Inbound::Text(payload.into()) } else { Inbound::Binary });
            }
        }
    }
    // Whatever comes after the end is not read.
    if matches!(expected.last(), Some(Inbound::Close | Inbound::TooLarge)) {
        wire.extend_from_slice(&[0xff; 40]);
    }
    assert_eq!(read(&cut(&wire, &lengths), true), expected);
});

fn compressed(payload: &[u8]) -> Vec<u8> {
    let bytes = deflate(payload);
    // Every part ends with an empty block, of which a message lacks the last four bytes.
    bytes[..bytes.len() - 4].to_vec()
}

fn control(payload: &[u8]) -> &[u8] {
    payload.get(..125).unwrap_or(payload)
}

fn split<'a>(payload: &'a [u8], lengths: &[u16]) -> Vec<&'a [u8]> {
    let mut parts = Vec::new();
    let mut rest = payload;
    for n in lengths {
        let (part, after) = rest.split_at(usize::from(*n).min(rest.len()));
        parts.push(part);
        rest = after;
    }
    parts.push(rest);
    parts
}

/// A masked frame (RFC 6455, section 5.2).
fn put_frame(wire: &mut Vec<u8>, first: u8, mask: [u8; 4], payload: &[u8]) {
    wire.push(first);
    match payload.len() {
        n @ 0..126 => wire.push(0x80 | n as u8),
        n @ 126..0x1_0000 => {
            wire.push(0x80 | 126);
            wire.extend_from_slice(&(n as u16).to_be_bytes());
        }
        n => {
            wire.push(0x80 | 127);
            wire.extend_from_slice(&(n as u64).to_be_bytes());
        }
    }
    wire.extend_from_slice(&mask);
    wire.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
}
