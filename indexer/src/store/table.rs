//! Rows and the write-back cache in front of each state table.
//!
//! Events are applied to rows in memory; `flush` writes every changed row with multi-row upserts. A table that was empty
//! when the process began and was never cleared since is *complete*: a row that is not in memory does not exist, so a
//! backfill reads nothing.

use alloy::primitives::map::HashMap;
use sqlx::{
    AssertSqlSafe, SqliteConnection,
    sqlite::{SqliteArguments, SqliteRow},
};
use std::{fmt::Debug, hash::Hash, sync::LazyLock};

/// A row of one state table.
pub(crate) trait Row: Clone + Default + Debug + Send + Sync + 'static {
    /// The primary key.
    type Key: Clone + Eq + Hash + Debug + Send + Sync;
    /// The table's name.
    const TABLE: &'static str;
    /// Every column, the key's first.
    const COLUMNS: &'static [&'static str];
    /// How many columns the key has.
    const KEY_COLUMNS: usize;

    /// The row's key.
    fn key(&self) -> Self::Key;
    /// A row of zeros under `key`.
    fn blank(key: Self::Key) -> Self;
    /// Appends the key's columns.
    fn put_key(key: &Self::Key, arguments: &mut SqliteArguments);
    /// Appends all columns.
    fn put(&self, arguments: &mut SqliteArguments);
    /// Reads all columns, in order, from the front of `row`.
    fn read(row: &SqliteRow) -> Result<Self, sqlx::Error>;
    /// The statements of this table.
    fn statements() -> &'static Statements;
}

