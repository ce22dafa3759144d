//! A connection to PostgreSQL as diesel uses one, over `tokio_postgres`.
//!
//! Written here because diesel-async's own does two things that this program cannot live with: it throws the
//! SQLSTATE of an error away, so that only the sentence is left, in whatever language the database speaks; and it
//! prepares every statement under a name and outside of a transaction, which a pooler in transaction mode sends
//! to one server connection and looks for on another.

use std::{collections::HashMap, num::NonZeroU32, ops::Range, sync::Arc};

use diesel::{
    ConnectionError, ConnectionResult, QueryResult,
    connection::{CacheSize, Instrumentation},
    pg::{FailedToLookupTypeError, Pg, PgMetadataCacheKey, PgMetadataLookup, PgQueryBuilder, PgTypeMetadata, PgValue},
    query_builder::{AsQuery, QueryBuilder, QueryFragment, QueryId, bind_collector::RawBytesBindCollector},
    result::Error as QueryError,
    row::{Field, PartialRow, Row, RowIndex, RowSealed},
};
use diesel_async::{
    AnsiTransactionManager, AsyncConnection, AsyncConnectionCore, SimpleAsyncConnection, TransactionManager,
    pooled_connection::PoolableConnection,
};
use futures_util::{
    FutureExt, StreamExt, TryStreamExt,
    future::{BoxFuture, join3},
    stream::{self, BoxStream},
};
use tokio_postgres::{
    Client, Connection, Error, RowStream, Socket, Statement,
    tls::TlsStream,
    types::{FromSql, IsNull, ToSql, Type, private::BytesMut},
};

use super::pooler::Sharing;
use crate::{
    error::{Failure, through_query},
    worker::Task,
};

/// Statements that a connection keeps prepared. The program has some twenty.
const STATEMENTS_MAX: usize = 64;

/// A connection. Dropped, it is closed, whatever is under way on it.
pub(crate) struct PgConnection {
    client: Client,
    /// Drives the connection: it may wait for an answer that never comes.
    _driver: Task,
    /// Begins a transaction that is what this connection is for.
    begin: Arc<str>,
    /// Whether the server's session behind it is this connection's own.
    is_shared: bool,
    sharing: Arc<Sharing>,
    statements: HashMap<String, Statement>,
    transaction: AnsiTransactionManager,
    /// diesel wants each connection to hold one.
    instrumentation: Option<Box<dyn Instrumentation>>,
}

impl PgConnection {
    /// Takes over what `tokio_postgres` connected. The task that drives it ends with the connection, and lives on the
    /// runtime that calls this.
    ///
    /// `begin` is the statement that begins its transactions.
    pub fn new<S>(
        client: Client,
        connection: Connection<Socket, S>,
        begin: Arc<str>,
        is_shared: bool,
        sharing: Arc<Sharing>,
    ) -> Self
    where
        S: TlsStream + Unpin + Send + 'static,
    {
        // What ends it is what the statement under way fails with.
        let driver = Task::spawn(connection.map(drop));
        let (statements, transaction) = (HashMap::new(), AnsiTransactionManager::default());
        Self { client, _driver: driver, begin, is_shared, sharing, statements, transaction, instrumentation: None }
    }

    fn in_transaction(&mut self) -> bool {
        let status = AnsiTransactionManager::transaction_manager_status_mut(self);
        !matches!(status.transaction_depth(), Ok(None))
    }

    fn failed(&self, error: &Error) -> QueryError {
        if !self.is_shared && error.code().is_some_and(|code| matches!(code.code(), "26000" | "42P05")) {
            // A prepared statement is not there, or there already: the session is shared after all.
            self.sharing.found_out();
        }
        through_query(Failure::of_postgres(error))
    }

    async fn prepared(&mut self, query: &BuiltQuery) -> Result<Statement, Error> {
        if let Some(statement) = self.statements.get(&query.sql) {
            return Ok(statement.clone());
        }
        let types: Vec<Type> = query.values.iter().map(|(_, kind)| kind.clone()).collect();
        let statement = self.client.prepare_typed(&query.sql, &types).await?;
        if query.may_be_kept && self.statements.len() < STATEMENTS_MAX {
            self.statements.insert(query.sql.clone(), statement.clone());
        }
        Ok(statement)
    }

