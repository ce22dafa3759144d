use std::time::Duration;

/// The header `heart-beat` is not two numbers of milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("heart-beat is two numbers of milliseconds, as in 10000,10000")]
pub struct BadHeartBeat;

/// What both sides of a session have agreed upon about signs of life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HeartBeat {
    /// The server sends something at least so often; `None` where nobody waits for it.
    pub sends: Option<Duration>,
    /// The client sends something at least so often; `None` where it may be silent.
    pub receives: Option<Duration>,
}

impl HeartBeat {
    /// By what a client offers: `<how often it can send>,<how often it wants something>`, 0 for never. The server would
    /// send and receive every `wanted`, never more often: a client that asks for a beat each millisecond gets what the
    /// server offers, as the larger of both numbers counts.
    ///
    /// # Errors
    /// See [`BadHeartBeat`].
    pub fn agree(offered: Option<&str>, wanted: Duration) -> Result<Self, BadHeartBeat> {
        let Some(offered) = offered else { return Ok(Self::default()) };
        let (can, wants) = offered.split_once(',').ok_or(BadHeartBeat)?;
        let every = |text: &str| -> Result<Option<Duration>, BadHeartBeat> {
            let text = text.trim();
            // Numbers alone: a sign would pass the parser.
            if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(BadHeartBeat);
            }
            let milliseconds: u32 = text.parse().map_err(|_| BadHeartBeat)?;
            Ok((milliseconds > 0).then(|| wanted.max(Duration::from_millis(milliseconds.into()))))
        };
        Ok(Self { sends: every(wants)?, receives: every(can)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slower_of_both_counts() {
        let wanted = Duration::from_secs(10);
        let agreed = |sends: u64, receives: u64| {
            let every = |seconds: u64| (seconds > 0).then(|| Duration::from_secs(seconds));
            Ok(HeartBeat { sends: every(sends), receives: every(receives) })
        };
        for (offered, expected) in [
            (None, agreed(0, 0)),
            (Some("0,0"), agreed(0, 0)),
            (Some("1,1"), agreed(10, 10)),
            (Some("20000, 60000"), agreed(60, 20)),
            (Some("0,30000"), agreed(30, 0)),
            (Some("10000"), Err(BadHeartBeat)),
            (Some("-1,0"), Err(BadHeartBeat)),
            (Some("+1,0"), Err(BadHeartBeat)),
            (Some("1,99999999999"), Err(BadHeartBeat)),
            (Some(","), Err(BadHeartBeat)),
        ] {
            assert_eq!(HeartBeat::agree(offered, wanted), expected, "{offered:?}");
        }
    }
}
