-- State, derived from the log alone: these tables can be dropped and are rebuilt from `events`.
-- Hashes and addresses are blobs of 32 and 20 bytes; amounts are 32 bytes, big-endian, so that they compare as numbers.
CREATE TABLE orders (
    order_id             BLOB PRIMARY KEY,
    position             INTEGER NOT NULL,
    opened_at            INTEGER NOT NULL,
    transaction_hash     BLOB NOT NULL,
    customer             BLOB NOT NULL,
    model_id             BLOB NOT NULL,
    token                BLOB NOT NULL,
    inputs_root          BLOB NOT NULL,
    count                INTEGER NOT NULL,
    unit_cap             INTEGER NOT NULL,
    unit_price           BLOB NOT NULL,
    deadline             INTEGER NOT NULL,
    terms                TEXT NOT NULL,
    escrowed             BLOB NOT NULL,
    status               TEXT NOT NULL,
    closed_by            TEXT,
    frontier             INTEGER NOT NULL,
    committed            INTEGER NOT NULL,
    settled              INTEGER NOT NULL,
    forfeited            INTEGER NOT NULL,
    batches              INTEGER NOT NULL,
    paid                 BLOB NOT NULL,
    fees                 BLOB NOT NULL,
    royalties            BLOB NOT NULL,
    refunded             BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX orders_position ON orders (position);
CREATE INDEX orders_customer ON orders (customer, position);
CREATE INDEX orders_model ON orders (model_id, position);
CREATE INDEX orders_status ON orders (status, position);

CREATE TABLE takes (
    order_id   BLOB NOT NULL,
    first      INTEGER NOT NULL,
    position   INTEGER NOT NULL,
    provider   BLOB NOT NULL,
    count      INTEGER NOT NULL,
    stake      BLOB NOT NULL,
    expires_at INTEGER NOT NULL,
    status     TEXT NOT NULL,
    burned     BLOB NOT NULL,
    PRIMARY KEY (order_id, first)
) STRICT, WITHOUT ROWID;

CREATE TABLE batches (
    batch_id             BLOB PRIMARY KEY,
    position             INTEGER NOT NULL,
    order_id             BLOB NOT NULL,
    provider             BLOB NOT NULL,
    first                INTEGER NOT NULL,
    count                INTEGER NOT NULL,
    units                INTEGER NOT NULL,
    root                 BLOB NOT NULL,
    stake                BLOB NOT NULL,
    committed_at         INTEGER NOT NULL,
    settles_at           INTEGER NOT NULL,
    commit_transaction   BLOB NOT NULL,
    status               TEXT NOT NULL,
    demands_open         INTEGER NOT NULL,
    closed_at            INTEGER,
    close_transaction    BLOB,
    accepted             INTEGER,
    paid                 BLOB NOT NULL,
    fee                  BLOB NOT NULL,
    royalties            BLOB NOT NULL,
    refund               BLOB NOT NULL,
    fault                TEXT,
    beneficiary          BLOB,
    slashed              BLOB NOT NULL,
    burned               BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX batches_position ON batches (position);
CREATE INDEX batches_order ON batches (order_id, position);
CREATE INDEX batches_provider ON batches (provider, position);
CREATE INDEX batches_status ON batches (status, position);

CREATE TABLE demands (
    batch_id   BLOB NOT NULL,
    task_index INTEGER NOT NULL,
    position   INTEGER NOT NULL,
    demander   BLOB NOT NULL,
    fee        BLOB NOT NULL,
    deadline   INTEGER NOT NULL,
    status     TEXT NOT NULL,
    PRIMARY KEY (batch_id, task_index)
) STRICT, WITHOUT ROWID;

CREATE TABLE models (
    model_id         BLOB PRIMARY KEY,
    position         INTEGER NOT NULL,
    registered_at    INTEGER NOT NULL,
    transaction_hash BLOB NOT NULL,
    owner            BLOB NOT NULL,
    program_root     BLOB NOT NULL,
    weights_root     BLOB NOT NULL,
    unit_bytes       INTEGER NOT NULL,
    metadata_uri     TEXT NOT NULL,
    royalties        TEXT NOT NULL,
    orders           INTEGER NOT NULL,
    tasks_settled    INTEGER NOT NULL,
    units_settled    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX models_position ON models (position);
CREATE INDEX models_owner ON models (owner, position);

CREATE TABLE price_floors (
    model_id   BLOB NOT NULL,
    token      BLOB NOT NULL,
    accepted   INTEGER NOT NULL,
    unit_price BLOB NOT NULL,
    PRIMARY KEY (model_id, token)
) STRICT, WITHOUT ROWID;

CREATE TABLE provisions (
    operator  BLOB NOT NULL,
    service   BLOB NOT NULL,
    stake     BLOB NOT NULL,
    locked    BLOB NOT NULL,
    thawing   BLOB NOT NULL,
    thawed_at INTEGER NOT NULL,
    slashed   BLOB NOT NULL,
    PRIMARY KEY (operator, service)
) STRICT, WITHOUT ROWID;

CREATE TABLE balances (
    account BLOB NOT NULL,
    token   BLOB NOT NULL,
    amount  BLOB NOT NULL,
    PRIMARY KEY (account, token)
) STRICT, WITHOUT ROWID;

CREATE TABLE allowances (
    owner   BLOB NOT NULL,
    spender BLOB NOT NULL,
    token   BLOB NOT NULL,
    amount  BLOB NOT NULL,
    PRIMARY KEY (owner, spender, token)
) STRICT, WITHOUT ROWID;

CREATE TABLE ledger_operators (
    owner    BLOB NOT NULL,
    spender  BLOB NOT NULL,
    approved INTEGER NOT NULL,
    PRIMARY KEY (owner, spender)
) STRICT, WITHOUT ROWID;

CREATE TABLE tokens (
    token     BLOB PRIMARY KEY,
    supply    BLOB NOT NULL,
    escrowed  BLOB NOT NULL,
    paid      BLOB NOT NULL,
    fees      BLOB NOT NULL,
    royalties BLOB NOT NULL,
    refunded  BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE fee_rates (
    scope TEXT PRIMARY KEY,
    rate  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE role_members (
    role_id INTEGER NOT NULL,
    account BLOB NOT NULL,
    member  INTEGER NOT NULL,
    delay   INTEGER NOT NULL,
    since   INTEGER NOT NULL,
    PRIMARY KEY (role_id, account)
) STRICT, WITHOUT ROWID;

CREATE TABLE providers (
    provider          BLOB PRIMARY KEY,
    position          INTEGER NOT NULL,
    takes             INTEGER NOT NULL,
    takes_expired     INTEGER NOT NULL,
    batches           INTEGER NOT NULL,
    batches_settled   INTEGER NOT NULL,
    batches_forfeited INTEGER NOT NULL,
    tasks_settled     INTEGER NOT NULL,
    units_settled     INTEGER NOT NULL,
    slashed           BLOB NOT NULL,
    last_active_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX providers_position ON providers (position);

CREATE TABLE earnings (
    provider BLOB NOT NULL,
    token    BLOB NOT NULL,
    paid     BLOB NOT NULL,
    PRIMARY KEY (provider, token)
) STRICT, WITHOUT ROWID;

CREATE TABLE draws (
    batch_id             BLOB PRIMARY KEY,
    position             INTEGER NOT NULL,
    status               TEXT NOT NULL,
    round                INTEGER NOT NULL,
    certain              INTEGER NOT NULL,
    seed                 BLOB,
    drawn                TEXT NOT NULL,
    phase_end            INTEGER,
    seals                INTEGER NOT NULL,
    reveals              INTEGER NOT NULL,
    draw_transaction     BLOB,
    conclude_transaction BLOB,
    paid                 BLOB NOT NULL,
    refund               BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE testimonies (
    batch_id           BLOB NOT NULL,
    task_index         INTEGER NOT NULL,
    party              BLOB NOT NULL,
    seal               BLOB,
    seal_transaction   BLOB,
    trace_root         BLOB,
    reveal_transaction BLOB,
    dissented          INTEGER NOT NULL,
    slashed            BLOB,
    slash_transaction  BLOB,
    PRIMARY KEY (batch_id, task_index, party)
) STRICT, WITHOUT ROWID;

CREATE TABLE pots (
    batch_id          BLOB PRIMARY KEY,
    winner            BLOB NOT NULL,
    seal_number       INTEGER NOT NULL,
    amount            BLOB NOT NULL,
    claimable_at      INTEGER NOT NULL,
    claim_transaction BLOB
) STRICT, WITHOUT ROWID;

CREATE TABLE validators (
    service       BLOB NOT NULL,
    validator     BLOB NOT NULL,
    position      INTEGER NOT NULL,
    number        INTEGER NOT NULL,
    releasable_at INTEGER NOT NULL,
    stake         BLOB NOT NULL,
    slashed       BLOB NOT NULL,
    PRIMARY KEY (service, validator)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX validators_position ON validators (position);

CREATE TABLE disputes (
    dispute_id      BLOB PRIMARY KEY,
    position        INTEGER NOT NULL,
    status          TEXT NOT NULL,
    challenger      BLOB NOT NULL,
    seal_number     INTEGER NOT NULL,
    bond            BLOB NOT NULL,
    batch_id        BLOB,
    task_index      INTEGER,
    provider        BLOB,
    defender        BLOB,
    step            TEXT,
    moved_at        INTEGER NOT NULL,
    provider_time   INTEGER NOT NULL,
    challenger_time INTEGER NOT NULL,
    operator        INTEGER,
    row             INTEGER,
    moves           INTEGER NOT NULL,
    proven          INTEGER,
    bond_to         BLOB
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX disputes_position ON disputes (position);
CREATE INDEX disputes_batch ON disputes (batch_id, position);
CREATE INDEX disputes_challenger ON disputes (challenger, position);
CREATE INDEX disputes_provider ON disputes (provider, position);

CREATE TABLE moves (
    dispute_id       BLOB NOT NULL,
    number           INTEGER NOT NULL,
    name             TEXT NOT NULL,
    position         INTEGER NOT NULL,
    moved_at         INTEGER NOT NULL,
    transaction_hash BLOB NOT NULL,
    PRIMARY KEY (dispute_id, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE disputed_tasks (
    batch_id   BLOB NOT NULL,
    task_index INTEGER NOT NULL,
    trace_root BLOB,
    lost       INTEGER NOT NULL,
    disputes   TEXT NOT NULL,
    PRIMARY KEY (batch_id, task_index)
) STRICT, WITHOUT ROWID;

CREATE TABLE sale_tiers (
    sale     BLOB NOT NULL,
    tier     INTEGER NOT NULL,
    sold     INTEGER NOT NULL,
    returned INTEGER NOT NULL,
    PRIMARY KEY (sale, tier)
) STRICT, WITHOUT ROWID;

CREATE TABLE sale_money (
    sale        BLOB NOT NULL,
    token       BLOB NOT NULL,
    paid        BLOB NOT NULL,
    refunded    BLOB NOT NULL,
    bought_back BLOB NOT NULL,
    commissions BLOB NOT NULL,
    claimed     BLOB NOT NULL,
    released    BLOB NOT NULL,
    PRIMARY KEY (sale, token)
) STRICT, WITHOUT ROWID;

CREATE TABLE purchases (
    sale             BLOB NOT NULL,
    first            INTEGER NOT NULL,
    position         INTEGER NOT NULL,
    bought_at        INTEGER NOT NULL,
    transaction_hash BLOB NOT NULL,
    buyer            BLOB NOT NULL,
    tier             INTEGER NOT NULL,
    quantity         INTEGER NOT NULL,
    token            BLOB NOT NULL,
    paid             BLOB NOT NULL,
    promo            BLOB,
    referrer         BLOB,
    buyback          INTEGER NOT NULL,
    PRIMARY KEY (sale, first)
) STRICT, WITHOUT ROWID;
CREATE INDEX purchases_sale ON purchases (sale, position);
CREATE INDEX purchases_buyer ON purchases (buyer, position);
CREATE INDEX purchases_referrer ON purchases (referrer, position);

CREATE TABLE licenses (
    sale         BLOB NOT NULL,
    id           INTEGER NOT NULL,
    position     INTEGER NOT NULL,
    first        INTEGER NOT NULL,
    tier         INTEGER NOT NULL,
    owner        BLOB,
    status       TEXT NOT NULL,
    user         BLOB,
    user_expires INTEGER NOT NULL,
    transfers    INTEGER NOT NULL,
    token        BLOB NOT NULL,
    paid         BLOB NOT NULL,
    buyback      INTEGER NOT NULL,
    PRIMARY KEY (sale, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX licenses_sale ON licenses (sale, position);
CREATE INDEX licenses_owner ON licenses (owner, position);
CREATE INDEX licenses_user ON licenses (user, position);

CREATE TABLE sale_buyers (
    sale     BLOB NOT NULL,
    buyer    BLOB NOT NULL,
    tier     INTEGER NOT NULL,
    quantity INTEGER NOT NULL,
    PRIMARY KEY (sale, buyer, tier)
) STRICT, WITHOUT ROWID;

CREATE TABLE commissions (
    sale      BLOB NOT NULL,
    referrer  BLOB NOT NULL,
    token     BLOB NOT NULL,
    purchases INTEGER NOT NULL,
    earned    BLOB NOT NULL,
    claimed   BLOB NOT NULL,
    PRIMARY KEY (sale, referrer, token)
) STRICT, WITHOUT ROWID;

CREATE TABLE promo_uses (
    sale BLOB NOT NULL,
    code BLOB NOT NULL,
    used INTEGER NOT NULL,
    PRIMARY KEY (sale, code)
) STRICT, WITHOUT ROWID;

CREATE TABLE payouts (
    position         INTEGER PRIMARY KEY,
    sale             BLOB NOT NULL,
    kind             TEXT NOT NULL,
    id               INTEGER,
    account          BLOB,
    token            BLOB NOT NULL,
    amount           BLOB NOT NULL,
    paid_at          INTEGER NOT NULL,
    transaction_hash BLOB NOT NULL
) STRICT;
CREATE INDEX payouts_sale ON payouts (sale, position);
CREATE INDEX payouts_account ON payouts (account, position);

CREATE TABLE epoch_roots (
    contract         BLOB NOT NULL,
    epoch            INTEGER NOT NULL,
    position         INTEGER NOT NULL,
    transaction_hash BLOB NOT NULL,
    root             BLOB,
    publisher        BLOB,
    count            INTEGER NOT NULL,
    final_at         INTEGER NOT NULL,
    open             INTEGER NOT NULL,
    removed          INTEGER NOT NULL,
    total            INTEGER NOT NULL,
    truth_hash       BLOB,
    budget           BLOB NOT NULL,
    emitted          BLOB NOT NULL,
    returned         BLOB NOT NULL,
    PRIMARY KEY (contract, epoch)
) STRICT, WITHOUT ROWID;

CREATE TABLE strikes (
    uptime    BLOB NOT NULL,
    operator  INTEGER NOT NULL,
    epoch     INTEGER NOT NULL,
    struck_at INTEGER NOT NULL,
    wrong     INTEGER NOT NULL,
    appealed  INTEGER NOT NULL,
    PRIMARY KEY (uptime, operator, epoch)
) STRICT, WITHOUT ROWID;

CREATE TABLE bans (
    uptime      BLOB NOT NULL,
    operator    INTEGER NOT NULL,
    first_epoch INTEGER NOT NULL,
    until_epoch INTEGER NOT NULL,
    PRIMARY KEY (uptime, operator, first_epoch)
) STRICT, WITHOUT ROWID;

CREATE TABLE reward_pools (
    pool      BLOB NOT NULL,
    funded    BLOB NOT NULL,
    returned  BLOB NOT NULL,
    claimed   BLOB NOT NULL,
    collected BLOB NOT NULL,
    PRIMARY KEY (pool)
) STRICT, WITHOUT ROWID;

CREATE TABLE reward_books (
    pool         BLOB NOT NULL,
    number       INTEGER NOT NULL,
    claimed      BLOB NOT NULL,
    forfeited    BLOB NOT NULL,
    collected    BLOB NOT NULL,
    unpaid       BLOB NOT NULL,
    stream_from  INTEGER NOT NULL,
    stream_until INTEGER NOT NULL,
    PRIMARY KEY (pool, number)
) STRICT, WITHOUT ROWID;
