macro_rules! inbound {
    ($module:ident, $connection:ty) => {
        pub(crate) mod $module {
            use diesel::{delete, insert_into, prelude::*};
            use diesel_async::{AsyncConnection, RunQueryDsl};
            use uuid::Uuid;

            use crate::{
                management::{
                    common::$module::*,
                    hooks::model::{HOOKS_MAX, InboundHook, NewInbound},
                    people::$module::user_of,
                },
                tables::{
                    hooks_schema::inbound_hooks,
                    sql_types::{Key, Stamp},
                },
            };
            use chat_domain::{RoomId, UserId};

            type Connection = $connection;
            type Row = (Key, String, Key, Stamp);

            async fn seen(c: &mut Connection, (id, room, user, created_at): Row) -> QueryResult<Option<InboundHook>> {
                let Some(user) = user_of(c, user).await? else { return Ok(None) };
                let Ok(room) = RoomId::parse(&room) else { return Ok(None) };
                Ok(Some(InboundHook { id: id.0, room, user, created_at: created_at.0 }))
            }

            /// Another system writes by this address from now on; false where there are as many as may be.
            pub(crate) async fn add_inbound(c: &mut Connection, new: NewInbound) -> QueryResult<bool> {
                c.transaction(async move |c| {
                    raise_control(c).await?;
                    if inbound_hooks::table.count().get_result::<i64>(c).await? >= HOOKS_MAX {
                        return Ok(false);
                    }
                    let row = (
                        inbound_hooks::id.eq(Key(new.id)),
                        inbound_hooks::hash.eq(&new.hash),
                        inbound_hooks::room_id.eq(new.room.as_str()),
                        inbound_hooks::user_id.eq(Key(new.bot.as_uuid())),
                        inbound_hooks::created_at.eq(now(c).await?),
                    );
                    insert_into(inbound_hooks::table).values(row).execute(c).await.map(|_| true)
                })
                .await
            }

            /// The addresses whose bots live, the newest first.
            pub(crate) async fn inbound(c: &mut Connection) -> QueryResult<Vec<InboundHook>> {
                let columns =
                    (inbound_hooks::id, inbound_hooks::room_id, inbound_hooks::user_id, inbound_hooks::created_at);
                let rows = inbound_hooks::table.order(inbound_hooks::id.desc()).limit(HOOKS_MAX).select(columns);
                let mut found = Vec::new();
                for row in rows.load::<Row>(c).await? {
                    found.extend(seen(c, row).await?);
                }
                Ok(found)
            }

            /// Whose address has this secret in it, by its hash.
            pub(crate) async fn inbound_of(c: &mut Connection, hash: String) -> QueryResult<Option<InboundHook>> {
                let columns =
                    (inbound_hooks::id, inbound_hooks::room_id, inbound_hooks::user_id, inbound_hooks::created_at);
                let found = inbound_hooks::table.filter(inbound_hooks::hash.eq(hash)).select(columns);
                match found.first::<Row>(c).await.optional()? {
                    Some(row) => seen(c, row).await,
                    None => Ok(None),
                }
            }

            /// Nobody writes by it any more; whose bot did.
            pub(crate) async fn remove_inbound(c: &mut Connection, id: Uuid) -> QueryResult<Option<UserId>> {
                let gone = delete(inbound_hooks::table.find(Key(id))).returning(inbound_hooks::user_id);
                Ok(gone.get_result::<Key>(c).await.optional()?.map(|user| UserId::from_uuid(user.0)))
            }
        }
    };
}

inbound!(postgres, crate::postgres::connection::PgConnection);
inbound!(sqlite, crate::sqlite::Connection);
