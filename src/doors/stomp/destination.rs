use percent_encoding::percent_decode_str;

use chat_domain::{ParseError, RoomId};

const TOPIC: &str = "/topic/rooms.";
const APP: &str = "/app/rooms.";
/// Where what is refused is told.
pub const ERRORS: &str = "/user/queue/errors";

/// What can be subscribed to.
#[derive(Debug, PartialEq, Eq)]
pub enum Source {
    /// What a room says.
    Room(RoomId),
    /// What was refused of what this connection has sent.
    Errors,
}

impl Source {
    /// `None` where there is no such destination; an error where it names no room that could be.
    pub fn parse(destination: &str) -> Option<Result<Self, ParseError>> {
        match destination.strip_prefix(TOPIC) {
            Some(room) => Some(room_of(room).map(Self::Room)),
            None => (destination == ERRORS).then_some(Ok(Self::Errors)),
        }
    }
}

/// The room that something is sent to. `None` and errors as in [`Source::parse`].
pub fn target(destination: &str) -> Option<Result<RoomId, ParseError>> {
    destination.strip_prefix(APP).map(room_of)
}

/// A room's id, percent-encoded as in an address.
fn room_of(encoded: &str) -> Result<RoomId, ParseError> {
    RoomId::parse(&percent_decode_str(encoded).decode_utf8().map_err(|_| ParseError::Room)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn destinations_name_rooms_as_addresses_do() {
        let room = |name: &str| RoomId::parse(name).expect("a room");
        for (destination, source, to) in [
            ("/topic/rooms.post", Some(Ok(Source::Room(room("post")))), None),
            ("/topic/rooms.%EA%B8%80%20a.b", Some(Ok(Source::Room(room("글 a.b")))), None),
            ("/topic/rooms.글", Some(Ok(Source::Room(room("글")))), None),
            ("/topic/rooms.", Some(Err(ParseError::Room)), None),
            ("/topic/rooms.a%2Fb", Some(Err(ParseError::Room)), None),
            ("/topic/rooms.%FF", Some(Err(ParseError::Room)), None),
            ("/topic/rooms", None, None),
            ("/user/queue/errors", Some(Ok(Source::Errors)), None),
            ("/app/rooms.post", None, Some(Ok(room("post")))),
            ("/app/rooms.", None, Some(Err(ParseError::Room))),
            ("/queue/x", None, None),
            ("", None, None),
        ] {
            assert_eq!(Source::parse(destination), source, "{destination}");
            assert_eq!(target(destination), to, "{destination}");
        }
    }
}
