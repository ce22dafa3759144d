macro_rules! answers_found {
    ($module:ident, $connection:ty) => {
        pub(crate) mod $module {
            use std::collections::HashMap;

            use diesel::{prelude::*, update};
            use diesel_async::{AsyncConnection, RunQueryDsl};
            use uuid::Uuid;

            use crate::{
                archive::both,
                management::mail::answers_model::{AnswerFound, AnswerMark, AnswerPlace, AnswerWaiter, AnswersRead},
                tables::{
                    mail_schema::{answer_mails, answer_rooms},
                    schema::{messages, rooms},
                    sql_types::{Key, Stamp},
                },
            };
            use chat_domain::{AuthorId, RoomId};

            type Connection = $connection;

            /// So many rooms are looked into by one look, and so many answers are read at once.
            const ROOMS_MAX: i64 = 64;
            const ANSWERS_MAX: usize = 200;

            /// The rooms in which somebody waits and something has happened. Read where reads are: it may be a moment behind.
            pub(crate) async fn rooms_with_answers(c: &mut Connection) -> QueryResult<Vec<AnswerPlace>> {
                let behind = answer_rooms::rev.lt(rooms::last_rev).or(answer_rooms::epoch.ne(rooms::epoch));
                let found = answer_rooms::table.inner_join(rooms::table.on(rooms::id.eq(answer_rooms::room_id)));
                let found = found.filter(behind).limit(ROOMS_MAX);
                let found = found.select((answer_rooms::room_id, answer_rooms::epoch, answer_rooms::rev));
                let found = found.load::<(String, Key, i64)>(c).await?;
                let place = |(room, epoch, rev): (String, Key, i64)| {
                    let room = RoomId::parse(&room).ok()?;
                    Some(AnswerPlace { room, epoch: epoch.0, rev })
                };
                Ok(found.into_iter().filter_map(place).collect())
            }

            /// What was answered behind a place, as far as is read at once, and who waits there.
            pub(crate) async fn answers_behind(
                c: &mut Connection,
                from: AnswerPlace,
            ) -> QueryResult<Option<AnswersRead>> {
                let head = rooms::table.find(from.room.as_str()).select((rooms::epoch, rooms::last_rev));
                let Some((epoch, last)) = head.first::<(Key, i64)>(c).await.optional()? else { return Ok(None) };
                let AnswerPlace { room, .. } = from;
                if epoch.0 != from.epoch {
                    let place = AnswerPlace { room, epoch: epoch.0, rev: last };
                    return Ok(Some(AnswersRead { place, waiters: Vec::new(), answers: Vec::new() }));
                }
                let (answers, upto) = answers_in(c, &room, (from.rev, last)).await?;
                let mut waiters = Vec::new();
                if !answers.is_empty() {
                    let here = answer_mails::room_id.eq(room.as_str()).and(answer_mails::confirmed_at.is_not_null());
                    let columns = (answer_mails::id, answer_mails::author_id, answer_mails::told_rev);
                    let here = answer_mails::table.filter(here).select(columns).load::<(Key, String, i64)>(c).await?;
                    let waiter = |(id, author, told_rev): (Key, String, i64)| AnswerWaiter {
                        id: id.0,
                        author: AuthorId::from_stored(&author),
                        told_rev,
                    };
                    waiters = here.into_iter().map(waiter).collect();
                }
                let place = AnswerPlace { room, epoch: epoch.0, rev: upto };
                Ok(Some(AnswersRead { place, waiters, answers }))
            }

            /// The answers of a room from one to another one, as many as are read at once, and up to where these are all.
            pub(crate) async fn answers_between(
                c: &mut Connection,
                room: RoomId,
                (first, last): (i64, i64),
            ) -> QueryResult<(Vec<AnswerFound>, i64)> {
                answers_in(c, &room, (first.saturating_sub(1), last)).await
            }

            /// The answers above one value up to another one, and up to where these are all.
            async fn answers_in(
                c: &mut Connection,
                room: &RoomId,
                (above, last): (i64, i64),
            ) -> QueryResult<(Vec<AnswerFound>, i64)> {
                let range =
                    messages::room_id.eq(room.as_str()).and(messages::seq.gt(above)).and(messages::seq.le(last));
                let living = messages::reply_to.is_not_null().and(messages::deleted_at.is_null());
                let found = messages::table.filter(range.and(living)).order(messages::seq.asc());
                let found = found.limit(i64::try_from(ANSWERS_MAX).unwrap_or(i64::MAX));
                let found = found.select((messages::id, messages::seq, messages::anonymous_id, messages::reply_to));
                let found = found.load::<(i64, i64, String, Option<i64>)>(c).await?;
                let upto = if found.len() < ANSWERS_MAX { last } else { found.last().map_or(last, |row| row.1) };
                let ids: Vec<i64> = found.iter().filter_map(|row| row.3).collect();
                if ids.is_empty() {
                    return Ok((Vec::new(), upto));
                }
                let answered: Vec<(i64, String)> = both!(c, true, |of| of::table
                    .filter(of::id.eq_any(&ids))
                    .filter(of::room_id.eq(room.as_str()).and(of::deleted_at.is_null()))
                    .select((of::id, of::anonymous_id)));
                let answered: HashMap<i64, String> = answered.into_iter().collect();
                let answer = |(message, seq, by, to): (i64, i64, String, Option<i64>)| {
                    let to = AuthorId::from_stored(answered.get(&to?)?);
                    Some(AnswerFound { message, seq, by: AuthorId::from_stored(&by), to })
                };
                Ok((found.into_iter().filter_map(answer).collect(), upto))
            }

            /// Notes who was answered, and that a room was looked into from one place to another; nothing where somebody
            /// else did so meanwhile.
            pub(crate) async fn note_answers(
                c: &mut Connection,
                from: AnswerPlace,
                to: AnswerPlace,
                marks: Vec<AnswerMark>,
            ) -> QueryResult<bool> {
                c.transaction(async move |c| {
                    let at = answer_rooms::epoch.eq(Key(from.epoch)).and(answer_rooms::rev.eq(from.rev));
                    let row = answer_rooms::table.find(from.room.as_str()).filter(at);
                    let looked = (answer_rooms::epoch.eq(Key(to.epoch)), answer_rooms::rev.eq(to.rev));
                    if update(row).set(looked).execute(c).await? == 0 {
                        return Ok(false);
                    }
                    if from.epoch != to.epoch {
                        // Another life of the room: what was answered in the one before is no more.
                        let anew = (
                            answer_mails::told_rev.eq(to.rev),
                            answer_mails::first_rev.eq(to.rev.saturating_add(1)),
                            answer_mails::last_rev.eq(to.rev),
                            answer_mails::queued_at.eq(None::<Stamp>),
                        );
                        let here = answer_mails::room_id.eq(from.room.as_str());
                        update(answer_mails::table.filter(here)).set(anew).execute(c).await?;
                    }
                    for AnswerMark { id, first, last } in marks {
                        mark(c, id, first, last).await?;
                    }
                    Ok(true)
                })
                .await
            }

            /// What is new to them begins with the first one, unless something else is new already.
            async fn mark(c: &mut Connection, id: Uuid, first: i64, last: i64) -> QueryResult<()> {
                let is_first = answer_mails::last_rev.le(answer_mails::told_rev);
                let row = answer_mails::table.find(Key(id)).filter(answer_mails::told_rev.lt(first));
                update(row.filter(is_first)).set(answer_mails::first_rev.eq(first)).execute(c).await?;
                let row = answer_mails::table.find(Key(id)).filter(answer_mails::told_rev.lt(first));
                update(row.filter(answer_mails::last_rev.lt(last)))
                    .set(answer_mails::last_rev.eq(last))
                    .execute(c)
                    .await
                    .map(drop)
            }
        }
    };
}

answers_found!(postgres, crate::postgres::connection::PgConnection);
answers_found!(sqlite, crate::sqlite::Connection);
