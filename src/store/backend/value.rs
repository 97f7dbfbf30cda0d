//! The values that go into a statement, and the cells that come out.

use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{ColumnIndex, Decode, Postgres, Row as _, Sqlite, Type};

use crate::store::StoreError;

/// A parameter; a null knows its type.
#[derive(Clone, Debug)]
pub(in crate::store) enum Value {
    /// A whole number: id, count, moment or length of time.
    Integer(Option<i64>),
    /// A number with a fraction.
    Real(Option<f64>),
    /// A text.
    Text(Option<String>),
    /// A truth.
    Flag(Option<bool>),
}

macro_rules! values {
    ($($kind:ident: $($of:ty),+;)+) => {$($(
        impl From<$of> for Value {
            fn from(value: $of) -> Self {
                Self::$kind(Some(value.into()))
            }
        }

        impl From<Option<$of>> for Value {
            fn from(value: Option<$of>) -> Self {
                Self::$kind(value.map(Into::into))
            }
        }
    )+)+};
}

values! {
    Integer: i64, i32, u32, u16, u8;
    Real: f64;
    Text: String, &String, &str;
    Flag: bool;
}

/// A row of an answer.
#[derive(Debug)]
pub(in crate::store) enum Row {
    /// From a file.
    Sqlite(SqliteRow),
    /// From a server.
    Postgres(PgRow),
}

/// How a cell is found: by the name of its column or by its place.
pub(in crate::store) trait Column:
    ColumnIndex<SqliteRow> + ColumnIndex<PgRow>
{
}

impl<T: ColumnIndex<SqliteRow> + ColumnIndex<PgRow>> Column for T {}

impl Row {
    /// Reads a cell.
    pub(in crate::store) fn try_get<T: Cell>(&self, column: impl Column) -> Result<T, StoreError> {
        T::read(self, column)
    }

    fn cell<T>(&self, column: impl Column) -> Result<Option<T>, sqlx::Error>
    where
        T: for<'r> Decode<'r, Sqlite>
            + Type<Sqlite>
            + for<'r> Decode<'r, Postgres>
            + Type<Postgres>,
    {
        match self {
            Self::Sqlite(row) => row.try_get(column),
            Self::Postgres(row) => row.try_get(column),
        }
    }
}

/// What a cell can be read as.
pub(in crate::store) trait Cell: Sized {
    /// Reads the cell of a row.
    fn read(row: &Row, column: impl Column) -> Result<Self, StoreError>;
}

/// What a cell can be read as that is not null.
pub(in crate::store) trait Present: Sized {
    /// The type the engines know.
    type Stored: for<'r> Decode<'r, Sqlite>
        + Type<Sqlite>
        + for<'r> Decode<'r, Postgres>
        + Type<Postgres>;

    /// Makes it of what was stored.
    fn of(stored: Self::Stored) -> Result<Self, StoreError>;
}

impl<T: Present> Cell for Option<T> {
    fn read(row: &Row, column: impl Column) -> Result<Self, StoreError> {
        row.cell::<T::Stored>(column)?.map(T::of).transpose()
    }
}

impl<T: Present> Cell for T {
    fn read(row: &Row, column: impl Column) -> Result<Self, StoreError> {
        let null = || StoreError::Database(sqlx::Error::Decode("a null was not expected".into()));
        T::of(row.cell::<T::Stored>(column)?.ok_or_else(null)?)
    }
}

macro_rules! stored {
    ($($of:ty),+) => {$(
        impl Present for $of {
            type Stored = Self;

            fn of(stored: Self) -> Result<Self, StoreError> {
                Ok(stored)
            }
        }
    )+};
}

stored!(i64, f64, bool, String);

macro_rules! small {
    ($($of:ty),+) => {$(
        impl Present for $of {
            type Stored = i64;

            fn of(stored: i64) -> Result<Self, StoreError> {
                let strange = |_| StoreError::Corrupt { what: "count", value: stored.to_string() };
                Self::try_from(stored).map_err(strange)
            }
        }
    )+};
}

small!(u32, u16);
