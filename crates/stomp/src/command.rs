/// What a client's frame asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Command {
    /// A session is to begin. `STOMP` is the same, from 1.1 on.
    Connect,
    /// A message for a destination.
    Send,
    /// What comes to a destination is wanted from now on.
    Subscribe,
    /// It is wanted no more.
    Unsubscribe,
    /// A message was taken.
    Ack,
    /// A message was not taken.
    Nack,
    /// A transaction begins.
    Begin,
    /// It is to be carried out.
    Commit,
    /// It is to be forgotten.
    Abort,
    /// The session ends.
    Disconnect,
}

impl Command {
    /// The longest name, in bytes: `UNSUBSCRIBE`.
    pub(crate) const BYTES_MAX: usize = 11;

    /// The command of this name, in capitals as the specification has it; `None` where there is none that a client
    /// may send.
    pub fn parse(name: &[u8]) -> Option<Self> {
        Some(match name {
            b"CONNECT" | b"STOMP" => Self::Connect,
            b"SEND" => Self::Send,
            b"SUBSCRIBE" => Self::Subscribe,
            b"UNSUBSCRIBE" => Self::Unsubscribe,
            b"ACK" => Self::Ack,
            b"NACK" => Self::Nack,
            b"BEGIN" => Self::Begin,
            b"COMMIT" => Self::Commit,
            b"ABORT" => Self::Abort,
            b"DISCONNECT" => Self::Disconnect,
            _ => return None,
        })
    }

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Connect => "CONNECT",
            Self::Send => "SEND",
            Self::Subscribe => "SUBSCRIBE",
            Self::Unsubscribe => "UNSUBSCRIBE",
            Self::Ack => "ACK",
            Self::Nack => "NACK",
            Self::Begin => "BEGIN",
            Self::Commit => "COMMIT",
            Self::Abort => "ABORT",
            Self::Disconnect => "DISCONNECT",
        }
    }

    /// Whether such a frame may have a body.
    pub(crate) fn may_have_body(self) -> bool {
        self == Self::Send
    }
}
