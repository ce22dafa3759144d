macro_rules! jobs {
    ($module:ident, $connection:ty) => {
        pub(crate) mod $module {
            use chrono::TimeDelta;
            use diesel::{delete, insert_into, prelude::*, update};
            use diesel_async::RunQueryDsl;

            use crate::{
                management::{common::$module::*, mail::model::Job},
                tables::{mail_schema::jobs, sql_types::Stamp},
            };

            type Connection = $connection;

            /// So often somebody else may have been faster before one asks again later.
            const TAKEN_MAX: usize = 8;

            fn later(now: Stamp, by: TimeDelta) -> Stamp {
                Stamp(now.0.checked_add_signed(by).unwrap_or(now.0))
            }

            /// Asks for something to be done; whether there was room for it among at most so many.
            pub(crate) async fn add_job(
                c: &mut Connection,
                kind: &'static str,
                subject: String,
                n_max: i64,
            ) -> QueryResult<bool> {
                let n = jobs::table.filter(jobs::kind.eq(kind)).count().get_result::<i64>(c).await?;
                if n >= n_max {
                    return Ok(false);
                }
                let now = now(c).await?;
                let row =
                    (jobs::kind.eq(kind), jobs::subject.eq(subject), jobs::created_at.eq(now), jobs::next_at.eq(now));
                insert_into(jobs::table).values(row).execute(c).await.map(|_| true)
            }

            /// Takes what is due first of these kinds, for so long: when that is over and it was neither finished nor
            /// postponed, somebody else takes it. No lock is held meanwhile, and none is needed for taking: who moves the
            /// time on from what they saw has it.
            pub(crate) async fn take_job(
                c: &mut Connection,
                kinds: &'static [&'static str],
                hold: TimeDelta,
            ) -> QueryResult<Option<Job>> {
                for _ in 0..TAKEN_MAX {
                    let now = now(c).await?;
                    let due = jobs::table.filter(jobs::next_at.le(now)).filter(jobs::kind.eq_any(kinds));
                    let due = due.order((jobs::next_at, jobs::id)).select((jobs::id, jobs::next_at));
                    let Some((id, seen)) = due.first::<(i64, Stamp)>(c).await.optional()? else { return Ok(None) };
                    let taking = update(jobs::table.find(id).filter(jobs::next_at.eq(seen)));
                    let taking = taking.set((jobs::next_at.eq(later(now, hold)), jobs::tries.eq(jobs::tries + 1)));
                    let taken = taking.returning((jobs::kind, jobs::subject, jobs::tries, jobs::created_at));
                    let taken = taken.get_result::<(String, String, i32, Stamp)>(c).await.optional()?;
                    if let Some((kind, subject, tries, created_at)) = taken {
                        let age = now.0.signed_duration_since(created_at.0);
                        return Ok(Some(Job { id, kind, subject, tries, age }));
                    }
                }
                Ok(None)
            }

            /// It is done, or will never be.
            pub(crate) async fn finish_job(c: &mut Connection, id: i64) -> QueryResult<()> {
                delete(jobs::table.find(id)).execute(c).await.map(drop)
            }

            /// It is to be tried again after a while.
            pub(crate) async fn postpone_job(c: &mut Connection, id: i64, wait: TimeDelta) -> QueryResult<()> {
                let next = later(now(c).await?, wait);
                update(jobs::table.find(id)).set(jobs::next_at.eq(next)).execute(c).await.map(drop)
            }

            /// How many wait of these kinds.
            pub(crate) async fn n_jobs(c: &mut Connection, kinds: &'static [&'static str]) -> QueryResult<i64> {
                jobs::table.filter(jobs::kind.eq_any(kinds)).count().get_result(c).await
            }
        }
    };
}

jobs!(postgres, crate::postgres::connection::PgConnection);
jobs!(sqlite, crate::sqlite::Connection);
