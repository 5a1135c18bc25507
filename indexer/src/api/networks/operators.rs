//! Operators: what they ask, whom they run, how well they attest, and what that had for consequences.

use super::{EpochStatus, Reading, Roots};
use crate::{
    api::{
        App,
        error::{ApiError, Failures},
        extract::{self, Params, Segment},
        orders::PageQuery,
        page::{self, Filter, Page},
    },
    networks::{Epoch, OperatorCounts},
    rows::{Ban, Strike, schema},
};
use alloy::primitives::Address;
use assay_contracts::network::Attester;
use axum::{Json, extract::State};
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

/// Epochs of which an operator's seals and reveals are shown.
const SHOWN_EPOCHS: u32 = 10;

/// An operator.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct OperatorView {
    /// Its number, which follows the licences'.
    number: u32,
    /// Who registered and earns the commission.
    #[schema(value_type = schema::Account)]
    account: Address,
    /// What it keeps of licences that are delegated now, in basis points.
    rate: u16,
    /// Licences that it takes on.
    cap: u32,
    /// Licences that it runs in the epoch now.
    delegated: u32,
    /// Licences that it will run in the next one, as it stands.
    delegated_next: u32,
    /// The key that attests in the epoch now; null: none.
    #[schema(value_type = Option<schema::Account>)]
    key: Option<Address>,
    /// The key that will in the next one.
    #[schema(value_type = Option<schema::Account>)]
    key_next: Option<Address>,
    /// The first epoch that it is not banned in any more; null: it is not banned now.
    banned_until: Option<u32>,
    /// What it sealed and revealed of the last epochs, newest first.
    attested: Vec<Attested>,
    /// Its answers in the last epoch that is final.
    last_final: Option<OperatorEpoch>,
    /// Wrong answers that were struck.
    strikes: Vec<Strike>,
    /// Bans.
    bans: Vec<Ban>,
}

/// What an operator did of an epoch.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Attested {
    /// The epoch.
    epoch: u32,
    /// Whether it sealed answers.
    sealed: bool,
    /// Whether it revealed them.
    revealed: bool,
}

/// An operator's answers in an epoch, for all its licences.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct OperatorEpoch {
    /// The epoch.
    epoch: u32,
    /// Licences that counted for it.
    delegated: u32,
    /// Whether its licences were given nothing to examine.
    silent: bool,
    /// Checks that its licences had to make.
    assigned: u64,
    /// Of them, answered.
    answered: u64,
    /// Of them, as the truth is.
    right: u64,
    /// Answered, and not as the truth is.
    wrong: u64,
    /// Its shares of the epoch.
    shares: u64,
}

impl OperatorEpoch {
    fn new(epoch: &Epoch, number: u32) -> Option<Self> {
        let OperatorCounts { delegated, silent, assigned, answered, right, wrong, commission } =
            epoch.operator(number)?;
        Some(Self { epoch: epoch.epoch, delegated, silent, assigned, answered, right, wrong, shares: commission })
    }
}

/// What all operators of a page are shown with.
struct Shown<'a> {
    reading: &'a Reading<'a>,
    delegated: Vec<u32>,
    delegated_next: Vec<u32>,
    last_final: Option<Arc<Epoch>>,
    strikes: Vec<Strike>,
    bans: Vec<Ban>,
}

