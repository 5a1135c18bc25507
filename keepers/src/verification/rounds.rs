//! How a round of the suite's beacon is had: the header of its block, or the signature that drand's relays serve.
//!
//! Relays are believed nothing. What one says must be a point of the curve for the round that was asked for, and the contract must
//! take it in a simulation; else the next one is asked. So a relay that lies costs time and no gas.

use std::time::Duration;

use alloy::{
    primitives::{Bytes, FixedBytes},
    providers::DynProvider,
    sol_types::SolCall,
};
use assay_contracts::{
    DrandBeacon::{self, DrandBeaconInstance},
    PrevrandaoBeacon, Suite,
    beacon::{self, Beacon, Drand, SIGNATURE_BYTES},
};
use reqwest::{Client, Url, redirect::Policy};
use serde::Deserialize;

use crate::error::{KeeperError, Result};

/// The public relays of drand's main network: <https://docs.drand.love/developer/http-api>.
pub(crate) const RELAYS: [&str; 4] =
    ["https://api.drand.sh", "https://api2.drand.sh", "https://api3.drand.sh", "https://drand.cloudflare.com"];

/// What one relay may take for its answer.
const RELAY_TIMEOUT: Duration = Duration::from_secs(3);
/// Most bytes of an answer, which takes some 250.
const MOST_BYTES: usize = 4_096;

/// The call that records a round.
#[derive(Debug, Clone)]
pub(crate) struct Recording {
    pub(crate) data: Bytes,
    /// Chain time since which it can be made.
    pub(crate) since: u64,
    /// The height at which it was read, where a reorganisation may bring another one.
    pub(crate) read_at: Option<u64>,
}

impl Recording {
    /// Whether it should be read again, the chain being at this height.
    pub(crate) fn is_stale(&self, head: u64) -> bool {
        self.read_at.is_some_and(|read_at| read_at != head)
    }
}

/// See the module.
#[derive(Debug)]
pub(crate) enum Rounds {
    Prevrandao(DynProvider),
    Drand(Relays),
}

impl Rounds {
    /// The rounds of the suite's beacon; `relays` are asked in this order if it is drand's.
    pub(crate) fn new(rpc: DynProvider, suite: &Suite, relays: &[String]) -> Result<Self> {
        Ok(match &suite.parameters.verification.beacon {
            Beacon::Prevrandao { .. } => Self::Prevrandao(rpc),
            Beacon::Drand(network) => Self::Drand(Relays {
                beacon: DrandBeacon::new(suite.beacon, rpc),
                network: network.clone(),
                relays: relays.iter().map(|relay| parse(relay)).collect::<Result<_>>()?,
                http: client(RELAY_TIMEOUT)?,
            }),
        })
    }

    /// The call that records `round`, asked for while the chain is at height `head`.
    pub(crate) async fn recording(&self, round: u64, head: u64) -> Result<Recording, String> {
        match self {
            Self::Prevrandao(rpc) => {
                let (header, rlp) = beacon::header_rlp(rpc, round).await.map_err(text)?;
                let data = PrevrandaoBeacon::recordCall { header: rlp }.abi_encode().into();
                Ok(Recording { data, since: header.timestamp, read_at: Some(head) })
            }
            Self::Drand(relays) => relays.recording(round).await,
        }
    }
}

/// Where the rounds of a drand network are published.
#[derive(Debug)]
pub(crate) struct Relays {
    beacon: DrandBeaconInstance<DynProvider>,
    network: Drand,
    relays: Vec<Url>,
    http: Client,
}

/// What a relay says; the rest follows from the signature.
#[derive(Deserialize)]
struct Answer {
    round: u64,
    signature: FixedBytes<SIGNATURE_BYTES>,
}

impl Relays {
    async fn recording(&self, round: u64) -> Result<Recording, String> {
        // The contract ignores what it is told of a round that it has, so no simulation would find a lie out.
        if !self.beacon.valueOf(round).call().await.map_err(text)?.is_zero() {
            return Err("it was recorded meanwhile".into());
        }
        let mut failures = Vec::new();
        for relay in &self.relays {
            match self.recording_from(relay, round).await {
                Ok(data) => return Ok(Recording { data, since: self.network.published_at(round), read_at: None }),
                Err(why) => failures.push(format!("{}: {why}", relay.host_str().unwrap_or_default())),
            }
        }
        Err(format!("no relay has it: {}", failures.join("; ")))
    }

    async fn recording_from(&self, relay: &Url, round: u64) -> Result<Bytes, String> {
        let point = self.signature(relay, round).await?;
        let record = self.beacon.record(round, point);
        record.call().await.map_err(|error| {
            let refused = error.as_decoded_error::<DrandBeacon::DrandBeacon_BadSignature>();
            refused.map_or_else(|| error.to_string(), |_| "its signature is not the network's".into())
        })?;
        Ok(record.calldata().clone())
    }

    /// The point that a relay's signature of `round` stands for. Asked by version 1 of the API, which all relays have.
    async fn signature(&self, relay: &Url, round: u64) -> Result<Bytes, String> {
        let url = format!("{}/{:x}/public/{round}", relay.as_str().trim_end_matches('/'), self.network.chain_hash);
        let failed = |error: reqwest::Error| error.without_url().to_string();
        let answer = self.http.get(url).send().await.map_err(failed)?;
        let mut answer = answer.error_for_status().map_err(failed)?;
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(failed)? {
            body.extend_from_slice(&chunk);
            if body.len() > MOST_BYTES {
                return Err(format!("its answer is longer than {MOST_BYTES} bytes"));
            }
        }
        let answer: Answer = serde_json::from_slice(&body).map_err(text)?;
        if answer.round != round {
            return Err(format!("it answers with round {}", answer.round));
        }
        beacon::signature_point(&answer.signature.0).ok_or_else(|| "its signature is no point of the curve".into())
    }
}

