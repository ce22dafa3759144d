macro_rules! bots {
    ($module:ident, $connection:ty) => {
        pub(crate) mod $module {
            use chrono::TimeDelta;
            use diesel::{insert_into, prelude::*, update};
            use diesel_async::{AsyncConnection, RunQueryDsl};
            use serde_json::json;
            use uuid::Uuid;

            use crate::{
                management::{
                    accounts::bots_model::{
                        BOTS_MAX, Bot, BotMade, KEYS_MAX, KeyMade, KeyOf, KeySeen, NewBot, NewKey,
                    },
                    common::$module::*,
                    people::$module::user_of,
                },
                tables::{
                    keys_schema::{api_keys, bots},
                    schema::{users, workspace_members},
                    sql_types::{Key, Stamp},
                },
            };
            use chat_domain::{AuthorId, Rights, Role, Scopes, UserId};

            type Connection = $connection;

            /// `users.kind` of a program.
            const BOT: i16 = 2;
            /// The last use of a key is noted so often.
            const NOTED_EVERY: TimeDelta = TimeDelta::seconds(60);

            fn of(id: UserId) -> Key {
                Key(id.as_uuid())
            }

            /// Makes a bot.
            pub(crate) async fn add_bot(c: &mut Connection, new: NewBot) -> QueryResult<BotMade> {
                c.transaction(async move |c| {
                    raise_control(c).await?;
                    let now = now(c).await?;
                    let n = bots::table.filter(bots::ended_at.is_null()).count().get_result::<i64>(c).await?;
                    if n >= BOTS_MAX {
                        return Ok(BotMade::Full);
                    }
                    let user = (
                        users::id.eq(of(new.id)),
                        users::kind.eq(BOT),
                        users::nickname.eq(new.nickname.as_str()),
                        users::avatar.eq(new.avatar.as_str()),
                        users::created_at.eq(now),
                    );
                    insert_into(users::table).values(user).execute(c).await?;
                    let member = (
                        workspace_members::workspace_id.eq(HOME),
                        workspace_members::user_id.eq(of(new.id)),
                        workspace_members::role.eq(new.role.as_str()),
                    );
                    insert_into(workspace_members::table).values(member).execute(c).await?;
                    let bot = (
                        bots::user_id.eq(of(new.id)),
                        bots::owner_id.eq(new.owner.map(of)),
                        bots::created_at.eq(now),
                    );
                    insert_into(bots::table).values(bot).execute(c).await?;
                    let entry = Entry {
                        room: None,
                        actor: &new.by,
                        action: "bot_made",
                        target: json!({"userId": new.id.to_string()}),
                        before: json!(null),
                        after: json!({"nickname": new.nickname.as_str(), "role": new.role.as_str()}),
                    };
                    write_entry(c, entry, now).await?;
                    Ok(bot_of(c, new.id).await?.map_or(BotMade::Full, BotMade::Made))
                })
                .await
            }

            /// A bot that lives.
            async fn bot_of(c: &mut Connection, id: UserId) -> QueryResult<Option<Bot>> {
                let living = bots::table.find(of(id)).filter(bots::ended_at.is_null());
                let row = living.select((bots::owner_id, bots::created_at));
                let Some((owner, created_at)) = row.first::<(Option<Key>, Stamp)>(c).await.optional()? else {
                    return Ok(None);
                };
                let owner = owner.map(|owner| UserId::from_uuid(owner.0));
                Ok(user_of(c, of(id)).await?.map(|user| Bot { user, owner, created_at: created_at.0 }))
            }

            /// The bots that live, the newest first.
            pub(crate) async fn bots(c: &mut Connection) -> QueryResult<Vec<Bot>> {
                let living = bots::table.filter(bots::ended_at.is_null()).order(bots::user_id.desc());
                let ids = living.select(bots::user_id).limit(BOTS_MAX).load::<Key>(c).await?;
                let mut found = Vec::with_capacity(ids.len());
                for id in ids {
                    found.extend(bot_of(c, UserId::from_uuid(id.0)).await?);
                }
                Ok(found)
            }

            /// Ends a bot with its keys. Within a transaction that has raised what all servers look at to this.
            async fn end(c: &mut Connection, id: Key, (now, rev): (Stamp, i64)) -> QueryResult<()> {
                let living = api_keys::table.filter(api_keys::user_id.eq(id).and(api_keys::revoked_at.is_null()));
                let ended = (api_keys::revoked_at.eq(Some(now)), api_keys::ended_rev.eq(Some(rev)));
                update(living).set(ended).execute(c).await?;
                update(bots::table.find(id)).set(bots::ended_at.eq(Some(now))).execute(c).await?;
                update(users::table.find(id)).set(users::disabled_at.eq(Some(now))).execute(c).await?;
                let member = workspace_members::table.filter(workspace_members::user_id.eq(id));
                diesel::delete(member).execute(c).await.map(drop)
            }

            /// Ends the bots of somebody who answers for none any more. Within a transaction.
            pub(crate) async fn end_bots_of(c: &mut Connection, owner: Key) -> QueryResult<()> {
                let living = bots::table.filter(bots::owner_id.eq(Some(owner)).and(bots::ended_at.is_null()));
                let ids = living.select(bots::user_id).load::<Key>(c).await?;
                if ids.is_empty() {
                    return Ok(());
                }
                let at = (now(c).await?, raise_control(c).await?);
                for id in ids {
                    end(c, id, at).await?;
                }
                Ok(())
            }

            /// Ends a bot; whether it lived.
            pub(crate) async fn end_bot(c: &mut Connection, id: UserId, by: AuthorId) -> QueryResult<bool> {
                c.transaction(async move |c| {
                    let at = (now(c).await?, raise_control(c).await?);
                    let Some(bot) = bot_of(c, id).await? else { return Ok(false) };
                    end(c, of(id), at).await?;
                    let entry = Entry {
                        room: None,
                        actor: &by,
                        action: "bot_ended",
                        target: json!({"userId": id.to_string()}),
                        before: json!({"nickname": bot.user.nickname.as_str()}),
                        after: json!(null),
                    };
                    write_entry(c, entry, at.0).await.map(|_| true)
                })
                .await
            }

            /// Makes a key of a bot.
            pub(crate) async fn add_key(c: &mut Connection, new: NewKey) -> QueryResult<KeyMade> {
                c.transaction(async move |c| {
                    // One after the other, so that there are no more than there may be.
                    raise_control(c).await?;
                    let now = now(c).await?;
                    if bot_of(c, new.bot).await?.is_none() {
                        return Ok(KeyMade::NoBot);
                    }
                    let living = api_keys::user_id.eq(of(new.bot)).and(api_keys::revoked_at.is_null());
                    let n = api_keys::table.filter(living).count().get_result::<i64>(c).await?;
                    if n >= KEYS_MAX {
                        return Ok(KeyMade::Full);
                    }
                    let until = new.valid.and_then(|valid| now.0.checked_add_signed(valid));
                    let row = (
                        api_keys::id.eq(Key(new.id)),
                        api_keys::prefix.eq(&new.prefix),
                        api_keys::hash.eq(&new.hash),
                        api_keys::user_id.eq(of(new.bot)),
                        api_keys::scopes.eq(new.scopes.stored()),
                        api_keys::created_at.eq(now),
                        api_keys::expires_at.eq(until.map(Stamp)),
                    );
                    insert_into(api_keys::table).values(row).execute(c).await?;
                    let entry = Entry {
                        room: None,
                        actor: &new.by,
                        action: "key_made",
                        target: json!({"userId": new.bot.to_string(), "keyId": new.id}),
                        before: json!(null),
                        after: json!({"scopes": new.scopes.names().collect::<Vec<_>>()}),
                    };
                    write_entry(c, entry, now).await?;
                    let (id, prefix, bot, scopes) = (new.id, new.prefix, new.bot, new.scopes);
                    Ok(KeyMade::Made(KeySeen {
                        id,
                        prefix,
                        bot,
                        scopes,
                        created_at: now.0,
                        expires_at: until,
                        last_used_at: None,
                    }))
                })
                .await
            }

            /// The keys that were not taken back, the newest first.
            pub(crate) async fn keys(c: &mut Connection) -> QueryResult<Vec<KeySeen>> {
                type Row = (Key, String, Key, i32, Stamp, Option<Stamp>, Option<Stamp>);
                let living = api_keys::table.filter(api_keys::revoked_at.is_null()).order(api_keys::id.desc());
                let columns = (
                    api_keys::id,
                    api_keys::prefix,
                    api_keys::user_id,
                    api_keys::scopes,
                    api_keys::created_at,
                    api_keys::expires_at,
                    api_keys::last_used_at,
                );
                let rows = living.select(columns).limit(BOTS_MAX * KEYS_MAX).load::<Row>(c).await?;
                let seen = |(id, prefix, bot, scopes, created_at, expires_at, last_used_at): Row| KeySeen {
                    id: id.0,
                    prefix,
                    bot: UserId::from_uuid(bot.0),
                    scopes: Scopes::from_stored(scopes),
                    created_at: created_at.0,
                    expires_at: expires_at.map(|at| at.0),
                    last_used_at: last_used_at.map(|at| at.0),
                };
                Ok(rows.into_iter().map(seen).collect())
            }

            /// Takes a key back; whether it was there.
            pub(crate) async fn end_key(c: &mut Connection, id: Uuid, by: AuthorId) -> QueryResult<bool> {
                c.transaction(async move |c| {
                    let (now, rev) = (now(c).await?, raise_control(c).await?);
                    let living = api_keys::table.find(Key(id)).filter(api_keys::revoked_at.is_null());
                    let ended = (api_keys::revoked_at.eq(Some(now)), api_keys::ended_rev.eq(Some(rev)));
                    let ending = update(living).set(ended).returning(api_keys::user_id);
                    let Some(user) = ending.get_result::<Key>(c).await.optional()? else { return Ok(false) };
                    let entry = Entry {
                        room: None,
                        actor: &by,
                        action: "key_ended",
                        target: json!({"userId": user.0.to_string(), "keyId": id}),
                        before: json!(null),
                        after: json!(null),
                    };
                    write_entry(c, entry, now).await.map(|_| true)
                })
                .await
            }

            /// Whose key this is, and what for; none where it is over, or whoever answers for its bot does so no more.
            pub(crate) async fn key_of(c: &mut Connection, hash: String) -> QueryResult<Option<KeyOf>> {
                type Row = (Key, Key, i32, Option<Stamp>, Option<Stamp>);
                let now = now(c).await?;
                let living = api_keys::table
                    .filter(api_keys::hash.eq(hash).and(api_keys::revoked_at.is_null()))
                    .filter(api_keys::expires_at.is_null().or(api_keys::expires_at.gt(now)));
                let columns = (
                    api_keys::id,
                    api_keys::user_id,
                    api_keys::scopes,
                    api_keys::expires_at,
                    api_keys::last_used_at,
                );
                let found = living.select(columns).first::<Row>(c).await.optional()?;
                let Some((id, user, scopes, expires_at, last_used_at)) = found else { return Ok(None) };
                let Some(Bot { mut user, owner, .. }) = bot_of(c, UserId::from_uuid(user.0)).await? else {
                    return Ok(None);
                };
                if let Some(owner) = owner {
                    // A server of an earlier release may have made them less, and knows nothing of bots.
                    let answers = user_of(c, of(owner)).await?.filter(|owner| answers_for_bots(owner.role));
                    let Some(owner) = answers else { return Ok(None) };
                    user.role = user.role.min(owner.role);
                }
                let since = Stamp(now.0.checked_sub_signed(NOTED_EVERY).unwrap_or(now.0));
                if last_used_at.is_none_or(|at| at.0 <= since.0) {
                    // Of two who find it so one notes it.
                    let unused = api_keys::last_used_at.is_null().or(api_keys::last_used_at.le(since));
                    let row = api_keys::table.find(id).filter(unused);
                    update(row).set(api_keys::last_used_at.eq(Some(now))).execute(c).await?;
                }
                let scopes = Scopes::from_stored(scopes);
                let expires_at = expires_at.map(|at| at.0);
                Ok(Some(KeyOf { id: id.0, user, scopes, expires_at }))
            }

            /// Whether somebody of this role answers for bots.
            pub(crate) fn answers_for_bots(role: Role) -> bool {
                role.rights().has(Rights::TEAM)
            }
        }
    };
}

bots!(postgres, crate::postgres::connection::PgConnection);
bots!(sqlite, crate::sqlite::Connection);
