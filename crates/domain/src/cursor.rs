/// Which messages of a room are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageCursor {
    /// The newest ones.
    Latest,
    /// The newest ones whose `seq` is below this.
    Before(i64),
    /// The oldest ones whose `seq` is above this.
    After(i64),
    /// The one whose `seq` is this, and as many before as behind it.
    Around(i64),
}
