//! What is left of somebody beside their account and their messages, once they are nobody any more.

macro_rules! traces {
    ($module:ident, $connection:ty) => {
        pub(crate) mod $module {
            use std::collections::BTreeMap;

            use diesel::{delete, dsl::sql, prelude::*, sql_types::Text, update};
            use diesel_async::{AsyncConnection, RunQueryDsl};

            use crate::{
                management::{held::WAITS, mail::answers::$module::end_answers_of},
                tables::schema::{audit_log, bans, device_codes, held_messages, removed_texts, reports, rooms, users},
            };
            use chat_domain::{AuthorId, Nickname};

            type Connection = $connection;

            /// What stands in the place of a public id.
            const ERASED: &str = "erased";

            /// Who has nothing that was done by them or to them named with them any more, of what is no message. `removed`
            /// are messages whose kept texts go; where `with_texts` is, so does what waits and what they wrote in reports.
            /// Bans stay, without their reasons.
            pub(crate) async fn erase_traces(
                c: &mut Connection,
                authors: Vec<AuthorId>,
                removed: Vec<i64>,
                with_texts: bool,
            ) -> QueryResult<()> {
                c.transaction(async move |c| {
                    let ids: Vec<&str> = authors.iter().map(AuthorId::as_str).collect();
                    delete(device_codes::table.filter(device_codes::author_id.eq_any(&ids))).execute(c).await?;
                    end_answers_of(c, &ids).await?;
                    if with_texts {
                        let of = removed_texts::table.filter(removed_texts::message_id.eq_any(removed));
                        delete(of).execute(c).await?;
                        let of = reports::table.filter(reports::by_author.eq_any(&ids));
                        update(of).set(reports::reason.eq("")).execute(c).await?;
                        forget_held(c, &ids).await?;
                    } else {
                        let nobody = (
                            held_messages::nickname.eq(Nickname::NOBODY),
                            held_messages::avatar.eq(""),
                            held_messages::badge.eq(None::<i16>),
                        );
                        let of = held_messages::table.filter(held_messages::author_id.eq_any(&ids));
                        update(of).set(nobody).execute(c).await?;
                    }
                    let banned = bans::table.filter(bans::author_id.eq_any(ids.iter().map(|id| Some(*id))));
                    update(banned).set(bans::reason.eq("")).execute(c).await?;
                    for id in &ids {
                        let by = audit_log::table.filter(audit_log::actor.eq(id));
                        update(by).set(audit_log::actor.eq(ERASED)).execute(c).await?;
                        let by = audit_log::table.filter(audit_log::undone_by.eq(Some(*id)));
                        update(by).set(audit_log::undone_by.eq(Some(ERASED))).execute(c).await?;
                        // An id has letters, digits, `-` and `_`, of which the last one is anything to LIKE.
                        let of = format!("%{}%", id.replace('_', "\\_"));
                        let to = audit_log::table.filter(audit_log::target.like(of).escape('\\'));
                        let target = sql::<Text>("replace(target, ").bind::<Text, _>(*id).sql(", 'erased')");
                        let nothing = (audit_log::before.eq("null"), audit_log::after.eq("null"));
                        update(to).set((audit_log::target.eq(target), nothing)).execute(c).await?;
                    }
                    Ok(())
                })
                .await
            }

            /// What waits for a moderator is gone, and not counted any more.
            async fn forget_held(c: &mut Connection, ids: &[&str]) -> QueryResult<()> {
                let of = held_messages::table.filter(held_messages::author_id.eq_any(ids));
                let mut names = of.clone().select(held_messages::room_id).distinct().load::<String>(c).await?;
                names.sort_unstable();
                for name in &names {
                    let row = rooms::table.find(name.as_str());
                    update(row).set(rooms::held_count.eq(rooms::held_count)).execute(c).await?;
                }
                let forgetting = delete(of).returning((held_messages::room_id, held_messages::state));
                let mut waited = BTreeMap::<String, i64>::new();
                for (room, state) in forgetting.load::<(String, i16)>(c).await? {
                    let n = waited.entry(room).or_default();
                    *n = n.saturating_add(i64::from(state == WAITS));
                }
                for (room, n) in waited {
                    let row = rooms::table.find(room);
                    update(row).set(rooms::held_count.eq(rooms::held_count - n)).execute(c).await?;
                }
                Ok(())
            }

            /// What a blog has called one of its own users is forgotten; whether there was such a one.
            pub(crate) async fn erase_verified(c: &mut Connection, site: String, subject: String) -> QueryResult<bool> {
                let of = users::table.filter(users::site.eq(Some(site)).and(users::subject.eq(Some(subject))));
                let nothing = (
                    users::site.eq(None::<String>),
                    users::subject.eq(None::<String>),
                    users::nickname.eq(Nickname::NOBODY),
                    users::avatar.eq(""),
                );
                Ok(update(of).set(nothing).execute(c).await? > 0)
            }
        }
    };
}

traces!(postgres, crate::postgres::connection::PgConnection);
traces!(sqlite, crate::sqlite::Connection);
