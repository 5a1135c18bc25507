-- What seats answered an operator. A row is written once: nobody is asked twice for what is here.
CREATE TABLE answers (
    epoch      INTEGER NOT NULL,
    operator   INTEGER NOT NULL,
    round      INTEGER NOT NULL,
    seat       INTEGER NOT NULL,
    -- The seat's key when it was asked.
    key        BLOB NOT NULL,
    -- 1 offline, 2 slow, 3 good
    answer     INTEGER NOT NULL CHECK (answer IN (1, 2, 3)),
    result     BLOB,
    signature  BLOB,
    latency_ms INTEGER,
    reason     TEXT,
    PRIMARY KEY (epoch, operator, round, seat),
    -- Who says that a seat was up has its word for it.
    CHECK (answer = 1 OR (result IS NOT NULL AND signature IS NOT NULL AND latency_ms IS NOT NULL))
) STRICT, WITHOUT ROWID;

-- What is sealed of an epoch, as it will be revealed.
CREATE TABLE seals (
    epoch    INTEGER NOT NULL,
    operator INTEGER NOT NULL,
    -- Hash of the seats' keys that the answers are of.
    seats    BLOB NOT NULL,
    answers  BLOB NOT NULL,
    evidence BLOB NOT NULL,
    salt     BLOB NOT NULL,
    PRIMARY KEY (epoch, operator)
) STRICT, WITHOUT ROWID;
