macro_rules! register {
    ($module:ident, $connection:ty) => {
        pub(crate) mod $module {
            use chrono::TimeDelta;
            use diesel::{dsl::sql, insert_into, prelude::*, result::Error, sql_types::Text, update};
            use diesel_async::{AsyncConnection, RunQueryDsl};

            use crate::{
                management::{
                    accounts::{
                        codes::$module::{add_code, take_code},
                        invites::$module::use_invite,
                        logins::$module::{add_login, end_logins},
                        model::{CodeKind, InviteUse, NewAccount, NewLogin, Registered, SignedIn},
                    },
                    common::$module::*,
                    people::$module::user_of,
                },
                tables::{
                    schema::{users, workspace_members},
                    sql_types::Key,
                },
            };
            use chat_domain::{AvatarName, Nickname, Role, UserId};

            type Connection = $connection;

            /// `users.kind` of a place kept for the first owner.
            const KEPT: i16 = 0;
            /// Of an account.
            const ACCOUNT: i16 = 1;

            /// What ends the transaction without anything done.
            enum Ended {
                Refused(Registered),
                Failed(Error),
            }

            impl From<Error> for Ended {
                fn from(error: Error) -> Self {
                    Self::Failed(error)
                }
            }

            fn settled(done: Result<Registered, Ended>) -> QueryResult<Registered> {
                match done {
                    Ok(made) | Err(Ended::Refused(made)) => Ok(made),
                    Err(Ended::Failed(error)) => Err(error),
                }
            }

            /// Nobody else takes an address meanwhile: whoever makes an account has raised `control_rev` first.
            async fn check_free(c: &mut Connection, email: &str) -> Result<(), Ended> {
                let same = users::table.filter(sql::<Text>("lower(email)").eq(email.to_lowercase())).select(users::id);
                match same.first::<Key>(c).await.optional()? {
                    Some(_) => Err(Ended::Refused(Registered::EmailTaken)),
                    None => Ok(()),
                }
            }

            async fn add_member(c: &mut Connection, user: Key, role: Role) -> QueryResult<()> {
                let row = (
                    workspace_members::workspace_id.eq(HOME),
                    workspace_members::user_id.eq(user),
                    workspace_members::role.eq(role.as_str()),
                );
                insert_into(workspace_members::table).values(row).execute(c).await.map(drop)
            }

            async fn signed_in(c: &mut Connection, user: Key, login: &NewLogin) -> Result<Registered, Ended> {
                add_login(c, user, login).await?;
                let user = user_of(c, user).await?.ok_or(Ended::Refused(Registered::BadInvite))?;
                Ok(Registered::Made(SignedIn { login: login.id, user }))
            }

            /// Makes an account and its first login.
            pub(crate) async fn register(
                c: &mut Connection,
                id: UserId,
                account: NewAccount,
                by: InviteUse,
                login: NewLogin,
            ) -> QueryResult<Registered> {
                let registering = async move |c: &mut Connection| {
                    raise_control(c).await?;
                    let role = match by {
                        InviteUse::Open => Role::Member,
                        InviteUse::By(invite) => {
                            use_invite(c, invite).await?.ok_or(Ended::Refused(Registered::BadInvite))?
                        }
                    };
                    check_free(c, &account.email).await?;
                    let key = Key(id.as_uuid());
                    let row = (
                        users::id.eq(key),
                        users::kind.eq(ACCOUNT),
                        users::nickname.eq(account.nickname.as_str()),
                        users::avatar.eq(account.avatar.as_str()),
                        users::created_at.eq(now(c).await?),
                        users::email.eq(Some(&account.email)),
                        users::password_hash.eq(Some(&account.password_hash)),
                    );
                    insert_into(users::table).values(row).execute(c).await?;
                    add_member(c, key, role).await?;
                    signed_in(c, key, &login).await
                };
                settled(c.transaction(registering).await)
            }

            /// The first owner who is not shut out: who it is, and whether they have a password.
            async fn owner(c: &mut Connection, with_password: bool) -> QueryResult<Option<Key>> {
                let owners = workspace_members::table
                    .inner_join(users::table.on(users::id.eq(workspace_members::user_id)))
                    .filter(workspace_members::role.eq(Role::Owner.as_str()).and(users::disabled_at.is_null()))
                    .order((users::created_at.asc(), users::id.asc()))
                    .select((users::id, users::password_hash));
                let owners = owners.load::<(Key, Option<String>)>(c).await?;
                Ok(owners.into_iter().find(|(_, hash)| hash.is_some() == with_password).map(|(id, _)| id))
            }

            /// Whether no owner has a password yet.
            pub(crate) async fn needs_setup(c: &mut Connection) -> QueryResult<bool> {
                Ok(owner(c, true).await?.is_none())
            }

            /// Makes a code by which the first owner gets mail and password; nothing where one has them.
            pub(crate) async fn setup_code(
                c: &mut Connection,
                code: (String, String),
                (nickname, avatar): (Nickname, AvatarName),
                limits: (i32, TimeDelta),
            ) -> QueryResult<bool> {
                c.transaction(async move |c| {
                    raise_control(c).await?;
                    if !needs_setup(c).await? {
                        return Ok(false);
                    }
                    let kept = users::table.filter(users::kind.eq(KEPT)).select(users::id);
                    let of = match owner(c, false).await? {
                        Some(owner) => owner,
                        None => match kept.first::<Key>(c).await.optional()? {
                            Some(kept) => kept,
                            None => {
                                let id = Key(UserId::new().as_uuid());
                                let row = (
                                    users::id.eq(id),
                                    users::kind.eq(KEPT),
                                    users::nickname.eq(nickname.as_str()),
                                    users::avatar.eq(avatar.as_str()),
                                    users::created_at.eq(now(c).await?),
                                );
                                insert_into(users::table).values(row).execute(c).await?;
                                id
                            }
                        },
                    };
                    add_code(c, code, CodeKind::Setup, (UserId::from_uuid(of.0), None), limits).await?;
                    Ok(true)
                })
                .await
            }

            /// Gives the first owner mail and password, by a code.
            pub(crate) async fn set_up(
                c: &mut Connection,
                (name, hash): (String, String),
                account: NewAccount,
                login: NewLogin,
            ) -> QueryResult<Registered> {
                // A wrong guess takes a try, so it is no part of what a refusal undoes.
                let code = c.transaction(async move |c| take_code(c, (&name, &hash), CodeKind::Setup).await).await?;
                let Some((of, _)) = code else { return Ok(Registered::BadInvite) };
                let setting_up = async move |c: &mut Connection| {
                    // One after the other.
                    raise_control(c).await?;
                    if !needs_setup(c).await? {
                        return Err(Ended::Refused(Registered::BadInvite));
                    }
                    check_free(c, &account.email).await?;
                    let (of, is_owner) = match owner(c, false).await? {
                        Some(owner) => (owner, true),
                        None => (of, false),
                    };
                    let row = (
                        users::kind.eq(ACCOUNT),
                        users::nickname.eq(account.nickname.as_str()),
                        users::avatar.eq(account.avatar.as_str()),
                        users::email.eq(Some(&account.email)),
                        users::password_hash.eq(Some(&account.password_hash)),
                    );
                    update(users::table.find(of)).set(row).execute(c).await?;
                    if !is_owner {
                        add_member(c, of, Role::Owner).await?;
                    }
                    signed_in(c, of, &login).await
                };
                settled(c.transaction(setting_up).await)
            }

            /// Sets the password of somebody by a code; all their logins end. Whether the code was good.
            pub(crate) async fn reset_password(
                c: &mut Connection,
                (name, hash): (String, String),
                password_hash: String,
            ) -> QueryResult<bool> {
                c.transaction(async move |c| {
                    let Some((user, _)) = take_code(c, (&name, &hash), CodeKind::Reset).await? else {
                        return Ok(false);
                    };
                    let set = users::password_hash.eq(Some(password_hash));
                    update(users::table.find(user)).set(set).execute(c).await?;
                    end_logins(c, user, None, None).await?;
                    Ok(true)
                })
                .await
            }
        }
    };
}

register!(postgres, crate::postgres::connection::PgConnection);
register!(sqlite, crate::sqlite::Connection);
