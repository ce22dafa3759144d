//! Whether the role that the server logs in with may do all that the server does.

use diesel::{
    OptionalExtension, QueryResult,
    dsl::sql,
    sql_types::{Bool, Nullable, Text},
};
use diesel_async::RunQueryDsl;

use super::connection::PgConnection;
use crate::error::StoreError;

/// What is needed of each table that exists already.
const MISSING: &str = "SELECT current_user::text AS role, privilege || ' ON ' || relation AS lacks
    FROM (VALUES ('messages', 'SELECT'), ('messages', 'INSERT'), ('messages', 'UPDATE'), ('rooms', 'SELECT'), ('rooms', 'INSERT'),
        ('rooms', 'UPDATE'), ('meta', 'SELECT'), ('meta', 'UPDATE'), ('__diesel_schema_migrations', 'SELECT'),
        ('servers', 'SELECT'), ('servers', 'INSERT'), ('servers', 'UPDATE'), ('servers', 'DELETE'),
        ('reactions', 'SELECT'), ('reactions', 'INSERT'), ('reactions', 'DELETE'), ('message_edits', 'SELECT'),
        ('message_edits', 'INSERT'), ('message_edits', 'UPDATE'), ('removed_texts', 'SELECT'),
        ('removed_texts', 'INSERT'), ('removed_texts', 'DELETE'), ('presence', 'SELECT'), ('presence', 'INSERT'),
        ('presence', 'UPDATE'), ('presence', 'DELETE'), ('users', 'SELECT'), ('users', 'INSERT'),
        ('workspaces', 'SELECT'), ('workspaces', 'UPDATE'), ('workspace_members', 'SELECT'),
        ('workspace_members', 'INSERT'), ('logins', 'SELECT'), ('logins', 'INSERT'), ('logins', 'UPDATE'),
        ('one_time_codes', 'SELECT'), ('one_time_codes', 'INSERT'), ('one_time_codes', 'UPDATE'),
        ('one_time_codes', 'DELETE'), ('bans', 'SELECT'), ('bans', 'INSERT'), ('bans', 'UPDATE'),
        ('reports', 'SELECT'), ('reports', 'INSERT'), ('reports', 'UPDATE'), ('audit_log', 'SELECT'),
        ('audit_log', 'INSERT'), ('audit_log', 'UPDATE'), ('held_messages', 'SELECT'), ('held_messages', 'INSERT'),
        ('held_messages', 'UPDATE'), ('held_messages', 'DELETE'), ('authors', 'SELECT'), ('authors', 'INSERT'),
        ('authors', 'UPDATE'), ('users', 'UPDATE'), ('workspace_members', 'DELETE'), ('refresh_tokens', 'SELECT'),
        ('refresh_tokens', 'INSERT'), ('refresh_tokens', 'UPDATE'), ('refresh_tokens', 'DELETE'),
        ('author_claims', 'SELECT'), ('author_claims', 'INSERT'), ('invites', 'SELECT'), ('invites', 'INSERT'),
        ('author_aliases', 'SELECT'), ('author_aliases', 'INSERT'), ('author_aliases', 'UPDATE'),
        ('device_codes', 'SELECT'), ('device_codes', 'INSERT'), ('device_codes', 'UPDATE'), ('device_codes', 'DELETE'),
        ('invites', 'UPDATE'), ('invites', 'DELETE'), ('signing_keys', 'SELECT'), ('signing_keys', 'INSERT'),
        ('signing_keys', 'UPDATE'), ('room_aliases', 'SELECT'), ('room_aliases', 'INSERT'),
        ('room_aliases', 'UPDATE'), ('people', 'SELECT'), ('people', 'INSERT'), ('people', 'UPDATE'),
        ('author_names', 'SELECT'), ('author_names', 'INSERT'), ('activity', 'SELECT'), ('activity', 'INSERT'),
        ('jobs', 'SELECT'), ('jobs', 'INSERT'), ('jobs', 'UPDATE'), ('jobs', 'DELETE'), ('inquiries', 'SELECT'),
        ('inquiries', 'INSERT'), ('inquiries', 'UPDATE'), ('inquiries', 'DELETE'),
        ('bots', 'SELECT'), ('bots', 'INSERT'), ('bots', 'UPDATE'), ('api_keys', 'SELECT'), ('api_keys', 'INSERT'),
        ('api_keys', 'UPDATE'))
        AS needed (relation, privilege)
    WHERE NOT has_table_privilege(to_regclass(relation)::oid, privilege)
    UNION ALL SELECT current_user::text, 'USAGE ON SEQUENCE ' || sequence
    FROM (SELECT pg_get_serial_sequence(relation, 'id') AS sequence
        FROM (VALUES ('messages'), ('bans'), ('reports'), ('audit_log'), ('held_messages')) AS counted (relation)
        WHERE to_regclass(relation) IS NOT NULL) AS ids
    WHERE NOT has_sequence_privilege(sequence, 'USAGE')
    LIMIT 1";

/// Where new tables would go.
const SCHEMA: &str = "SELECT current_user::text AS role, current_schema()::text AS schema,
    coalesce(has_schema_privilege(current_schema(), 'CREATE'), false) AS may_create";

/// The first right that is missing, as a sentence that says what to do.
pub(crate) async fn missing(c: &mut PgConnection, must_create: bool) -> QueryResult<Option<StoreError>> {
    if must_create {
        let here = sql::<(Text, Nullable<Text>, Bool)>(SCHEMA);
        let (role, schema, may_create) = here.get_result::<(String, Option<String>, bool)>(c).await?;
        if !may_create {
            let schema = schema.unwrap_or_else(|| "public".into());
            let text = format!(
                "the role \"{role}\" may not make tables: GRANT USAGE, CREATE ON SCHEMA {schema} TO \"{role}\", or run \
                 'realtime-chat migrate' once with a role that may"
            );
            return Ok(Some(StoreError::Refused(text.into())));
        }
    }
    let lacking = sql::<(Text, Text)>(MISSING).get_result::<(String, String)>(c).await.optional()?;
    let text = |(role, lacks)| {
        format!("the role \"{role}\" may not do all that is needed: GRANT {lacks} TO \"{role}\"").into()
    };
    Ok(lacking.map(text).map(StoreError::Refused))
}
