/// How far a room's archive reaches; zeros where nothing is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Reach {
    /// No message in it has a higher `seq`.
    pub seq: i64,
    /// No message in it has a higher `rev`.
    pub rev: i64,
}

impl Reach {
    /// From the columns of `rooms`. What is below `first_seq` is gone, there as well.
    pub fn of(first_seq: i64, seq: i64, rev: i64) -> Self {
        if seq < first_seq { Self::default() } else { Self { seq, rev } }
    }

    /// Whether anything is in it.
    pub fn is_used(self) -> bool {
        self.seq > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_removed_for_good_is_not_looked_for_in_the_archive() {
        assert_eq!(Reach::of(0, 0, 0), Reach::default());
        assert_eq!(Reach::of(0, 7, 9), Reach { seq: 7, rev: 9 });
        assert_eq!(Reach::of(7, 7, 9), Reach { seq: 7, rev: 9 });
        assert_eq!(Reach::of(8, 7, 9), Reach::default());
        assert!(!Reach::default().is_used());
    }
}
