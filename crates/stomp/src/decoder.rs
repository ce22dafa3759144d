use bytes::{Bytes, BytesMut};

use crate::{BadEscape, Command, Frame, Headers, Version, escape::Escaping};

/// The most that a frame may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of its command and headers together.
    pub head_bytes: usize,
    /// Headers, repeated ones included.
    pub headers: usize,
    /// Bytes of its body.
    pub body_bytes: usize,
}

/// What a client has sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inbound {
    /// Line ends between frames, however many of them in a row: a sign of life.
    HeartBeat,
    /// A frame.
    Frame(Frame),
}

/// What came is no frame, or too much. Its words go to the client in an ERROR; nothing behind it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadFrame {
    /// No command of a client.
    #[error("there is no such command")]
    UnknownCommand,
    /// See [`Limits::head_bytes`].
    #[error("the headers are too long")]
    HeadTooLong,
    /// See [`Limits::headers`].
    #[error("there are too many headers")]
    TooManyHeaders,
    /// See [`Limits::body_bytes`].
    #[error("the body is too long")]
    BodyTooLong,
    /// A line of the head without a colon, or with nothing before it.
    #[error("a header is a name, a colon, and a value")]
    NoHeader,
    /// The head has an octet NUL: a frame ended before its head did.
    #[error("the headers end with an empty line, and have no NUL")]
    NulInHead,
    /// The head is not UTF-8.
    #[error("the headers are not UTF-8")]
    NotUtf8,
    /// See [`BadEscape`].
    #[error(transparent)]
    Escape(#[from] BadEscape),
    /// The header `content-length` is not a number.
    #[error("content-length is a number of octets")]
    NoLength,
    /// What stands behind so many bytes is not the end of the frame.
    #[error("content-length is not the length of the body, or no NUL follows it")]
    WrongLength,
    /// Only SEND has a body.
    #[error("only SEND may have a body")]
    BodyNotAllowed,
}

/// Reads frames from bytes that come in any pieces.
///
/// [`Decoder::feed`] takes bytes in, then [`Decoder::next`] is asked until it has nothing more. In between it holds no
/// more than one frame that is not whole, within its [`Limits`].
#[derive(Debug)]
pub struct Decoder {
    limits: Limits,
    /// None until one was agreed upon. What a CONNECT has is never escaped.
    version: Option<Version>,
    buffer: BytesMut,
    /// So many bytes of `buffer` were looked through for the end of what comes.
    n_scanned: usize,
    /// The head was read, and its body comes.
    body_of: Option<Body>,
    /// Something came that is no frame: nothing more is read.
    has_failed: bool,
}

#[derive(Debug)]
struct Body {
    command: Command,
    headers: Headers,
    /// In bytes; where it was not said the first NUL ends it.
    length: Option<usize>,
}

impl Decoder {
    /// A decoder for a connection that has just begun.
    pub fn new(limits: Limits) -> Self {
        Self { limits, version: None, buffer: BytesMut::new(), n_scanned: 0, body_of: None, has_failed: false }
    }

    /// This version was agreed upon: what comes from here on is read by its rules.
    pub fn agreed(&mut self, version: Version) {
        self.version = Some(version);
    }

    /// Takes bytes in. Behind an error they are dropped.
    pub fn feed(&mut self, bytes: &[u8]) {
        if !self.has_failed {
            self.buffer.extend_from_slice(bytes);
        }
    }

    /// How many bytes it holds.
    pub fn n_held(&self) -> usize {
        self.buffer.len()
    }

    /// What came, the oldest first; `None` where the rest is not whole yet.
    ///
    /// # Errors
    /// See [`BadFrame`]: the connection is to end. From then on there is nothing.
    #[expect(clippy::should_implement_trait, reason = "there may be something again once more bytes came")]
    pub fn next(&mut self) -> Result<Option<Inbound>, BadFrame> {
        if self.has_failed {
            return Ok(None);
        }
        let read = self.read();
        if read.is_err() {
            self.has_failed = true;
            self.buffer = BytesMut::new();
        }
        read
    }

    fn read(&mut self) -> Result<Option<Inbound>, BadFrame> {
        if self.body_of.is_none() {
            if self.skip_line_ends() {
                return Ok(Some(Inbound::HeartBeat));
            }
            let Some(n_bytes) = self.head_end()? else { return Ok(None) };
            let head = self.take(n_bytes);
            self.n_scanned = 0;
            self.body_of = Some(self.head(&head)?);
        }
        let Some(body) = self.body()? else { return Ok(None) };
        Ok(self.body_of.take().map(|Body { command, headers, .. }| Inbound::Frame(Frame { command, headers, body })))
    }

