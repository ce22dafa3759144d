macro_rules! team {
    ($module:ident, $connection:ty) => {
        pub(crate) mod $module {
            use diesel::{
                delete,
                dsl::{count_star, sql},
                insert_into,
                prelude::*,
                sql_types::{Bool, Text},
                update,
            };
            use diesel_async::{AsyncConnection, RunQueryDsl};
            use serde_json::json;

            use crate::{
                management::{
                    accounts::{
                        bots::$module::{answers_for_bots, end_bots_of},
                        logins::$module::end_logins,
                        model::{AccountSeen, TeamChange, TeamOrder},
                    },
                    common::$module::*,
                    model::User,
                },
                tables::{
                    schema::{one_time_codes, users, workspace_members},
                    sql_types::{Key, Stamp},
                },
            };
            use chat_domain::{AuthorId, AvatarName, Nickname, Role, UserId};

            type Connection = $connection;
            type Row = (Key, String, String, Option<String>, Stamp, Option<Stamp>, Option<String>);

            /// `users.kind` of an account.
            const ACCOUNT: i16 = 1;

            fn seen((id, nickname, avatar, email, created_at, disabled_at, role): Row) -> AccountSeen {
                let of = AuthorId::from_stored(&id.0.to_string());
                let user = User {
                    id: UserId::from_uuid(id.0),
                    nickname: Nickname::from_stored(nickname),
                    avatar: AvatarName::from_stored(&avatar, &of),
                    role: role.as_deref().and_then(Role::parse).unwrap_or(Role::Member),
                };
                AccountSeen { user, email, created_at: created_at.0, disabled_at: disabled_at.map(|at| at.0) }
            }

            /// The accounts, the newest first, before this one; those whose name or address has this text in it, which is in
            /// lower case and has a backslash before what would stand for something else.
            pub(crate) async fn accounts(
                c: &mut Connection,
                (before, text): (Option<UserId>, Option<String>),
                limit: i64,
            ) -> QueryResult<Vec<AccountSeen>> {
                let of = workspace_members::user_id.eq(users::id).and(workspace_members::workspace_id.eq(HOME));
                let mut found = users::table
                    .left_join(workspace_members::table.on(of))
                    .filter(users::kind.eq(ACCOUNT))
                    .order(users::id.desc())
                    .limit(limit)
                    .select((
                        users::id,
                        users::nickname,
                        users::avatar,
                        users::email,
                        users::created_at,
                        users::disabled_at,
                        workspace_members::role.nullable(),
                    ))
                    .into_boxed();
                if let Some(before) = before {
                    found = found.filter(users::id.lt(Key(before.as_uuid())));
                }
                if let Some(text) = text {
                    let pattern = format!("%{text}%");
                    let has = sql::<Bool>("(lower(nickname) LIKE ")
                        .bind::<Text, _>(pattern.clone())
                        .sql(" ESCAPE '\\' OR lower(coalesce(email, '')) LIKE ")
                        .bind::<Text, _>(pattern)
                        .sql(" ESCAPE '\\')");
                    found = found.filter(has);
                }
                Ok(found.load::<Row>(c).await?.into_iter().map(seen).collect())
            }

            /// An account, shut out or not.
            pub(crate) async fn account_seen(c: &mut Connection, id: UserId) -> QueryResult<Option<AccountSeen>> {
                let of = workspace_members::user_id.eq(users::id).and(workspace_members::workspace_id.eq(HOME));
                let found = users::table
                    .left_join(workspace_members::table.on(of))
                    .filter(users::id.eq(Key(id.as_uuid())).and(users::kind.eq(ACCOUNT)))
                    .select((
                        users::id,
                        users::nickname,
                        users::avatar,
                        users::email,
                        users::created_at,
                        users::disabled_at,
                        workspace_members::role.nullable(),
                    ));
                Ok(found.first::<Row>(c).await.optional()?.map(seen))
            }

            /// How many owners are not shut out, this one aside.
            pub(crate) async fn other_owners(c: &mut Connection, but: Key) -> QueryResult<i64> {
                let owners = workspace_members::table
                    .inner_join(users::table.on(users::id.eq(workspace_members::user_id)))
                    .filter(workspace_members::role.eq(Role::Owner.as_str()).and(users::disabled_at.is_null()))
                    .filter(users::id.ne(but));
                owners.select(count_star()).first(c).await
            }

            /// Makes somebody something else. One acts on lower ranks only, and gives lower ranks only; there must be an
            /// owner. It is an entry in what was done.
            pub(crate) async fn change_team(
                c: &mut Connection,
                id: UserId,
                order: TeamOrder,
                (by, rank): (AuthorId, Option<Role>),
            ) -> QueryResult<TeamChange> {
                c.transaction(async move |c| {
                    // One after the other: of two owners who remove each other one stays.
                    raise_control(c).await?;
                    let Some(before) = account_seen(c, id).await? else { return Ok(TeamChange::NotFound) };
                    let (key, now, role) = (Key(id.as_uuid()), now(c).await?, before.user.role);
                    // The operator, who has the server, has no rank and may all.
                    let may = |on: Role| rank.is_none_or(|rank| rank.acts_on(on));
                    let gives = match order {
                        TeamOrder::Role(new) => may(new),
                        TeamOrder::Disabled(_) => true,
                    };
                    if !may(role) || !gives {
                        return Ok(TeamChange::Forbidden);
                    }
                    let is_living_owner = role == Role::Owner && before.disabled_at.is_none();
                    let ends_owner = match order {
                        TeamOrder::Role(new) => new != Role::Owner,
                        TeamOrder::Disabled(disabled) => disabled,
                    };
                    if is_living_owner && ends_owner && other_owners(c, key).await? == 0 {
                        return Ok(TeamChange::LastOwner);
                    }
                    let (action, was, is) = match order {
                        TeamOrder::Role(new) => {
                            delete(workspace_members::table.find((HOME, key))).execute(c).await?;
                            let member = (
                                workspace_members::workspace_id.eq(HOME),
                                workspace_members::user_id.eq(key),
                                workspace_members::role.eq(new.as_str()),
                            );
                            insert_into(workspace_members::table).values(member).execute(c).await?;
                            if !answers_for_bots(new) {
                                end_bots_of(c, key).await?;
                            }
                            ("role_set", json!({"role": role.as_str()}), json!({"role": new.as_str()}))
                        }
                        TeamOrder::Disabled(disabled) => {
                            let at = disabled.then_some(now);
                            update(users::table.find(key)).set(users::disabled_at.eq(at)).execute(c).await?;
                            if disabled {
                                end_logins(c, key, None, None).await?;
                                end_bots_of(c, key).await?;
                                delete(one_time_codes::table.filter(one_time_codes::user_id.eq(key)))
                                    .execute(c)
                                    .await?;
                            }
                            let was = json!({"disabled": before.disabled_at.is_some()});
                            ("account_set", was, json!({"disabled": disabled}))
                        }
                    };
                    let entry = Entry {
                        room: None,
                        actor: &by,
                        action,
                        target: json!({"userId": id.to_string()}),
                        before: was,
                        after: is,
                    };
                    write_entry(c, entry, now).await?;
                    Ok(account_seen(c, id).await?.map_or(TeamChange::NotFound, TeamChange::Done))
                })
                .await
            }
        }
    };
}

team!(postgres, crate::postgres::connection::PgConnection);
team!(sqlite, crate::sqlite::Connection);
