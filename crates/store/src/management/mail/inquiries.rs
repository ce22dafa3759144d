macro_rules! inquiries {
    ($module:ident, $connection:ty) => {
        pub(crate) mod $module {
            use chrono::TimeDelta;
            use diesel::{delete, insert_into, prelude::*, update};
            use diesel_async::RunQueryDsl;
            use uuid::Uuid;

            use crate::{
                management::{
                    common::$module::*,
                    mail::{
                        jobs::$module::add_job,
                        model::{InquiryAdded, NewInquiry, StoredInquiry},
                    },
                },
                tables::{
                    mail_schema::inquiries,
                    sql_types::{Key, Stamp},
                },
            };

            type Connection = $connection;
            type Row = (Key, Option<String>, String, String, String, String, Stamp, Option<Stamp>);

            /// So long they are kept (the design's section 6).
            const KEPT_FOR: TimeDelta = TimeDelta::days(90);

            fn stored(row: Row) -> StoredInquiry {
                let (id, name, email, subject, text, locale, at, mailed_at) = row;
                let inquiry = NewInquiry { id: id.0, name, email, subject, text, locale };
                StoredInquiry { inquiry, at: at.0, mailed_at: mailed_at.map(|at| at.0) }
            }

            /// Keeps what somebody asks, and the job of mailing it, together or not at all. Those of long ago go.
            pub(crate) async fn add_inquiry(
                c: &mut Connection,
                new: NewInquiry,
                kind: &'static str,
                n_max: i64,
            ) -> QueryResult<InquiryAdded> {
                let now = now(c).await?;
                let since = Stamp(now.0.checked_sub_signed(KEPT_FOR).unwrap_or(now.0));
                delete(inquiries::table.filter(inquiries::created_at.lt(since))).execute(c).await?;
                let n = inquiries::table.count().get_result::<i64>(c).await?;
                if n >= n_max || !add_job(c, kind, new.id.to_string(), n_max).await? {
                    return Ok(InquiryAdded::Full);
                }
                let row = (
                    inquiries::id.eq(Key(new.id)),
                    inquiries::name.eq(new.name),
                    inquiries::email.eq(new.email),
                    inquiries::subject.eq(new.subject),
                    inquiries::text.eq(new.text),
                    inquiries::locale.eq(new.locale),
                    inquiries::created_at.eq(now),
                );
                insert_into(inquiries::table).values(row).execute(c).await?;
                Ok(InquiryAdded::Stored)
            }

            /// What was asked.
            pub(crate) async fn inquiry(c: &mut Connection, id: Uuid) -> QueryResult<Option<StoredInquiry>> {
                let row = inquiries::table.find(Key(id)).first::<Row>(c).await.optional()?;
                Ok(row.map(stored))
            }

            /// The newest, or the newest before one of them; at most so many.
            pub(crate) async fn inquiries(
                c: &mut Connection,
                before: Option<Uuid>,
                n_max: i64,
            ) -> QueryResult<Vec<StoredInquiry>> {
                let mut rows = inquiries::table.order(inquiries::id.desc()).limit(n_max).into_boxed();
                if let Some(before) = before {
                    rows = rows.filter(inquiries::id.lt(Key(before)));
                }
                Ok(rows.load::<Row>(c).await?.into_iter().map(stored).collect())
            }

            /// A server has taken the mail of it.
            pub(crate) async fn inquiry_mailed(c: &mut Connection, id: Uuid) -> QueryResult<()> {
                let at = Some(now(c).await?);
                update(inquiries::table.find(Key(id))).set(inquiries::mailed_at.eq(at)).execute(c).await.map(drop)
            }

            /// Forgets it; whether it was there.
            pub(crate) async fn remove_inquiry(c: &mut Connection, id: Uuid) -> QueryResult<bool> {
                Ok(delete(inquiries::table.find(Key(id))).execute(c).await? > 0)
            }
        }
    };
}

inquiries!(postgres, crate::postgres::connection::PgConnection);
inquiries!(sqlite, crate::sqlite::Connection);
