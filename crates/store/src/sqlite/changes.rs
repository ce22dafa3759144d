//! How SQLite stores a batch of changes: one transaction that no other can be in.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use diesel::{
    ExpressionMethods, QueryDsl, QueryResult, RunQueryDsl, result::Error as QueryError, sqlite::SqliteConnection,
    update,
};

use self::statements::{LOCKED_ROOM, LockedRoom, facts, names, write};
use crate::{
    changes::plan,
    model::ChangeOutcome,
    tables::{
        rows::MessageColumns,
        schema::{messages, rooms},
    },
};
use chat_domain::NewChange;

crate::changes::statements::statements!(
    diesel::sqlite::SqliteConnection,
    diesel::RunQueryDsl,
    crate::sqlite::archive::blocking::take_back,
    [],
    []
);

pub(crate) fn change(
    c: &mut SqliteConnection,
    rows: &[Arc<NewChange>],
    now: DateTime<Utc>,
) -> QueryResult<Vec<ChangeOutcome>> {
    // As for a batch of messages: where SQLite ends the transaction by itself, its reason is the one to tell.
    let mut cause = None;
    let written = c.immediate_transaction(|c| {
        change_within(c, rows, now).map_err(|error| {
            cause = Some(error);
            QueryError::RollbackTransaction
        })
    });
    written.map_err(|error| cause.unwrap_or(error))
}

fn change_within(
    c: &mut SqliteConnection,
    rows: &[Arc<NewChange>],
    now: DateTime<Utc>,
) -> QueryResult<Vec<ChangeOutcome>> {
    let locked = rooms::table.filter(rooms::id.eq_any(names(rows))).select(LOCKED_ROOM).load::<LockedRoom>(c)?;
    let plan = plan(facts(c, rows, locked, now)?, rows);
    for (room, (rev, more)) in &plan.rooms {
        let counts = (rooms::last_rev.eq(*rev), rooms::message_count.eq(rooms::message_count + *more));
        update(rooms::table.find(room.as_str())).set(counts).execute(c)?;
    }
    for message in plan.messages.values() {
        update(messages::table.find(message.id)).set(MessageColumns::of(message)).execute(c)?;
    }
    write(c, &plan, now)?;
    Ok(plan.outcomes)
}
