//! Where seats answer, and how they are asked.
//!
//! An endpoint is a text that a provider chose. It can name a host and a port and nothing else, its answer is read up to a bound and
//! redirections are not followed; unless it is allowed, no address of the operator's own networks is asked, however it is named.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use reqwest::{
    Client, Response, StatusCode, Url,
    dns::{Addrs, Name, Resolve, Resolving},
    redirect::Policy,
};

use super::probe::{PATH, Reply, Request, SIGNATURE_BYTES};
use crate::error::{KeeperError, Result};

/// Bytes of an answer beside its leaves: the signature in hexadecimal and the JSON around.
const FRAME: usize = 4 * SIGNATURE_BYTES + 256;
/// Bytes of a leaf: 32 in hexadecimal, quotes and a comma, with room for blanks.
const LEAF: usize = 80;
/// Bytes of a refusal that are read.
const REFUSAL: usize = 512;

/// Why a seat gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Failure {
    /// Asking again may help: it was not reached, or is not ready.
    #[error("{0}")]
    Absent(String),
    /// It answered, and not what was asked.
    #[error("{0}")]
    Wrong(String),
}

/// Asks seats.
#[derive(Debug, Clone)]
pub(crate) struct Asker {
    http: Client,
    private: bool,
}

impl Asker {
    /// `private`: whether addresses that are not of the public internet are asked too.
    pub(crate) fn new(private: bool) -> Result<Self> {
        let builder = Client::builder()
            .redirect(Policy::none())
            .no_proxy()
            .connect_timeout(Duration::from_secs(10))
            .pool_max_idle_per_host(0)
            .dns_resolver(Arc::new(Names { private }));
        let http = builder.build().map_err(|error| KeeperError::Config(error.to_string()))?;
        Ok(Self { http, private })
    }

    /// Asks, and reads the answer. Takes as long as the seat lets it; the caller bounds the time.
    pub(crate) async fn ask(&self, endpoint: &str, request: &Request) -> Result<Reply, Failure> {
        let url = self.url(endpoint).map_err(Failure::Absent)?;
        let absent = |error: reqwest::Error| Failure::Absent(with_sources(&error.without_url()));
        let mut response = self.http.post(url).json(request).send().await.map_err(absent)?;
        let status = response.status();
        if status != StatusCode::OK {
            let body = read(&mut response, REFUSAL).await.unwrap_or_default();
            // What a stranger says goes into the log in one line.
            let said: String = String::from_utf8_lossy(&body).chars().filter(|char| !char.is_control()).collect();
            return Err(Failure::Absent(format!("status {status}: {said}")));
        }
        let body = read(&mut response, FRAME + LEAF * request.tasks as usize).await?;
        serde_json::from_slice(&body).map_err(|error| Failure::Wrong(format!("its answer is none: {error}")))
    }

    /// Where an endpoint is asked.
    fn url(&self, endpoint: &str) -> Result<Url, String> {
        let whole = if endpoint.contains("://") { endpoint.to_owned() } else { format!("http://{endpoint}") };
        let mut url: Url = whole.parse().map_err(|error| format!("its endpoint {endpoint:?} is none: {error}"))?;
        let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
        if !matches!(url.scheme(), "http" | "https") || !bare || url.password().is_some() {
            return Err(format!("its endpoint {endpoint:?} is not a host and a port"));
        }
        let host = url.host_str().unwrap_or_default();
        // A name is looked at when it is resolved.
        if let Ok(address) = host.trim_matches(['[', ']']).parse::<IpAddr>()
            && !(self.private || is_public(address))
        {
            return Err(format!("its endpoint {endpoint:?} is not on the public internet"));
        }
        url.set_path(PATH);
        Ok(url)
    }
}

/// A body of at most so many bytes.
async fn read(response: &mut Response, most: usize) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| Failure::Absent(with_sources(&error)))? {
        body.extend_from_slice(&chunk);
        if body.len() > most {
            return Err(Failure::Wrong(format!("its answer is longer than {most} bytes")));
        }
    }
    Ok(body)
}

