//! How what a session is sent lies in its pipe: what all readers share of a frame, one after the other, each behind its
//! length, so that whoever takes it can put the reader's own part before it, and behind.

use bytes::Bytes;

use chat_wire::CloseCode;

const MESSAGE: u8 = b'M';
const END: u8 = b'E';
/// A number of four bytes, and what it is.
const HEAD_BYTES: usize = 5;

/// What stands before the shared part of a frame, which has `n_bytes`.
pub fn message_record(n_bytes: usize) -> [u8; HEAD_BYTES] {
    head(u32::try_from(n_bytes).unwrap_or(u32::MAX), MESSAGE)
}

/// Nothing more comes, for this reason.
pub fn end_record(code: CloseCode) -> [u8; HEAD_BYTES] {
    head(code.number().into(), END)
}

fn head(number: u32, kind: u8) -> [u8; HEAD_BYTES] {
    let [a, b, c, d] = number.to_be_bytes();
    [a, b, c, d, kind]
}

/// Something of a record.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece {
    /// The shared part of a frame begins, which has so many bytes.
    Begin(usize),
    /// Some of it.
    Bytes(Bytes),
    /// The last record: why there is nothing more, as the number of a close code.
    End(u32),
}

/// Reads records from bytes that come in any pieces.
#[derive(Debug, Default)]
pub struct Records {
    head: Vec<u8>,
    n_left: usize,
}

impl Records {
    /// Whether it is in the middle of a frame.
    pub fn is_open(&self) -> bool {
        self.n_left > 0
    }

    /// What comes next in these bytes, which is taken out of them; `None` where they are used up.
    pub fn next(&mut self, chunk: &mut Bytes) -> Option<Piece> {
        if chunk.is_empty() {
            return None;
        }
        if self.n_left > 0 {
            let n_bytes = self.n_left.min(chunk.len());
            self.n_left -= n_bytes;
            return Some(Piece::Bytes(take(chunk, n_bytes)));
        }
        let head = take(chunk, (HEAD_BYTES - self.head.len()).min(chunk.len()));
        self.head.extend_from_slice(&head);
        let &[a, b, c, d, kind] = &self.head[..] else { return None };
        self.head.clear();
        let number = u32::from_be_bytes([a, b, c, d]);
        if kind == END {
            return Some(Piece::End(number));
        }
        self.n_left = usize::try_from(number).unwrap_or(usize::MAX);
        Some(Piece::Begin(self.n_left))
    }
}

fn take(chunk: &mut Bytes, n_bytes: usize) -> Bytes {
    #[expect(clippy::disallowed_methods, reason = "no more than there are, as both callers have seen to")]
    chunk.split_to(n_bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Whatever pieces they come in, the same records come out.
        #[test]
        fn records_are_read_from_any_pieces(
            bodies in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..40), 0..6),
            n_at_once in 1_usize..30,
        ) {
            let mut bytes = Vec::new();
            for body in &bodies {
                bytes.extend_from_slice(&message_record(body.len()));
                bytes.extend_from_slice(body);
            }
            bytes.extend_from_slice(&end_record(CloseCode::Restart));
            let (mut records, mut read, mut end) = (Records::default(), Vec::<Vec<u8>>::new(), None);
            for part in bytes.chunks(n_at_once) {
                let mut chunk = Bytes::copy_from_slice(part);
                while let Some(piece) = records.next(&mut chunk) {
                    match piece {
                        Piece::Begin(n_bytes) => {
                            read.push(Vec::new());
                            prop_assert_eq!(n_bytes, bodies[read.len() - 1].len());
                        }
                        Piece::Bytes(bytes) => read.last_mut().expect("it began").extend_from_slice(&bytes),
                        Piece::End(code) => end = Some(code),
                    }
                }
            }
            prop_assert_eq!(&read, &bodies);
            prop_assert_eq!((end, records.is_open()), (Some(1012), false));
        }
    }
}
