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
                        model::{Account, EmailConfirmed, ProfileChange},
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
                let texts = (users::email, users::password_hash, users::locale);
                let columns = (texts, users::created_at, users::email_confirmed_at);
                type Texts = (Option<String>, Option<String>, Option<String>);
                type Row = (Texts, Stamp, Option<Stamp>);
                let row = users::table.find(id).select(columns).first::<Row>(c).await?;
                let ((email, password_hash, locale), created_at, confirmed_at) = row;
                let (email_is_confirmed, created_at) = (confirmed_at.is_some(), created_at.0);
                Ok(Some(Account { user, email, password_hash, email_is_confirmed, locale, created_at }))
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

            /// Whoever reads the mail of an address has said that it is this account's: where that still has the address
            /// and the password that it had, it has the new one, and it is confirmed.
            pub(crate) async fn confirm_email(
                c: &mut Connection,
                id: UserId,
                (old, hash): (String, String),
                new: String,
            ) -> QueryResult<EmailConfirmed> {
                c.transaction(async move |c| {
                    // Nobody takes the address meanwhile: whoever makes an account raises this first.
                    raise_control(c).await?;
                    let at = Some(now(c).await?);
                    let holder = users::table.filter(sql::<Text>("lower(email)").eq(new.to_lowercase()));
                    let holder = holder.select(users::id).first::<Key>(c).await.optional()?;
                    if holder.is_some_and(|holder| holder.0 != id.as_uuid()) {
                        return Ok(EmailConfirmed::Taken);
                    }
                    let same = users::email.eq(Some(old)).and(users::password_hash.eq(Some(hash)));
                    let of = users::table.find(Key(id.as_uuid())).filter(same.and(users::disabled_at.is_null()));
                    let now_so = (users::email.eq(Some(new)), users::email_confirmed_at.eq(at));
                    let n = update(of).set(now_so).execute(c).await?;
                    Ok(if n > 0 { EmailConfirmed::Done } else { EmailConfirmed::Over })
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
