use chat_domain::RoomId;

/// What channels and keys in Redis are called. Each database has its own: two chats may share one Redis.
#[derive(Debug, Clone)]
pub struct Names {
    rooms: String,
    people: String,
    beats: String,
}

impl Names {
    /// The names of the database that is called `db` for good (`meta.name`).
    pub fn new(db: &str) -> Self {
        Self { rooms: format!("rtc:{db}:r:"), people: format!("rtc:{db}:p:"), beats: format!("rtc:{db}:beat") }
    }

    /// The channel of a room.
    pub fn channel(&self, room: &RoomId) -> String {
        [&self.rooms, room.as_str()].concat()
    }

    /// The room of a channel.
    pub fn room(&self, channel: &str) -> Option<RoomId> {
        RoomId::parse(channel.strip_prefix(&self.rooms)?).ok()
    }

    /// The channel on which all servers say that they live.
    pub fn beats(&self) -> &str {
        &self.beats
    }

    /// The hash of who is in a room, by server.
    pub fn people(&self, room: &RoomId) -> String {
        [&self.people, room.as_str()].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_has_one_channel_in_each_database() {
        let (names, others) = (Names::new("0123456789ab"), Names::new("ba9876543210"));
        let room = RoomId::parse("글-1").expect("a room id");
        assert_eq!(names.channel(&room), "rtc:0123456789ab:r:글-1");
        assert_eq!(names.room(&names.channel(&room)), Some(room.clone()));
        assert_eq!(others.room(&names.channel(&room)), None);
        assert_eq!(names.room(names.beats()), None);
    }
}
