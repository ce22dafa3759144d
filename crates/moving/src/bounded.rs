//! A reader that knows its line, and gives up where one piece never ends.

use std::{
    cell::Cell,
    io::{self, BufRead, Read},
    rc::Rc,
};

use crate::ReadError;

/// The longest piece of a file, in bytes: a text, a line, a tag. A comment of any system is far shorter, and whoever reads
/// must not need the memory that a broken file asks for.
pub const FIELD_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Says that a piece is too long, as an error of the reader.
#[derive(Debug)]
struct TooLong;

impl std::fmt::Display for TooLong {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "one piece of the file is longer than {} MiB", FIELD_BYTES_MAX / 1024 / 1024)
    }
}

impl std::error::Error for TooLong {}

/// Where a reader is; shared with whoever drives it through another parser.
#[derive(Debug, Clone, Default)]
pub(crate) struct Place {
    n_lines: Rc<Cell<u64>>,
    n_taken: Rc<Cell<usize>>,
}

impl Place {
    /// The line that is being read.
    pub fn line(&self) -> u64 {
        self.n_lines.get().saturating_add(1)
    }

    /// A piece begins.
    pub fn begin(&self) {
        self.n_taken.set(0);
    }

    /// What an error of the reader means.
    pub fn error(&self, error: &io::Error) -> ReadError {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => ReadError::cut(self.line()),
            _ => ReadError::new(self.line(), error.to_string()),
        }
    }
}

/// See above.
pub(crate) struct Bounded<R> {
    inner: R,
    place: Place,
}

impl<R: BufRead> Bounded<R> {
    pub fn new(inner: R) -> Self {
        Self { inner, place: Place::default() }
    }

    pub fn place(&self) -> Place {
        self.place.clone()
    }

    /// The next line without its end, as text; nothing at the end of the file.
    pub fn next_line(&mut self) -> Result<Option<String>, ReadError> {
        self.place.begin();
        let line = self.place.line();
        let mut bytes = Vec::new();
        match self.read_until(b'\n', &mut bytes) {
            Err(error) => return Err(ReadError { line, ..self.place.error(&error) }),
            Ok(0) => return Ok(None),
            Ok(_) => {}
        }
        while bytes.last().is_some_and(|b| matches!(b, b'\n' | b'\r')) {
            bytes.pop();
        }
        String::from_utf8(bytes).map(Some).map_err(|_| ReadError::encoding(line))
    }
}

impl<R: BufRead> BufRead for Bounded<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.place.n_taken.get() > FIELD_BYTES_MAX {
            return Err(io::Error::new(io::ErrorKind::InvalidData, TooLong));
        }
        self.inner.fill_buf()
    }

    fn consume(&mut self, n: usize) {
        if let Ok(buffer) = self.inner.fill_buf() {
            let n_lines = buffer.iter().take(n).filter(|b| **b == b'\n').count();
            let n_lines = u64::try_from(n_lines).unwrap_or(u64::MAX);
            self.place.n_lines.set(self.place.n_lines.get().saturating_add(n_lines));
        }
        self.place.n_taken.set(self.place.n_taken.get().saturating_add(n));
        self.inner.consume(n);
    }
}

impl<R: BufRead> Read for Bounded<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut from = self.fill_buf()?;
        let n = from.read(into)?;
        self.consume(n);
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_never_ends_is_named() {
        let text = [b"first\n".as_slice(), &vec![b'x'; FIELD_BYTES_MAX * 2]].concat();
        let mut reader = Bounded::new(io::BufReader::new(&text[..]));
        assert_eq!(reader.next_line(), Ok(Some("first".to_owned())));
        let error = reader.next_line().expect_err("too long");
        assert_eq!((error.line, error.what.as_str()), (2, "one piece of the file is longer than 8 MiB"));
    }

    #[test]
    fn bytes_that_are_no_text_are_named() {
        let mut reader = Bounded::new(&b"a\r\n\xb0\xa1\n"[..]);
        assert_eq!(reader.next_line(), Ok(Some("a".to_owned())));
        assert_eq!(reader.next_line(), Err(ReadError::encoding(2)));
    }
}