/// An error with what caused it.
fn with_sources(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}

/// The system's names, without those that lead where nobody is to be asked.
#[derive(Debug)]
struct Names {
    private: bool,
}

impl Resolve for Names {
    fn resolve(&self, name: Name) -> Resolving {
        let private = self.private;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let allowed: Vec<SocketAddr> = found.filter(|found| private || is_public(found.ip())).collect();
            if allowed.is_empty() {
                return Err(format!("{} has no address on the public internet", name.as_str()).into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

/// Whether an address is one of the public internet.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [first, second, third, _] = address.octets();
    let shared = first == 100 && second & 0xc0 == 64;
    let special =
        first == 0 || first >= 240 || (first, second, third) == (192, 0, 0) || (first, second & 0xfe) == (198, 18);
    !(address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_documentation()
        || shared
        || special)
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    // Addresses that stand for one of version 4, with the prefixes of RFC 4291 and 6052.
    let [a, b, c, d, e, f, high, low] = address.segments();
    let mapped = [a, b, c, d, e] == [0; 5] && f == 0xffff;
    if mapped || [a, b, c, d, e, f] == [0x64, 0xff9b, 0, 0, 0, 0] {
        let ([first, second], [third, fourth]) = (high.to_be_bytes(), low.to_be_bytes());
        return is_public_v4(Ipv4Addr::new(first, second, third, fourth));
    }
    // All that is given out is within 2000::/3; 2001:db8::/32 is for documents, and 2002::/16 wraps addresses of version 4.
    a & 0xe000 == 0x2000 && (a, b) != (0x2001, 0xdb8) && a != 0x2002
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_a_host_and_a_port() {
        let asker = Asker::new(true).unwrap();
        for (endpoint, url) in [
            ("10.0.0.1:9000", "http://10.0.0.1:9000/v1/probe"),
            ("provider.example:80", "http://provider.example/v1/probe"),
            ("https://provider.example", "https://provider.example/v1/probe"),
            ("[::1]:7", "http://[::1]:7/v1/probe"),
        ] {
            assert_eq!(asker.url(endpoint).unwrap().as_str(), url);
        }
        for endpoint in [
            "http://host/admin/delete",
            "http://host/?x=1",
            "http://host/#/",
            "http://user@host",
            "http://user:pass@host",
            "ftp://host",
            "file:///etc/passwd",
            "",
            "http://",
        ] {
            assert!(asker.url(endpoint).is_err(), "{endpoint}");
        }
    }

    #[tokio::test]
    async fn nobodys_own_network_is_asked_unless_it_is_allowed() {
        let (public, private) = (Asker::new(false).unwrap(), Asker::new(true).unwrap());
        for address in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "0.0.0.0",
            "100.64.0.1",
            "255.255.255.255",
            "224.0.0.1",
            "198.18.0.1",
            "[::1]",
            "[::]",
            "[fe80::1]",
            "[fd00::1]",
            "[ff02::1]",
            "[::ffff:127.0.0.1]",
            "[::ffff:169.254.169.254]",
            "[64:ff9b::a00:1]",
            "[2002:7f00:1::]",
            "[::127.0.0.1]",
            // Other ways to write the same.
            "127.1",
            "0x7f000001",
            "2130706433",
        ] {
            assert!(public.url(address).unwrap_err().contains("public internet"), "{address}");
            assert!(private.url(address).is_ok(), "{address}");
        }
        for address in ["1.1.1.1", "[2606:4700::1111]", "[::ffff:1.1.1.1]"] {
            assert!(public.url(address).is_ok(), "{address}");
        }
        let request = Request {
            epoch: 0,
            round: 0,
            seat: 0,
            operator: 0,
            model: Default::default(),
            tasks: 1,
            signature: Default::default(),
        };
        let Failure::Absent(why) = public.ask("localhost:9", &request).await.unwrap_err() else { panic!() };
        assert!(why.contains("no address on the public internet"), "{why}");
    }
}
