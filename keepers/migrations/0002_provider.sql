-- Events of the escrow and the model registry, as they were logged. All of the provider's state of orders is folded from them.
CREATE TABLE chain_events (
    block_number INTEGER NOT NULL,
    log_index    INTEGER NOT NULL,
    timestamp    INTEGER NOT NULL,
    tx_hash      BLOB NOT NULL,
    address      BLOB NOT NULL,
    topics       BLOB NOT NULL,
    data         BLOB NOT NULL,
    PRIMARY KEY (block_number, log_index)
) STRICT, WITHOUT ROWID;

-- Batches that were computed and whose blob is stored.
CREATE TABLE results (
    order_id   BLOB NOT NULL,
    first      INTEGER NOT NULL,
    count      INTEGER NOT NULL,
    units      INTEGER NOT NULL,
    root       BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (order_id, first, count)
) STRICT, WITHOUT ROWID;