    /// The bytes in front, taken away: so many, or all that there are.
    fn take(&mut self, n_bytes: usize) -> BytesMut {
        #[expect(clippy::disallowed_methods, reason = "no more than there are")]
        self.buffer.split_to(n_bytes.min(self.buffer.len()))
    }

    /// Takes away the line ends in front; whether there were any. A CR alone waits for its LF.
    fn skip_line_ends(&mut self) -> bool {
        let mut n_bytes = 0;
        loop {
            match self.buffer.get(n_bytes..) {
                Some([b'\n', ..]) => n_bytes += 1,
                Some([b'\r', b'\n', ..]) => n_bytes += 2,
                _ => break,
            }
        }
        self.take(n_bytes);
        n_bytes > 0
    }

    /// Where the head in front ends, behind its empty line; `None` where that has not come yet.
    fn head_end(&mut self) -> Result<Option<usize>, BadFrame> {
        // The end may have begun in what was looked through before.
        let from = self.n_scanned.saturating_sub(2);
        let mut end = None;
        for (at, byte) in self.buffer.iter().enumerate().skip(from) {
            match byte {
                b'\0' => return Err(BadFrame::NulInHead),
                b'\n' => {
                    let before = self.buffer.get(..at).unwrap_or_default();
                    if before.ends_with(b"\n") || before.ends_with(b"\n\r") {
                        end = Some(at + 1);
                        break;
                    }
                }
                _ => {}
            }
        }
        if end.unwrap_or(self.buffer.len()) > self.limits.head_bytes {
            return Err(BadFrame::HeadTooLong);
        }
        if end.is_none() {
            self.n_scanned = self.buffer.len();
            // What is no command is said at once, and not when the line ends.
            let n_first = self.buffer.iter().take_while(|byte| **byte != b'\n').count();
            if n_first > Command::BYTES_MAX + 1 {
                return Err(BadFrame::UnknownCommand);
            }
        }
        Ok(end)
    }

    /// Reads a whole head.
    fn head(&self, bytes: &[u8]) -> Result<Body, BadFrame> {
        let mut lines = bytes.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        let command = Command::parse(lines.next().unwrap_or_default()).ok_or(BadFrame::UnknownCommand)?;
        let escaping = match self.version {
            Some(version) if command != Command::Connect => version.escaping(),
            _ => Escaping::Nothing,
        };
        let mut headers = Headers::default();
        for line in lines.take_while(|line| !line.is_empty()) {
            if headers.len() >= self.limits.headers {
                return Err(BadFrame::TooManyHeaders);
            }
            let line = std::str::from_utf8(line).map_err(|_| BadFrame::NotUtf8)?;
            let (name, value) = line.split_once(':').filter(|(name, _)| !name.is_empty()).ok_or(BadFrame::NoHeader)?;
            // The specification of 1.0 has a space behind each colon in its examples; the later ones forbid to trim.
            let value = if self.version == Some(Version::V10) { value.trim() } else { value };
            headers.push(&escaping.undo(name)?, &escaping.undo(value)?);
        }
        let length = headers.get("content-length").map(length).transpose()?;
        if length.is_some_and(|length| length > self.limits.body_bytes) {
            return Err(BadFrame::BodyTooLong);
        }
        Ok(Body { command, headers, length })
    }

    /// The body in front, without its NUL; `None` where it has not come yet.
    fn body(&mut self) -> Result<Option<Bytes>, BadFrame> {
        let Some(Body { command, length, .. }) = &self.body_of else { return Ok(None) };
        let n_bytes = match length {
            Some(length) => match self.buffer.get(*length) {
                Some(b'\0') => Some(*length),
                Some(_) => return Err(BadFrame::WrongLength),
                None => None,
            },
            None => self.buffer.iter().skip(self.n_scanned).position(|byte| *byte == b'\0').map(|n| n + self.n_scanned),
        };
        let n_known = n_bytes.or(*length).unwrap_or(self.buffer.len());
        if n_known > self.limits.body_bytes {
            return Err(BadFrame::BodyTooLong);
        }
        if n_known > 0 && !command.may_have_body() {
            return Err(BadFrame::BodyNotAllowed);
        }
        let Some(n_bytes) = n_bytes else {
            self.n_scanned = self.buffer.len();
            return Ok(None);
        };
        let body = self.take(n_bytes).freeze();
        // Its NUL.
        self.take(1);
        self.n_scanned = 0;
        Ok(Some(body))
    }
}

fn length(text: &str) -> Result<usize, BadFrame> {
    // Digits alone: a sign would pass the parser.
    let text = text.trim();
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(BadFrame::NoLength);
    }
    // More than there can be is too long, not wrong.
    Ok(text.parse().unwrap_or(usize::MAX))
}
