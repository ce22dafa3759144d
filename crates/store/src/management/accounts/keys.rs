macro_rules! keys {
    ($module:ident, $connection:ty) => {
        pub(crate) mod $module {
            use diesel::{insert_into, prelude::*, update};
            use diesel_async::{AsyncConnection, RunQueryDsl};

            use crate::{
                management::{accounts::model::StoredKey, common::$module::*},
                tables::schema::signing_keys,
            };

            type Connection = $connection;

            async fn keys(c: &mut Connection) -> QueryResult<Vec<StoredKey>> {
                let living = signing_keys::table.filter(signing_keys::retired_at.is_null());
                let living = living.order((signing_keys::created_at.desc(), signing_keys::kid.desc()));
                let found = living.select((signing_keys::kid, signing_keys::secret));
                let found = found.load::<(String, Vec<u8>)>(c).await?;
                Ok(found.into_iter().map(|(kid, secret)| StoredKey { kid, secret }).collect())
            }

            /// The keys that are good, the newest first; this one where there is none yet.
            pub(crate) async fn signing_keys(c: &mut Connection, first: StoredKey) -> QueryResult<Vec<StoredKey>> {
                let found = keys(c).await?;
                if !found.is_empty() {
                    return Ok(found);
                }
                c.transaction(async move |c| {
                    // One after the other: two servers that start at once agree on one.
                    raise_control(c).await?;
                    if keys(c).await?.is_empty() {
                        add(c, first).await?;
                    }
                    keys(c).await
                })
                .await
            }

            /// Another key in the place of all before it, which are good for nothing from now on.
            pub(crate) async fn rotate_keys(c: &mut Connection, new: StoredKey) -> QueryResult<usize> {
                c.transaction(async move |c| {
                    raise_control(c).await?;
                    let now = now(c).await?;
                    let before = signing_keys::table.filter(signing_keys::retired_at.is_null());
                    let retired = (signing_keys::retired_at.eq(Some(now)), signing_keys::secret.eq(Vec::new()));
                    let n = update(before).set(retired).execute(c).await?;
                    add(c, new).await?;
                    Ok(n)
                })
                .await
            }

            async fn add(c: &mut Connection, StoredKey { kid, secret }: StoredKey) -> QueryResult<()> {
                let row = (
                    signing_keys::kid.eq(kid),
                    signing_keys::secret.eq(secret),
                    signing_keys::created_at.eq(now(c).await?),
                );
                insert_into(signing_keys::table).values(row).execute(c).await.map(drop)
            }
        }
    };
}

keys!(postgres, crate::postgres::connection::PgConnection);
keys!(sqlite, crate::sqlite::Connection);
