//! The transaction store: each function is one step, written whole or not at all.
//!
//! INVARIANT: a nonce below `next_nonce` is held by one action, or free, or used by somebody on the chain.
//! INVARIANT: a hash is stored before anybody is told it.

use std::{
    collections::{BTreeSet, HashMap},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use alloy::primitives::{Address, B256, U256};
use sqlx::{Row, sqlite::SqliteRow};

use super::{Action, ActionState, Fees, Wanted};
use crate::{
    error::{KeeperError, Result},
    store::{Store, StoreTransaction},
};

/// The first pause before an action that was dropped or failed is tried anew; doubles up to [`RETRY_MOST`].
const RETRY_FIRST: Duration = Duration::from_millis(250);
const RETRY_MOST: Duration = Duration::from_secs(60);

/// A transaction as it was signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentTransaction {
    /// Its hash.
    pub hash: B256,
    /// The action that it carries out.
    pub action_id: i64,
    /// Its nonce.
    pub nonce: u64,
    /// What it offers.
    pub fees: Fees,
    /// Its gas limit.
    pub gas_limit: u64,
    /// EIP-2718 bytes.
    pub raw: Vec<u8>,
}

/// Where a transaction was included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inclusion {
    /// Transaction.
    pub tx_hash: B256,
    /// Block number.
    pub number: u64,
    /// Block hash.
    pub hash: B256,
    /// Whether it succeeded.
    pub success: bool,
}

/// Actions, nonces and transactions of one account in a [`Store`].
#[derive(Debug, Clone)]
pub struct TxStore {
    store: Store,
}

/// Milliseconds since 1970 by this machine's clock. Only used for pauses.
pub(crate) fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_millis() as i64)
}

fn retry_pause(attempts: u32) -> i64 {
    let pause = RETRY_FIRST.saturating_mul(1u32 << attempts.min(16));
    pause.min(RETRY_MOST).as_millis() as i64
}

impl TxStore {
    /// Opens the account's part of `store`.
    ///
    /// # Errors
    /// `store_mismatch` when the store was made for another account or chain.
    pub async fn open(store: Store, address: Address, chain_id: u64) -> Result<Self> {
        let mut tx = store.write().await?;
        sqlx::query(
            "INSERT INTO account (id, address, chain_id, next_nonce) VALUES (1, ?, ?, 0) ON CONFLICT DO NOTHING",
        )
        .bind(address.as_slice())
        .bind(chain_id as i64)
        .execute(&mut *tx)
        .await?;
        let row = sqlx::query("SELECT address, chain_id FROM account").fetch_one(&mut *tx).await?;
        let stored = Address::from_slice(row.get::<&[u8], _>(0));
        let stored_chain = row.get::<i64, _>(1) as u64;
        if (stored, stored_chain) != (address, chain_id) {
            return Err(KeeperError::StoreMismatch { stored, stored_chain, wanted: address, wanted_chain: chain_id });
        }
        tx.commit().await?;
        Ok(Self { store })
    }

    /// Whether anything was ever signed here.
    pub async fn is_fresh(&self) -> Result<bool> {
        let count: i64 = sqlx::query_scalar("SELECT count(*) FROM transactions").fetch_one(self.store.read()).await?;
        Ok(count == 0)
    }

    /// Makes the store agree with all that `role` wants, as derived from chain state up to block `derived_at`:
    /// queues what is new, takes back what was not sent and is not wanted any more. Returns the keys that are new.
    ///
    /// A key that is under way stays as it is. One that is final in a block that the role has seen, and is wanted all the same,
    /// lost its effect to a deep reorganisation or never had one: it is queued anew, after a pause.
    pub async fn reconcile(&self, role: &str, wanted: &[Wanted], derived_at: u64) -> Result<Vec<String>> {
        if self.agrees(role, wanted, derived_at).await? {
            return Ok(Vec::new());
        }
        let now = now_ms();
        let mut tx = self.store.write().await?;
        let live = live(&mut tx, role).await?;
        let mut new = Vec::new();
        for want in wanted {
            let known = match live.get(&want.key) {
                Some(action) => Some(action.clone()),
                None => find(&mut tx, &want.key).await?,
            };
            match known {
                None => {
                    insert(&mut tx, role, want, now).await?;
                    new.push(want.key.clone());
                }
                Some(action) if is_due_again(&action, derived_at) => revive(&mut tx, &action, want, now).await?,
                Some(action) if is_stale(&action, want) => {
                    sqlx::query(
                        "UPDATE actions SET data = ?, target = ?, value = ?, deadline = ?, not_before = 0 WHERE id = ?",
                    )
                    .bind(want.data.as_ref())
                    .bind(want.target.as_slice())
                    .bind(want.value.to_be_bytes::<32>().to_vec())
                    .bind(want.deadline.map(|deadline| deadline as i64))
                    .bind(action.id)
                    .execute(&mut *tx)
                    .await?;
                }
                Some(_) => {}
            }
        }
        for action in live.values().filter(|action| is_unwanted(action, wanted)) {
            supersede(&mut tx, action, "not wanted any more", now).await?;
            // It did not fail: wanted again, as a reorganisation may have it, it must not wait for long.
            sqlx::query("UPDATE actions SET attempts = 0 WHERE id = ?").bind(action.id).execute(&mut *tx).await?;
        }
        tx.commit().await?;
        Ok(new)
    }