    /// Runs a statement; all rows, and how many it was about.
    async fn run(&mut self, query: QueryResult<BuiltQuery>) -> QueryResult<(Vec<tokio_postgres::Row>, usize)> {
        let query = query?;
        let result = if !self.is_shared {
            match self.prepared(&query).await {
                Ok(statement) => {
                    let values = query.values.into_iter().map(|(value, _)| value);
                    collect(self.client.query_raw(&statement, values).await).await
                }
                Err(error) => Err(error),
            }
        } else if self.in_transaction() {
            collect(self.client.query_typed_raw(&query.sql, query.values).await).await
        } else {
            // A transaction of its own, in one round trip.
            let client = &self.client;
            let run = async { collect(client.query_typed_raw(&query.sql, query.values).await).await };
            let (begun, result, ended) =
                join3(client.batch_execute(&self.begin), run, client.batch_execute("COMMIT")).await;
            begun.and(result).and_then(|rows| ended.map(|()| rows))
        };
        result.map_err(|error| self.failed(&error))
    }
}

async fn collect(rows: Result<RowStream, Error>) -> Result<(Vec<tokio_postgres::Row>, usize), Error> {
    let mut rows = std::pin::pin!(rows?);
    let mut all = Vec::new();
    while let Some(row) = rows.try_next().await? {
        all.push(row);
    }
    let n_affected = rows.rows_affected().and_then(|n| usize::try_from(n).ok()).unwrap_or_default();
    Ok((all, n_affected))
}

/// A statement as the wire takes it.
struct BuiltQuery {
    sql: String,
    values: Vec<(Value, Type)>,
    /// Its text is one of few.
    may_be_kept: bool,
}

impl BuiltQuery {
    fn new(query: &impl QueryFragment<Pg>) -> QueryResult<Self> {
        let mut builder = PgQueryBuilder::default();
        query.to_sql(&mut builder, &Pg)?;
        let mut collected = RawBytesBindCollector::<Pg>::new();
        query.collect_binds(&mut collected, &mut NoTypesOfOnesOwn, &Pg)?;
        let may_be_kept = query.is_safe_to_cache_prepared(&Pg)?;
        let value = |(metadata, bytes): (PgTypeMetadata, Option<Vec<u8>>)| {
            let oid = metadata.oid().map_err(|e| QueryError::SerializationError(Box::new(e)))?;
            let own = || QueryError::SerializationError("a type of one's own".into());
            Ok::<_, QueryError>((Value(bytes), Type::from_oid(oid).ok_or_else(own)?))
        };
        let values = collected.metadata.into_iter().zip(collected.binds).map(value).collect::<QueryResult<_>>()?;
        Ok(Self { sql: builder.finish(), values, may_be_kept })
    }
}

/// The schema uses PostgreSQL's own types only, so nothing is looked up.
struct NoTypesOfOnesOwn;

impl PgMetadataLookup for NoTypesOfOnesOwn {
    fn lookup_type(&mut self, name: &str, schema: Option<&str>) -> PgTypeMetadata {
        let key = PgMetadataCacheKey::new(schema.map(|s| s.to_owned().into()), name.to_owned().into());
        PgTypeMetadata::from_result(Err(FailedToLookupTypeError::new(key)))
    }
}

/// A value that diesel encoded.
#[derive(Debug)]
struct Value(Option<Vec<u8>>);

impl ToSql for Value {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        let Some(bytes) = &self.0 else { return Ok(IsNull::Yes) };
        out.extend_from_slice(bytes);
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    tokio_postgres::types::to_sql_checked!();
}

/// A row, with the types of its columns as diesel asks for them.
pub(crate) struct PgRow {
    row: tokio_postgres::Row,
    types: Arc<[NonZeroU32]>,
}

/// A value of a row.
pub(crate) struct PgField<'a> {
    name: &'a str,
    value: Option<&'a [u8]>,
    kind: &'a NonZeroU32,
}

/// A column's bytes, whatever they are.
struct Bytes<'a>(&'a [u8]);

impl<'a> FromSql<'a> for Bytes<'a> {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(raw))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

fn rows_of(rows: Vec<tokio_postgres::Row>) -> impl Iterator<Item = PgRow> {
    let columns = rows.first().map(|row| row.columns()).unwrap_or_default();
    let types: Arc<[NonZeroU32]> =
        columns.iter().map(|column| NonZeroU32::new(column.type_().oid()).unwrap_or(NonZeroU32::MIN)).collect();
    rows.into_iter().map(move |row| PgRow { row, types: Arc::clone(&types) })
}

