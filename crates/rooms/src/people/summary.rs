use std::collections::HashSet;

use chat_domain::{Author, AuthorId, AvatarName, Badge, Nickname};
use serde::{Deserialize, Serialize};

/// Above this many people PRESENCE has no lists (docs/PROTOCOL.md), and neither has a summary.
pub const PEOPLE_LISTED_MAX: usize = 50;
/// Most people that a summary tells apart, by hashes of their ids.
pub const HASHED_MAX: usize = 500;
/// Largest summary that is read, in bytes.
const BYTES_MAX: usize = 64 * 1024;
/// Largest number of people that is believed: far above what a server can have.
const COUNT_MAX: usize = 100_000_000;

/// Who is in a room on one server: state, not news. Of two of one server the one with the higher version counts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Summary {
    /// Goes up with each change, also over restarts of the server: it begins with the time.
    pub version: u64,
    /// How many identities, readers included.
    pub count: usize,
    /// Who they are, as far as there are few enough to say.
    pub who: Who,
}

/// See [`Summary`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Who {
    /// Everybody: at most [`crate::PEOPLE_LISTED_MAX`].
    Listed(Vec<Person>),
    /// Hashes of their ids ([`identity_hash`]), at most [`HASHED_MAX`].
    Hashed(Vec<u64>),
    /// Too many to say.
    #[default]
    Counted,
}

/// One identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Whose.
    pub id: AuthorId,
    /// With nickname and avatar; none for a reader.
    pub author: Option<Author>,
}

/// It is no summary, or one that no server of this release would write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it is no summary of who is in a room")]
pub struct NoSummary;

/// Tells identities apart where there are too many to name: the same on every machine and in every release (FNV-1a, 64
/// bits). Ids are made by an HMAC, so nobody chooses them.
pub fn identity_hash(id: &AuthorId) -> u64 {
    let mix = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    id.as_str().bytes().fold(0xcbf2_9ce4_8422_2325, mix)
}

/// As it is written.
#[derive(Debug, Serialize, Deserialize)]
struct Written {
    version: u64,
    count: usize,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    people: Option<Vec<WrittenPerson>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hashes: Option<Vec<u64>>,
}

#[derive(Debug, Serialize, Deserialize)]
struct WrittenPerson {
    id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    nickname: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    avatar: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    badge: Option<String>,
}

impl WrittenPerson {
    fn of(person: &Person) -> Self {
        Self {
            id: person.id.as_str().to_owned(),
            nickname: person.author.as_ref().map(|author| author.nickname.as_str().to_owned()),
            avatar: person.author.as_ref().map(|author| author.avatar.as_str().to_owned()),
            badge: person.author.as_ref().and_then(|author| author.badge).map(|badge| badge.as_str().to_owned()),
        }
    }

    fn read(self) -> Result<Person, NoSummary> {
        let id = AuthorId::parse(&self.id).ok_or(NoSummary)?;
        let author = match (self.nickname, self.avatar) {
            (Some(text), Some(avatar)) => {
                let nickname = Nickname::parse(&text).ok().filter(|name| name.as_str() == text).ok_or(NoSummary)?;
                // One that a later release has and this one has not is no reason to leave the person out.
                let avatar = AvatarName::from_stored(&avatar, &id);
                // As with the avatar.
                let badge = self.badge.as_deref().and_then(Badge::parse);
                Some(Author { id: id.clone(), nickname, avatar, badge })
            }
            (None, None) => None,
            _ => return Err(NoSummary),
        };
        Ok(Person { id, author })
    }
}

impl Summary {
    /// Nobody.
    pub fn empty(version: u64) -> Self {
        Self { version, count: 0, who: Who::Listed(Vec::new()) }
    }

    /// Compact JSON, of at most 64 KiB.
    pub fn to_json(&self) -> Vec<u8> {
        let (mut people, mut hashes) = (None, None);
        match &self.who {
            Who::Listed(listed) => people = Some(listed.iter().map(WrittenPerson::of).collect()),
            Who::Hashed(hashed) => hashes = Some(hashed.clone()),
            Who::Counted => {}
        }
        // What cannot fail: no map with other keys than texts, and nothing of one's own that may.
        serde_json::to_vec(&Written { version: self.version, count: self.count, people, hashes }).unwrap_or_default()
    }

