-- Head following: the canonical blocks that the stored effects rest on. A block and its effects are written in one transaction.
CREATE TABLE blocks (
    number    INTEGER PRIMARY KEY,
    hash      BLOB NOT NULL,
    timestamp INTEGER
) STRICT;

-- The account that sends for this store. `next_nonce` is the first nonce never given out.
CREATE TABLE account (
    id         INTEGER PRIMARY KEY CHECK (id = 1),
    address    BLOB NOT NULL,
    chain_id   INTEGER NOT NULL,
    next_nonce INTEGER NOT NULL
) STRICT;

-- Nonces below `next_nonce` that no action holds and the chain has not used. They are given out first.
CREATE TABLE free_nonces (
    nonce      INTEGER PRIMARY KEY,
    not_before INTEGER NOT NULL
) STRICT;

-- What a role wants done on chain, one row for each key, whatever becomes of it.
CREATE TABLE actions (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    role         TEXT NOT NULL,
    key          TEXT NOT NULL UNIQUE,
    kind         TEXT NOT NULL,
    priority     INTEGER NOT NULL,
    target       BLOB NOT NULL,
    data         BLOB NOT NULL,
    value        BLOB NOT NULL,
    state        TEXT NOT NULL CHECK (state IN
                 ('queued', 'building', 'submitted', 'included', 'finalised', 'failed', 'superseded')),
    nonce        INTEGER UNIQUE,
    tx_hash      BLOB,
    block_number INTEGER,
    block_hash   BLOB,
    success      INTEGER,
    attempts     INTEGER NOT NULL DEFAULT 0,
    not_before   INTEGER NOT NULL DEFAULT 0,
    reason       TEXT,
    created_at   INTEGER NOT NULL,
    updated_at   INTEGER NOT NULL,
    -- A live action holds a nonce; an included one says where.
    CHECK (state NOT IN ('building', 'submitted', 'included') OR nonce IS NOT NULL),
    CHECK (state <> 'included' OR (block_number IS NOT NULL AND block_hash IS NOT NULL AND success IS NOT NULL))
) STRICT;
CREATE INDEX actions_state ON actions (state, not_before);

-- Every transaction ever signed, written before it is sent.
CREATE TABLE transactions (
    hash         BLOB PRIMARY KEY,
    action_id    INTEGER NOT NULL REFERENCES actions (id),
    nonce        INTEGER NOT NULL,
    max_fee      INTEGER NOT NULL,
    priority_fee INTEGER NOT NULL,
    gas_limit    INTEGER NOT NULL,
    raw          BLOB NOT NULL,
    created_at   INTEGER NOT NULL
) STRICT;
CREATE INDEX transactions_nonce ON transactions (nonce);
CREATE INDEX transactions_action ON transactions (action_id);
