/// Why a file is not read to its end: one line for whoever gave it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct ReadError {
    /// Where, counted from 1.
    pub line: u64,
    /// What is wrong there.
    pub what: String,
}

impl ReadError {
    /// Something is wrong there.
    pub fn new(line: u64, what: impl Into<String>) -> Self {
        Self { line, what: what.into() }
    }

    /// The file ends where it must not.
    pub fn cut(line: u64) -> Self {
        Self::new(line, "the file ends here in the middle: it was cut")
    }

    /// Bytes that are no UTF-8.
    pub fn encoding(line: u64) -> Self {
        Self::new(line, "this is not UTF-8: the file is damaged, or was saved in another encoding")
    }
}
