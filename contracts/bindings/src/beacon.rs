//! The beacons that a suite may have, and what recording a round takes: a block's header for `PrevrandaoBeacon`, the point that
//! a drand signature stands for for `DrandBeacon`.

use alloy::{
    eips::BlockNumberOrTag,
    primitives::{B256, Bytes, b256, bytes, keccak256, ruint::aliases::U384, uint},
    providers::Provider,
    rpc::types::Header,
    transports::{RpcError, TransportErrorKind},
};
use serde::{Deserialize, Serialize};

/// Where a suite's draws get their randomness.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum Beacon {
    /// `PrevrandaoBeacon`: the RANDAO mix of a block.
    Prevrandao {
        /// Blocks between a commit and the block whose value draws it.
        delay: u32,
    },
    /// `DrandBeacon`: a round of a drand network.
    Drand(Drand),
}

/// A drand network of the scheme `bls-unchained-g1-rfc9380`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Drand {
    /// The network's name at relays. No part of any address: what a relay says is verified by the key.
    pub chain_hash: B256,
    /// Unix time of round 1.
    pub genesis: u64,
    /// Seconds between rounds.
    pub period: u32,
    /// Largest number of seconds by which a block's timestamp lies behind the time at which the block can still be changed.
    pub drift: u32,
    /// A point of G2 in 256 bytes (EIP-2537).
    pub public_key: Bytes,
}

impl Drand {
    /// quicknet, the network of the League of Entropy that publishes a round every three seconds.
    pub fn quicknet(drift: u32) -> Self {
        Self {
            chain_hash: b256!("52db9ba70e0cc0f6eaf7803dd07447a1f5477735fd3f661792ba94600c84e971"),
            genesis: 1_692_803_367,
            period: 3,
            drift,
            public_key: bytes!(
                "000000000000000000000000000000000d1fec758c921cc22b0e17e63aaf4bcb"
                "5ed66304de9cf809bd274ca73bab4af5a6e9c76a4bc09e76eae8991ef5ece45a"
                "0000000000000000000000000000000003cf0f2896adee7eb8b5f01fcad39122"
                "12c437e0073e911fb90022d3e760183c8c4b450b6a0a6c3ac6a5776a2d106451"
                "000000000000000000000000000000000e5db2b6bfbb01c867749cadffca88b3"
                "6c24f3012ba09fc4d3022c5c37dce0f977d3adb5d183c7477c442b1f04515273"
                "0000000000000000000000000000000001a714f2edb74119a2f2b0d5a7c75ba9"
                "02d163700a61bc224ededd8e63aef7be1aaf8e93d7a9718b047ccddb3eb5d68b"
            ),
        }
    }

    /// Unix time at which `round` is published.
    pub fn published_at(&self, round: u64) -> u64 {
        self.genesis.saturating_add(round.saturating_sub(1).saturating_mul(self.period.into()))
    }
}

/// Bytes of a compressed point of G1, as drand publishes signatures.
pub const SIGNATURE_BYTES: usize = 48;

/// Modulus of BLS12-381's base field.
const MODULUS: U384 =
    uint!(0x1a0111ea397fe69a4b1ba7b6434bacd764774b84f38512bf6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaab_U384);

/// A block's header that cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum HeaderError {
    /// The endpoint did not answer, or with an error.
    #[error("RPC_FAILED: {0}")]
    Rpc(#[from] RpcError<TransportErrorKind>),
    /// There is no such block yet, or the endpoint has forgotten it.
    #[error("BLOCK_UNKNOWN: the endpoint knows no block {0}")]
    UnknownBlock(u64),
    /// The fields that the endpoint gave do not hash to the hash that it gave: the chain's headers have fields that this
    /// version does not know.
    #[error("HEADER_UNLIKE_HASH: the header of block {number} hashes to {encoded}, the endpoint says {stated}")]
    UnlikeHash {
        /// The block.
        number: u64,
        /// What the encoded header hashes to.
        encoded: B256,
        /// What the endpoint says.
        stated: B256,
    },
}

impl HeaderError {
    /// Whether the same call may succeed later.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Rpc(_) | Self::UnknownBlock(_))
    }
}

