//! People with an account, and how they sign in.

macro_rules! people {
    ($module:ident, $connection:ty) => {
        pub(crate) mod $module {
            use chrono::TimeDelta;
            use diesel::{delete, insert_into, prelude::*, update};
            use diesel_async::{AsyncConnection, RunQueryDsl};

            use crate::{
                management::{
                    accounts::{CodeKind, SignedIn},
                    common::$module::*,
                    model::*,
                },
                tables::{
                    schema::{logins, one_time_codes, users, workspace_members},
                    sql_types::{Key, Stamp},
                },
            };
            use chat_domain::{AuthorId, AvatarName, Nickname, Role, UserId};

            type Connection = $connection;

            /// `users.kind` of an account of this chat.
            const ACCOUNT: i16 = 1;

            /// Makes a code by which the owner signs in, and the owner where there is none. Codes made before are void.
            pub(crate) async fn owner_code(
                c: &mut Connection,
                (name, hash): (String, String),
                (nickname, avatar): (Nickname, AvatarName),
                (tries, valid): (i32, TimeDelta),
            ) -> QueryResult<UserId> {
                c.transaction(async move |c| {
                    let now = now(c).await?;
                    let owners = workspace_members::table
                        .inner_join(users::table.on(users::id.eq(workspace_members::user_id)))
                        .filter(workspace_members::role.eq(Role::Owner.as_str()).and(users::disabled_at.is_null()))
                        .order((users::created_at.asc(), users::id.asc()))
                        .select(users::id);
                    let id = match owners.first::<Key>(c).await.optional()? {
                        Some(id) => id,
                        None => {
                            let id = Key(UserId::new().as_uuid());
                            let user = (
                                users::id.eq(id),
                                users::kind.eq(ACCOUNT),
                                users::nickname.eq(nickname.as_str()),
                                users::avatar.eq(avatar.as_str()),
                                users::created_at.eq(now),
                            );
                            insert_into(users::table).values(user).execute(c).await?;
                            let member = (
                                workspace_members::workspace_id.eq(HOME),
                                workspace_members::user_id.eq(id),
                                workspace_members::role.eq(Role::Owner.as_str()),
                            );
                            insert_into(workspace_members::table).values(member).execute(c).await?;
                            raise_control(c).await?;
                            id
                        }
                    };
                    let own = one_time_codes::user_id.eq(id).and(one_time_codes::kind.eq(CodeKind::SignIn.number()));
                    let void = own.or(one_time_codes::expires_at.le(now));
                    delete(one_time_codes::table.filter(void)).execute(c).await?;
                    let until = now.0.checked_add_signed(valid).unwrap_or(now.0);
                    let code = (
                        one_time_codes::name.eq(name),
                        one_time_codes::hash.eq(hash),
                        one_time_codes::user_id.eq(id),
                        one_time_codes::tries_left.eq(tries),
                        one_time_codes::expires_at.eq(Stamp(until)),
                    );
                    insert_into(one_time_codes::table).values(code).execute(c).await?;
                    Ok(UserId::from_uuid(id.0))
                })
                .await
            }

            /// Uses a code up, or one of its tries.
            pub(crate) async fn use_code(
                c: &mut Connection,
                name: String,
                hash: String,
                login: Login,
            ) -> QueryResult<CodeUse> {
                c.transaction(async move |c| {
                    let now = now(c).await?;
                    // Raised first, so that two who guess at once take a try each.
                    let open = one_time_codes::table
                        .find(&name)
                        .filter(one_time_codes::tries_left.gt(0).and(one_time_codes::expires_at.gt(now)))
                        .filter(one_time_codes::kind.eq(CodeKind::SignIn.number()));
                    let taking = update(open).set(one_time_codes::tries_left.eq(one_time_codes::tries_left - 1));
                    let taken = taking.returning((one_time_codes::hash, one_time_codes::user_id));
                    let Some((expected, user)) = taken.get_result::<(String, Key)>(c).await.optional()? else {
                        return Ok(CodeUse::Wrong);
                    };
                    if expected != hash {
                        return Ok(CodeUse::Wrong);
                    }
                    delete(one_time_codes::table.find(&name)).execute(c).await?;
                    let Some(user) = user_of(c, user).await? else { return Ok(CodeUse::Wrong) };
                    let row = (
                        logins::id.eq(Key(login.id)),
                        logins::user_id.eq(Key(user.id.as_uuid())),
                        logins::token_hash.eq(&login.token_hash),
                        logins::user_agent.eq(&login.user_agent),
                        logins::created_at.eq(now),
                    );
                    insert_into(logins::table).values(row).execute(c).await?;
                    Ok(CodeUse::Made(user))
                })
                .await
            }

            /// An account that is not disabled.
            pub(crate) async fn user_of(c: &mut Connection, id: Key) -> QueryResult<Option<User>> {
                let there = users::table.find(id).filter(users::disabled_at.is_null());
                let query = there.select((users::nickname, users::avatar));
                let Some((nickname, avatar)) = query.first::<(String, String)>(c).await.optional()? else {
                    return Ok(None);
                };
                let member = workspace_members::table.find((HOME, id)).select(workspace_members::role);
                let role = member.first::<String>(c).await.optional()?;
                let of = AuthorId::from_stored(&id.0.to_string());
                Ok(Some(User {
                    id: UserId::from_uuid(id.0),
                    nickname: Nickname::from_stored(nickname),
                    avatar: AvatarName::from_stored(&avatar, &of),
                    role: role.as_deref().and_then(Role::parse).unwrap_or(Role::Member),
                }))
            }

            /// Whose login this secret is.
            pub(crate) async fn login(c: &mut Connection, token_hash: String) -> QueryResult<Option<SignedIn>> {
                let living = logins::table.filter(logins::token_hash.eq(token_hash).and(logins::revoked_at.is_null()));
                let found = living.select((logins::id, logins::user_id)).first::<(Key, Key)>(c).await.optional()?;
                let Some((login, user)) = found else { return Ok(None) };
                Ok(user_of(c, user).await?.map(|user| SignedIn { login: login.0, user }))
            }

            /// Ends a login; whether it lived.
            pub(crate) async fn revoke_login(c: &mut Connection, token_hash: String) -> QueryResult<bool> {
                c.transaction(async move |c| {
                    let (rev, now) = (raise_control(c).await?, now(c).await?);
                    let living =
                        logins::table.filter(logins::token_hash.eq(token_hash).and(logins::revoked_at.is_null()));
                    let ended = (logins::revoked_at.eq(Some(now)), logins::ended_rev.eq(Some(rev)));
                    Ok(update(living).set(ended).execute(c).await? > 0)
                })
                .await
            }
        }
    };
}

people!(postgres, crate::postgres::connection::PgConnection);
people!(sqlite, crate::sqlite::Connection);
