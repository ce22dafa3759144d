use super::Rights;

/// One of the things that a key may be made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// To read what everybody reads.
    MessagesRead,
    /// To write, edit, delete and react as the bot.
    MessagesWrite,
    /// To say what a room is.
    RoomsManage,
    /// To keep order.
    Moderate,
    /// All that the bot's role allows.
    Admin,
}

impl Scope {
    /// Every one.
    pub const ALL: [Self; 5] =
        [Self::MessagesRead, Self::MessagesWrite, Self::RoomsManage, Self::Moderate, Self::Admin];

    /// Its name in the interface.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MessagesRead => "messages:read",
            Self::MessagesWrite => "messages:write",
            Self::RoomsManage => "rooms:manage",
            Self::Moderate => "moderate",
            Self::Admin => "admin",
        }
    }

    /// The right or rights that it lets a role use.
    fn rights(self) -> Rights {
        match self {
            Self::MessagesRead => Rights::NONE,
            Self::MessagesWrite => Rights::WRITE | Rights::REACT | Rights::REPORT,
            Self::RoomsManage => Rights::ROOM_SET | Rights::PIN,
            Self::Moderate => {
                Rights::DELETE_ANY | Rights::PIN | Rights::BAN | Rights::REVIEW | Rights::AUDIT | Rights::EXEMPT
            }
            Self::Admin => Rights::TABLE.into_iter().fold(Rights::NONE, |all, (right, ..)| all | right),
        }
    }

    const fn bit(self) -> i32 {
        match self {
            Self::MessagesRead => 1,
            Self::MessagesWrite => 2,
            Self::RoomsManage => 4,
            Self::Moderate => 8,
            Self::Admin => 16,
        }
    }
}

/// What a key may be used for, at most: of its bot's rights those that one of its scopes has as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Scopes(i32);

impl Scopes {
    /// Reads them by their names; `None` where one is none.
    pub fn parse<'a>(names: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        names.into_iter().try_fold(Self::default(), |all, name| {
            let scope = Scope::ALL.into_iter().find(|scope| scope.as_str() == name)?;
            Some(Self(all.0 | scope.bit()))
        })
    }

    /// Scopes as the store has them. What a later release has written there besides is none here.
    pub const fn from_stored(mask: i32) -> Self {
        Self(mask & 31)
    }

    /// The same as the store has them.
    pub const fn stored(self) -> i32 {
        self.0
    }

    /// Whether there is none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether this is among them, by itself or as a part of all.
    pub fn has(self, scope: Scope) -> bool {
        self.0 & (scope.bit() | Scope::Admin.bit()) != 0
    }

    /// Each by its name.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Scope::ALL.into_iter().filter(move |scope| self.0 & scope.bit() != 0).map(Scope::as_str)
    }

    /// What they allow at most.
    pub fn rights(self) -> Rights {
        let among = Scope::ALL.into_iter().filter(|scope| self.0 & scope.bit() != 0);
        among.fold(Rights::NONE, |all, scope| all | scope.rights())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Role;

    #[test]
    fn scopes_are_known_by_their_names_and_numbers() {
        for mask in 0..32 {
            let scopes = Scopes::from_stored(mask);
            assert_eq!(Scopes::parse(scopes.names()), Some(scopes));
            assert_eq!(scopes.stored(), mask);
        }
        assert_eq!(Scopes::parse(["moderate", "king"]), None);
        assert_eq!(Scopes::from_stored(32 | 1).names().collect::<Vec<_>>(), ["messages:read"]);
    }

    #[test]
    fn a_key_allows_the_lesser_of_its_scopes_and_its_role() {
        let of = |names: &[&str]| Scopes::parse(names.iter().copied()).expect("scopes").rights();
        let moderator = Role::Moderator.rights();
        assert_eq!(of(&["admin"]).among(moderator), moderator, "all that the role has, and no more");
        assert_eq!(of(&["messages:read"]).among(moderator), Rights::NONE);
        assert!(!of(&["messages:write"]).among(moderator).has(Rights::DELETE_ANY));
        assert!(!of(&["rooms:manage"]).among(moderator).has(Rights::BAN));
        assert!(of(&["rooms:manage", "moderate"]).among(moderator).has(Rights::BAN | Rights::ROOM_SET));
        assert_eq!(of(&["moderate"]).among(Role::Member.rights()), Rights::NONE);
        assert!(!of(&["moderate"]).has(Rights::WRITE), "each thing has its own scope");
    }

    #[test]
    fn all_is_each() {
        let all = Scopes::parse(["admin"]).expect("scopes");
        assert!(Scope::ALL.into_iter().all(|scope| all.has(scope)));
        let reads = Scopes::parse(["messages:read"]).expect("scopes");
        assert!(reads.has(Scope::MessagesRead) && !reads.has(Scope::MessagesWrite) && !reads.has(Scope::Admin));
    }
}