/// The header of block `number`, with its RLP, which `PrevrandaoBeacon.record` takes. It is encoded from the fields that
/// every endpoint gives, and hashes to the block's hash.
pub async fn header_rlp(provider: &impl Provider, number: u64) -> Result<(Header, Bytes), HeaderError> {
    let block = provider.get_block_by_number(BlockNumberOrTag::Number(number)).await?;
    let header = block.ok_or(HeaderError::UnknownBlock(number))?.header;
    let rlp = encode(&header)?;
    Ok((header, rlp))
}

fn encode(header: &Header) -> Result<Bytes, HeaderError> {
    let rlp = alloy::rlp::encode(&header.inner);
    let encoded = keccak256(&rlp);
    if encoded != header.hash {
        return Err(HeaderError::UnlikeHash { number: header.number, encoded, stated: header.hash });
    }
    Ok(rlp.into())
}

/// The point that a drand signature stands for, uncompressed: x and y in 64 bytes each (EIP-2537), which
/// `DrandBeacon.record` takes. `None` if the bytes are no compressed point of the curve y² = x³ + 4.
///
/// Whether the point is in the subgroup, and the signature true, is for the contract to say.
pub fn signature_point(signature: &[u8; SIGNATURE_BYTES]) -> Option<Bytes> {
    let flags = signature[0] >> 5;
    let (compressed, infinity, larger) = (flags & 4 != 0, flags & 2 != 0, flags & 1 != 0);
    let mut digits = *signature;
    digits[0] &= 0x1f;
    let x = U384::from_be_bytes(digits);
    if !compressed || infinity || x >= MODULUS {
        return None;
    }

    let square = x.pow_mod(U384::from(3), MODULUS).add_mod(U384::from(4), MODULUS);
    // The modulus is 3 mod 4, so this is a root of whatever has one.
    let root = square.pow_mod((MODULUS + U384::ONE) >> 2, MODULUS);
    if root.is_zero() || root.mul_mod(root, MODULUS) != square {
        return None;
    }
    let y = if (root > MODULUS >> 1) == larger { root } else { MODULUS - root };

    let mut point = [0; 128];
    point[16..64].copy_from_slice(&x.to_be_bytes::<SIGNATURE_BYTES>());
    point[80..].copy_from_slice(&y.to_be_bytes::<SIGNATURE_BYTES>());
    Some(point.into())
}

#[cfg(test)]
mod tests {
    use alloy::primitives::hex;

    use super::*;

    const SIGNATURE: [u8; SIGNATURE_BYTES] =
        hex!("b44679b9a59af2ec876b1a6b1ad52ea9b1615fc3982b19576350f93447cb1125e342b73a8dd2bacbe47e4b6b63ed5e39");

    #[test]
    fn a_header_whose_hash_is_another_is_refused() {
        let mut header = Header::new(alloy::consensus::Header { number: 7, ..Default::default() });
        assert_eq!(keccak256(encode(&header).unwrap()), header.hash);
        header.inner.gas_used += 1;
        let error = encode(&header).unwrap_err();
        assert!(matches!(error, HeaderError::UnlikeHash { number: 7, stated, .. } if stated == header.hash), "{error}");
        assert!(!error.is_retryable());
    }

    #[test]
    fn flags_choose_the_root_and_nothing_else_passes() {
        let point = signature_point(&SIGNATURE).unwrap();
        let mut other = SIGNATURE;
        other[0] ^= 0x20;
        let negated = signature_point(&other).unwrap();
        assert_eq!(point[..64], negated[..64]);
        let [y, minus_y] = [&point, &negated].map(|p| U384::from_be_slice(&p[80..]));
        assert_eq!(y + minus_y, MODULUS);

        for flags in [0x00, 0x20, 0x40, 0xc0] {
            other[0] = SIGNATURE[0] & 0x1f | flags;
            assert_eq!(signature_point(&other), None, "flags {flags:#x}");
        }
        let mut modulus = MODULUS.to_be_bytes::<SIGNATURE_BYTES>();
        modulus[0] |= 0x80;
        assert_eq!(signature_point(&modulus), None, "x is not below the modulus");
        // About every second x has no point; this one has none.
        let mut off = [0; SIGNATURE_BYTES];
        (off[0], off[47]) = (0x80, 1);
        assert_eq!(signature_point(&off), None, "1 + 4 is no square");
    }
}
