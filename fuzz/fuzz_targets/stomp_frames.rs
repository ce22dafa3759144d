//! Any bytes as what a STOMP client sends, in pieces of any length. Cut differently they are the same frames, and what
//! is not whole stays within its limits.
#![no_main]

use chat_stomp::{Decoder, Frame, Inbound, Limits, Version};
use libfuzzer_sys::fuzz_target;

const LIMITS: Limits = Limits { head_bytes: 512, headers: 16, body_bytes: 256 };

fuzz_target!(|input: (u8, u8, Vec<u8>)| {
    let (version, piece, bytes) = input;
    let version = Version::ALL.into_iter().nth(usize::from(version) % 4);
    let whole = read(version, &[&bytes]);
    let pieces: Vec<&[u8]> = bytes.chunks(usize::from(piece).max(1)).collect();
    assert_eq!(read(version, &pieces), whole);
});

/// The frames up to the first fault, and whether there was one.
fn read(version: Option<Version>, pieces: &[&[u8]]) -> (Vec<Frame>, bool) {
    let mut decoder = Decoder::new(LIMITS);
    version.into_iter().for_each(|version| decoder.agreed(version));
    let mut frames = Vec::new();
    for piece in pieces {
        decoder.feed(piece);
        loop {
            match decoder.next() {
                Ok(Some(Inbound::Frame(frame))) => {
                    assert!(frame.body.len() <= LIMITS.body_bytes && frame.headers.iter().count() <= LIMITS.headers);
                    frames.push(frame);
                }
                Ok(Some(Inbound::HeartBeat)) => {}
                Ok(None) => break,
                Err(_) => return (frames, true),
            }
        }
        assert!(decoder.n_held() <= LIMITS.head_bytes.max(LIMITS.body_bytes + 1));
    }
    (frames, false)
}
