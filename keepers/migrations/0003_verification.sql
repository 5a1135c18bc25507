-- What seals are made of: 32 bytes that nobody else knows.
CREATE TABLE secret (
    id    INTEGER PRIMARY KEY CHECK (id = 1),
    value BLOB NOT NULL
) STRICT;

-- Chain time by which a wanted action must be in a block; NULL: it has time.
ALTER TABLE actions ADD COLUMN deadline INTEGER;
