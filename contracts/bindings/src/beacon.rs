//! What recording a beacon's round takes: a block's header for `PrevrandaoBeacon`, the point that a drand signature
//! stands for for `DrandBeacon`.

use alloy::{
    eips::BlockNumberOrTag,
    primitives::{B256, Bytes, keccak256, ruint::aliases::U384, uint},
    providers::Provider,
    rpc::types::Header,
    transports::{RpcError, TransportErrorKind},
};

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

/// The RLP header of block `number`, which `PrevrandaoBeacon.record` takes. It is encoded from the fields that every
/// endpoint gives, and hashes to the block's hash.
pub async fn header_rlp(provider: &impl Provider, number: u64) -> Result<Bytes, HeaderError> {
    let block = provider.get_block_by_number(BlockNumberOrTag::Number(number)).await?;
    encode(&block.ok_or(HeaderError::UnknownBlock(number))?.header)
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
