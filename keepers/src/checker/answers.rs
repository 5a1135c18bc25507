//! What seats answered and what is sealed of it, in the store.

use alloy::primitives::{Address, B256};
use sqlx::{Row, sqlite::SqliteRow};

use super::duty::Duty;
use crate::{error::Result, store::Store};

/// What a seat answered in a round, with its word for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) round: u32,
    pub(crate) seat: u32,
    /// The seat's key when it was asked.
    pub(crate) key: Address,
    /// As [`assay_epochs::uptime::answers`] numbers them.
    pub(crate) answer: u8,
    /// What the seat signed; there if it was up.
    pub(crate) word: Option<Word>,
    /// Milliseconds until the answer was whole.
    pub(crate) latency: Option<u32>,
    /// Why it counts as offline.
    pub(crate) reason: Option<String>,
}

/// A provider's word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Word {
    pub(crate) result: B256,
    pub(crate) signature: Vec<u8>,
}

/// What is sealed of an epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frozen {
    /// See [`Duty::seats_hash`].
    pub(crate) seats: B256,
    pub(crate) answers: Vec<u8>,
    pub(crate) evidence: B256,
    pub(crate) salt: B256,
}

/// Answers and seals of one store.
#[derive(Debug, Clone)]
pub(crate) struct Ledger(pub(crate) Store);

impl Ledger {
    /// Writes an answer, unless there is one of the same round and seat.
    pub(crate) async fn put(&self, duty: &Duty, answer: &Answer) -> Result<()> {
        let Answer { round, seat, key, answer, word, latency, reason } = answer;
        let mut tx = self.0.write().await?;
        sqlx::query(
            "INSERT INTO answers (epoch, operator, round, seat, key, answer, result, signature, latency_ms, reason)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        )
        .bind(duty.epoch)
        .bind(duty.operator)
        .bind(*round)
        .bind(*seat)
        .bind(key.as_slice())
        .bind(*answer)
        .bind(word.as_ref().map(|word| word.result.to_vec()))
        .bind(word.as_ref().map(|word| word.signature.clone()))
        .bind(*latency)
        .bind(reason.clone())
        .execute(&mut *tx)
        .await?;
        Ok(tx.commit().await?)
    }

    /// All answers of an epoch.
    pub(crate) async fn of(&self, epoch: u32, operator: u32) -> Result<Vec<Answer>> {
        let rows = sqlx::query("SELECT * FROM answers WHERE epoch = ? AND operator = ? ORDER BY round, seat");
        let rows = rows.bind(epoch).bind(operator).fetch_all(self.0.read()).await?;
        rows.iter().map(parse).collect()
    }

    /// The latest times of answers, by seat, at most `most` of each.
    pub(crate) async fn latencies(&self, most: u32) -> Result<Vec<(u32, u32)>> {
        let rows = sqlx::query(
            "SELECT seat, latency_ms FROM (
                 SELECT seat, latency_ms, epoch, round,
                        row_number() OVER (PARTITION BY seat ORDER BY epoch DESC, round DESC) AS place
                 FROM answers WHERE latency_ms IS NOT NULL
             ) WHERE place <= ? ORDER BY seat, epoch, round",
        );
        let rows = rows.bind(most).fetch_all(self.0.read()).await?;
        rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
    }

    /// What is sealed of an epoch.
    pub(crate) async fn frozen(&self, epoch: u32, operator: u32) -> Result<Option<Frozen>> {
        let row = sqlx::query("SELECT seats, answers, evidence, salt FROM seals WHERE epoch = ? AND operator = ?");
        let row = row.bind(epoch).bind(operator).fetch_optional(self.0.read()).await?;
        let Some(row) = row else { return Ok(None) };
        let hash = |column| -> Result<B256> { Ok(B256::from_slice(row.try_get(column)?)) };
        Ok(Some(Frozen {
            seats: hash("seats")?,
            answers: row.try_get("answers")?,
            evidence: hash("evidence")?,
            salt: hash("salt")?,
        }))
    }

    /// Writes what is sealed, before anybody is told. It is on the disk when this returns: who cannot open a seal is paid nothing.
    pub(crate) async fn freeze(&self, duty: &Duty, frozen: &Frozen) -> Result<()> {
        let mut tx = self.0.write_through().await?;
        sqlx::query(
            "INSERT INTO seals (epoch, operator, seats, answers, evidence, salt) VALUES (?, ?, ?, ?, ?, ?)
             ON CONFLICT (epoch, operator) DO UPDATE SET seats = excluded.seats, answers = excluded.answers,
             evidence = excluded.evidence, salt = excluded.salt",
        )
        .bind(duty.epoch)
        .bind(duty.operator)
        .bind(frozen.seats.to_vec())
        .bind(frozen.answers.clone())
        .bind(frozen.evidence.to_vec())
        .bind(frozen.salt.to_vec())
        .execute(&mut *tx)
        .await?;
        Ok(tx.commit().await?)
    }

    /// Forgets epochs before `first`.
    pub(crate) async fn prune(&self, first: u32) -> Result<()> {
        let mut tx = self.0.write().await?;
        for table in ["DELETE FROM answers WHERE epoch < ?", "DELETE FROM seals WHERE epoch < ?"] {
            sqlx::query(table).bind(first).execute(&mut *tx).await?;
        }
        Ok(tx.commit().await?)
    }
}

fn parse(row: &SqliteRow) -> Result<Answer> {
    let result: Option<Vec<u8>> = row.try_get("result")?;
    let signature: Option<Vec<u8>> = row.try_get("signature")?;
    let word = result.zip(signature).map(|(result, signature)| Word { result: B256::from_slice(&result), signature });
    Ok(Answer {
        round: row.try_get("round")?,
        seat: row.try_get("seat")?,
        key: Address::from_slice(row.try_get("key")?),
        answer: row.try_get("answer")?,
        word,
        latency: row.try_get("latency_ms")?,
        reason: row.try_get("reason")?,
    })
}
