//! Who is shut out, and what else concerns all rooms.

macro_rules! banning {
    ($module:ident, $connection:ty) => {
        pub(crate) mod $module {
            use diesel::{insert_into, prelude::*, update};
            use diesel_async::{AsyncConnection, RunQueryDsl};
            use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
            use serde_json::{Value, json};

            use crate::{
                management::{common::$module::*, model::*},
                tables::{
                    rows::one_more,
                    schema::{audit_log, author_aliases, author_claims, bans, meta, users, workspace_members},
                    sql_types::{Key, Stamp},
                },
            };
            use chat_domain::{AuthorId, NetworkKey, Role, RoomId, UserId};

            type Connection = $connection;

            type BanRow = (
                i64,
                Option<String>,
                Option<String>,
                Option<i64>,
                bool,
                String,
                String,
                Stamp,
                Option<Stamp>,
                Option<Stamp>,
            );
            type BanColumns = (
                bans::id,
                bans::room_id,
                bans::author_id,
                bans::network,
                bans::with_network,
                bans::reason,
                bans::by_author,
                bans::at,
                bans::until,
                bans::lifted_at,
            );
            const BAN: BanColumns = (
                bans::id,
                bans::room_id,
                bans::author_id,
                bans::network,
                bans::with_network,
                bans::reason,
                bans::by_author,
                bans::at,
                bans::until,
                bans::lifted_at,
            );

            /// What a row says; one that nobody can have written is left out.
            fn ban_of((id, room, author, network, with_network, reason, by, at, until, lifted_at): BanRow) -> Option<Ban> {
                let key = match (author, network) {
                    (Some(author), _) => BanKey::Author(AuthorId::from_stored(&author)),
                    (None, Some(network)) => BanKey::Network(NetworkKey::from_stored(network)),
                    (None, None) => return None,
                };
                Some(Ban {
                    id,
                    room: room.map(|room| RoomId::parse(&room)).transpose().ok()?,
                    key,
                    with_network,
                    reason,
                    by: AuthorId::from_stored(&by),
                    at: at.0,
                    until: until.map(|at| at.0),
                    lifted_at: lifted_at.map(|at| at.0),
                })
            }

            pub(crate) async fn control(c: &mut Connection, known: i64) -> QueryResult<Control> {
                c.transaction(async move |c| {
                    let rev = meta::table.find(1).select(meta::control_rev).first::<i64>(c).await?;
                    let rows = if known == 0 {
                        let now = now(c).await?;
                        let in_force = bans::lifted_at.is_null().and(bans::until.is_null().or(bans::until.gt(now)));
                        bans::table.filter(in_force).order(bans::id.asc()).select(BAN).load::<BanRow>(c).await?
                    } else {
                        let changed = bans::table.filter(bans::rev.gt(known)).order(bans::rev.asc());
                        changed.select(BAN).load::<BanRow>(c).await?
                    };
                    let defaults = crate::management::rooms::$module::defaults(c).await?;
                    let roles = workspace_members::table
                        .inner_join(users::table.on(users::id.eq(workspace_members::user_id)))
                        .filter(workspace_members::workspace_id.eq(HOME).and(users::disabled_at.is_null()))
                        .select((workspace_members::user_id, workspace_members::role, users::nickname));
                    let roles = roles.load::<(Key, String, String)>(c).await?;
                    let names = roles.iter().map(|(id, _, name)| (UserId::from_uuid(id.0), name.clone())).collect();
                    let role = |(id, role, _): (Key, String, String)| Some((UserId::from_uuid(id.0), Role::parse(&role)?));
                    let claims = author_claims::table.filter(author_claims::rev.gt(known));
                    let claims = claims.select((author_claims::author_id, author_claims::user_id));
                    let claims = claims.load::<(String, Key)>(c).await?;
                    let claim = |(author, user): (String, Key)| (AuthorId::from_stored(&author), UserId::from_uuid(user.0));
                    let aliases = author_aliases::table.filter(author_aliases::rev.gt(known));
                    let columns = (author_aliases::author_id, author_aliases::of_author, author_aliases::acts_as);
                    let aliases = aliases.select(columns).load::<(String, String, Option<String>)>(c).await?;
                    let alias = |(id, of, acts_as): (String, String, Option<String>)| Alias {
                        id: AuthorId::from_stored(&id),
                        of: AuthorId::from_stored(&of),
                        acts_as: acts_as.as_deref().map(AuthorId::from_stored),
                    };
                    Ok(Control {
                        rev,
                        bans: rows.into_iter().filter_map(ban_of).collect(),
                        defaults,
                        roles: roles.into_iter().filter_map(role).collect(),
                        names,
                        claims: claims.into_iter().map(claim).collect(),
                        room_aliases: crate::management::aliases::$module::changed_aliases(c, known).await?,
                        aliases: aliases.into_iter().map(alias).collect(),
                    })
                })
                .await
            }

            /// Shuts somebody out; a ban of the same in the same place is over with that.
            pub(crate) async fn ban(c: &mut Connection, ban: Ban, seconds: Option<TimeDelta>) -> QueryResult<(i64, Ban)> {
                c.transaction(async move |c| {
                    let rev = raise_control(c).await?;
                    let now = now(c).await?;
                    lift_within(c, &ban.key, ban.room.as_ref(), None, (rev, now)).await?;
                    let until = seconds.map(|seconds| Stamp(now.0.checked_add_signed(seconds).unwrap_or(now.0)));
                    let (author, network) = columns_of(&ban.key);
                    let row = (
                        bans::room_id.eq(ban.room.as_ref().map(RoomId::as_str)),
                        bans::author_id.eq(author),
                        bans::network.eq(network),
                        bans::with_network.eq(ban.with_network),
                        bans::reason.eq(&ban.reason),
                        bans::by_author.eq(ban.by.as_str()),
                        bans::at.eq(now),
                        bans::until.eq(until),
                        bans::rev.eq(rev),
                    );
                    let id = insert_into(bans::table).values(row).returning(bans::id).get_result::<i64>(c).await?;
                    if let Some(room) = &ban.room {
                        raise_guard(c, room).await?;
                    }
                    let until = until.map(|at| at.0);
                    let entry = Entry {
                        room: ban.room.as_ref(),
                        actor: &ban.by,
                        action: "ban",
                        target: target_of(&ban.key),
                        before: Value::Null,
                        after: json!({"banId": id, "until": until.map(written), "reason": ban.reason}),
                    };
                    let entry = write_entry(c, entry, now).await?;
                    Ok((entry, Ban { id, at: now.0, until, ..ban }))
                })
                .await
            }

            /// A network of somebody who is banned together with it, found by a server that knows where they are. No
            /// entry of its own.
            pub(crate) async fn ban_network(c: &mut Connection, of: Ban, network: NetworkKey) -> QueryResult<bool> {
                c.transaction(async move |c| {
                    let now = now(c).await?;
                    // One that ends sooner does not do.
                    let long_enough = match of.until {
                        Some(until) => bans::table.filter(bans::until.is_null().or(bans::until.ge(Stamp(until)))).into_boxed(),
                        None => bans::table.filter(bans::until.is_null()).into_boxed(),
                    };
                    let in_force = bans::lifted_at.is_null().and(bans::until.is_null().or(bans::until.gt(now)));
                    let same = long_enough.filter(bans::network.eq(network.stored())).filter(in_force);
                    let n_same: i64 = match &of.room {
                        Some(room) => same.filter(bans::room_id.eq(room.as_str())).count().get_result(c).await?,
                        None => same.filter(bans::room_id.is_null()).count().get_result(c).await?,
                    };
                    let still = bans::table.find(of.id).filter(bans::lifted_at.is_null()).count();
                    if n_same > 0 || still.get_result::<i64>(c).await? == 0 {
                        return Ok(false);
                    }
                    let rev = raise_control(c).await?;
                    let row = (
                        bans::room_id.eq(of.room.as_ref().map(RoomId::as_str)),
                        bans::network.eq(Some(network.stored())),
                        bans::reason.eq(&of.reason),
                        bans::by_author.eq(of.by.as_str()),
                        bans::at.eq(Stamp(of.at)),
                        bans::until.eq(of.until.map(Stamp)),
                        bans::rev.eq(rev),
                    );
                    insert_into(bans::table).values(row).execute(c).await?;
                    Ok(true)
                })
                .await
            }

            fn columns_of(key: &BanKey) -> (Option<&str>, Option<i64>) {
                match key {
                    BanKey::Author(author) => (Some(author.as_str()), None),
                    BanKey::Network(network) => (None, Some(network.stored())),
                }
            }

            /// A time as JSON has it.
            fn written(at: DateTime<Utc>) -> String {
                at.to_rfc3339_opts(SecondsFormat::Millis, true)
            }

            fn target_of(key: &BanKey) -> Value {
                match key {
                    BanKey::Author(author) => json!({"authorId": author.as_str()}),
                    BanKey::Network(_) => json!({"network": true}),
                }
            }

            /// Lifts what is in force of this, and with an author the networks that were found with them. Tells the
            /// author's bans that were lifted.
            async fn lift_within(
                c: &mut Connection,
                key: &BanKey,
                room: Option<&RoomId>,
                only: Option<i64>,
                (rev, now): (i64, Stamp),
            ) -> QueryResult<Vec<Ban>> {
                let (author, network) = columns_of(key);
                let all = bans::table.filter(bans::lifted_at.is_null()).select(BAN).into_boxed();
                let all = match room {
                    Some(room) => all.filter(bans::room_id.eq(Some(room.as_str().to_owned()))),
                    None => all.filter(bans::room_id.is_null()),
                };
                let of_key = match (author, network) {
                    (Some(author), _) => all.filter(bans::author_id.eq(Some(author.to_owned()))),
                    (None, network) => all.filter(bans::network.eq(network)),
                };
                let found = of_key.load::<BanRow>(c).await?.into_iter().filter_map(ban_of);
                let found: Vec<Ban> = found.filter(|ban| only.is_none_or(|id| ban.id == id)).collect();
                for ban in &found {
                    let lifted = (bans::lifted_at.eq(Some(now)), bans::rev.eq(rev));
                    update(bans::table.find(ban.id)).set(lifted).execute(c).await?;
                    if ban.with_network {
                        // Made at the same moment by the same hand: what `ban_network` has added.
                        let added = bans::table
                            .filter(bans::author_id.is_null().and(bans::lifted_at.is_null()))
                            .filter(bans::at.eq(Stamp(ban.at)).and(bans::by_author.eq(ban.by.as_str())));
                        update(added).set(lifted).execute(c).await?;
                    }
                }
                Ok(found)
            }

            /// Lifts bans. Tells the entry, or that there was none.
            pub(crate) async fn unban(
                c: &mut Connection,
                key: BanKey,
                room: Option<RoomId>,
                by: AuthorId,
                undoes: Option<(i64, i64)>,
            ) -> QueryResult<Undo> {
                c.transaction(async move |c| {
                    let rev = raise_control(c).await?;
                    let now = now(c).await?;
                    // Those who change what concerns all come one after the other, so it stays as it is read here.
                    if let Some((id, _)) = undoes {
                        let undone = audit_log::table.find(id).filter(audit_log::undone_at.is_not_null()).count();
                        if undone.get_result::<i64>(c).await? > 0 {
                            return Ok(Undo::AlreadyUndone);
                        }
                    }
                    let only = undoes.map(|(_, ban)| ban);
                    let lifted = lift_within(c, &key, room.as_ref(), only, (rev, now)).await?;
                    let Some(ban) = lifted.into_iter().next() else { return Ok(Undo::ChangedSince) };
                    if let Some((id, _)) = undoes {
                        mark_undone(c, id, &by, now).await?;
                    }
                    if let Some(room) = &room {
                        raise_guard(c, room).await?;
                    }
                    let entry = Entry {
                        room: room.as_ref(),
                        actor: &by,
                        action: "unban",
                        target: target_of(&key),
                        before: json!({
                            "until": ban.until.map(written), "reason": ban.reason, "withNetwork": ban.with_network
                        }),
                        after: Value::Null,
                    };
                    Ok(Undo::Done(write_entry(c, entry, now).await?))
                })
                .await
            }

            /// The bans in force, the newest first.
            pub(crate) async fn bans(c: &mut Connection, before: Option<i64>, limit: usize) -> QueryResult<Vec<Ban>> {
                let now = now(c).await?;
                let in_force = bans::lifted_at.is_null().and(bans::until.is_null().or(bans::until.gt(now)));
                let query = bans::table
                    .filter(in_force.and(bans::author_id.is_not_null()))
                    .filter(bans::id.lt(before.unwrap_or(i64::MAX)))
                    .order(bans::id.desc())
                    .limit(one_more(limit))
                    .select(BAN);
                Ok(query.load::<BanRow>(c).await?.into_iter().filter_map(ban_of).collect())
            }

            /// The bans of somebody, lifted ones and those that are over as well, the newest first.
            pub(crate) async fn bans_of(c: &mut Connection, author: AuthorId, limit: i64) -> QueryResult<Vec<Ban>> {
                let query = bans::table
                    .filter(bans::author_id.eq(author.as_str()))
                    .order(bans::id.desc())
                    .limit(limit)
                    .select(BAN);
                Ok(query.load::<BanRow>(c).await?.into_iter().filter_map(ban_of).collect())
            }
        }
    };
}

banning!(postgres, crate::postgres::connection::PgConnection);
banning!(sqlite, crate::sqlite::Connection);