    /// Reads what [`Summary::to_json`] writes, from whomever: ids and names follow the rules, and nothing is larger
    /// than a server says it. What this release does not know is passed over.
    ///
    /// # Errors
    /// Where anything is odd.
    pub fn from_json(json: &[u8]) -> Result<Self, NoSummary> {
        if json.len() > BYTES_MAX {
            return Err(NoSummary);
        }
        let Written { version, count, people, hashes } = serde_json::from_slice(json).map_err(|_| NoSummary)?;
        let (who, n_told_apart) = match (people, hashes) {
            (Some(people), None) if people.len() <= PEOPLE_LISTED_MAX => {
                let people = people.into_iter().map(WrittenPerson::read).collect::<Result<Vec<_>, _>>()?;
                let n_people = people.iter().map(|person| &person.id).collect::<HashSet<_>>().len();
                (Who::Listed(people), n_people)
            }
            (None, Some(hashes)) if hashes.len() <= HASHED_MAX => {
                let n_people = hashes.iter().collect::<HashSet<_>>().len();
                (Who::Hashed(hashes), n_people)
            }
            (None, None) if count <= COUNT_MAX => (Who::Counted, count),
            _ => return Err(NoSummary),
        };
        // Nobody twice, and the number is theirs.
        let n_said = match &who {
            Who::Listed(people) => people.len(),
            Who::Hashed(hashes) => hashes.len(),
            Who::Counted => count,
        };
        if n_told_apart == count && n_said == count { Ok(Self { version, count, who }) } else { Err(NoSummary) }
    }

    /// About how many bytes it takes.
    pub fn n_bytes(&self) -> usize {
        match &self.who {
            Who::Listed(people) => {
                people.iter().map(|p| 40 + p.author.as_ref().map_or(0, Author::n_bytes_as_json)).sum()
            }
            Who::Hashed(hashes) => 20 * hashes.len(),
            Who::Counted => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::test_author;

    fn person(n: usize, is_author: bool) -> Person {
        let author = test_author(n);
        Person { id: author.id.clone(), author: is_author.then_some(author) }
    }

    fn listed(n: usize) -> Summary {
        Summary { version: 1, count: n, who: Who::Listed((0..n).map(|n| person(n, n % 3 > 0)).collect()) }
    }

    fn hashed(n: usize) -> Summary {
        let hashes = (0..n).map(|n| identity_hash(&test_author(n).id)).collect();
        Summary { version: u64::MAX, count: n, who: Who::Hashed(hashes) }
    }

    #[test]
    fn what_is_written_is_read() {
        let counted = Summary { version: 7, count: 12_345, who: Who::Counted };
        for summary in [Summary::empty(3), listed(1), listed(50), hashed(51), hashed(500), counted] {
            assert_eq!(Summary::from_json(&summary.to_json()), Ok(summary));
        }
    }

    #[test]
    fn what_is_too_much_or_odd_is_no_summary() {
        for summary in [listed(51), hashed(501), Summary { version: 1, count: usize::MAX, who: Who::Counted }] {
            assert_eq!(Summary::from_json(&summary.to_json()), Err(NoSummary));
        }
        let spaces = [br#"{"version":1,"count":9}"#.to_vec(), vec![b' '; BYTES_MAX]].concat();
        for odd in [
            &b""[..],
            b"null",
            b"{}",
            b"\xff",
            br#"{"version":-1,"count":0}"#,
            br#"{"version":1,"count":-1}"#,
            br#"{"version":1,"count":1,"people":[]}"#,
            br#"{"version":1,"count":0,"people":[],"hashes":[]}"#,
            br#"{"version":1,"count":2,"hashes":[5,5]}"#,
            br#"{"version":1,"count":1,"hashes":[5,5]}"#,
            br#"{"version":1,"count":1,"hashes":[-5]}"#,
            br#"{"version":1,"count":2,"people":[{"id":"a"},{"id":"a"}]}"#,
            br#"{"version":1,"count":1,"people":[{"id":"no id"}]}"#,
            br#"{"version":1,"count":1,"people":[{"id":"a","nickname":"anna"}]}"#,
            br#"{"version":1,"count":1,"people":[{"id":"a","avatar":"otter"}]}"#,
            br#"{"version":1,"count":1,"people":[{"id":"a","nickname":"","avatar":"otter"}]}"#,
            br#"{"version":1,"count":1,"people":[{"id":"a","nickname":" anna","avatar":"otter"}]}"#,
            &spaces,
        ] {
            assert_eq!(Summary::from_json(odd), Err(NoSummary), "{}", String::from_utf8_lossy(odd));
        }
        let later =
            br#"{"version":1,"count":1,"people":[{"id":"a","nickname":"anna","avatar":"unknown","mood":1}],"x":2}"#;
        assert!(Summary::from_json(later).is_ok_and(|summary| summary.count == 1));
    }

    /// Other machines and releases must come to the same.
    #[test]
    fn the_hash_of_an_id_is_for_good() {
        let hash = |id: &str| identity_hash(&AuthorId::from_stored(id));
        assert_eq!(hash(""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(hash("a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(hash("foobar"), 0x8594_4171_f739_67e8);
    }

    proptest! {
        #[test]
        fn no_bytes_bring_it_down(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Summary::from_json(&bytes);
        }

        #[test]
        fn what_was_cut_short_or_changed_is_read_by_the_rules(at in 0_usize..3_000, byte in any::<u8>()) {
            let mut json = listed(20).to_json();
            if let Some(place) = json.get_mut(at) { *place = byte; }
            if let Ok(Summary { count, who: Who::Listed(people), .. }) = Summary::from_json(&json) {
                prop_assert_eq!(people.len(), count);
            }
            prop_assert!(Summary::from_json(&json[..json.len() - 1 - at % 500]).is_err());
        }
    }
}
