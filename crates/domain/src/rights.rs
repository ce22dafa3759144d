use std::{fmt, ops::BitOr};

/// What somebody may do: a set, as a mask of bits that stays below 2^53, so that JavaScript has it as a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Rights(u64);

/// Every right: its bit, its name in docs/RIGHTS.md, and what it allows.
macro_rules! rights {
    ($($(#[$doc:meta])* $name:ident = $bit:literal, $text:literal;)+) => {
        impl Rights {
            $($(#[$doc])* pub const $name: Self = Self(1 << $bit);)+

            /// Every right there is, with its name and what it allows.
            pub const TABLE: [(Self, &'static str, &'static str); [$($bit),+].len()] =
                [$((Self::$name, stringify!($name), $text)),+];
        }
    };
}

rights! {
    /// To send messages, and to edit and delete one's own.
    WRITE = 0, "send messages, edit and delete one's own";
    /// To react to messages.
    REACT = 1, "react to messages";
    /// To report messages.
    REPORT = 2, "report messages";
    /// To delete what others wrote.
    DELETE_ANY = 3, "delete what others wrote";
    /// To pin messages.
    PIN = 4, "pin messages";
    /// To ban people.
    BAN = 5, "ban people and lift bans";
    /// To change what a room is.
    ROOM_SET = 6, "lock a room, slow it down, set its rules";
    /// To see and settle what was reported, and to decide about messages that wait.
    REVIEW = 7, "see and settle what was reported, decide about messages that wait";
    /// To see what was done by whom, and to undo it.
    AUDIT = 8, "see what was done by whom, and undo it";
    /// To set what holds for all rooms.
    DEFAULTS = 9, "set what holds for all rooms";
    /// To say who has which role.
    TEAM = 10, "give and take roles";
    /// To do all of it as the one whom the chat belongs to.
    OWN = 11, "all that concerns the chat as a whole";
    /// To write where others may not.
    EXEMPT = 12, "write in a locked or slow room, whatever its rules say";
}

impl Rights {
    /// None.
    pub const NONE: Self = Self(0);

    /// Whether all of `wanted` are among these.
    pub fn has(self, wanted: Self) -> bool {
        self.0 & wanted.0 == wanted.0
    }

    /// The mask.
    pub fn bits(self) -> u64 {
        self.0
    }

    const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Those that are among both.
    pub const fn among(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

impl BitOr for Rights {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        self.with(other)
    }
}

/// What somebody is in the chat as a whole; the lowest is first, so that roles compare by rank.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// A visitor without an account.
    Guest,
    /// Somebody with an account.
    Member,
    /// Keeps order.
    Moderator,
    /// Sets what holds for all, and who moderates.
    Admin,
    /// Whose chat it is.
    Owner,
}

impl Role {
    /// Every role, the highest first.
    pub const ALL: [Self; 5] = [Self::Owner, Self::Admin, Self::Moderator, Self::Member, Self::Guest];

    /// What it may do: the one table of the product.
    pub const fn rights(self) -> Rights {
        const GUEST: Rights = Rights::WRITE.with(Rights::REACT).with(Rights::REPORT);
        const MODERATOR: Rights = GUEST
            .with(Rights::DELETE_ANY)
            .with(Rights::PIN)
            .with(Rights::BAN)
            .with(Rights::ROOM_SET)
            .with(Rights::REVIEW)
            .with(Rights::AUDIT)
            .with(Rights::EXEMPT);
        const ADMIN: Rights = MODERATOR.with(Rights::DEFAULTS).with(Rights::TEAM);
        match self {
            Self::Guest | Self::Member => GUEST,
            Self::Moderator => MODERATOR,
            Self::Admin => ADMIN,
            Self::Owner => ADMIN.with(Rights::OWN),
        }
    }

    /// Its name, as it is stored and on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Guest => "guest",
            Self::Member => "member",
            Self::Moderator => "moderator",
            Self::Admin => "admin",
            Self::Owner => "owner",
        }
    }

    /// Reads a role by its name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == name)
    }

    /// Whether somebody of this role may act on somebody of the other: on lower ranks only, so that nobody can be shut
    /// out by an equal.
    pub fn acts_on(self, other: Self) -> bool {
        self > other
    }

    /// The mark that everybody sees beside the name.
    pub const fn badge(self) -> Option<Badge> {
        match self {
            Self::Owner => Some(Badge::Owner),
            Self::Admin | Self::Moderator => Some(Badge::Moderator),
            Self::Member => Some(Badge::Member),
            Self::Guest => None,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A mark beside a name: the server gives it, so nobody can take it with a nickname.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Badge {
    /// Whose chat it is.
    Owner,
    /// Keeps order.
    Moderator,
    /// Has an account.
    Member,
    /// The blog has signed for who this is.
    Verified,
    /// A program, for which somebody with an account answers.
    Bot,
}

impl Badge {
    /// Every badge.
    pub const ALL: [Self; 5] = [Self::Owner, Self::Moderator, Self::Member, Self::Verified, Self::Bot];

    /// Its name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Moderator => "moderator",
            Self::Member => "member",
            Self::Verified => "verified",
            Self::Bot => "bot",
        }
    }

    /// Reads a badge by its name on the wire.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|badge| badge.as_str() == name)
    }

    /// Its number in the database.
    pub const fn number(self) -> i16 {
        match self {
            Self::Owner => 1,
            Self::Moderator => 2,
            Self::Member => 3,
            Self::Verified => 4,
            Self::Bot => 5,
        }
    }

    /// Reads a badge by its number in the database; one of a later release is none here.
    pub fn from_number(number: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|badge| badge.number() == number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_higher_role_may_all_that_a_lower_one_may() {
        for pair in Role::ALL.windows(2) {
            assert!(pair[0].rights().has(pair[1].rights()) && pair[0] > pair[1], "{pair:?}");
        }
        for one in Role::ALL {
            assert_eq!(Role::parse(one.as_str()), Some(one));
            for other in Role::ALL {
                assert!(!(one.acts_on(other) && other.acts_on(one)), "{one} and {other}");
            }
        }
        assert_eq!(Role::parse("Owner"), None);
    }

    #[test]
    fn a_mask_is_a_number_that_javascript_has() {
        for (right, name, _) in Rights::TABLE {
            assert!(right.bits() < 1 << 53 && Role::Owner.rights().has(right), "{name}");
            assert_eq!(right.bits().count_ones(), 1, "{name}");
        }
    }

    #[test]
    fn a_badge_is_known_by_its_name_and_its_number() {
        for badge in Badge::ALL {
            assert_eq!(Badge::parse(badge.as_str()), Some(badge));
            assert_eq!(Badge::from_number(badge.number()), Some(badge));
        }
        assert_eq!((Badge::parse("bot"), Badge::from_number(0)), (None, None));
    }

    /// The table in the docs is this one.
    #[test]
    fn the_docs_have_the_table_of_rights() {
        let mut table = String::from("| right | bit | allows to |");
        for role in Role::ALL {
            table += &format!(" {role} |");
        }
        table += "\n| --- | --- | --- |";
        table += &" --- |".repeat(Role::ALL.len());
        for (right, name, text) in Rights::TABLE {
            table += &format!("\n| `{name}` | {} | {text} |", right.bits().trailing_zeros());
            for role in Role::ALL {
                table += if role.rights().has(right) { " yes |" } else { " |" };
            }
        }
        let docs = include_str!("../../../docs/RIGHTS.md");
        assert!(docs.contains(&table), "docs/RIGHTS.md is to have:\n{table}");
    }
}
