macro_rules! claims {
    ($module:ident, $connection:ty) => {
        pub(crate) mod $module {
            use diesel::{delete, insert_into, prelude::*, update};
            use diesel_async::{AsyncConnection, RunQueryDsl};

            use crate::{
                management::model::CLAIMS_MAX,
                management::{
                    accounts::{
                        aliases::$module::{acting_as, aliases_of},
                        bots::$module::end_bots_of,
                        logins::$module::end_logins,
                        team::$module::other_owners,
                    },
                    common::$module::*,
                    people::$module::user_of,
                },
                tables::{
                    schema::{author_claims, logins, one_time_codes, users, workspace_members},
                    sql_types::Key,
                },
            };
            use chat_domain::{AuthorId, Nickname, Role, UserId};

            type Connection = $connection;

            /// Somebody takes a browser's identity over, and with it the other devices of whoever that is; whose it is by
            /// then. None where they have as many as one may.
            pub(crate) async fn claim(
                c: &mut Connection,
                author: AuthorId,
                user: UserId,
            ) -> QueryResult<Option<UserId>> {
                c.transaction(async move |c| {
                    let whose = author_claims::table.find(author.as_str()).select(author_claims::user_id);
                    if let Some(Key(user)) = whose.first::<Key>(c).await.optional()? {
                        return Ok(Some(UserId::from_uuid(user)));
                    }
                    // Who takes over and which devices join come one after the other.
                    let rev = raise_control(c).await?;
                    let first = acting_as(c, &author).await?;
                    let mut all = aliases_of(c, &first).await?;
                    all.push(first);
                    let own = author_claims::table.filter(author_claims::user_id.eq(Key(user.as_uuid()))).count();
                    let n_own = own.get_result::<i64>(c).await?;
                    if n_own.saturating_add(i64::try_from(all.len()).unwrap_or(i64::MAX)) > CLAIMS_MAX {
                        return Ok(None);
                    }
                    for id in &all {
                        let row = (
                            author_claims::author_id.eq(id.as_str()),
                            author_claims::user_id.eq(Key(user.as_uuid())),
                            author_claims::rev.eq(rev),
                        );
                        let claiming = insert_into(author_claims::table).values(row);
                        claiming.on_conflict(author_claims::author_id).do_nothing().execute(c).await?;
                    }
                    // Somebody else may have been first.
                    Ok(Some(UserId::from_uuid(whose.first::<Key>(c).await?.0)))
                })
                .await
            }

            /// The identities that somebody has taken over.
            pub(crate) async fn claims_of(c: &mut Connection, user: UserId) -> QueryResult<Vec<AuthorId>> {
                let own = author_claims::table.filter(author_claims::user_id.eq(Key(user.as_uuid())));
                let found = own.order(author_claims::author_id.asc()).select(author_claims::author_id);
                let found = found.load::<String>(c).await?;
                Ok(found.iter().map(|author| AuthorId::from_stored(author)).collect())
            }

            /// Forgets who somebody is: the row stays without anything in it, so that what they did stays somebody's. The
            /// last owner stays: false.
            pub(crate) async fn erase_account(c: &mut Connection, id: UserId, name: Nickname) -> QueryResult<bool> {
                c.transaction(async move |c| {
                    raise_control(c).await?;
                    let key = Key(id.as_uuid());
                    let Some(user) = user_of(c, key).await? else { return Ok(true) };
                    if user.role == Role::Owner && other_owners(c, key).await? == 0 {
                        return Ok(false);
                    }
                    end_logins(c, key, None, None).await?;
                    end_bots_of(c, key).await?;
                    // The rows stay, so that all servers hear of their end.
                    let of = logins::table.filter(logins::user_id.eq(key));
                    update(of).set(logins::user_agent.eq("")).execute(c).await?;
                    delete(one_time_codes::table.filter(one_time_codes::user_id.eq(key))).execute(c).await?;
                    delete(workspace_members::table.filter(workspace_members::user_id.eq(key))).execute(c).await?;
                    let nothing = None::<String>;
                    let row = (
                        users::nickname.eq(name.as_str()),
                        users::avatar.eq(""),
                        users::email.eq(&nothing),
                        users::password_hash.eq(&nothing),
                        users::locale.eq(&nothing),
                        users::status_text.eq(&nothing),
                        users::status_emoji.eq(&nothing),
                        users::settings.eq("{}"),
                        users::disabled_at.eq(Some(now(c).await?)),
                    );
                    update(users::table.find(key)).set(row).execute(c).await?;
                    Ok(true)
                })
                .await
            }
        }
    };
}

claims!(postgres, crate::postgres::connection::PgConnection);
claims!(sqlite, crate::sqlite::Connection);
