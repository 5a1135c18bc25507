//! A licence: who runs it, and its uptime as a calendar.

use super::{EpochStatus, Epochs, Reading};
use crate::{
    api::{
        App,
        error::{ApiError, Failures},
        extract::{Params, Segment},
        orders::PageQuery,
        page::{self, Filter, Page},
    },
    rows::{License, schema},
};
use alloy::primitives::Address;
use axum::{Json, extract::State};
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

/// A licence in a network.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct LicenseView {
    /// Its number.
    number: u32,
    /// Who holds it; null when it was not sold, was burned, or its collection is of no sale that is indexed.
    #[schema(value_type = Option<schema::Account>)]
    owner: Option<Address>,
    /// Who runs it in the epoch now.
    now: Option<RunView>,
    /// Who will in the next one, as it stands.
    next: Option<RunView>,
    /// Of a delegation that was ended, until another is made; null: there is none.
    ended: Option<Ended>,
    /// Its epochs that are closed, newest first.
    uptime: Page<LicenseEpoch>,
}

/// Who runs a licence.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct RunView {
    /// The operator's number.
    pub(super) operator: u32,
    /// What it keeps, in basis points: as it was when the licence was delegated.
    pub(super) rate: u16,
}

/// A delegation that was ended.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Ended {
    /// The first epoch in which nobody runs the licence.
    epoch: u32,
    /// From which epoch on it can run again for the owner who ended it. Another owner need not wait.
    free_at: u32,
}

/// A licence's epoch.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct LicenseEpoch {
    /// The epoch.
    epoch: u32,
    /// Where its shares stand.
    status: EpochStatus,
    /// Whether what was posted of it is what it computes to; null: nothing was posted.
    agrees: Option<bool>,
    /// Who ran it; null: nobody.
    run: Option<RunView>,
    /// Whether that one was silent, so that nothing was to be checked.
    silent: bool,
    /// The licence that it stood in for.
    stood_in_for: Option<u32>,
    /// Checks that it had to make.
    assigned: u8,
    /// Of them, answered.
    answered: u8,
    /// Of them, as the truth is.
    right: u8,
    /// Answered, and not as the truth is.
    wrong: u8,
    /// Its shares: `right * (10000 - rate)`.
    shares: u64,
    /// What they are parts of.
    total: u64,
}

/// Who runs `license` in `epoch`.
pub(super) fn run(reading: &Reading<'_>, license: u32, epoch: u32) -> Option<RunView> {
    let run = reading.snapshot.history.run_in(license, epoch);
    (run.operator != 0).then_some(RunView { operator: run.operator, rate: run.rate })
}

/// One licence
///
/// Who runs it and how its epochs went.
#[utoipa::path(get, path = "/v1/networks/{network}/licenses/{id}", tag = "nodes",
    params(("network" = String, Path, description = "The network's Uptime contract"),
        ("id" = u32, Path, description = "The licence's number"), PageQuery),
    responses((status = 200, body = LicenseView), Failures))]
pub(crate) async fn one(
    State(app): State<Arc<App>>,
    Segment((network, id)): Segment<(String, String)>,
    Params(query): Params<PageQuery>,
) -> Result<Json<LicenseView>, ApiError> {
    let mut reading = Reading::of(&app, &network).await?;
    let number = reading.license(&id)?;
    let epochs = Epochs::new(reading.snapshot.closed(), &query)?;
    let roots = reading.roots(reading.network.uptime).await?;
    let owner = owner(&app, &mut reading, number).await?;
    let mut items = Vec::new();
    for epoch in epochs.newest_first() {
        let computed = reading.snapshot.epoch(epoch).await?;
        let history = &reading.snapshot.history;
        let run_in = history.run_in(number, epoch);
        let counts = computed.license(number).unwrap_or_default();
        let posted = roots.get(epoch);
        items.push(LicenseEpoch {
            epoch,
            status: roots.status(epoch),
            agrees: posted.map(|row| {
                (row.root, row.total, row.truth_hash)
                    == (Some(computed.root), computed.total, Some(computed.truth_hash))
            }),
            run: run(&reading, number, epoch),
            silent: computed.is_silent(run_in.operator),
            stood_in_for: computed.stood_in_for(history, number),
            assigned: counts.assigned,
            answered: counts.answered,
            right: counts.right,
            wrong: counts.wrong,
            shares: computed.shares(number, run_in),
            total: computed.total,
        });
    }
    let epoch = reading.epoch();
    Ok(Json(LicenseView {
        number,
        owner,
        now: run(&reading, number, epoch),
        next: run(&reading, number, epoch + 1),
        ended: reading.snapshot.stakes.thawing(number).map(|(epoch, free_at)| Ended { epoch, free_at }),
        uptime: epochs.page(items),
    }))
}

async fn owner(app: &App, reading: &mut Reading<'_>, number: u32) -> Result<Option<Address>, ApiError> {
    let collection = reading.network.terms.license;
    let Some(sale) = app.suite.sales.iter().find(|sale| sale.license == collection) else { return Ok(None) };
    let filters = [Filter::Bytes("sale", sale.address.to_vec()), Filter::Number("id", number.into())];
    let found: Option<License> = page::all(&mut reading.connection, filters).await?.pop();
    Ok(found.and_then(|license| license.owner))
}
