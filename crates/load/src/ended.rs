use chat_wire::CloseCode;

/// Why a connection ended. In text it is the name that reports count it under.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Ended {
    /// The server closed it, with this code.
    #[error("closed {0}")]
    Closed(u16),
    /// It ended, or broke, without a word.
    #[error("{0}")]
    Broken(&'static str),
    /// The upgrade was refused, with this status.
    #[error("HTTP {0}")]
    Refused(u16),
    /// JOIN was refused.
    #[error("JOIN refused: {code}")]
    NotJoined { code: String, after_ms: u64 },
    /// What came was not understood.
    #[error("{0}")]
    Protocol(&'static str),
}

impl Ended {
    /// When a visitor comes back, as the protocol says; nothing where it stays away. `soon_us` is when it would by
    /// itself.
    pub fn back_us(&self, now_us: u64, soon_us: u64) -> Option<u64> {
        let comes_back = match *self {
            // Those whom the address has are this run's own sessions and stay, so nobody else gets in.
            Self::Closed(code) => (4000..4100).contains(&code) && code != CloseCode::AddressFull.number(),
            Self::Broken(_) => true,
            Self::Refused(status) => status >= 500 || matches!(status, 408 | 429),
            Self::NotJoined { after_ms, .. } => return Some(now_us + after_ms * 1_000),
            Self::Protocol(_) => false,
        };
        comes_back.then_some(soon_us)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_comes_back_and_when() {
        let join = Ended::NotJoined { code: "OVERLOADED".into(), after_ms: 2 };
        for (ended, name, back_us) in [
            (Ended::Closed(4001), "closed 4001", Some(9)),
            (Ended::Closed(4006), "closed 4006", None),
            (Ended::Closed(4100), "closed 4100", None),
            (Ended::Broken("reset"), "reset", Some(9)),
            (Ended::Refused(503), "HTTP 503", Some(9)),
            (Ended::Refused(404), "HTTP 404", None),
            (join, "JOIN refused: OVERLOADED", Some(2_007)),
            (Ended::Protocol("no frame"), "no frame", None),
        ] {
            assert_eq!((ended.to_string(), ended.back_us(7, 9)), (name.to_owned(), back_us));
        }
    }
}
