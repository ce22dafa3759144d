//! The tables, as both databases have them: their columns, the types of those, and whole rows.

pub(crate) mod json;
pub(crate) mod keys_schema;
pub(crate) mod mail_schema;
pub(crate) mod rows;
pub(crate) mod schema;
pub(crate) mod sql_types;
