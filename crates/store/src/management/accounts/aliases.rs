//! Devices of people without an account: identities of browsers that act as another one.

macro_rules! aliases {
    ($module:ident, $connection:ty) => {
        pub(crate) mod $module {
            use chrono::TimeDelta;
            use diesel::{delete, insert_into, prelude::*, update};
            use diesel_async::{AsyncConnection, RunQueryDsl};

            use crate::{
                management::{
                    accounts::model::{Device, DeviceCode, DeviceCodeMade, DeviceJoined},
                    common::$module::*,
                    model::{ALIASES_MAX, DEVICE_CODES_MAX},
                },
                tables::{
                    schema::{author_aliases, author_claims, device_codes},
                    sql_types::Stamp,
                },
            };
            use chat_domain::{AuthorId, AvatarName, Nickname};

            type Connection = $connection;

            /// The identity that this one acts as: itself, where it is no other device's.
            pub(crate) async fn acting_as(c: &mut Connection, author: &AuthorId) -> QueryResult<AuthorId> {
                let of = author_aliases::table.find(author.as_str());
                let of = of.select((author_aliases::of_author, author_aliases::acts_as));
                let of = of.first::<(String, Option<String>)>(c).await.optional()?;
                Ok(of.map_or_else(|| author.clone(), |(of, acts_as)| AuthorId::from_stored(&acts_as.unwrap_or(of))))
            }

            /// The identities that act as this one, or did while they wrote.
            pub(crate) async fn aliases_of(c: &mut Connection, author: &AuthorId) -> QueryResult<Vec<AuthorId>> {
                let is_other = author_aliases::author_id.ne(author.as_str());
                let of = author_aliases::table.filter(author_aliases::of_author.eq(author.as_str()).and(is_other));
                let of = of.order(author_aliases::author_id.asc()).select(author_aliases::author_id);
                Ok(of.load::<String>(c).await?.iter().map(|id| AuthorId::from_stored(id)).collect())
            }

            async fn is_claimed(c: &mut Connection, author: &AuthorId) -> QueryResult<bool> {
                let claim = author_claims::table.find(author.as_str()).count();
                Ok(claim.get_result::<i64>(c).await? > 0)
            }

            /// Makes a code by which another device acts as whoever this is; the one before is over with that. Codes that
            /// are over are forgotten.
            pub(crate) async fn add_device_code(
                c: &mut Connection,
                code: DeviceCode,
                (tries, valid): (i32, TimeDelta),
            ) -> QueryResult<DeviceCodeMade> {
                c.transaction(async move |c| {
                    // First: on SQLite one that reads first may not write any more once somebody else has.
                    let now = now(c).await?;
                    delete(device_codes::table.filter(device_codes::expires_at.le(now))).execute(c).await?;
                    let author = acting_as(c, &code.author).await?;
                    if is_claimed(c, &author).await? {
                        return Ok(DeviceCodeMade::Claimed);
                    }
                    let before = device_codes::table.filter(device_codes::author_id.eq(author.as_str()));
                    delete(before).execute(c).await?;
                    if device_codes::table.count().get_result::<i64>(c).await? >= DEVICE_CODES_MAX {
                        return Ok(DeviceCodeMade::Full);
                    }
                    let row = (
                        device_codes::name.eq(&code.name),
                        device_codes::hash.eq(&code.hash),
                        device_codes::author_id.eq(author.as_str()),
                        device_codes::nickname.eq(code.nickname.as_str()),
                        device_codes::avatar.eq(code.avatar.as_str()),
                        device_codes::tries_left.eq(tries),
                        device_codes::expires_at.eq(Stamp(now.0.checked_add_signed(valid).unwrap_or(now.0))),
                    );
                    let adding =
                        insert_into(device_codes::table).values(row).on_conflict(device_codes::name).do_nothing();
                    let n = adding.execute(c).await?;
                    Ok(if n > 0 { DeviceCodeMade::Made } else { DeviceCodeMade::NameTaken })
                })
                .await
            }

            /// This device acts from now on as whoever made the code, and with it whatever acted as this device. The code is
            /// used up by that, else one of its tries.
            pub(crate) async fn join_device(
                c: &mut Connection,
                device: AuthorId,
                (name, hash): (String, String),
            ) -> QueryResult<DeviceJoined> {
                c.transaction(async move |c| {
                    let now = now(c).await?;
                    // Raised first, so that two who guess at once take a try each.
                    let is_open = device_codes::tries_left.gt(0).and(device_codes::expires_at.gt(now));
                    let open = device_codes::table.find(&name).filter(is_open);
                    let taking = update(open).set(device_codes::tries_left.eq(device_codes::tries_left - 1));
                    let columns =
                        (device_codes::hash, device_codes::author_id, device_codes::nickname, device_codes::avatar);
                    type Row = (String, String, String, String);
                    let taken = taking.returning(columns).get_result::<Row>(c).await.optional()?;
                    let Some((_, of, nickname, avatar)) = taken.filter(|(expected, ..)| *expected == hash) else {
                        return Ok(DeviceJoined::Wrong);
                    };
                    // Who takes over and who joins come one after the other: so it stays as it is read from here on.
                    let rev = raise_control(c).await?;
                    let of = acting_as(c, &AuthorId::from_stored(&of)).await?;
                    let device = acting_as(c, &device).await?;
                    if is_claimed(c, &of).await? || is_claimed(c, &device).await? {
                        return Ok(DeviceJoined::Claimed);
                    }
                    if of == device {
                        return Ok(DeviceJoined::Same(of));
                    }
                    let n_own = aliases_of(c, &of).await?.len();
                    let n_new = aliases_of(c, &device).await?.len().saturating_add(1);
                    if i64::try_from(n_own.saturating_add(n_new)).unwrap_or(i64::MAX) > ALIASES_MAX {
                        return Ok(DeviceJoined::TooMany);
                    }
                    let others = author_aliases::table.filter(author_aliases::of_author.eq(device.as_str()));
                    let now_of = (author_aliases::of_author.eq(of.as_str()), author_aliases::rev.eq(rev));
                    update(others).set(now_of).execute(c).await?;
                    // Devices that were taken back once, and act as this one since.
                    let acted = author_aliases::acts_as.eq(Some(device.as_str()));
                    let acted = acted.and(author_aliases::author_id.ne(device.as_str()));
                    let acts_as = (author_aliases::acts_as.eq(Some(of.as_str())), author_aliases::rev.eq(rev));
                    update(author_aliases::table.filter(acted)).set(acts_as).execute(c).await?;
                    // Who one of them has been since has a row already, and is no device: no browser has its secret.
                    let is_there = author_aliases::table.find(device.as_str()).count().get_result::<i64>(c).await? > 0;
                    if !is_there {
                        let joined_at = author_aliases::joined_at.eq(Some(now));
                        let row = (author_aliases::author_id.eq(device.as_str()), now_of, joined_at);
                        insert_into(author_aliases::table).values(row).execute(c).await?;
                    }
                    delete(device_codes::table.find(&name)).execute(c).await?;
                    // What the device had shown of itself is over.
                    let own = device_codes::table.filter(device_codes::author_id.eq(device.as_str()));
                    delete(own).execute(c).await?;
                    let avatar = AvatarName::from_stored(&avatar, &of);
                    Ok(DeviceJoined::Made { author: of, nickname: Nickname::from_stored(nickname), avatar })
                })
                .await
            }

            /// The further devices that act as this one now, in the order in which they came.
            pub(crate) async fn devices_of(c: &mut Connection, of: AuthorId) -> QueryResult<Vec<Device>> {
                let columns = (author_aliases::author_id, author_aliases::joined_at);
                let acts = author_aliases::acts_as.eq(Some(of.as_str())).and(author_aliases::author_id.ne(of.as_str()));
                let plain = author_aliases::of_author.eq(of.as_str()).and(author_aliases::acts_as.is_null());
                let plain = author_aliases::table.filter(plain).select(columns);
                let mut rows = plain.load::<(String, Option<Stamp>)>(c).await?;
                let again = author_aliases::table.filter(acts).select(columns);
                rows.extend(again.load::<(String, Option<Stamp>)>(c).await?);
                rows.sort_by(|(id, at), (other, other_at)| {
                    (at.map(|at| at.0), id).cmp(&(other_at.map(|at| at.0), other))
                });
                let device = |(id, at): (String, Option<Stamp>)| Device {
                    id: AuthorId::from_stored(&id),
                    joined_at: at.map(|at| at.0),
                };
                Ok(rows.into_iter().map(device).collect())
            }

            /// A further device acts as `fresh` from now on, who is nobody yet; what it wrote stays with whom it acted as.
            /// Whether it was a device of theirs. A code that it may have made is over.
            pub(crate) async fn remove_device(
                c: &mut Connection,
                of: AuthorId,
                device: AuthorId,
                fresh: AuthorId,
            ) -> QueryResult<bool> {
                c.transaction(async move |c| {
                    let rev = raise_control(c).await?;
                    let is_plain = author_aliases::of_author.eq(of.as_str()).and(author_aliases::acts_as.is_null());
                    let is_again = author_aliases::acts_as.eq(Some(of.as_str()));
                    let now_as = (author_aliases::acts_as.eq(Some(fresh.as_str())), author_aliases::rev.eq(rev));
                    let row = || author_aliases::table.find(device.as_str());
                    let n = update(row().filter(is_plain)).set(now_as).execute(c).await?;
                    let n = if n > 0 { n } else { update(row().filter(is_again)).set(now_as).execute(c).await? };
                    if n == 0 {
                        return Ok(false);
                    }
                    // Says of who it is from now on that no browser has the secret of that.
                    let itself = author_aliases::of_author.eq(fresh.as_str());
                    let row = (author_aliases::author_id.eq(fresh.as_str()), itself, now_as);
                    insert_into(author_aliases::table).values(row).execute(c).await?;
                    delete(device_codes::table.filter(device_codes::author_id.eq(of.as_str()))).execute(c).await?;
                    Ok(true)
                })
                .await
            }
        }
    };
}

aliases!(postgres, crate::postgres::connection::PgConnection);
aliases!(sqlite, crate::sqlite::Connection);
