macro_rules! codes {
    ($module:ident, $connection:ty) => {
        pub(crate) mod $module {
            use chrono::TimeDelta;
            use diesel::{delete, insert_into, prelude::*, update};
            use diesel_async::RunQueryDsl;
            use uuid::Uuid;

            use crate::{
                management::{accounts::model::CodeKind, common::$module::*},
                tables::{
                    schema::one_time_codes,
                    sql_types::{Key, Stamp},
                },
            };
            use chat_domain::UserId;

            type Connection = $connection;

            /// Makes a code of somebody, named by the first of the two texts and proved by what the second is a hash of.
            /// Those that are over are forgotten; of links to set a password the last one counts.
            pub(crate) async fn add_code(
                c: &mut Connection,
                (name, hash): (String, String),
                kind: CodeKind,
                (user, login): (UserId, Option<Uuid>),
                (tries, valid): (i32, TimeDelta),
            ) -> QueryResult<()> {
                let now = now(c).await?;
                delete(one_time_codes::table.filter(one_time_codes::expires_at.le(now))).execute(c).await?;
                let user = Key(user.as_uuid());
                if kind == CodeKind::Reset {
                    let same = one_time_codes::user_id.eq(user).and(one_time_codes::kind.eq(kind.number()));
                    delete(one_time_codes::table.filter(same)).execute(c).await?;
                }
                let row = (
                    one_time_codes::name.eq(name),
                    one_time_codes::hash.eq(hash),
                    one_time_codes::user_id.eq(user),
                    one_time_codes::tries_left.eq(tries),
                    one_time_codes::expires_at.eq(Stamp(now.0.checked_add_signed(valid).unwrap_or(now.0))),
                    one_time_codes::kind.eq(kind.number()),
                    one_time_codes::login_id.eq(login.map(Key)),
                );
                insert_into(one_time_codes::table).values(row).execute(c).await.map(drop)
            }

            /// Uses a code up where it is right, else one of its tries; whose it was. Within a transaction.
            pub(crate) async fn take_code(
                c: &mut Connection,
                (name, hash): (&str, &str),
                kind: CodeKind,
            ) -> QueryResult<Option<(Key, Option<Key>)>> {
                let now = now(c).await?;
                // Raised first, so that two who guess at once take a try each.
                let is_open = one_time_codes::tries_left.gt(0).and(one_time_codes::expires_at.gt(now));
                let open = one_time_codes::table.find(name).filter(is_open.and(one_time_codes::kind.eq(kind.number())));
                let taking = update(open).set(one_time_codes::tries_left.eq(one_time_codes::tries_left - 1));
                let columns = (one_time_codes::hash, one_time_codes::user_id, one_time_codes::login_id);
                let taken = taking.returning(columns).get_result::<(String, Key, Option<Key>)>(c).await.optional()?;
                let Some((_, user, login)) = taken.filter(|(expected, ..)| expected == hash) else { return Ok(None) };
                let used = delete(one_time_codes::table.find(name)).execute(c).await?;
                Ok((used > 0).then_some((user, login)))
            }
        }
    };
}

codes!(postgres, crate::postgres::connection::PgConnection);
codes!(sqlite, crate::sqlite::Connection);