    /// Whether [`Self::reconcile`] would change nothing; spares the write lock.
    async fn agrees(&self, role: &str, wanted: &[Wanted], derived_at: u64) -> Result<bool> {
        let mut connection = self.store.read().acquire().await?;
        let live = live(&mut connection, role).await?;
        if live.values().any(|action| is_unwanted(action, wanted)) {
            return Ok(false);
        }
        for want in wanted {
            let agrees = |action: &Action| !is_due_again(action, derived_at) && !is_stale(action, want);
            let agrees = match live.get(&want.key) {
                Some(action) => agrees(action),
                None => find(&mut connection, &want.key).await?.as_ref().is_some_and(agrees),
            };
            if !agrees {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Queues one action outside of any role's plan (filling a nonce).
    pub(crate) async fn enqueue(&self, role: &str, want: &Wanted) -> Result<()> {
        let mut tx = self.store.write().await?;
        insert(&mut tx, role, want, now_ms()).await?;
        Ok(tx.commit().await?)
    }

    /// The action of a key.
    pub async fn action(&self, key: &str) -> Result<Option<Action>> {
        let mut connection = self.store.read().acquire().await?;
        find(&mut connection, key).await
    }

    /// Actions to simulate and send now: those that hold a nonce first, then by priority and age.
    pub async fn due(&self, limit: u32) -> Result<Vec<Action>> {
        let rows = sqlx::query(
            "SELECT * FROM actions WHERE state = 'queued' AND not_before <= ?
             ORDER BY nonce IS NULL, nonce, priority, id LIMIT ?",
        )
        .bind(now_ms())
        .bind(limit)
        .fetch_all(self.store.read())
        .await?;
        rows.iter().map(parse).collect()
    }

    /// When the next queued action is due, in milliseconds since 1970.
    pub async fn next_due(&self) -> Result<Option<i64>> {
        Ok(sqlx::query_scalar("SELECT min(not_before) FROM actions WHERE state = 'queued'")
            .fetch_one(self.store.read())
            .await?)
    }

    /// Actions that hold a nonce and are not final, by nonce.
    pub async fn unsettled(&self) -> Result<Vec<Action>> {
        let rows = sqlx::query(
            "SELECT * FROM actions WHERE nonce IS NOT NULL
             AND state IN ('queued', 'building', 'submitted', 'included') ORDER BY nonce",
        )
        .fetch_all(self.store.read())
        .await?;
        rows.iter().map(parse).collect()
    }

    /// Final actions whose nonce is at least `nonce`: were the chain's count really that low, they would have been dropped by a
    /// reorganisation deeper than the configured finality.
    pub async fn final_from(&self, nonce: u64) -> Result<Vec<Action>> {
        let rows = sqlx::query("SELECT * FROM actions WHERE nonce >= ? AND state IN ('finalised', 'failed')")
            .bind(nonce as i64)
            .fetch_all(self.store.read())
            .await?;
        rows.iter().map(parse).collect()
    }

    /// All transactions ever signed with a nonce, newest first.
    pub async fn transactions(&self, nonce: u64) -> Result<Vec<SentTransaction>> {
        let rows = sqlx::query("SELECT * FROM transactions WHERE nonce = ? ORDER BY max_fee DESC")
            .bind(nonce as i64)
            .fetch_all(self.store.read())
            .await?;
        Ok(rows.iter().map(parse_transaction).collect())
    }

    /// The nonce that the next new transaction is to carry: the lowest free one, else the next.
    pub async fn peek_nonce(&self) -> Result<u64> {
        let nonce: i64 = sqlx::query_scalar(
            "SELECT coalesce((SELECT min(nonce) FROM free_nonces WHERE not_before <= ?), next_nonce) FROM account",
        )
        .bind(now_ms())
        .fetch_one(self.store.read())
        .await?;
        Ok(nonce as u64)
    }

    /// The next nonce that was never given out.
    pub async fn next_nonce(&self) -> Result<u64> {
        let nonce: i64 = sqlx::query_scalar("SELECT next_nonce FROM account").fetch_one(self.store.read()).await?;
        Ok(nonce as u64)
    }

    /// Writes a signed transaction and gives its nonce to its action, which is Building from here on. Must precede sending.
    ///
    /// # Errors
    /// `store_corrupt` when the nonce belongs to somebody else: a bug, and nothing is written.
    pub async fn record(&self, sent: &SentTransaction) -> Result<()> {
        let mut tx = self.store.write_through().await?;
        let held: Option<i64> = sqlx::query_scalar("SELECT nonce FROM actions WHERE id = ?")
            .bind(sent.action_id)
            .fetch_one(&mut *tx)
            .await?;
        if held != Some(sent.nonce as i64) {
            let freed = sqlx::query("DELETE FROM free_nonces WHERE nonce = ?")
                .bind(sent.nonce as i64)
                .execute(&mut *tx)
                .await?
                .rows_affected();
            let given = if freed == 1 {
                1
            } else {
                sqlx::query("UPDATE account SET next_nonce = next_nonce + 1 WHERE next_nonce = ?")
                    .bind(sent.nonce as i64)
                    .execute(&mut *tx)
                    .await?
                    .rows_affected()
            };
            if held.is_some() || given != 1 {
                return Err(KeeperError::StoreCorrupt(format!(
                    "nonce {} is not free for action {} (which holds {held:?})",
                    sent.nonce, sent.action_id
                )));
            }
        }
        sqlx::query(
            "INSERT INTO transactions (hash, action_id, nonce, max_fee, priority_fee, gas_limit, raw, created_at)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        )
        .bind(sent.hash.as_slice())
        .bind(sent.action_id)
        .bind(sent.nonce as i64)
        .bind(sent.fees.max_fee as i64)
        .bind(sent.fees.priority_fee as i64)
        .bind(sent.gas_limit as i64)
        .bind(&sent.raw)
        .bind(now_ms())
        .execute(&mut *tx)
        .await?;
        sqlx::query("UPDATE actions SET state = 'building', nonce = ?, reason = NULL, updated_at = ? WHERE id = ?")
            .bind(sent.nonce as i64)
            .bind(now_ms())
            .bind(sent.action_id)
            .execute(&mut *tx)
            .await?;
        Ok(tx.commit().await?)
    }

    /// A node took a transaction of the action.
    pub async fn submitted(&self, id: i64) -> Result<()> {
        self.update("UPDATE actions SET state = 'submitted', updated_at = ? WHERE id = ? AND state = 'building'", id)
            .await
    }

    /// A canonical block holds `inclusion.tx_hash`. The action that it carries out is Included, whatever it was; another action
    /// that held the same nonce goes back to the queue without one. Returns the included action.
    pub async fn included(&self, inclusion: &Inclusion, reason: Option<&str>) -> Result<Action> {
        let mut tx = self.store.write().await?;
        let row = sqlx::query("SELECT action_id, nonce FROM transactions WHERE hash = ?")
            .bind(inclusion.tx_hash.as_slice())
            .fetch_one(&mut *tx)
            .await?;
        let (id, nonce): (i64, i64) = (row.get(0), row.get(1));
        let mine = select_by_id(&mut tx, id).await?;
        if let Some(other) = mine.nonce.filter(|held| *held != nonce as u64) {
            free(&mut tx, other, 0).await?;
        }
        sqlx::query("UPDATE actions SET state = 'queued', nonce = NULL, not_before = 0 WHERE nonce = ? AND id <> ?")
            .bind(nonce)
            .bind(id)
            .execute(&mut *tx)
            .await?;
        sqlx::query("DELETE FROM free_nonces WHERE nonce = ?").bind(nonce).execute(&mut *tx).await?;
        sqlx::query(
            "UPDATE actions SET state = 'included', nonce = ?, tx_hash = ?, block_number = ?, block_hash = ?, success = ?,
             reason = ?, updated_at = ? WHERE id = ?",
        )
        .bind(nonce)
        .bind(inclusion.tx_hash.as_slice())
        .bind(inclusion.number as i64)
        .bind(inclusion.hash.as_slice())
        .bind(inclusion.success)
        .bind(reason.map(str::to_owned))
        .bind(now_ms())
        .bind(id)
        .execute(&mut *tx)
        .await?;
        let action = select_by_id(&mut tx, id).await?;
        tx.commit().await?;
        Ok(action)
    }

    /// A reorganisation dropped the action's transaction: back to the queue. It keeps its nonce, since its transactions are public
    /// and may be included again.
    pub async fn reorged(&self, id: i64) -> Result<()> {
        self.update(
            "UPDATE actions SET state = 'queued', tx_hash = NULL, block_number = NULL, block_hash = NULL, success = NULL,
             not_before = 0, reason = 'reorganised out', updated_at = ? WHERE id = ?",
            id,
        )
        .await
    }

    /// The block of an Included action is final.
    pub async fn finalised(&self, id: i64) -> Result<()> {
        self.update(
            "UPDATE actions SET state = CASE success WHEN 0 THEN 'failed' ELSE 'finalised' END, updated_at = ?
             WHERE id = ? AND state = 'included'",
            id,
        )
        .await
    }

    /// Not wanted any more. A nonce that it holds is free for another action, which will outbid it.
    pub async fn superseded(&self, id: i64, reason: &str) -> Result<()> {
        let mut tx = self.store.write().await?;
        let action = select_by_id(&mut tx, id).await?;
        supersede(&mut tx, &action, reason, now_ms()).await?;
        Ok(tx.commit().await?)
    }

    /// Asks for the queued action again after `pause`.
    pub async fn postpone(&self, id: i64, pause: Duration, reason: &str) -> Result<()> {
        let mut tx = self.store.write().await?;
        sqlx::query("UPDATE actions SET not_before = ?, reason = ?, updated_at = ? WHERE id = ? AND state = 'queued'")
            .bind(now_ms() + pause.as_millis() as i64)
            .bind(reason.to_owned())
            .bind(now_ms())
            .bind(id)
            .execute(&mut *tx)
            .await?;
        Ok(tx.commit().await?)
    }

    /// Back to the queue without a nonce. With `retry_nonce`, the nonce is free after that time; without, somebody else used it.
    pub async fn release_nonce(&self, id: i64, retry_nonce: Option<Duration>) -> Result<()> {
        let mut tx = self.store.write().await?;
        let action = select_by_id(&mut tx, id).await?;
        if let (Some(nonce), Some(pause)) = (action.nonce, retry_nonce) {
            free(&mut tx, nonce, now_ms() + pause.as_millis() as i64).await?;
        }
        sqlx::query("UPDATE actions SET state = 'queued', nonce = NULL, not_before = 0, updated_at = ? WHERE id = ?")
            .bind(now_ms())
            .bind(id)
            .execute(&mut *tx)
            .await?;
        Ok(tx.commit().await?)
    }

    /// Free nonces that the chain has used, and free ones below a nonce in flight that therefore block it.
    pub async fn free_nonces(&self) -> Result<Vec<u64>> {
        let nonces: Vec<i64> =
            sqlx::query_scalar("SELECT nonce FROM free_nonces ORDER BY nonce").fetch_all(self.store.read()).await?;
        Ok(nonces.into_iter().map(|nonce| nonce as u64).collect())
    }

    /// Brings the table in line with the chain's count: nonces below it are used, nonces from it on that nobody holds are free.
    pub async fn sync_nonces(&self, chain_nonce: u64) -> Result<()> {
        let next = self.next_nonce().await?;
        let known: Vec<i64> =
            sqlx::query_scalar("SELECT nonce FROM actions WHERE nonce IS NOT NULL UNION SELECT nonce FROM free_nonces")
                .fetch_all(self.store.read())
                .await?;
        let holes: Vec<u64> = (chain_nonce..next).filter(|nonce| !known.contains(&(*nonce as i64))).collect();
        let used = self.free_nonces().await?.first().is_some_and(|nonce| *nonce < chain_nonce);
        if holes.is_empty() && !used && next >= chain_nonce {
            return Ok(());
        }
        let mut tx = self.store.write().await?;
        sqlx::query("DELETE FROM free_nonces WHERE nonce < ?").bind(chain_nonce as i64).execute(&mut *tx).await?;
        for nonce in holes {
            free(&mut tx, nonce, 0).await?;
        }
        sqlx::query("UPDATE account SET next_nonce = max(next_nonce, ?)")
            .bind(chain_nonce as i64)
            .execute(&mut *tx)
            .await?;
        Ok(tx.commit().await?)
    }

    /// Forgets actions that ended longer ago than `age`, with their transactions. Returns how many.
    pub async fn prune(&self, age: Duration) -> Result<u64> {
        let before = now_ms() - age.as_millis() as i64;
        let mut tx = self.store.write().await?;
        sqlx::query(
            "DELETE FROM transactions WHERE action_id IN (SELECT id FROM actions
             WHERE state IN ('finalised', 'failed', 'superseded') AND updated_at < ?)",
        )
        .bind(before)
        .execute(&mut *tx)
        .await?;
        let ended = "DELETE FROM actions WHERE state IN ('finalised', 'failed', 'superseded') AND updated_at < ?";
        let pruned = sqlx::query(ended).bind(before).execute(&mut *tx).await?.rows_affected();
        tx.commit().await?;
        Ok(pruned)
    }

    /// Actions in each state.
    pub async fn counts(&self) -> Result<Vec<(ActionState, u64)>> {
        let rows =
            sqlx::query("SELECT state, count(*) FROM actions GROUP BY state").fetch_all(self.store.read()).await?;
        let mut counts = Vec::with_capacity(rows.len());
        for row in rows {
            let state = row.get::<String, _>(0).parse().map_err(KeeperError::StoreCorrupt)?;
            counts.push((state, row.get::<i64, _>(1) as u64));
        }
        Ok(counts)
    }

    /// Keys of the role's actions that have not ended, or that are not wanted any more but whose transactions are public: they may be
    /// included after all.
    pub async fn under_way(&self, role: &str) -> Result<BTreeSet<String>> {
        let keys = sqlx::query_scalar::<_, String>(
            "SELECT key FROM actions WHERE role = ? AND (state IN ('queued', 'building', 'submitted', 'included')
             OR state = 'superseded' AND EXISTS (SELECT 1 FROM transactions WHERE action_id = actions.id))",
        );
        Ok(keys.bind(role.to_owned()).fetch_all(self.store.read()).await?.into_iter().collect())
    }

    /// All actions, oldest first.
    pub async fn actions(&self) -> Result<Vec<Action>> {
        let mut connection = self.store.read().acquire().await?;
        select(&mut connection, "ORDER BY id").await
    }

    async fn update(&self, sql: &'static str, id: i64) -> Result<()> {
        let mut tx = self.store.write().await?;
        sqlx::query(sql).bind(now_ms()).bind(id).execute(&mut *tx).await?;
        Ok(tx.commit().await?)
    }
}

/// Whether a wanted action has ended without (lasting) effect, as seen from chain state up to `derived_at`.
fn is_due_again(action: &Action, derived_at: u64) -> bool {
    match action.state {
        ActionState::Superseded => true,
        ActionState::Finalised | ActionState::Failed => action.block.is_some_and(|(number, _)| number <= derived_at),
        _ => false,
    }
}

/// Whether a queued action that was never sent carries another payload than what is wanted now.
fn is_stale(action: &Action, want: &Wanted) -> bool {
    action.state == ActionState::Queued
        && action.nonce.is_none()
        && (&action.data, action.target, action.value) != (&want.data, want.target, want.value)
}

/// Whether the action is queued and not wanted.
fn is_unwanted(action: &Action, wanted: &[Wanted]) -> bool {
    action.state == ActionState::Queued && !wanted.iter().any(|want| want.key == action.key)
}

async fn insert(tx: &mut StoreTransaction, role: &str, want: &Wanted, now: i64) -> Result<()> {
    sqlx::query(
        "INSERT INTO actions (role, key, kind, priority, target, data, value, deadline, state, created_at, updated_at)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'queued', ?, ?)",
    )
    .bind(role.to_owned())
    .bind(want.key.clone())
    .bind(want.kind)
    .bind(want.priority)
    .bind(want.target.as_slice())
    .bind(want.data.as_ref())
    .bind(want.value.to_be_bytes::<32>().to_vec())
    .bind(want.deadline.map(|deadline| deadline as i64))
    .bind(now)
    .bind(now)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

async fn revive(tx: &mut StoreTransaction, action: &Action, want: &Wanted, now: i64) -> Result<()> {
    sqlx::query(
        "UPDATE actions SET state = 'queued', nonce = NULL, tx_hash = NULL, block_number = NULL, block_hash = NULL,
         success = NULL, attempts = attempts + 1, not_before = ?, data = ?, target = ?, value = ?, deadline = ?,
         updated_at = ? WHERE id = ?",
    )
    .bind(now + retry_pause(action.attempts))
    .bind(want.data.as_ref())
    .bind(want.target.as_slice())
    .bind(want.value.to_be_bytes::<32>().to_vec())
    .bind(want.deadline.map(|deadline| deadline as i64))
    .bind(now)
    .bind(action.id)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

async fn supersede(tx: &mut StoreTransaction, action: &Action, reason: &str, now: i64) -> Result<()> {
    if let Some(nonce) = action.nonce {
        free(tx, nonce, 0).await?;
    }
    sqlx::query("UPDATE actions SET state = 'superseded', nonce = NULL, reason = ?, updated_at = ? WHERE id = ?")
        .bind(reason.to_owned())
        .bind(now)
        .bind(action.id)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

async fn free(tx: &mut StoreTransaction, nonce: u64, not_before: i64) -> Result<()> {
    sqlx::query("INSERT INTO free_nonces (nonce, not_before) VALUES (?, ?) ON CONFLICT DO NOTHING")
        .bind(nonce as i64)
        .bind(not_before)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// The role's actions that have not ended, by key: one query for all that is wanted most of the time.
async fn live(connection: &mut sqlx::SqliteConnection, role: &str) -> Result<HashMap<String, Action>> {
    let rows = sqlx::query(
        "SELECT * FROM actions WHERE state IN ('queued', 'building', 'submitted', 'included') AND role = ?",
    )
    .bind(role.to_owned())
    .fetch_all(connection)
    .await?;
    rows.iter().map(|row| parse(row).map(|action| (action.key.clone(), action))).collect()
}

async fn find(connection: &mut sqlx::SqliteConnection, key: &str) -> Result<Option<Action>> {
    let row =
        sqlx::query("SELECT * FROM actions WHERE key = ?").bind(key.to_owned()).fetch_optional(connection).await?;
    row.as_ref().map(parse).transpose()
}

async fn select_by_id(tx: &mut StoreTransaction, id: i64) -> Result<Action> {
    parse(&sqlx::query("SELECT * FROM actions WHERE id = ?").bind(id).fetch_one(&mut **tx).await?)
}

async fn select(connection: &mut sqlx::SqliteConnection, clause: &'static str) -> Result<Vec<Action>> {
    // Both parts are constants of this file.
    let sql = sqlx::AssertSqlSafe(format!("SELECT * FROM actions {clause}"));
    sqlx::query(sql).fetch_all(connection).await?.iter().map(parse).collect()
}

fn parse(row: &SqliteRow) -> Result<Action> {
    let number: Option<i64> = row.try_get("block_number")?;
    let hash: Option<Vec<u8>> = row.try_get("block_hash")?;
    let state: String = row.try_get("state")?;
    Ok(Action {
        id: row.try_get("id")?,
        role: row.try_get("role")?,
        key: row.try_get("key")?,
        kind: row.try_get("kind")?,
        priority: row.try_get("priority")?,
        target: Address::from_slice(row.try_get::<&[u8], _>("target")?),
        data: row.try_get::<Vec<u8>, _>("data")?.into(),
        value: U256::from_be_slice(row.try_get::<&[u8], _>("value")?),
        state: state.parse().map_err(KeeperError::StoreCorrupt)?,
        nonce: row.try_get::<Option<i64>, _>("nonce")?.map(|nonce| nonce as u64),
        tx_hash: row.try_get::<Option<Vec<u8>>, _>("tx_hash")?.map(|hash| B256::from_slice(&hash)),
        block: number.zip(hash).map(|(number, hash)| (number as u64, B256::from_slice(&hash))),
        success: row.try_get("success")?,
        deadline: row.try_get::<Option<i64>, _>("deadline")?.map(|deadline| deadline as u64),
        attempts: row.try_get("attempts")?,
        reason: row.try_get("reason")?,
    })
}

fn parse_transaction(row: &SqliteRow) -> SentTransaction {
    SentTransaction {
        hash: B256::from_slice(row.get::<&[u8], _>("hash")),
        action_id: row.get("action_id"),
        nonce: row.get::<i64, _>("nonce") as u64,
        fees: Fees {
            max_fee: row.get::<i64, _>("max_fee") as u64,
            priority_fee: row.get::<i64, _>("priority_fee") as u64,
        },
        gas_limit: row.get::<i64, _>("gas_limit") as u64,
        raw: row.get("raw"),
    }
}