/// Defines a row: a struct, its table, and how it is written and read.
macro_rules! table {
    (
        $(#[$meta:meta])*
        pub struct $name:ident in $table:literal {
            key { $($(#[$kmeta:meta])* $key:ident: $kty:ty,)* }
            $($(#[$fmeta:meta])* $field:ident: $fty:ty,)*
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, Default, PartialEq, serde::Serialize, utoipa::ToSchema)]
        pub struct $name {
            $($(#[$kmeta])* pub $key: $kty,)*
            $($(#[$fmeta])* pub $field: $fty,)*
        }

        impl $crate::store::table::Row for $name {
            type Key = ($($kty,)*);
            const TABLE: &'static str = $table;
            const COLUMNS: &'static [&'static str] = &[$(stringify!($key),)* $(stringify!($field),)*];
            const KEY_COLUMNS: usize = [$(stringify!($key),)*].len();

            fn key(&self) -> Self::Key {
                ($(self.$key.clone(),)*)
            }

            fn blank(($($key,)*): Self::Key) -> Self {
                Self { $($key,)* ..Default::default() }
            }

            fn put_key(($($key,)*): &Self::Key, arguments: &mut sqlx::sqlite::SqliteArguments) {
                $($crate::store::column::Column::put($key, arguments);)*
            }

            fn put(&self, arguments: &mut sqlx::sqlite::SqliteArguments) {
                $($crate::store::column::Column::put(&self.$key, arguments);)*
                $($crate::store::column::Column::put(&self.$field, arguments);)*
            }

            fn read(row: &sqlx::sqlite::SqliteRow) -> Result<Self, sqlx::Error> {
                let mut column = 0..;
                Ok(Self {
                    $($key: $crate::store::column::Column::get(row, column.next().unwrap_or_default())?,)*
                    $($field: $crate::store::column::Column::get(row, column.next().unwrap_or_default())?,)*
                })
            }

            fn statements() -> &'static $crate::store::table::Statements {
                static STATEMENTS: std::sync::LazyLock<$crate::store::table::Statements> =
                    $crate::store::table::Statements::lazy::<$name>();
                &STATEMENTS
            }
        }
    };
}

pub(crate) use table;

/// Rows that one upsert writes, largest first; a flush is cut into such pieces, so that few statements are ever prepared.
const PIECES: [usize; 3] = [64, 8, 1];

/// The SQL of one table.
#[derive(Debug)]
pub(crate) struct Statements {
    select: String,
    upserts: [String; PIECES.len()],
}

impl Statements {
    /// The statements of `R`, made at first use.
    pub(crate) const fn lazy<R: Row>() -> LazyLock<Self> {
        LazyLock::new(Self::new::<R>)
    }

    fn new<R: Row>() -> Self {
        let (keys, values) = R::COLUMNS.split_at(R::KEY_COLUMNS);
        let matches: Vec<_> = keys.iter().map(|key| format!("{key} = ?")).collect();
        let assignments: Vec<_> = values.iter().map(|column| format!("{column} = excluded.{column}")).collect();
        let upsert = |rows: usize| {
            format!(
                "INSERT INTO {} ({}) VALUES {} ON CONFLICT ({}) DO UPDATE SET {}",
                R::TABLE,
                R::COLUMNS.join(", "),
                placeholders(R::COLUMNS.len(), rows),
                keys.join(", "),
                assignments.join(", "),
            )
        };
        Self { select: format!("{} WHERE {}", select_from::<R>(), matches.join(" AND ")), upserts: PIECES.map(upsert) }
    }
}

/// `SELECT` of all of `R`'s columns, in the order that [`Row::read`] wants them.
pub(crate) fn select_from<R: Row>() -> String {
    let columns: Vec<_> = R::COLUMNS.iter().map(|column| format!("{}.{column}", R::TABLE)).collect();
    format!("SELECT {} FROM {}", columns.join(", "), R::TABLE)
}

/// `(?, ?), (?, ?)` for two rows of two columns.
pub(crate) fn placeholders(columns: usize, rows: usize) -> String {
    let row = format!("({})", vec!["?"; columns].join(", "));
    vec![row; rows].join(", ")
}

/// Cuts `rows` into the pieces that have a prepared statement and executes each.
pub(crate) async fn write_in_pieces<T>(
    connection: &mut SqliteConnection,
    rows: &[T],
    statement: impl Fn(usize) -> String,
    put: impl Fn(&T, &mut SqliteArguments),
) -> Result<(), sqlx::Error> {
    let mut rest = rows;
    for size in PIECES {
        if rest.len() < size {
            continue;
        }
        let sql = statement(size);
        while rest.len() >= size {
            let (piece, tail) = rest.split_at(size);
            let mut arguments = SqliteArguments::default();
            piece.iter().for_each(|row| put(row, &mut arguments));
            sqlx::query_with(AssertSqlSafe(sql.as_str()), arguments).execute(&mut *connection).await?;
            rest = tail;
        }
    }
    Ok(())
}

#[derive(Debug)]
struct Slot<R> {
    row: Option<R>,
    dirty: bool,
}

/// The cache of one table.
#[derive(Debug)]
pub(crate) struct Table<R: Row> {
    rows: HashMap<R::Key, Slot<R>>,
    dirty: Vec<R::Key>,
    complete: bool,
}

impl<R: Row> Default for Table<R> {
    fn default() -> Self {
        Self { rows: HashMap::default(), dirty: Vec::new(), complete: false }
    }
}

impl<R: Row> Table<R> {
    /// Learns whether the table is empty, in which case memory holds all of it.
    pub(crate) async fn begin(&mut self, connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
        let sql = format!("SELECT NOT EXISTS (SELECT 1 FROM {})", R::TABLE);
        let empty: i64 = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(connection).await?;
        self.complete = empty != 0;
        Ok(())
    }

    /// The row under `key`, to be changed.
    pub(crate) async fn find(
        &mut self,
        connection: &mut SqliteConnection,
        key: R::Key,
    ) -> Result<Option<&mut R>, sqlx::Error> {
        self.load(connection, &key).await?;
        let slot = self.rows.get_mut(&key).expect("loaded");
        if slot.row.is_some() && !slot.dirty {
            slot.dirty = true;
            self.dirty.push(key);
        }
        Ok(slot.row.as_mut())
    }

    /// The row under `key`, to be changed; one of zeros when there is none.
    pub(crate) async fn entry(
        &mut self,
        connection: &mut SqliteConnection,
        key: R::Key,
    ) -> Result<&mut R, sqlx::Error> {
        self.load(connection, &key).await?;
        let slot = self.rows.get_mut(&key).expect("loaded");
        if !slot.dirty {
            slot.dirty = true;
            self.dirty.push(key.clone());
        }
        Ok(slot.row.get_or_insert_with(|| R::blank(key)))
    }

    /// The row under `key`, only to be looked at.
    pub(crate) async fn peek(
        &mut self,
        connection: &mut SqliteConnection,
        key: R::Key,
    ) -> Result<Option<&R>, sqlx::Error> {
        self.load(connection, &key).await?;
        Ok(self.rows.get(&key).and_then(|slot| slot.row.as_ref()))
    }

    /// Puts `row` in place, whatever was under its key.
    pub(crate) fn insert(&mut self, row: R) {
        let key = row.key();
        let was_dirty =
            self.rows.insert(key.clone(), Slot { row: Some(row), dirty: true }).is_some_and(|slot| slot.dirty);
        if !was_dirty {
            self.dirty.push(key);
        }
    }

    /// Writes every changed row.
    pub(crate) async fn flush(&mut self, connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
        if self.dirty.is_empty() {
            return Ok(());
        }
        let rows: Vec<&R> = self.dirty.iter().filter_map(|key| self.rows.get(key)?.row.as_ref()).collect();
        let statements = R::statements();
        let statement = |size: usize| {
            let piece = PIECES.iter().position(|piece| *piece == size).expect("one of the pieces");
            statements.upserts[piece].clone()
        };
        write_in_pieces(connection, &rows, statement, |row, arguments| row.put(arguments)).await?;
        for key in self.dirty.drain(..) {
            if let Some(slot) = self.rows.get_mut(&key) {
                slot.dirty = false;
            }
        }
        Ok(())
    }

    /// Forgets everything in memory, unwritten changes too.
    pub(crate) fn clear(&mut self) {
        self.rows.clear();
        self.dirty.clear();
        self.complete = false;
    }

    /// Rows in memory.
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    async fn load(&mut self, connection: &mut SqliteConnection, key: &R::Key) -> Result<(), sqlx::Error> {
        if self.rows.contains_key(key) {
            return Ok(());
        }
        let mut row = None;
        if !self.complete {
            let mut arguments = SqliteArguments::default();
            R::put_key(key, &mut arguments);
            let sql = R::statements().select.as_str();
            let found = sqlx::query_with(AssertSqlSafe(sql), arguments).fetch_optional(connection).await?;
            row = found.map(|row| R::read(&row)).transpose()?;
        }
        self.rows.insert(key.clone(), Slot { row, dirty: false });
        Ok(())
    }
}
