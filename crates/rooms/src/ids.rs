use uuid::Uuid;

/// One WebSocket. Random, so that it tells a client nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SessionId(pub Uuid);

/// One live room actor: a room that was retired and came back has another key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RoomKey(pub u64);

/// One hub, by the number of its worker thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HubId(pub usize);

/// How many events a room has gathered up to one of them: what a member was delivered, everything up to there.
pub type DeliveryPosition = u64;