impl Shown<'_> {
    fn view(&self, operator: &Attester, key_next: Address) -> OperatorView {
        let (number, epoch) = (operator.number, self.reading.epoch());
        let history = &self.reading.snapshot.history;
        let place = (number - self.reading.network.terms.licenses - 1) as usize;
        let known = |key: Address| Some(key).filter(|key| !key.is_zero());
        let bans: Vec<_> = self.bans.iter().filter(|ban| ban.operator == number).cloned().collect();
        let attested = (0..=epoch).rev().take(SHOWN_EPOCHS as usize).map(|epoch| Attested {
            epoch,
            sealed: history.seal_of(epoch, number).is_some(),
            revealed: history.has_revealed(epoch, number),
        });
        OperatorView {
            number,
            account: operator.account,
            rate: operator.rate,
            cap: operator.cap,
            delegated: self.delegated.get(place).copied().unwrap_or_default(),
            delegated_next: self.delegated_next.get(place).copied().unwrap_or_default(),
            key: known(operator.key),
            key_next: known(key_next),
            banned_until: bans
                .iter()
                .find(|ban| (ban.first_epoch..ban.until_epoch).contains(&epoch))
                .map(|ban| ban.until_epoch),
            attested: attested.collect(),
            last_final: self.last_final.as_deref().and_then(|epoch| OperatorEpoch::new(epoch, number)),
            strikes: self.strikes.iter().filter(|strike| strike.operator == number).cloned().collect(),
            bans,
        }
    }
}

/// Views of operators `from` on, at most `limit`.
async fn views(reading: &mut Reading<'_>, from: u32, limit: usize) -> Result<Vec<OperatorView>, ApiError> {
    let uptime = reading.network.uptime;
    let roots: Roots = reading.roots(uptime).await?;
    let last_final = roots.finals().checked_sub(1).filter(|epoch| *epoch < reading.snapshot.closed());
    debug_assert!(last_final.is_none_or(|epoch| roots.status(epoch) == EpochStatus::Final));
    let last_final = match last_final {
        Some(epoch) => Some(reading.snapshot.epoch(epoch).await?),
        None => None,
    };
    let of_network = || Filter::bytes("uptime", Some(uptime));
    let strikes = page::all(&mut reading.connection, of_network()).await?;
    let bans = page::all(&mut reading.connection, of_network()).await?;
    let (history, epoch) = (reading.snapshot.history.clone(), reading.epoch());
    let shown = Shown {
        reading,
        delegated: history.delegated_in(epoch),
        delegated_next: history.delegated_in(epoch + 1),
        last_final,
        strikes,
        bans,
    };
    let operators = history.attesters(epoch).zip(history.attesters(epoch + 1));
    let wanted = operators.skip_while(|(operator, _)| operator.number < from).take(limit);
    Ok(wanted.map(|(operator, next)| shown.view(&operator, next.key)).collect())
}

/// A network's operators
///
/// By number.
#[utoipa::path(get, path = "/v1/networks/{network}/operators", tag = "nodes",
    params(("network" = String, Path, description = "The network's Uptime contract"), PageQuery),
    responses((status = 200, body = Page<OperatorView>), Failures))]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    Segment(network): Segment<String>,
    Params(query): Params<PageQuery>,
) -> Result<Json<Page<OperatorView>>, ApiError> {
    let limit = extract::limit(query.limit.as_deref())?;
    let after = match query.cursor.as_deref() {
        None => 0,
        Some(cursor) => extract::index(cursor).map_err(|_| ApiError::bad_cursor(cursor))?,
    };
    let mut reading = Reading::of(&app, &network).await?;
    let operators = views(&mut reading, after.saturating_add(1), limit as usize + 1).await?;
    Ok(Json(Page::new(operators, limit, |operator| operator.number)))
}

/// One operator
#[utoipa::path(get, path = "/v1/networks/{network}/operators/{number}", tag = "nodes",
    params(("network" = String, Path, description = "The network's Uptime contract"),
        ("number" = u32, Path, description = "The operator's number")),
    responses((status = 200, body = OperatorView), Failures))]
pub(crate) async fn one(
    State(app): State<Arc<App>>,
    Segment((network, number)): Segment<(String, String)>,
) -> Result<Json<OperatorView>, ApiError> {
    let mut reading = Reading::of(&app, &network).await?;
    let number = reading.operator(&number)?;
    let found = views(&mut reading, number, 1).await?.pop();
    found.map(Json).ok_or_else(ApiError::internal)
}
