macro_rules! people {
    ($module:ident, $connection:ty) => {
        pub(crate) mod $module {
            use diesel::{dsl::sql, prelude::*, sql_types::Text, update};
            use diesel_async::{AsyncConnection, RunQueryDsl};
            use uuid::Uuid;

            use crate::{
                management::{
                    accounts::{
                        logins::$module::end_logins,
                        model::{Account, ProfileChange},
                    },
                    common::$module::*,
                    people::$module::user_of,
                },
                tables::{
                    schema::users,
                    sql_types::{Key, Stamp},
                },
            };
            use chat_domain::UserId;

            type Connection = $connection;

            /// An account that is not shut out.
            pub(crate) async fn account(c: &mut Connection, id: UserId) -> QueryResult<Option<Account>> {
                let id = Key(id.as_uuid());
                let Some(user) = user_of(c, id).await? else { return Ok(None) };
                let columns = (users::email, users::password_hash, users::locale, users::created_at);
                type Row = (Option<String>, Option<String>, Option<String>, Stamp);
                let row = users::table.find(id).select(columns).first::<Row>(c).await?;
                let (email, password_hash, locale, created_at) = row;
                Ok(Some(Account { user, email, password_hash, locale, created_at: created_at.0 }))
            }

            /// The account with this address, which is in lower case.
            pub(crate) async fn account_by_email(c: &mut Connection, email: String) -> QueryResult<Option<Account>> {
                let by_email = users::table.filter(sql::<Text>("lower(email)").eq(email)).select(users::id);
                match by_email.first::<Key>(c).await.optional()? {
                    Some(id) => account(c, UserId::from_uuid(id.0)).await,
                    None => Ok(None),
                }
            }

            /// Changes what somebody is called, looks like or reads.
            pub(crate) async fn change_profile(
                c: &mut Connection,
                id: UserId,
                change: ProfileChange,
            ) -> QueryResult<Option<Account>> {
                c.transaction(async move |c| {
                    let ProfileChange { nickname, avatar, locale } = change;
                    let row = users::table.find(Key(id.as_uuid()));
                    if let Some(nickname) = nickname {
                        // The names of those who keep order are nobody else's.
                        raise_control(c).await?;
                        update(row).set(users::nickname.eq(nickname.as_str())).execute(c).await?;
                    }
                    if let Some(avatar) = avatar {
                        update(row).set(users::avatar.eq(avatar.as_str())).execute(c).await?;
                    }
                    if let Some(locale) = locale {
                        update(row).set(users::locale.eq(Some(locale))).execute(c).await?;
                    }
                    account(c, id).await
                })
                .await
            }

            /// Sets another password in the place of this one; all logins of theirs end but this one. Whether the password
            /// was still that one.
            pub(crate) async fn change_password(
                c: &mut Connection,
                id: UserId,
                (old, new): (String, String),
                keeps: Uuid,
            ) -> QueryResult<bool> {
                c.transaction(async move |c| {
                    let id = Key(id.as_uuid());
                    let of = users::table.find(id).filter(users::password_hash.eq(Some(old)));
                    let n = update(of).set(users::password_hash.eq(Some(new))).execute(c).await?;
                    if n == 0 {
                        return Ok(false);
                    }
                    end_logins(c, id, None, Some(Key(keeps))).await?;
                    Ok(true)
                })
                .await
            }
        }
    };
}

people!(postgres, crate::postgres::connection::PgConnection);
people!(sqlite, crate::sqlite::Connection);
