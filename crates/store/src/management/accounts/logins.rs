macro_rules! logins {
    ($module:ident, $connection:ty) => {
        pub(crate) mod $module {
            use chrono::TimeDelta;
            use diesel::{delete, insert_into, prelude::*, update};
            use diesel_async::{AsyncConnection, RunQueryDsl};
            use uuid::Uuid;

            use crate::{
                management::{
                    accounts::{
                        codes::$module::take_code,
                        model::{CodeKind, LoginSeen, NewLogin, Refreshed, SignedIn},
                    },
                    common::$module::*,
                    people::$module::user_of,
                },
                tables::{
                    keys_schema::api_keys,
                    schema::{logins, meta, refresh_tokens},
                    sql_types::{Key, Stamp},
                },
            };
            use chat_domain::UserId;

            type Connection = $connection;

            /// A login by password has no secret of its own: no hash looks like this.
            fn no_secret(login: Uuid) -> String {
                format!("-{}", login.simple())
            }

            /// Makes a login. Within a transaction.
            pub(crate) async fn add_login(c: &mut Connection, user: Key, login: &NewLogin) -> QueryResult<()> {
                let now = now(c).await?;
                let row = (
                    logins::id.eq(Key(login.id)),
                    logins::user_id.eq(user),
                    logins::token_hash.eq(no_secret(login.id)),
                    logins::user_agent.eq(&login.user_agent),
                    logins::created_at.eq(now),
                    logins::last_seen_at.eq(Some(now)),
                );
                insert_into(logins::table).values(row).execute(c).await?;
                add_refresh(c, &login.refresh_hash, Key(login.id), (now, login.valid)).await?;
                delete(refresh_tokens::table.filter(refresh_tokens::expires_at.le(now))).execute(c).await.map(drop)
            }

            async fn add_refresh(
                c: &mut Connection,
                hash: &str,
                login: Key,
                (now, valid): (Stamp, TimeDelta),
            ) -> QueryResult<()> {
                let row = (
                    refresh_tokens::hash.eq(hash),
                    refresh_tokens::login_id.eq(login),
                    refresh_tokens::expires_at.eq(Stamp(now.0.checked_add_signed(valid).unwrap_or(now.0))),
                );
                insert_into(refresh_tokens::table).values(row).execute(c).await.map(drop)
            }

            /// Signs somebody in whose password was right; none where they were shut out meanwhile.
            pub(crate) async fn log_in(
                c: &mut Connection,
                user: UserId,
                login: NewLogin,
            ) -> QueryResult<Option<SignedIn>> {
                c.transaction(async move |c| {
                    let Some(user) = user_of(c, Key(user.as_uuid())).await? else { return Ok(None) };
                    add_login(c, Key(user.id.as_uuid()), &login).await?;
                    Ok(Some(SignedIn { login: login.id, user }))
                })
                .await
            }

            /// Whose login this is, unless it was ended.
            pub(crate) async fn login_by_id(c: &mut Connection, id: Uuid) -> QueryResult<Option<SignedIn>> {
                let living = logins::table.find(Key(id)).filter(logins::revoked_at.is_null());
                let Some(user) = living.select(logins::user_id).first::<Key>(c).await.optional()? else {
                    return Ok(None);
                };
                Ok(user_of(c, user).await?.map(|user| SignedIn { login: id, user }))
            }

            /// Renews a login: what renewed it is used up, and its successor takes its place.
            pub(crate) async fn refresh(
                c: &mut Connection,
                (hash, successor): (String, String),
                (valid, replay_within): (TimeDelta, TimeDelta),
            ) -> QueryResult<Refreshed> {
                c.transaction(async move |c| {
                    let now = now(c).await?;
                    // Changes nothing, and takes the row: of two who renew at once one is second.
                    let good = refresh_tokens::table.find(&hash).filter(refresh_tokens::expires_at.gt(now));
                    let taking = update(good).set(refresh_tokens::expires_at.eq(refresh_tokens::expires_at));
                    let taken = taking.returning((refresh_tokens::login_id, refresh_tokens::used_at));
                    let taken = taken.get_result::<(Key, Option<Stamp>)>(c).await.optional()?;
                    let Some((login, used_at)) = taken else { return Ok(Refreshed::Wrong) };
                    let Some(signed) = login_by_id(c, login.0).await? else { return Ok(Refreshed::Wrong) };
                    match used_at {
                        None => {
                            let used = (
                                refresh_tokens::used_at.eq(Some(now)),
                                refresh_tokens::successor_hash.eq(Some(&successor)),
                            );
                            update(refresh_tokens::table.find(&hash)).set(used).execute(c).await?;
                            add_refresh(c, &successor, login, (now, valid)).await?;
                            let seen = logins::last_seen_at.eq(Some(now));
                            update(logins::table.find(login)).set(seen).execute(c).await?;
                            Ok(Refreshed::Renewed(signed))
                        }
                        Some(at) if now.0.signed_duration_since(at.0) <= replay_within => {
                            Ok(Refreshed::Renewed(signed))
                        }
                        Some(_) => {
                            end_logins(c, Key(signed.user.id.as_uuid()), Some(login), None).await?;
                            Ok(Refreshed::Stolen)
                        }
                    }
                })
                .await
            }

            /// Ends this login of somebody, or all of theirs but one; how many. Within a transaction.
            pub(crate) async fn end_logins(
                c: &mut Connection,
                user: Key,
                one: Option<Key>,
                but: Option<Key>,
            ) -> QueryResult<usize> {
                let now = now(c).await?;
                let rev = raise_control(c).await?;
                let mut ending = update(logins::table)
                    .set((logins::revoked_at.eq(Some(now)), logins::ended_rev.eq(Some(rev))))
                    .into_boxed()
                    .filter(logins::user_id.eq(user).and(logins::revoked_at.is_null()));
                if let Some(one) = one {
                    ending = ending.filter(logins::id.eq(one));
                }
                if let Some(but) = but {
                    ending = ending.filter(logins::id.ne(but));
                }
                ending.execute(c).await
            }

            /// Ends this login of somebody, or all but one; how many.
            pub(crate) async fn end_logins_of(
                c: &mut Connection,
                user: UserId,
                (one, but): (Option<Uuid>, Option<Uuid>),
            ) -> QueryResult<usize> {
                c.transaction(async move |c| end_logins(c, Key(user.as_uuid()), one.map(Key), but.map(Key)).await).await
            }

            /// The logins of somebody that live, the newest first.
            pub(crate) async fn logins(c: &mut Connection, user: UserId) -> QueryResult<Vec<LoginSeen>> {
                let columns = (logins::id, logins::user_agent, logins::created_at, logins::last_seen_at);
                let living = logins::user_id.eq(Key(user.as_uuid())).and(logins::revoked_at.is_null());
                let found =
                    logins::table.filter(living).order((logins::created_at.desc(), logins::id.desc())).limit(200);
                let found = found.select(columns).load::<(Key, String, Stamp, Option<Stamp>)>(c).await?;
                let seen =
                    |(id, user_agent, created_at, last_seen_at): (Key, String, Stamp, Option<Stamp>)| LoginSeen {
                        id: id.0,
                        user_agent,
                        created_at: created_at.0,
                        last_seen_at: last_seen_at.map(|at| at.0),
                    };
                Ok(found.into_iter().map(seen).collect())
            }

            /// The logins and keys that were ended above this `control_rev`, and where that is now.
            pub(crate) async fn ended_logins(c: &mut Connection, known: i64) -> QueryResult<(i64, Vec<Uuid>)> {
                // Before the logins: what is ended meanwhile is found again the next time.
                let rev = meta::table.find(1).select(meta::control_rev).first::<i64>(c).await?;
                let ended = logins::table.filter(logins::ended_rev.gt(known)).select(logins::id);
                let mut ended = ended.load::<Key>(c).await?;
                // Whoever came by a key, which is a login of a program.
                let keys = api_keys::table.filter(api_keys::ended_rev.gt(known)).select(api_keys::id);
                ended.extend(keys.load::<Key>(c).await?);
                Ok((rev, ended.into_iter().map(|id| id.0).collect()))
            }

            /// Whose ticket this was; it is used up.
            pub(crate) async fn use_ticket(
                c: &mut Connection,
                name: String,
                hash: String,
            ) -> QueryResult<Option<SignedIn>> {
                c.transaction(async move |c| {
                    let taken = take_code(c, (&name, &hash), CodeKind::Ticket).await?;
                    let Some(login) = taken.and_then(|(_, login)| login) else { return Ok(None) };
                    let seen = logins::last_seen_at.eq(Some(now(c).await?));
                    update(logins::table.find(login)).set(seen).execute(c).await?;
                    login_by_id(c, login.0).await
                })
                .await
            }
        }
    };
}

logins!(postgres, crate::postgres::connection::PgConnection);
logins!(sqlite, crate::sqlite::Connection);
