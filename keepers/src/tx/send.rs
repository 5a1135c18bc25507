//! What a node's answer to `eth_sendRawTransaction` means, and to a simulation. Nodes agree on no codes, so words decide; they were
//! taken from geth, reth, erigon, nethermind, besu and anvil.

use alloy::primitives::Bytes;

use super::Revert;
use crate::error::TransportError;

/// A node's answer to a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SendOutcome {
    /// The node has it, now or since earlier.
    Accepted,
    /// Another transaction used the nonce.
    NonceTooLow,
    /// A transaction with the same nonce offers as much or more, or the offer is below what the node takes.
    Underpriced,
    /// The account cannot pay for it.
    InsufficientFunds,
    /// The node does not want it, for a reason that another try will not cure by itself.
    Refused(String),
    /// Nothing is known: the request may or may not have arrived.
    Unknown(String),
}

/// Reads the answer of `eth_sendRawTransaction`.
pub(crate) fn classify_send<T>(answer: Result<T, TransportError>) -> SendOutcome {
    let error = match answer {
        Ok(_) => return SendOutcome::Accepted,
        Err(error) => error,
    };
    let Some(payload) = error.as_error_resp() else { return SendOutcome::Unknown(error.to_string()) };
    let text = payload.message.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if says(&["already known", "alreadyknown", "already imported", "known transaction", "already in mempool"]) {
        SendOutcome::Accepted
    } else if says(&["nonce too low", "nonce is too low", "oldnonce", "nonce_too_low", "invalid nonce; got"]) {
        SendOutcome::NonceTooLow
    } else if says(&[
        "underpriced",
        "replacementnotallowed",
        "could not replace",
        "fee too low",
        "feetoolow",
        "fee cap less than block base fee",
        "max fee per gas less than block base fee",
    ]) {
        SendOutcome::Underpriced
    } else if says(&["insufficient funds", "insufficient balance", "insufficientfunds", "upfront cost exceeds"]) {
        SendOutcome::InsufficientFunds
    } else if payload.is_retry_err()
        || says(&["rate limit", "too many requests", "timeout", "timed out", "internal error"])
    {
        SendOutcome::Unknown(payload.message.to_string())
    } else {
        SendOutcome::Refused(payload.message.to_string())
    }
}

/// A simulation's answer.
#[derive(Debug)]
pub(crate) enum Simulation {
    /// It would succeed with this much gas.
    Gas(u64),
    /// It would revert.
    Reverts(Revert),
    /// The account cannot pay.
    InsufficientFunds,
}

/// Reads the answer of `eth_estimateGas`.
///
/// # Errors
/// Gives the error back when it says nothing about the call.
pub(crate) fn classify_simulation(answer: Result<u64, TransportError>) -> Result<Simulation, TransportError> {
    let error = match answer {
        Ok(gas) => return Ok(Simulation::Gas(gas)),
        Err(error) => error,
    };
    let Some(payload) = error.as_error_resp() else { return Err(error) };
    let text = payload.message.to_lowercase();
    if text.contains("insufficient funds") || text.contains("insufficient balance") {
        Ok(Simulation::InsufficientFunds)
    } else if payload.code == 3
        || text.contains("revert")
        || text.contains("out of gas")
        || text.contains("gas required exceeds")
    {
        let data = payload.as_revert_data().unwrap_or_else(Bytes::new);
        Ok(Simulation::Reverts(Revert::new(data, &payload.message)))
    } else {
        Err(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(message: &str) -> Result<(), TransportError> {
        let payload = serde_json::json!({ "code": -32000, "message": message });
        Err(TransportError::ErrorResp(serde_json::from_value(payload).unwrap()))
    }

    #[test]
    fn nodes_say_the_same_in_many_words() {
        for (words, outcome) in [
            ("already known", SendOutcome::Accepted),
            ("transaction already imported", SendOutcome::Accepted),
            ("AlreadyKnown", SendOutcome::Accepted),
            ("nonce too low: next nonce 7, tx nonce 5", SendOutcome::NonceTooLow),
            ("OldNonce, Current nonce: 7, nonce of rejected tx: 5", SendOutcome::NonceTooLow),
            ("replacement transaction underpriced", SendOutcome::Underpriced),
            ("transaction underpriced: tip needed 1, tip permitted 0", SendOutcome::Underpriced),
            ("max fee per gas less than block base fee: address 0x0", SendOutcome::Underpriced),
            ("insufficient funds for gas * price + value: have 0 want 9", SendOutcome::InsufficientFunds),
            ("Insufficient funds for gas * price + value", SendOutcome::InsufficientFunds),
            ("429 Too Many Requests", SendOutcome::Unknown("429 Too Many Requests".into())),
            ("exceeds block gas limit", SendOutcome::Refused("exceeds block gas limit".into())),
        ] {
            assert_eq!(classify_send(answer(words)), outcome, "{words}");
        }
    }

    #[test]
    fn a_lost_answer_is_unknown() {
        let lost: Result<(), _> = Err(alloy::transports::TransportErrorKind::custom_str("connection reset"));
        assert!(matches!(classify_send(lost), SendOutcome::Unknown(_)));
    }
}