impl RowSealed for PgRow {}

impl RowIndex<usize> for PgRow {
    fn idx(&self, i: usize) -> Option<usize> {
        (i < self.row.len()).then_some(i)
    }
}

impl<'a> RowIndex<&'a str> for PgRow {
    fn idx(&self, name: &'a str) -> Option<usize> {
        self.row.columns().iter().position(|column| column.name() == name)
    }
}

impl<'a> Row<'a, Pg> for PgRow {
    type InnerPartialRow = Self;
    type Field<'b>
        = PgField<'b>
    where
        Self: 'b,
        'a: 'b;

    fn field_count(&self) -> usize {
        self.row.len()
    }

    fn get<'b, I>(&'b self, index: I) -> Option<Self::Field<'b>>
    where
        'a: 'b,
        Self: RowIndex<I>,
    {
        let i = self.idx(index)?;
        let value = self.row.try_get::<_, Option<Bytes<'_>>>(i).ok()?.map(|bytes| bytes.0);
        Some(PgField { name: self.row.columns().get(i)?.name(), value, kind: self.types.get(i)? })
    }

    fn partial_row(&self, range: Range<usize>) -> PartialRow<'_, Self::InnerPartialRow> {
        PartialRow::new(self, range)
    }
}

impl<'a> Field<'a, Pg> for PgField<'a> {
    fn field_name(&self) -> Option<&str> {
        Some(self.name)
    }

    fn value(&self) -> Option<PgValue<'_>> {
        self.value.map(|bytes| PgValue::new(bytes, self.kind))
    }
}

impl SimpleAsyncConnection for PgConnection {
    async fn batch_execute(&mut self, sql: &str) -> QueryResult<()> {
        // diesel's transactions begin with this word; here they begin as the connection's ones do.
        let sql = if sql == "BEGIN" { &self.begin } else { sql };
        self.client.batch_execute(sql).await.map_err(|error| self.failed(&error))
    }
}

impl AsyncConnectionCore for PgConnection {
    type LoadFuture<'conn, 'query> = BoxFuture<'conn, QueryResult<Self::Stream<'conn, 'query>>>;
    type ExecuteFuture<'conn, 'query> = BoxFuture<'conn, QueryResult<usize>>;
    type Stream<'conn, 'query> = BoxStream<'static, QueryResult<PgRow>>;
    type Row<'conn, 'query> = PgRow;
    type Backend = Pg;

    fn load<'conn, 'query, T>(&'conn mut self, source: T) -> Self::LoadFuture<'conn, 'query>
    where
        T: AsQuery + 'query,
        T::Query: QueryFragment<Pg> + QueryId + 'query,
    {
        let query = BuiltQuery::new(&source.as_query());
        async move { Ok(stream::iter(rows_of(self.run(query).await?.0).map(Ok)).boxed()) }.boxed()
    }

    fn execute_returning_count<'conn, 'query, T>(&'conn mut self, source: T) -> Self::ExecuteFuture<'conn, 'query>
    where
        T: QueryFragment<Pg> + QueryId + 'query,
    {
        let query = BuiltQuery::new(&source);
        async move { Ok(self.run(query).await?.1) }.boxed()
    }
}

impl AsyncConnection for PgConnection {
    type TransactionManager = AnsiTransactionManager;

    async fn establish(_: &str) -> ConnectionResult<Self> {
        Err(ConnectionError::InvalidConnectionUrl("connections are made by the store".into()))
    }

    fn transaction_state(&mut self) -> &mut AnsiTransactionManager {
        &mut self.transaction
    }

    fn instrumentation(&mut self) -> &mut dyn Instrumentation {
        &mut self.instrumentation
    }

    fn set_instrumentation(&mut self, instrumentation: impl Instrumentation) {
        self.instrumentation = Some(Box::new(instrumentation));
    }

    fn set_prepared_statement_cache_size(&mut self, _: CacheSize) {}
}

impl PoolableConnection for PgConnection {
    fn is_broken(&mut self) -> bool {
        AnsiTransactionManager::is_broken_transaction_manager(self)
            || self.client.is_closed()
            // It was made before it was known that sessions are shared.
            || !self.is_shared && self.sharing.is_known()
    }
}
