//! The undo journal: triggers that write, for every change of a state table, the statement that takes it back.
//!
//! The journal is kept by the database itself, so it is exact whatever the state machine does. It covers the blocks above
//! `undo_floor`; older ones are final, and a rollback below them rebuilds the state from the log instead.

use super::table::Row;
use sqlx::{AssertSqlSafe, SqliteConnection};

/// The triggers of `R`'s table. Rows of state are inserted and updated, never deleted.
pub(crate) fn triggers<R: Row>() -> [String; 2] {
    let table = R::TABLE;
    let (keys, values) = R::COLUMNS.split_at(R::KEY_COLUMNS);
    let equal = |columns: &[&str], row: &str, separator: &str| {
        let pairs: Vec<_> =
            columns.iter().map(|column| format!("{column} = ' || quote({row}.{column}) || '")).collect();
        pairs.join(separator)
    };
    let trigger = |verb: &str, statement: String| {
        format!(
            "CREATE TRIGGER undo_{verb}_{table} AFTER {verb} ON {table} \
             WHEN (SELECT block FROM undo_scope) IS NOT NULL BEGIN \
             INSERT INTO undo (block, sql) VALUES ((SELECT block FROM undo_scope), '{statement}'); END"
        )
    };
    [
        trigger("INSERT", format!("DELETE FROM {table} WHERE {}", equal(keys, "new", " AND "))),
        trigger(
            "UPDATE",
            format!("UPDATE {table} SET {} WHERE {}", equal(values, "old", ", "), equal(keys, "old", " AND ")),
        ),
    ]
}

/// From here on changes are journaled under `block`, or not at all.
pub(crate) async fn set_scope(connection: &mut SqliteConnection, block: Option<u64>) -> Result<(), sqlx::Error> {
    let block = block.map(|block| block as i64);
    sqlx::query("UPDATE undo_scope SET block = ?").bind(block).execute(connection).await?;
    Ok(())
}

/// Takes back every journaled change of the blocks above `number`.
pub(crate) async fn undo_above(connection: &mut SqliteConnection, number: u64) -> Result<(), sqlx::Error> {
    let statements: Vec<String> = sqlx::query_scalar("SELECT sql FROM undo WHERE block > ? ORDER BY id DESC")
        .bind(number as i64)
        .fetch_all(&mut *connection)
        .await?;
    for statement in statements {
        // The triggers above wrote it; every value in it went through `quote`.
        sqlx::query(AssertSqlSafe(statement)).persistent(false).execute(&mut *connection).await?;
    }
    sqlx::query("DELETE FROM undo WHERE block > ?").bind(number as i64).execute(connection).await?;
    Ok(())
}

/// Forgets the journal of `number` and the blocks below.
pub(crate) async fn forget_up_to(connection: &mut SqliteConnection, number: u64) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM undo WHERE block <= ?").bind(number as i64).execute(connection).await?;
    Ok(())
}
