//! Sales and licences from their events.

use super::Change;
use crate::rows::{License, LicenseStatus, Payout, PayoutKind, Purchase};
use alloy::primitives::{Address, B256, U256};
use assay_contracts::{
    NodeLicense::NodeLicenseEvents,
    NodeSale::{self, NodeSaleEvents},
};

impl Change<'_> {
    pub(super) async fn node_sale(&mut self, sale: Address, event: &NodeSaleEvents) -> Result<(), sqlx::Error> {
        match event {
            NodeSaleEvents::Bought(event) => self.bought(sale, event).await,
            NodeSaleEvents::CommissionEarned(event) => {
                let key = (sale, event.referrer, event.token);
                let commission = self.tables.commissions.entry(self.connection, key).await?;
                commission.purchases += 1;
                commission.earned.add(event.amount);
                self.tables.sale_money.entry(self.connection, (sale, event.token)).await?.commissions.add(event.amount);
                Ok(())
            }
            NodeSaleEvents::CommissionClaimed(event) => {
                let key = (sale, event.referrer, event.token);
                self.tables.commissions.entry(self.connection, key).await?.claimed.add(event.amount);
                self.tables.sale_money.entry(self.connection, (sale, event.token)).await?.claimed.add(event.amount);
                self.paid_out(sale, PayoutKind::Commission, None, Some(event.referrer), event.token, event.amount);
                Ok(())
            }
            NodeSaleEvents::Refunded(event) => {
                self.tables.sale_money.entry(self.connection, (sale, event.token)).await?.refunded.add(event.amount);
                let id = self.returned(sale, event.id, LicenseStatus::Refunded).await?;
                self.paid_out(sale, PayoutKind::Refund, Some(id), Some(event.owner), event.token, event.amount);
                Ok(())
            }
            NodeSaleEvents::BoughtBack(event) => {
                self.tables.sale_money.entry(self.connection, (sale, event.token)).await?.bought_back.add(event.amount);
                let id = self.returned(sale, event.id, LicenseStatus::BoughtBack).await?;
                self.paid_out(sale, PayoutKind::BuyBack, Some(id), Some(event.owner), event.token, event.amount);
                Ok(())
            }
            NodeSaleEvents::Released(event) => {
                self.tables.sale_money.entry(self.connection, (sale, event.token)).await?.released.add(event.amount);
                self.paid_out(sale, PayoutKind::Release, None, None, event.token, event.amount);
                Ok(())
            }
        }
    }

    /// The licences are entered here; the transfers that mint them follow.
    async fn bought(&mut self, sale: Address, event: &NodeSale::Bought) -> Result<(), sqlx::Error> {
        let (first, quantity) = (id(event.first), event.quantity.saturating_to::<u32>());
        let (promo, referrer) = source(event.code);
        self.tables.purchases.insert(Purchase {
            sale,
            first,
            position: self.origin.position,
            bought_at: self.origin.timestamp,
            transaction_hash: self.origin.transaction_hash,
            buyer: event.buyer,
            tier: event.tier,
            quantity,
            token: event.token,
            paid: event.paid.into(),
            promo,
            referrer,
            buyback: event.buyback,
        });
        for id in first..first + quantity {
            self.tables.licenses.insert(License {
                sale,
                id,
                position: self.origin.position,
                first,
                tier: event.tier,
                owner: Some(event.buyer),
                token: event.token,
                paid: event.paid.into(),
                buyback: event.buyback,
                ..License::default()
            });
        }
        self.tables.sale_tiers.entry(self.connection, (sale, event.tier)).await?.sold += quantity;
        let money = self.tables.sale_money.entry(self.connection, (sale, event.token)).await?;
        money.paid.add(event.paid.saturating_mul(event.quantity));
        self.tables.sale_buyers.entry(self.connection, (sale, event.buyer, event.tier)).await?.quantity += quantity;
        if let Some(code) = promo {
            self.tables.promo_uses.entry(self.connection, (sale, code)).await?.used += quantity;
        }
        Ok(())
    }

    /// A licence came back, and its transfer to nobody is entered already.
    async fn returned(&mut self, sale: Address, id: U256, status: LicenseStatus) -> Result<u32, sqlx::Error> {
        let id = self::id(id);
        if let Some(license) = self.tables.licenses.find(self.connection, (sale, id)).await? {
            license.status = status;
            let tier = license.tier;
            self.tables.sale_tiers.entry(self.connection, (sale, tier)).await?.returned += 1;
        }
        Ok(id)
    }

    fn paid_out(
        &mut self,
        sale: Address,
        kind: PayoutKind,
        id: Option<u32>,
        account: Option<Address>,
        token: Address,
        amount: U256,
    ) {
        self.tables.payouts.insert(Payout {
            position: self.origin.position,
            sale,
            kind,
            id,
            account,
            token,
            amount: amount.into(),
            paid_at: self.origin.timestamp,
            transaction_hash: self.origin.transaction_hash,
        });
    }

    pub(super) async fn node_license(&mut self, sale: Address, event: &NodeLicenseEvents) -> Result<(), sqlx::Error> {
        match event {
            NodeLicenseEvents::Transfer(event) => {
                let key = (sale, id(event.tokenId));
                let Some(license) = self.tables.licenses.find(self.connection, key).await? else { return Ok(()) };
                license.owner = Some(event.to).filter(|to| !to.is_zero());
                if event.from.is_zero() {
                    // Every licence has a place of its own, though many are bought at once.
                    license.position = self.origin.position;
                } else {
                    license.transfers += u32::from(license.owner.is_some());
                }
            }
            NodeLicenseEvents::UpdateUser(event) => {
                let key = (sale, id(event.tokenId));
                let Some(license) = self.tables.licenses.find(self.connection, key).await? else { return Ok(()) };
                license.user = Some(event.user).filter(|user| !user.is_zero());
                license.user_expires = event.expires;
            }
            // Approvals are in the log; the metadata's changes follow from the events above.
            NodeLicenseEvents::Approval(_)
            | NodeLicenseEvents::ApprovalForAll(_)
            | NodeLicenseEvents::MetadataUpdate(_)
            | NodeLicenseEvents::BatchMetadataUpdate(_) => {}
        }
        Ok(())
    }
}

/// There are fewer than 2^32 licences.
fn id(id: U256) -> u32 {
    id.saturating_to()
}

/// What a purchase's code stands for: a promo code or a referrer. No hash begins with twelve zeros.
fn source(code: B256) -> (Option<B256>, Option<Address>) {
    match (code.is_zero(), code[..12] == [0; 12]) {
        (true, _) => (None, None),
        (_, true) => (None, Some(Address::from_word(code))),
        _ => (Some(code), None),
    }
}
