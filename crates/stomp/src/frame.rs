use bytes::Bytes;

use crate::Command;

/// A frame of a client, whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// What it asks for.
    pub command: Command,
    /// Its headers.
    pub headers: Headers,
    /// Its body; empty where it has none.
    pub body: Bytes,
}

/// The headers of a frame, in the order in which they came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Headers(Vec<(Box<str>, Box<str>)>);

impl Headers {
    /// The value of a header. Of several with one name the first counts, by the specification.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(of, _)| *of == name).map(|(_, value)| value)
    }

    /// Each name with its value, repeated ones included.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }

    pub(crate) fn push(&mut self, name: &str, value: &str) {
        self.0.push((name.into(), value.into()));
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}
