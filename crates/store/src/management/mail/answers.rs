macro_rules! answers {
    ($module:ident, $connection:ty) => {
        pub(crate) mod $module {
            use chrono::TimeDelta;
            use diesel::{delete, insert_into, prelude::*, update};
            use diesel_async::{AsyncConnection, RunQueryDsl};
            use uuid::Uuid;

            use crate::{
                management::{
                    common::$module::*,
                    mail::{
                        answers_model::{AnswerMail, AnswersAsked, AskingPace, NewAnswerMail},
                        jobs::$module::add_job,
                    },
                },
                tables::{
                    mail_schema::{answer_mails, answer_rooms},
                    schema::rooms,
                    sql_types::{Key, Stamp},
                },
            };
            use chat_domain::{AuthorId, RoomId};

            type Connection = $connection;
            type Row = (Key, String, String, String, String, String, Option<Stamp>, i64, i64);

            /// So long after the last letter, or the confirmation, nobody waits any more.
            const KEPT_FOR: TimeDelta = TimeDelta::days(90);
            /// So many letters are begun by one look.
            const DUE_MAX: i64 = 64;

            fn before(now: Stamp, by: TimeDelta) -> Stamp {
                Stamp(now.0.checked_sub_signed(by).unwrap_or(now.0))
            }

            /// Notes who wants to be mailed of answers, and has the address asked, with a job of this kind whose subject is
            /// the row.
            pub(crate) async fn ask_answers(
                c: &mut Connection,
                new: NewAnswerMail,
                kind: &'static str,
                pace: AskingPace,
            ) -> QueryResult<AnswersAsked> {
                c.transaction(async move |c| {
                    let now = now(c).await?;
                    let long_ago = before(now, pace.within);
                    let unasked = answer_mails::confirmed_at.is_null().and(answer_mails::asked_at.lt(long_ago));
                    delete(answer_mails::table.filter(unasked)).execute(c).await?;
                    if answer_mails::table.count().get_result::<i64>(c).await? >= pace.kept_max {
                        return Ok(AnswersAsked::Full);
                    }
                    let of = answer_mails::address_key.eq(&new.address_key);
                    let unconfirmed = answer_mails::table.filter(of.and(answer_mails::confirmed_at.is_null()));
                    let asked = unconfirmed.select(answer_mails::asked).load::<i32>(c).await?;
                    let own = answer_mails::room_id
                        .eq(new.room.as_str())
                        .and(answer_mails::author_id.eq(new.author.as_str()));
                    let known = answer_mails::table.filter(of.and(own));
                    let known = known.select((answer_mails::id, answer_mails::confirmed_at));
                    let known = known.first::<(Key, Option<Stamp>)>(c).await.optional()?;
                    let is_confirmed = known.as_ref().is_some_and(|(_, confirmed)| confirmed.is_some());
                    if is_confirmed || asked.iter().copied().map(i64::from).sum::<i64>() >= pace.letters_max {
                        return Ok(AnswersAsked::Quiet);
                    }
                    let id = known.map_or(new.id, |(id, _)| id.0);
                    if !add_job(c, kind, id.to_string(), pace.kept_max).await? {
                        return Ok(AnswersAsked::Full);
                    }
                    let row = (
                        answer_mails::id.eq(Key(id)),
                        answer_mails::room_id.eq(new.room.as_str()),
                        answer_mails::author_id.eq(new.author.as_str()),
                        answer_mails::email.eq(&new.email),
                        answer_mails::address_key.eq(&new.address_key),
                        answer_mails::language.eq(&new.language),
                        answer_mails::asked.eq(1),
                        answer_mails::asked_at.eq(now),
                        answer_mails::next_at.eq(now),
                        answer_mails::last_at.eq(now),
                    );
                    let again = (
                        answer_mails::asked.eq(answer_mails::asked + 1),
                        answer_mails::asked_at.eq(now),
                        answer_mails::language.eq(&new.language),
                    );
                    let key = (answer_mails::room_id, answer_mails::author_id, answer_mails::address_key);
                    insert_into(answer_mails::table)
                        .values(row)
                        .on_conflict(key)
                        .do_update()
                        .set(again)
                        .execute(c)
                        .await?;
                    Ok(AnswersAsked::Asked)
                })
                .await
            }

            /// Whoever reads the mail of an address wants it: from where the room is now on. Where, and what ends it; none
            /// where it was asked for too long ago, or has ended since.
            pub(crate) async fn confirm_answers(
                c: &mut Connection,
                id: Uuid,
                valid: TimeDelta,
            ) -> QueryResult<Option<(RoomId, String)>> {
                c.transaction(async move |c| {
                    let now = now(c).await?;
                    let row = answer_mails::table.find(Key(id));
                    let columns = (
                        answer_mails::room_id,
                        answer_mails::address_key,
                        answer_mails::asked_at,
                        answer_mails::confirmed_at,
                    );
                    let found =
                        row.select(columns).first::<(String, String, Stamp, Option<Stamp>)>(c).await.optional()?;
                    let Some((name, key, asked_at, confirmed_at)) = found else { return Ok(None) };
                    let Ok(room) = RoomId::parse(&name) else { return Ok(None) };
                    if confirmed_at.is_some() {
                        return Ok(Some((room, key)));
                    }
                    if asked_at.0 < before(now, valid).0 {
                        return Ok(None);
                    }
                    make_room(c, &room).await?;
                    let head = rooms::table.find(room.as_str()).select((rooms::epoch, rooms::last_rev));
                    let (epoch, rev) = head.first::<(Key, i64)>(c).await?;
                    let place = (
                        answer_rooms::room_id.eq(room.as_str()),
                        answer_rooms::epoch.eq(epoch),
                        answer_rooms::rev.eq(rev),
                    );
                    let placing = insert_into(answer_rooms::table).values(place).on_conflict(answer_rooms::room_id);
                    placing.do_nothing().execute(c).await?;
                    let from_now_on = (
                        answer_mails::confirmed_at.eq(Some(now)),
                        answer_mails::asked.eq(0),
                        answer_mails::told_rev.eq(rev),
                        answer_mails::first_rev.eq(rev.saturating_add(1)),
                        answer_mails::last_rev.eq(rev),
                        answer_mails::last_at.eq(now),
                    );
                    update(row).set(from_now_on).execute(c).await?;
                    Ok(Some((room, key)))
                })
                .await
            }

            /// An address is mailed no more, of one room or of all.
            pub(crate) async fn end_answers(
                c: &mut Connection,
                address_key: String,
                room: Option<RoomId>,
            ) -> QueryResult<usize> {
                let of = answer_mails::address_key.eq(address_key);
                let n_ended = match &room {
                    Some(room) => {
                        delete(answer_mails::table.filter(of.and(answer_mails::room_id.eq(room.as_str()))))
                            .execute(c)
                            .await?
                    }
                    None => delete(answer_mails::table.filter(of)).execute(c).await?,
                };
                leave_rooms(c).await?;
                Ok(n_ended)
            }

            /// This one is mailed no more.
            pub(crate) async fn forget_answers(c: &mut Connection, id: Uuid) -> QueryResult<()> {
                delete(answer_mails::table.find(Key(id))).execute(c).await?;
                leave_rooms(c).await
            }

            /// These are mailed no more, of no room.
            pub(crate) async fn end_answers_of(c: &mut Connection, authors: &[&str]) -> QueryResult<()> {
                let of = answer_mails::author_id.eq_any(authors);
                if delete(answer_mails::table.filter(of)).execute(c).await? > 0 {
                    leave_rooms(c).await?;
                }
                Ok(())
            }

            /// Those who were mailed nothing for long are not waited for any more.
            pub(crate) async fn sweep_answers(c: &mut Connection) -> QueryResult<()> {
                let old = answer_mails::last_at.lt(before(now(c).await?, KEPT_FOR));
                if delete(answer_mails::table.filter(old)).execute(c).await? > 0 {
                    leave_rooms(c).await?;
                }
                Ok(())
            }

            /// Where nobody waits nothing is looked for.
            async fn leave_rooms(c: &mut Connection) -> QueryResult<()> {
                let waits = answer_mails::table.filter(answer_mails::confirmed_at.is_not_null());
                let empty = answer_rooms::room_id.ne_all(waits.select(answer_mails::room_id));
                delete(answer_rooms::table.filter(empty)).execute(c).await.map(drop)
            }

            /// Who waits, as it is stored.
            pub(crate) async fn answer_mail(c: &mut Connection, id: Uuid) -> QueryResult<Option<AnswerMail>> {
                let columns = (
                    answer_mails::id,
                    answer_mails::room_id,
                    answer_mails::author_id,
                    answer_mails::email,
                    answer_mails::address_key,
                    answer_mails::language,
                    answer_mails::confirmed_at,
                    answer_mails::first_rev,
                    answer_mails::last_rev,
                );
                let found = answer_mails::table.find(Key(id)).select(columns).first::<Row>(c).await.optional()?;
                let Some((id, room, author, email, address_key, language, confirmed_at, first_rev, last_rev)) = found
                else {
                    return Ok(None);
                };
                let Ok(room) = RoomId::parse(&room) else { return Ok(None) };
                let title = rooms::table.find(room.as_str()).select(rooms::title);
                let title = title.first::<Option<String>>(c).await.optional()?.flatten();
                Ok(Some(AnswerMail {
                    id: id.0,
                    room,
                    author: AuthorId::from_stored(&author),
                    email,
                    address_key,
                    language,
                    title,
                    is_confirmed: confirmed_at.is_some(),
                    first_rev,
                    last_rev,
                }))
            }

            /// Who was answered, and may be mailed now.
            pub(crate) async fn due_answers(c: &mut Connection) -> QueryResult<Vec<Uuid>> {
                let now = now(c).await?;
                let due = answer_mails::table
                    .filter(answer_mails::confirmed_at.is_not_null().and(answer_mails::queued_at.is_null()))
                    .filter(answer_mails::last_rev.gt(answer_mails::told_rev).and(answer_mails::next_at.le(now)));
                let due = due.order(answer_mails::next_at).limit(DUE_MAX).select(answer_mails::id);
                Ok(due.load::<Key>(c).await?.into_iter().map(|id| id.0).collect())
            }

            /// Has one mailed of answers, by a job of this kind and subject, unless that was done meanwhile or nothing is
            /// due any more; whether it was.
            pub(crate) async fn queue_answers(
                c: &mut Connection,
                id: Uuid,
                (kind, subject): (&'static str, String),
                n_max: i64,
            ) -> QueryResult<bool> {
                c.transaction(async move |c| {
                    let now = now(c).await?;
                    let due = answer_mails::table
                        .find(Key(id))
                        .filter(answer_mails::queued_at.is_null().and(answer_mails::next_at.le(now)))
                        .filter(answer_mails::last_rev.gt(answer_mails::told_rev));
                    if update(due).set(answer_mails::queued_at.eq(Some(now))).execute(c).await? == 0 {
                        return Ok(false);
                    }
                    if !add_job(c, kind, subject, n_max).await? {
                        let waits = answer_mails::queued_at.eq(None::<Stamp>);
                        update(answer_mails::table.find(Key(id))).set(waits).execute(c).await?;
                        return Ok(false);
                    }
                    Ok(true)
                })
                .await
            }

            /// One was mailed of the answers up to this one, or there was nothing to say of them. The next letter of this
            /// room to this address waits for so long, where this one went.
            pub(crate) async fn answers_mailed(
                c: &mut Connection,
                id: Uuid,
                upto: i64,
                every: Option<TimeDelta>,
            ) -> QueryResult<()> {
                c.transaction(async move |c| {
                    let now = now(c).await?;
                    let row = answer_mails::table.find(Key(id));
                    // What has come since the letter was made begins behind it.
                    let told = (
                        answer_mails::told_rev.eq(upto),
                        answer_mails::first_rev.eq(upto.saturating_add(1)),
                        answer_mails::queued_at.eq(None::<Stamp>),
                    );
                    let telling = update(row).set(told).returning((answer_mails::room_id, answer_mails::address_key));
                    let Some((room, key)) = telling.get_result::<(String, String)>(c).await.optional()? else {
                        return Ok(());
                    };
                    let Some(every) = every else { return Ok(()) };
                    update(row).set(answer_mails::last_at.eq(now)).execute(c).await?;
                    let next = Stamp(now.0.checked_add_signed(every).unwrap_or(now.0));
                    let same = answer_mails::room_id.eq(room).and(answer_mails::address_key.eq(key));
                    update(answer_mails::table.filter(same))
                        .set(answer_mails::next_at.eq(next))
                        .execute(c)
                        .await
                        .map(drop)
                })
                .await
            }

            /// Whether somebody waits anywhere.
            pub(crate) async fn anybody_waits(c: &mut Connection) -> QueryResult<bool> {
                let one = answer_rooms::table.select(answer_rooms::room_id).limit(1);
                Ok(one.first::<String>(c).await.optional()?.is_some())
            }
        }
    };
}

answers!(postgres, crate::postgres::connection::PgConnection);
answers!(sqlite, crate::sqlite::Connection);
