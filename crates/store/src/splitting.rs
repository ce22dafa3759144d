//! A batch that the database does not take as a whole, divided until only what it does not take is left out. Pure.

use std::{collections::HashSet, sync::Arc};

use crate::{
    error::{Failure, StoreError, Text},
    model::{AppendOutcome, ChangeOutcome},
};
use chat_domain::{NewChange, NewMessage, RoomId};

/// So many rows, one after the other, that fail as they do where the schema or the rights are wrong, with none stored:
/// then that is what is wrong, and the others are not tried.
const N_BROKEN_MAX: usize = 16;

/// A row of a batch, as far as dividing it needs to know.
pub(crate) trait Row {
    /// What becomes of it.
    type Outcome: Clone;

    /// Whose lock it waits for.
    fn room(&self) -> &RoomId;
    /// Its room is locked.
    fn locked() -> Self::Outcome;
    /// The database does not take it.
    fn refused(why: Text) -> Self::Outcome;
}

impl Row for NewMessage {
    type Outcome = AppendOutcome;

    fn room(&self) -> &RoomId {
        &self.room
    }

    fn locked() -> AppendOutcome {
        AppendOutcome::Locked
    }

    fn refused(why: Text) -> AppendOutcome {
        AppendOutcome::Refused(why)
    }
}

impl Row for NewChange {
    type Outcome = ChangeOutcome;

    fn room(&self) -> &RoomId {
        &self.room
    }

    fn locked() -> ChangeOutcome {
        ChangeOutcome::Locked
    }

    fn refused(why: Text) -> ChangeOutcome {
        ChangeOutcome::Refused(why)
    }
}

/// A batch on its way: what became of its rows, and which parts are still to do.
///
/// Within a room no row is stored behind one that is not tried: order holds.
pub(crate) struct Splitting<'a, R: Row> {
    rows: &'a [Arc<R>],
    outcomes: Vec<Option<R::Outcome>>,
    /// Each a list of places in `rows`, ascending; the next one last.
    parts: Vec<Vec<usize>>,
    current: Vec<usize>,
    /// The database took a statement, so it is not broken as a whole.
    took_any: bool,
    /// Rows that failed as if it were.
    broken: Vec<(usize, StoreError)>,
}

impl<'a, R: Row> Splitting<'a, R> {
    /// All is to do.
    pub fn new(rows: &'a [Arc<R>]) -> Self {
        let outcomes = rows.iter().map(|_| None).collect();
        let parts = vec![(0..rows.len()).collect()];
        Self { rows, outcomes, parts, current: Vec::new(), took_any: false, broken: Vec::new() }
    }

    /// The rows to try next, together.
    pub fn next_part(&mut self) -> Option<Vec<Arc<R>>> {
        while let Some(part) = self.parts.pop() {
            self.current = part.into_iter().filter(|i| matches!(self.outcomes.get(*i), Some(None))).collect();
            if !self.current.is_empty() {
                return Some(self.current.iter().filter_map(|i| self.rows.get(*i)).cloned().collect());
            }
        }
        None
    }

    /// The database took the part.
    pub fn took(&mut self, outcomes: Vec<R::Outcome>) {
        self.took_any = true;
        for (i, outcome) in std::mem::take(&mut self.current).into_iter().zip(outcomes) {
            self.set(i, outcome);
        }
    }

    /// These rooms are locked by somebody else: their rows wait, and those of the part that remain are tried again.
    pub fn locked(&mut self, rooms: &HashSet<RoomId>) {
        let is_locked = |row: &Arc<R>| rooms.contains(row.room());
        for (row, outcome) in self.rows.iter().zip(&mut self.outcomes) {
            if outcome.is_none() && is_locked(row) {
                *outcome = Some(R::locked());
            }
        }
        self.parts.push(std::mem::take(&mut self.current));
    }

    /// The database did not take the part.
    ///
    /// # Errors
    /// What concerns all rows: then the whole batch has failed.
    pub fn failed(&mut self, failure: Failure) -> Result<(), StoreError> {
        let part = std::mem::take(&mut self.current);
        let failure = match failure {
            Failure::Again(_) | Failure::Lost(_) => return Err(failure.into()),
            Failure::Store(StoreError::Broken(text)) => Failed::Broken(text),
            Failure::Store(error) => return Err(error),
            Failure::LockedOut(_) => return self.locked_out(part),
            Failure::Taken(text) | Failure::Row(text) => Failed::Row(text),
        };
        if let Some((first, second)) = halves(&part) {
            self.parts.extend([second, first]);
            return Ok(());
        }
        let Some(i) = part.first().copied() else { return Ok(()) };
        match failure {
            Failed::Row(text) => self.set(i, R::refused(text)),
            Failed::Broken(text) => {
                self.broken.push((i, StoreError::Broken(text)));
                if !self.took_any && self.broken.len() >= N_BROKEN_MAX {
                    return Err(self.brokenness());
                }
            }
        }
        Ok(())
    }

