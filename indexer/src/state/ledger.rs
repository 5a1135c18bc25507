//! Balances, supplies and allowances from the ledger's ERC-6909 events.

use super::Change;
use crate::rows::{Allowance, Amount, LedgerOperator};
use alloy::primitives::{Address, U256};
use assay_contracts::Ledger::{LedgerEvents, Transfer};

/// The token that a ledger id names.
pub(crate) fn token_of(id: U256) -> Address {
    Address::from_slice(&id.to_be_bytes::<32>()[12..])
}

impl Change<'_> {
    pub(super) async fn ledger(&mut self, event: &LedgerEvents) -> Result<(), sqlx::Error> {
        match event {
            LedgerEvents::Transfer(event) => self.transferred(event).await,
            LedgerEvents::Approval(event) => {
                self.tables.allowances.insert(Allowance {
                    owner: event.owner,
                    spender: event.spender,
                    token: token_of(event.id),
                    amount: event.amount.into(),
                });
                Ok(())
            }
            LedgerEvents::OperatorSet(event) => {
                self.tables.ledger_operators.insert(LedgerOperator {
                    owner: event.owner,
                    spender: event.spender,
                    approved: event.approved,
                });
                Ok(())
            }
        }
    }

    async fn transferred(&mut self, event: &Transfer) -> Result<(), sqlx::Error> {
        let token = token_of(event.id);
        if event.sender.is_zero() {
            self.tables.tokens.entry(self.connection, (token,)).await?.supply.add(event.amount);
        } else {
            self.spend_allowance(event, token).await?;
            self.tables.balances.entry(self.connection, (event.sender, token)).await?.amount.sub(event.amount);
        }
        if event.receiver.is_zero() {
            self.tables.tokens.entry(self.connection, (token,)).await?.supply.sub(event.amount);
        } else {
            self.tables.balances.entry(self.connection, (event.receiver, token)).await?.amount.add(event.amount);
        }
        Ok(())
    }

    /// ERC-6909 announces allowances when they are set, not when they are spent: spending is a transfer whose caller is
    /// neither the owner nor one of the owner's operators.
    async fn spend_allowance(&mut self, event: &Transfer, token: Address) -> Result<(), sqlx::Error> {
        if event.caller == event.sender {
            return Ok(());
        }
        let operator = self.tables.ledger_operators.peek(self.connection, (event.sender, event.caller)).await?;
        if operator.is_some_and(|operator| operator.approved) {
            return Ok(());
        }
        let key = (event.sender, event.caller, token);
        let Some(allowance) = self.tables.allowances.find(self.connection, key).await? else { return Ok(()) };
        if allowance.amount != Amount(U256::MAX) {
            allowance.amount.sub(event.amount);
        }
        Ok(())
    }
}
