use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::roster::Listing;
use chat_domain::{AuthorId, RoomId};

/// Longest record that is read: whoever can write to Redis can write anything.
const RECORD_BYTES_MAX: usize = 16 * 1024;

/// A server, as its sessions tell where they are.
#[derive(Debug, Clone)]
pub struct Place {
    /// Its name among the servers on its database.
    pub id: String,
    /// The host that others reach it at, or that it runs on.
    pub host: String,
    /// The port there.
    pub port: u16,
    /// Where the other servers reach it, where it says so.
    pub url: Option<String>,
}

/// A session as it stands in Redis, and as an operator sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// Whose, by the public id.
    pub user_id: String,
    /// Which one.
    pub session_id: Uuid,
    /// The server it is on.
    pub server_id: String,
    /// That server's host.
    pub server_host: String,
    /// That server's port.
    pub server_port: u16,
    /// Where the other servers reach that server.
    pub server_url: Option<String>,
    /// When it joined.
    pub connect_time: String,
    /// When something was last heard of its client, to half a minute.
    pub last_active_time: String,
    /// The rooms it is in.
    pub rooms: Vec<String>,
}

impl Record {
    /// A session of this server.
    pub fn new(listing: &Listing, place: &Place) -> Self {
        Self {
            user_id: listing.user.as_str().to_owned(),
            session_id: listing.session,
            server_id: place.id.clone(),
            server_host: place.host.clone(),
            server_port: place.port,
            server_url: place.url.clone(),
            connect_time: time(listing.connected_ms),
            last_active_time: time(listing.active_ms),
            rooms: listing.rooms.iter().map(|room| room.as_str().to_owned()).collect(),
        }
    }

    /// As Redis has it.
    pub fn to_json(&self) -> String {
        // Texts, numbers and lists of them: there is nothing that could not be written.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Reads what some server wrote under a session's name; `None` where it is none of that session's.
    pub fn read(json: &[u8], session: Uuid) -> Option<Self> {
        let record: Self = (json.len() <= RECORD_BYTES_MAX).then(|| serde_json::from_slice(json).ok())??;
        let are_times = [&record.connect_time, &record.last_active_time]
            .iter()
            .all(|time| DateTime::parse_from_rfc3339(time).is_ok());
        let are_rooms = record.rooms.iter().all(|room| RoomId::parse(room).is_ok());
        (record.session_id == session && record.user().is_some() && are_times && are_rooms).then_some(record)
    }

    /// Whose it is.
    pub fn user(&self) -> Option<AuthorId> {
        AuthorId::parse(&self.user_id)
    }
}

fn time(ms: u64) -> String {
    let time: DateTime<Utc> = i64::try_from(ms).ok().and_then(DateTime::from_timestamp_millis).unwrap_or_default();
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_as_it_was_written_and_nothing_else_is() {
        let session = Uuid::from_u128(7);
        let listing = Listing {
            session,
            user: AuthorId::from_stored("somebody"),
            connected_ms: 0,
            active_ms: 1_700_000_000_123,
            rooms: vec![RoomId::parse("글").expect("a room id")],
        };
        let place = Place { id: "chat-0".into(), host: "10.0.0.5".into(), port: 8080, url: None };
        let record = Record::new(&listing, &place);
        assert_eq!(record.last_active_time, "2023-11-14T22:13:20.123Z");
        let json = record.to_json();
        assert_eq!(Record::read(json.as_bytes(), session), Some(record));
        assert_eq!(Record::read(json.as_bytes(), Uuid::nil()), None, "of another session");
        for (part, instead) in [
            ("somebody", "some body"),
            ("1970-01-01T00:00:00.000Z", "yesterday"),
            ("글", "a/b"),
            ("8080", "80800"),
            ("userId", "user"),
        ] {
            let forged = json.replace(part, instead);
            assert_ne!(forged, json);
            assert_eq!(Record::read(forged.as_bytes(), session), None, "{forged}");
        }
        let long = json.replace("10.0.0.5", &"x".repeat(RECORD_BYTES_MAX));
        assert_eq!(Record::read(long.as_bytes(), session), None);
    }
}
