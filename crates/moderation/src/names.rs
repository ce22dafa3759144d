use std::{collections::HashSet, sync::LazyLock};

use super::skeleton;

/// Names that nobody takes without an account that has them: whoever reads them would think that the chat itself speaks.
const RESERVED: [&str; 12] = [
    "admin",
    "administrator",
    "moderator",
    "operator",
    "system",
    "관리자",
    "운영자",
    "운영진",
    "운영팀",
    "관리인",
    "시스템",
    "매니저",
];

static RESERVED_SKELETONS: LazyLock<HashSet<String>> = LazyLock::new(|| RESERVED.map(skeleton).into());

/// The names that are not free to take: those of the people who keep order, and the reserved ones. Pure; compared as the
/// eye does ([`skeleton`]).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TakenNames(HashSet<String>);

impl TakenNames {
    /// Those of these people, and the reserved ones.
    pub fn of<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        Self(names.into_iter().map(skeleton).filter(|skeleton| !skeleton.is_empty()).collect())
    }

    /// Whether a name looks like one of them.
    pub fn has(&self, name: &str) -> bool {
        let skeleton = skeleton(name);
        self.0.contains(&skeleton) || RESERVED_SKELETONS.contains(&skeleton)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_look_alike_are_taken() {
        let taken = TakenNames::of(["Ollie", "수달", ""]);
        for name in ["Ollie", "0llie", "oIIie", "О l l i e", "수달", "수 달", "Admin", "adm1n", "운영자", "운영 자"]
        {
            assert!(taken.has(name), "{name}");
        }
        for name in ["Olive", "수달이", "admiral", "운영", "자두"] {
            assert!(!taken.has(name), "{name}");
        }
    }
}
