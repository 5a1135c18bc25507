-- The log: what the chain said, as it said it. Everything else is derived from it.
CREATE TABLE IF NOT EXISTS meta (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Blocks that are known to be canonical. `timestamp` is null for a checkpoint: a block that was scanned and held nothing.
CREATE TABLE IF NOT EXISTS blocks (
    number    INTEGER PRIMARY KEY,
    hash      BLOB NOT NULL,
    timestamp INTEGER
) STRICT;

-- `position` is block << 24 | log index: the primary key that makes a second delivery of an event a no-op.
CREATE TABLE IF NOT EXISTS events (
    position         INTEGER PRIMARY KEY,
    transaction_hash BLOB NOT NULL,
    address          BLOB NOT NULL,
    topics           BLOB NOT NULL,
    data             BLOB NOT NULL
) STRICT;

-- Who and what an event is about: accounts (20 bytes), orders, batches and models (32 bytes).
CREATE TABLE IF NOT EXISTS subjects (
    subject  BLOB NOT NULL,
    position INTEGER NOT NULL,
    PRIMARY KEY (subject, position)
) STRICT, WITHOUT ROWID;

-- Every rollback, and the blocks that each one orphaned: a stream that resumes on an orphan is told how far to go back.
CREATE TABLE IF NOT EXISTS rollbacks (
    id     INTEGER PRIMARY KEY AUTOINCREMENT,
    number INTEGER NOT NULL,
    hash   BLOB NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS orphans (
    number   INTEGER NOT NULL,
    hash     BLOB NOT NULL,
    rollback INTEGER NOT NULL,
    PRIMARY KEY (number, hash)
) STRICT, WITHOUT ROWID;

-- The undo journal of the state tables: statements that restore what a block changed, newest first. Triggers write it
-- while `undo_scope` names a block.
CREATE TABLE IF NOT EXISTS undo (
    id    INTEGER PRIMARY KEY AUTOINCREMENT,
    block INTEGER NOT NULL,
    sql   TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS undo_block ON undo (block);
CREATE TABLE IF NOT EXISTS undo_scope (
    id    INTEGER PRIMARY KEY CHECK (id = 0),
    block INTEGER
) STRICT;
INSERT OR IGNORE INTO undo_scope (id, block) VALUES (0, NULL);
