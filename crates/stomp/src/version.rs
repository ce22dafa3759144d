use crate::escape::Escaping;

/// A version of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// 1.0: no escapes, no heart-beats.
    V10,
    /// 1.1.
    V11,
    /// 1.2: lines may end with CR LF as well.
    V12,
}

impl Version {
    /// Every version, the oldest first.
    pub const ALL: [Self; 3] = [Self::V10, Self::V11, Self::V12];

    /// As the headers `accept-version` and `version` have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V10 => "1.0",
            Self::V11 => "1.1",
            Self::V12 => "1.2",
        }
    }

    /// As the subprotocol of a WebSocket names it, by the registry of IANA.
    pub fn subprotocol(self) -> &'static str {
        match self {
            Self::V10 => "v10.stomp",
            Self::V11 => "v11.stomp",
            Self::V12 => "v12.stomp",
        }
    }

    pub(crate) fn escaping(self) -> Escaping {
        match self {
            Self::V10 => Escaping::Nothing,
            Self::V11 => Escaping::WithoutCarriageReturn,
            Self::V12 => Escaping::Everything,
        }
    }
}

/// The highest version that a client takes and we have; `None` where there is none. Who sends no `accept-version`
/// speaks 1.0, by the specification.
pub fn negotiate(accept_version: Option<&str>) -> Option<Version> {
    let Some(accepted) = accept_version else { return Some(Version::V10) };
    let is_accepted = |version: &Version| accepted.split(',').any(|one| one.trim() == version.as_str());
    Version::ALL.into_iter().rev().find(is_accepted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_version_that_both_have() {
        for (accepted, version) in [
            (None, Some(Version::V10)),
            (Some("1.0"), Some(Version::V10)),
            (Some("1.0,1.1,1.2"), Some(Version::V12)),
            (Some("1.1, 1.0"), Some(Version::V11)),
            (Some("1.3,2.0"), None),
            (Some("1.3,1.1"), Some(Version::V11)),
            (Some("1.20"), None),
            (Some(""), None),
        ] {
            assert_eq!(negotiate(accepted), version, "{accepted:?}");
        }
    }
}
