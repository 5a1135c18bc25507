//! Pages of rows, newest first.

use super::error::ApiError;
use crate::{
    rows::Position,
    store::table::{Row, select_from},
};
use serde::Serialize;
use sqlx::{QueryBuilder, Sqlite, SqliteConnection};
use utoipa::ToSchema;

/// One page of a list.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Page<T> {
    /// The items, newest first.
    pub(crate) items: Vec<T>,
    /// Cursor of the following page; null on the last one.
    #[schema(example = "1204-3")]
    pub(crate) next: Option<String>,
}

impl<T> Page<T> {
    /// A page of at most `limit` of `items`, of which one more was read to learn whether another page follows.
    pub(crate) fn new<C: ToString>(mut items: Vec<T>, limit: u32, cursor: impl Fn(&T) -> C) -> Self {
        let more = items.len() > limit as usize;
        items.truncate(limit as usize);
        let next = items.last().filter(|_| more).map(|item| cursor(item).to_string());
        Self { items, next }
    }
}

/// A condition on one column.
#[derive(Debug)]
pub(crate) enum Filter {
    Bytes(&'static str, Vec<u8>),
    Word(&'static str, &'static str),
    Number(&'static str, i64),
    /// One of two columns.
    Either([&'static str; 2], Vec<u8>),
}

impl Filter {
    /// `column` equals `value`, if there is one.
    pub(crate) fn bytes(column: &'static str, value: Option<impl AsRef<[u8]>>) -> Option<Self> {
        value.map(|value| Self::Bytes(column, value.as_ref().to_vec()))
    }

    fn push(self, query: &mut QueryBuilder<Sqlite>) {
        match self {
            Self::Bytes(column, value) => query.push(column).push(" = ").push_bind(value),
            Self::Word(column, value) => query.push(column).push(" = ").push_bind(value),
            Self::Number(column, value) => query.push(column).push(" = ").push_bind(value),
            Self::Either([one, other], value) => {
                query.push("(").push(one).push(" = ").push_bind(value.clone());
                query.push(" OR ").push(other).push(" = ").push_bind(value).push(")")
            }
        };
    }
}

/// Rows of `R` before `before` for which every filter holds, newest first; one more than `limit`.
pub(crate) async fn newest<R: Row>(
    connection: &mut SqliteConnection,
    filters: impl IntoIterator<Item = Option<Filter>>,
    before: Position,
    limit: u32,
) -> Result<Vec<R>, ApiError> {
    let mut query = QueryBuilder::<Sqlite>::new(select_from::<R>());
    query.push(" WHERE position < ").push_bind(before.0);
    for filter in filters.into_iter().flatten() {
        query.push(" AND ");
        filter.push(&mut query);
    }
    query.push(" ORDER BY position DESC LIMIT ").push_bind(i64::from(limit) + 1);
    let rows = query.build().fetch_all(connection).await?;
    Ok(rows.iter().map(R::read).collect::<Result<_, _>>()?)
}

/// All rows of `R` for which every filter holds, in key order.
pub(crate) async fn all<R: Row>(
    connection: &mut SqliteConnection,
    filters: impl IntoIterator<Item = Filter>,
) -> Result<Vec<R>, ApiError> {
    let mut query = QueryBuilder::<Sqlite>::new(select_from::<R>());
    for (index, filter) in filters.into_iter().enumerate() {
        query.push(if index == 0 { " WHERE " } else { " AND " });
        filter.push(&mut query);
    }
    query.push(" ORDER BY ").push(R::COLUMNS[..R::KEY_COLUMNS].join(", "));
    let rows = query.build().fetch_all(connection).await?;
    Ok(rows.iter().map(R::read).collect::<Result<_, _>>()?)
}

/// The row of `R` whose `column` is `value`.
pub(crate) async fn one<R: Row>(
    connection: &mut SqliteConnection,
    column: &'static str,
    value: impl AsRef<[u8]>,
) -> Result<Option<R>, ApiError> {
    Ok(all(connection, Filter::bytes(column, Some(value))).await?.pop())
}
