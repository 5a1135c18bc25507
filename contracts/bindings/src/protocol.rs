//! Identifiers and digests that the protocol derives from content, as `JobEscrow` computes them.

use alloy::{
    primitives::{Address, B256, U256, keccak256},
    sol,
    sol_types::{Eip712Domain, SolStruct, SolType, SolValue, eip712_domain},
};

use crate::{
    DisputeGame::Game,
    JobEscrow::{Batch, Order},
};

sol! {
    /// What a customer signs to settle a batch at once (EIP-712). It covers the batch's content without its time, so that
    /// a reorganised commit needs no new signature.
    #[derive(Debug)]
    struct Receipt {
        bytes32 orderId;
        address provider;
        uint32 first;
        uint32 count;
        uint64 units;
        bytes32 root;
    }
}

/// How far a draw is, as `Verification` numbers it (`DrawStatus`).
pub mod draw_status {
    /// No batch has this draw.
    pub const NONE: u8 = 0;
    /// Its round has not been drawn.
    pub const WAITING: u8 = 1;
    /// The lot passed it by.
    pub const UNDRAWN: u8 = 2;
    /// The parties commit to their trace roots.
    pub const SEALING: u8 = 3;
    /// They open them.
    pub const REVEALING: u8 = 4;
    /// Somebody dissented, and games decide.
    pub const DISPUTED: u8 = 5;
    /// Nobody did, or games proved the dissenters wrong.
    pub const AGREED: u8 = 6;
    /// The provider was silent or lost a game.
    pub const CONVICTED: u8 = 7;
}

/// `keccak256(abi.encode(chainid, escrow, order))`.
pub fn order_id(chain_id: u64, escrow: Address, order: &Order) -> B256 {
    keccak256((U256::from(chain_id), escrow, order.clone()).abi_encode_params())
}

/// `keccak256(abi.encode(batch))`.
pub fn batch_id(batch: &Batch) -> B256 {
    keccak256(batch.abi_encode())
}

/// EIP-712 domain of receipts.
pub fn receipt_domain(chain_id: u64, escrow: Address) -> Eip712Domain {
    eip712_domain! {
        name: "Assay JobEscrow",
        version: "1",
        chain_id: chain_id,
        verifying_contract: escrow,
    }
}

/// The digest that the customer signs for `batch`.
pub fn receipt_digest(chain_id: u64, escrow: Address, batch: &Batch) -> B256 {
    let receipt = Receipt {
        orderId: batch.orderId,
        provider: batch.provider,
        first: batch.first,
        count: batch.count,
        units: batch.units,
        root: batch.root,
    };
    receipt.eip712_signing_hash(&receipt_domain(chain_id, escrow))
}

/// Stake that a batch of `count` tasks locks; `None` when it exceeds 128 bits, which the escrow refuses.
pub fn stake_for(order: &Order, count: u32) -> Option<u128> {
    order.stakePerTask.checked_mul(u128::from(count))?.checked_add(order.stakePerBatch)
}

/// What an order escrows: `unitPrice * unitCap * count`, and a draw for each batch that it can have; below `2^193`.
pub fn escrowed(order: &Order) -> U256 {
    let tasks = U256::from(order.unitPrice) * U256::from(order.unitCap) * U256::from(order.count);
    tasks + draw_reserve(order) * U256::from(order.count.div_ceil(order.minBatch.max(1)))
}

/// What a batch sets aside for its draw: a fee for each re-execution, and one for who draws.
pub fn draw_reserve(order: &Order) -> U256 {
    let fees = u32::from(order.policy.tasks) * u32::from(order.policy.validators) + 1;
    U256::from(order.policy.fee) * U256::from(fees)
}

/// The seal of a trace root, as `Verification` checks it at the reveal.
pub fn trace_seal(
    chain_id: u64,
    verification: Address,
    batch_id: B256,
    index: u32,
    sender: Address,
    trace_root: B256,
    salt: B256,
) -> B256 {
    keccak256((trace_root, salt, U256::from(chain_id), verification, batch_id, index, sender).abi_encode())
}

/// The seal of a challenge, which becomes its game's id.
pub fn challenge_seal(batch_id: B256, index: u32, salt: B256, challenger: Address) -> B256 {
    keccak256((batch_id, index, salt, challenger).abi_encode())
}

/// The hash that the dispute game keeps of a game's state.
pub fn game_hash(game: &Game) -> B256 {
    keccak256(game.abi_encode())
}

/// The same struct in another contract's bindings: each has a type of its own for what Solidity declares once.
///
/// # Panics
/// If the two are not one struct.
pub fn recast<A, B>(value: &A) -> B
where
    A: SolValue,
    B: SolValue + From<<B::SolType as SolType>::RustType>,
{
    B::abi_decode(&value.abi_encode()).expect("both bindings are of one Solidity struct")
}

/// The ERC-6909 id of `token` in the ledger.
pub fn token_id(token: Address) -> U256 {
    U256::from_be_bytes(token.into_word().0)
}