    /// Nobody knows which room it is.
    fn locked_out(&mut self, part: Vec<usize>) -> Result<(), StoreError> {
        let room_of = |i: &usize| self.rows.get(*i).map(|row| row.room());
        let mut rooms: Vec<&RoomId> = part.iter().filter_map(room_of).collect();
        rooms.sort_unstable();
        rooms.dedup();
        let first: Vec<&RoomId> = rooms.iter().copied().take(rooms.len() / 2).collect();
        if first.is_empty() {
            let rooms = rooms.into_iter().cloned().collect();
            self.locked(&rooms);
            return Ok(());
        }
        let (first, second) =
            part.iter().partition(|i| room_of(i).is_some_and(|room| first.binary_search(&room).is_ok()));
        self.parts.extend([second, first]);
        Ok(())
    }

    /// What became of each row.
    ///
    /// # Errors
    /// [`StoreError::Broken`] where nothing was stored and the database itself seems to be why.
    pub fn finish(mut self) -> Result<Vec<R::Outcome>, StoreError> {
        if !self.broken.is_empty() && !self.took_any {
            return Err(self.brokenness());
        }
        for (i, error) in std::mem::take(&mut self.broken) {
            self.set(i, R::refused(error.to_string().into()));
        }
        let missing = || StoreError::Broken("a batch came back with a row too many or too few".into());
        self.outcomes.into_iter().collect::<Option<Vec<_>>>().ok_or_else(missing)
    }

    fn brokenness(&self) -> StoreError {
        let first = self.broken.first().map(|(_, error)| error.clone());
        first.unwrap_or_else(|| StoreError::Broken("no row was stored".into()))
    }

    fn set(&mut self, i: usize, outcome: R::Outcome) {
        if let Some(slot) = self.outcomes.get_mut(i) {
            *slot = Some(outcome);
        }
    }
}

/// Whose fault it is where the database does not say that it is a passing one.
enum Failed {
    Row(Text),
    Broken(Text),
}

