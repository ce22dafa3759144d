macro_rules! verified {
    ($module:ident, $connection:ty) => {
        pub(crate) mod $module {
            use diesel::{insert_into, prelude::*};
            use diesel_async::RunQueryDsl;

            use crate::{
                management::{accounts::model::VerifiedUser, common::$module::*},
                tables::{schema::users, sql_types::Key},
            };
            use chat_domain::UserId;

            type Connection = $connection;

            /// `users.kind` of one of a blog's own users.
            const VERIFIED: i16 = 2;

            /// Notes what a blog says of one of its users: a row for each of them, which is as the blog said last.
            pub(crate) async fn note_verified(c: &mut Connection, user: VerifiedUser) -> QueryResult<()> {
                let VerifiedUser { site, subject, nickname, avatar } = user;
                let called = (users::nickname.eq(nickname.as_str()), users::avatar.eq(avatar.as_str()));
                let row = (
                    users::id.eq(Key(UserId::new().as_uuid())),
                    users::kind.eq(VERIFIED),
                    users::site.eq(Some(site)),
                    users::subject.eq(Some(subject)),
                    users::created_at.eq(now(c).await?),
                    called,
                );
                let noting = insert_into(users::table).values(row).on_conflict((users::site, users::subject));
                noting.do_update().set(called).execute(c).await.map(drop)
            }
        }
    };
}

verified!(postgres, crate::postgres::connection::PgConnection);
verified!(sqlite, crate::sqlite::Connection);