/// What asks relays. It goes nowhere else: a redirection is no answer.
fn client(timeout: Duration) -> Result<Client> {
    Client::builder().timeout(timeout).redirect(Policy::none()).build().map_err(config)
}

fn parse(relay: &str) -> Result<Url> {
    relay.parse().map_err(|error| config(format!("relay {relay:?}: {error}")))
}

fn config(error: impl ToString) -> KeeperError {
    KeeperError::Config(error.to_string())
}

fn text(error: impl ToString) -> String {
    error.to_string()
}

#[cfg(test)]
mod tests {
    use alloy::{
        primitives::{Address, address},
        providers::Provider as _,
        rpc::types::TransactionRequest,
    };
    use assay_contracts::rpc;
    use assay_test_fixtures::{Anvil, DrandRelay, Mood, relay::quicknet};

    use super::*;

    const SENDER: Address = address!("f39Fd6e51aad88F6F4ce6aB8827279cffFb92266");

    /// quicknet's beacon on a chain, and what asks relays for its rounds.
    async fn asking(relays: &[&DrandRelay]) -> (Anvil, Relays) {
        let anvil = Anvil::spawn();
        let rpc = rpc::connect(anvil.url(), Duration::from_secs(10)).unwrap();
        rpc.client().set_poll_interval(Duration::from_millis(20));
        let network = Drand::quicknet(24);
        let Drand { genesis, period, drift, public_key, .. } = network.clone();
        let deployment = DrandBeacon::deploy_builder(&rpc, genesis, period, drift, public_key).from(SENDER);
        let beacon = DrandBeacon::new(deployment.deploy().await.unwrap(), rpc);
        let relays = relays.iter().map(|relay| parse(&relay.url()).unwrap()).collect();
        let http = client(Duration::from_secs(1)).unwrap();
        (anvil, Relays { beacon, network, relays, http })
    }

    #[tokio::test]
    async fn every_published_round_is_brought_once() {
        let relay = DrandRelay::spawn(Mood::Honest).await;
        let (_anvil, relays) = asking(&[&relay]).await;
        for round in quicknet()["rounds"].as_array().unwrap() {
            let number = round["round"].as_u64().unwrap();
            let Recording { data, since, .. } = relays.recording(number).await.unwrap();
            assert_eq!(since, 1_692_803_367 + 3 * (number - 1));
            let call = TransactionRequest::default().from(SENDER).to(*relays.beacon.address()).input(data.into());
            let sent = relays.beacon.provider().send_transaction(call).await.unwrap();
            assert!(sent.get_receipt().await.unwrap().status(), "round {number}");
            let value = relays.beacon.valueOf(number).call().await.unwrap();
            assert_eq!(value.to_string(), round["randomness"].as_str().unwrap());
            let asked = relay.requests();
            assert!(relays.recording(number).await.unwrap_err().contains("meanwhile"));
            assert_eq!(relay.requests(), asked, "nobody is asked for what is recorded");
        }
        assert!(relays.recording(3).await.unwrap_err().contains("404"), "not among the published");
    }

    #[tokio::test]
    async fn a_relay_that_misbehaves_is_passed_over() {
        let (bad, honest) = (DrandRelay::spawn(Mood::Honest).await, DrandRelay::spawn(Mood::Honest).await);
        let (_anvil, mut relays) = asking(&[&bad, &honest]).await;
        for mood in Mood::BAD {
            bad.set(mood);
            let before = honest.requests();
            let recording = relays.recording(123).await.unwrap();
            assert_eq!(honest.requests(), before + 1, "{mood:?}");
            let true_point = relays.signature(&relays.relays[1], 123).await.unwrap();
            assert_eq!(recording.data, *relays.beacon.record(123, true_point).calldata(), "{mood:?}");
        }

        relays.relays.pop();
        for (mood, why) in Mood::BAD.into_iter().zip([
            "404",
            "500",
            "error sending request",
            "EOF",
            "expected value",
            "longer than",
            "it answers with round 1",
            "not the network's",
            "no point of the curve",
        ]) {
            bad.set(mood);
            let error = relays.recording(123).await.unwrap_err();
            assert!(error.contains(why), "{mood:?}: {error}");
        }
        bad.set(Mood::Honest);
        assert!(relays.recording(123).await.is_ok(), "it may mend its ways");
    }

    #[test]
    fn a_relay_is_a_url() {
        let error = parse("api.drand.sh").unwrap_err();
        assert!(error.code() == "bad_config" && error.to_string().contains("api.drand.sh"), "{error}");
    }

    #[tokio::test]
    async fn a_relay_that_is_down_is_passed_over() {
        let (down, honest) = (DrandRelay::spawn(Mood::Honest).await, DrandRelay::spawn(Mood::Honest).await);
        let (_anvil, relays) = asking(&[&down, &honest]).await;
        drop(down);
        assert!(relays.recording(1).await.is_ok());
    }
}