fn halves(part: &[usize]) -> Option<(Vec<usize>, Vec<usize>)> {
    let (first, second) = part.split_at_checked(part.len() / 2)?;
    (!first.is_empty()).then(|| (first.to_vec(), second.to_vec()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::model::StoredMessage;
    use chat_domain::{Author, AuthorId, AvatarName, Content, NewMentions, Nickname};

    fn row(room: u8, content: &str) -> Arc<NewMessage> {
        let id = AuthorId::from_stored("author");
        let avatar = AvatarName::derived_from(&id);
        Arc::new(NewMessage {
            room: RoomId::parse(&format!("room{room}")).expect("a room id"),
            author: Author { id, nickname: Nickname::from_stored("수달".to_owned()), avatar, badge: None },
            content: Content::parse(content).expect("a content"),
            client_id: Uuid::from_u128(u128::from(room)),
            reply_to: None,
            mentions: NewMentions::default(),
            guard_rev: 0,
        })
    }

    fn stored(n: i64) -> AppendOutcome {
        let (epoch, created_at) = (chat_domain::Epoch::from_uuid(Uuid::nil()), chrono::DateTime::UNIX_EPOCH);
        AppendOutcome::Stored(StoredMessage { id: n, seq: n, rev: n, created_at, epoch }, None)
    }

    /// A database that takes a part only if none of its rows is a culprit. Tells the rows in the order they were
    /// stored, and how many statements it took.
    fn run(
        rows: &[Arc<NewMessage>],
        mut failure_of: impl FnMut(&NewMessage) -> Option<Failure>,
    ) -> (Result<Vec<AppendOutcome>, StoreError>, Vec<Arc<NewMessage>>, usize) {
        let mut splitting = Splitting::new(rows);
        let (mut log, mut n) = (Vec::new(), 0);
        while let Some(part) = splitting.next_part() {
            n += 1;
            match part.iter().find_map(|row| failure_of(row)) {
                None => {
                    let first = i64::try_from(log.len()).expect("a number");
                    splitting.took((first..).take(part.len()).map(stored).collect());
                    log.extend(part);
                }
                Some(failure) => {
                    if let Err(error) = splitting.failed(failure) {
                        return (Err(error), log, n);
                    }
                }
            }
        }
        (splitting.finish(), log, n)
    }

    fn broken() -> Failure {
        Failure::Store(StoreError::Broken("no such column".into()))
    }

    #[test]
    fn an_outage_is_the_whole_batchs() {
        let rows = [row(1, "a"), row(2, "bad"), row(3, "c")];
        for failure in [
            Failure::Lost("gone".into()),
            Failure::Again("deadlock".into()),
            Failure::Store(StoreError::Unavailable("disk full".into())),
        ] {
            let (result, log, n) = run(&rows, |_| Some(failure.clone()));
            assert!(matches!(result, Err(StoreError::Unavailable(_))), "{result:?}");
            assert_eq!((log.len(), n), (0, 1), "nothing else is tried");
        }
    }

    #[test]
    fn a_broken_schema_is_told_from_a_row_by_whether_any_other_was_stored() {
        let rows: Vec<_> = (0..100).map(|n| row(n, "x")).collect();
        let (result, _, n) = run(&rows, |_| Some(broken()));
        assert!(matches!(result, Err(StoreError::Broken(_))), "{result:?}");
        assert!(n < 2 * N_BROKEN_MAX + 16, "{n} statements");

        let (result, log, _) = run(&rows, |row| (row.room.as_str() == "room70").then(broken));
        let outcomes = result.expect("stored");
        let refused: Vec<usize> =
            (0..100).filter(|i| matches!(outcomes.get(*i), Some(AppendOutcome::Refused(_)))).collect();
        assert_eq!((refused, log.len()), (vec![70], 99));
    }

    #[test]
    fn rooms_that_are_known_to_be_locked_are_left_out_at_once() {
        let rows = [row(1, "a"), row(2, "b"), row(1, "c"), row(3, "d")];
        let mut splitting = Splitting::new(&rows);
        splitting.next_part().expect("all");
        splitting.locked(&HashSet::from([RoomId::parse("room1").expect("a room id")]));
        let part = splitting.next_part().expect("the others");
        assert_eq!(part.iter().map(|row| row.content.as_str()).collect::<Vec<_>>(), ["b", "d"]);
        splitting.took(vec![stored(1), stored(2)]);
        assert!(splitting.next_part().is_none());
        let outcomes = splitting.finish().expect("outcomes");
        assert_eq!(outcomes, [AppendOutcome::Locked, stored(1), AppendOutcome::Locked, stored(2)]);
    }

    proptest! {
        /// Culprits are refused, rooms that are locked wait as a whole, all else is stored, and within a room in the
        /// order of the batch.
        #[test]
        fn only_culprits_are_left_out_and_order_holds(
            kinds in proptest::collection::vec((0_u8..6, 0_u8..10), 1..60),
            locked in 0_u8..6,
            locks_after in 0_usize..20,
        ) {
            let content = |kind| match kind { 0 => "bad", 1 => "odd", _ => "good" };
            let rows: Vec<_> = kinds.iter().map(|(room, kind)| row(*room, content(*kind))).collect();
            let locked = format!("room{locked}");
            let mut n_asked = 0;
            let (result, log, n) = run(&rows, |row| {
                n_asked += 1;
                match row.content.as_str() {
                    _ if row.room.as_str() == locked && n_asked > locks_after => {
                        Some(Failure::LockedOut("locked".into()))
                    }
                    "bad" => Some(Failure::Row("SQLSTATE 22000".into())),
                    "odd" => Some(Failure::Taken("SQLSTATE 23505".into())),
                    _ => None,
                }
            });
            let outcomes = result.expect("no outage");
            prop_assert_eq!(outcomes.len(), rows.len());
            prop_assert!(n <= 2 * rows.len() + 8);
            for (row, outcome) in rows.iter().zip(&outcomes) {
                match outcome {
                    AppendOutcome::Stored(..) => prop_assert_eq!(row.content.as_str(), "good"),
                    AppendOutcome::Refused(_) => prop_assert_ne!(row.content.as_str(), "good"),
                    AppendOutcome::Locked => prop_assert_eq!(row.room.as_str(), &locked),
                    other => prop_assert!(false, "{other:?}"),
                }
            }
            // Once a room's row waits, all behind it wait or were refused.
            let of_locked = rows.iter().zip(&outcomes).filter(|(row, _)| row.room.as_str() == locked);
            let behind = of_locked.skip_while(|(_, outcome)| **outcome != AppendOutcome::Locked);
            prop_assert!(behind.into_iter().all(|(_, outcome)| !matches!(outcome, AppendOutcome::Stored(..))));
            for room in (0..6).map(|n| format!("room{n}")) {
                let is_here = |row: &&Arc<NewMessage>| row.room.as_str() == room;
                let is_stored = |(row, outcome): (_, &AppendOutcome)| {
                    matches!(outcome, AppendOutcome::Stored(..)).then_some(row)
                };
                let wanted: Vec<_> =
                    rows.iter().zip(&outcomes).filter_map(is_stored).filter(is_here).map(Arc::as_ptr).collect();
                let got: Vec<_> = log.iter().filter(is_here).map(Arc::as_ptr).collect();
                prop_assert_eq!(got, wanted);
            }
        }
    }
}
