macro_rules! invites {
    ($module:ident, $connection:ty) => {
        pub(crate) mod $module {
            use diesel::{delete, insert_into, prelude::*, update};
            use diesel_async::RunQueryDsl;
            use uuid::Uuid;

            use crate::{
                management::{
                    accounts::model::{Invite, NewInvite},
                    common::$module::*,
                },
                tables::{
                    schema::invites,
                    sql_types::{Key, Stamp},
                },
            };
            use chat_domain::Role;

            type Connection = $connection;
            type Row = (Key, String, i32, Stamp);

            const COLUMNS: (invites::id, invites::role, invites::uses_left, invites::expires_at) =
                (invites::id, invites::role, invites::uses_left, invites::expires_at);

            fn invite((id, role, uses_left, expires_at): Row) -> Invite {
                let role = Role::parse(&role).unwrap_or(Role::Member);
                Invite { id: id.0, role, uses_left, expires_at: expires_at.0 }
            }

            /// Makes an invite; those that are over are forgotten.
            pub(crate) async fn add_invite(c: &mut Connection, new: NewInvite) -> QueryResult<Invite> {
                let now = now(c).await?;
                delete(invites::table.filter(invites::expires_at.le(now))).execute(c).await?;
                let row = (
                    invites::id.eq(Key(new.id)),
                    invites::role.eq(new.role.as_str()),
                    invites::uses_left.eq(new.uses),
                    invites::created_by.eq(new.by.as_str()),
                    invites::created_at.eq(now),
                    invites::expires_at.eq(Stamp(now.0.checked_add_signed(new.valid).unwrap_or(now.0))),
                );
                insert_into(invites::table).values(row).returning(COLUMNS).get_result::<Row>(c).await.map(invite)
            }

            /// The invites that somebody may still come by, the newest first.
            pub(crate) async fn invites(c: &mut Connection) -> QueryResult<Vec<Invite>> {
                let open = invites::expires_at.gt(now(c).await?).and(invites::uses_left.gt(0));
                let open = invites::table.filter(open).order(invites::id.desc()).limit(200).select(COLUMNS);
                Ok(open.load::<Row>(c).await?.into_iter().map(invite).collect())
            }

            /// An invite, where somebody may still come by it.
            pub(crate) async fn open_invite(c: &mut Connection, id: Uuid) -> QueryResult<Option<Invite>> {
                let open = invites::expires_at.gt(now(c).await?).and(invites::uses_left.gt(0));
                let open = invites::table.find(Key(id)).filter(open).select(COLUMNS);
                Ok(open.first::<Row>(c).await.optional()?.map(invite))
            }

            /// Takes one use of an invite; the role that it gives.
            pub(crate) async fn use_invite(c: &mut Connection, id: Uuid) -> QueryResult<Option<Role>> {
                let open = invites::expires_at.gt(now(c).await?).and(invites::uses_left.gt(0));
                let using = update(invites::table.find(Key(id)).filter(open));
                let using = using.set(invites::uses_left.eq(invites::uses_left - 1)).returning(invites::role);
                let role = using.get_result::<String>(c).await.optional()?;
                Ok(role.map(|role| Role::parse(&role).unwrap_or(Role::Member)))
            }

            /// Takes an invite back; whether it was there.
            pub(crate) async fn remove_invite(c: &mut Connection, id: Uuid) -> QueryResult<bool> {
                Ok(delete(invites::table.find(Key(id))).execute(c).await? > 0)
            }
        }
    };
}

invites!(postgres, crate::postgres::connection::PgConnection);
invites!(sqlite, crate::sqlite::Connection);
