//! The tables, as both databases have them: their columns, the types of those, and whole rows.

pub(crate) mod archive_schema;
pub(crate) mod hooks_schema;
pub(crate) mod json;
pub(crate) mod keys_schema;
pub(crate) mod mail_schema;
pub(crate) mod reach;
pub(crate) mod rows;
pub(crate) mod schema;
pub(crate) mod sql_types;
