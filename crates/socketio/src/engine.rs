//! Engine.IO: what a message of a WebSocket is.

/// A packet of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine<'t> {
    /// The client ends the connection.
    Close,
    /// A client may ask for a sign of life; it is answered with the same text.
    Ping(&'t str),
    /// The answer to a ping of ours.
    Pong,
    /// A packet of Socket.IO.
    Message(&'t str),
    /// Nothing.
    Noop,
}

/// The text of a WebSocket is no packet of Engine.IO, or one that has no place on a WebSocket that began as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotEngine;

impl NotEngine {
    /// For whoever wrote the client.
    pub const fn sentence(self) -> &'static str {
        "this is no packet of Engine.IO 4"
    }
}

/// Reads the text of one WebSocket message.
///
/// # Errors
/// See [`NotEngine`].
pub fn read(text: &str) -> Result<Engine<'_>, NotEngine> {
    let mut characters = text.chars();
    let kind = characters.next();
    let rest = characters.as_str();
    match (kind, rest) {
        (Some('1'), "") => Ok(Engine::Close),
        // Of a transport that is probed: there is one transport.
        (Some('2'), rest) => Ok(Engine::Ping(rest)),
        (Some('3'), _) => Ok(Engine::Pong),
        (Some('4'), rest) => Ok(Engine::Message(rest)),
        (Some('6'), "") => Ok(Engine::Noop),
        _ => Err(NotEngine),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_of_engine_io() {
        for (text, expected) in [
            ("1", Ok(Engine::Close)),
            ("2probe", Ok(Engine::Ping("probe"))),
            ("3", Ok(Engine::Pong)),
            ("42[\"a\"]", Ok(Engine::Message("2[\"a\"]"))),
            ("6", Ok(Engine::Noop)),
            ("", Err(NotEngine)),
            ("0{}", Err(NotEngine)),
            ("5", Err(NotEngine)),
            ("1x", Err(NotEngine)),
            ("한", Err(NotEngine)),
        ] {
            assert_eq!(read(text), expected, "{text:?}");
        }
    }
}
