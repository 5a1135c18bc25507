//! The door of a seat: it takes connections from anybody, and lets nobody stand in it.
//!
//! A connection brings one question, within [`Limits::reading`] for its head and as much for its body, however slowly they come. Where
//! there is no room for another, the one that has been at its question for longest goes; those that wait for their answer stay.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    http::StatusCode,
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

/// How long nobody is let in when the system has no more connections to give.
const PAUSE: Duration = Duration::from_millis(100);

/// What the door allows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Connections at a time.
    pub(super) connections: usize,
    /// For the head of a question, and for its body.
    pub(super) reading: Duration,
    /// Bytes of a body.
    pub(super) bytes: usize,
}

/// A connection.
#[derive(Debug)]
struct Guest {
    has_asked: Arc<AtomicBool>,
    task: JoinHandle<()>,
}

/// Lets in who comes until cancelled. Whoever is in then is still answered.
pub(super) async fn serve(listener: TcpListener, router: Router, limits: Limits, cancel: CancellationToken) {
    // In the order in which they came.
    let mut guests: Vec<Guest> = Vec::new();
    loop {
        let accepted = tokio::select! {
            () = cancel.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "nobody can connect to the seat");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        guests.retain(|guest| !guest.task.is_finished());
        if guests.len() >= limits.connections {
            metrics::counter!("assay_seat_crowded_total").increment(1);
            let Some(slowest) = guests.iter().position(|guest| !guest.has_asked.load(Ordering::Relaxed)) else {
                continue;
            };
            guests.remove(slowest).task.abort();
        }
        guests.push(Guest::receive(stream, router.clone(), limits));
    }
}

impl Guest {
    fn receive(stream: TcpStream, router: Router, limits: Limits) -> Self {
        let has_asked = Arc::new(AtomicBool::new(false));
        let router = router.layer(from_fn_with_state((has_asked.clone(), limits), hear));
        let task = tokio::spawn(async move {
            let mut http = http1::Builder::new();
            http.timer(TokioTimer::new()).header_read_timeout(limits.reading).keep_alive(false);
            let served = http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router)).await;
            if let Err(error) = served {
                tracing::debug!(%error, "a connection to the seat ended early");
            }
        });
        Self { has_asked, task }
    }
}

/// Reads a whole question before it is passed on.
async fn hear(State((has_asked, limits)): State<(Arc<AtomicBool>, Limits)>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let body = match tokio::time::timeout(limits.reading, to_bytes(body, limits.bytes)).await {
        Err(_) => return StatusCode::REQUEST_TIMEOUT.into_response(),
        Ok(Err(_)) => return StatusCode::PAYLOAD_TOO_LARGE.into_response(),
        Ok(Ok(body)) => body,
    };
    has_asked.store(true, Ordering::Relaxed);
    next.run(Request::from_parts(parts, Body::from(body))).await
}

#[cfg(test)]
mod tests {
    use std::{io, net::SocketAddr, time::Instant};

    use axum::routing::post;
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        sync::Semaphore,
    };

    use super::*;

    /// Longer than anything here takes.
    const LONG: Duration = Duration::from_secs(60);

    /// A door behind which nobody is answered before `answers` has permits.
    async fn open(limits: Limits, answers: Arc<Semaphore>) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let reply = move |body: String| async move {
            let _permit = answers.acquire().await.unwrap();
            body
        };
        tokio::spawn(serve(listener, Router::new().route("/", post(reply)), limits, CancellationToken::new()));
        address
    }

    async fn ask(address: SocketAddr) -> reqwest::Result<String> {
        let asked = reqwest::Client::new().post(format!("http://{address}/")).body("are you there").timeout(LONG);
        asked.send().await?.error_for_status()?.text().await
    }

    /// Sends `text`, then a byte now and then, until the other side has had enough. Returns what it said.
    async fn dribble(address: SocketAddr, text: &str) -> io::Result<String> {
        let (mut from, mut to) = TcpStream::connect(address).await?.into_split();
        to.write_all(text.as_bytes()).await?;
        tokio::spawn(async move {
            while to.write_all(b"a").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        let mut said = String::new();
        from.read_to_string(&mut said).await?;
        Ok(said)
    }

    #[tokio::test]
    async fn who_dribbles_a_question_is_sent_away() {
        let limits = Limits { connections: 4, reading: Duration::from_millis(300), bytes: 4_096 };
        let address = open(limits, Arc::new(Semaphore::new(1))).await;
        let body = "POST / HTTP/1.1\r\nhost: seat\r\ncontent-length: 4000\r\n\r\n";
        for (text, said) in [("", ""), ("POST / HTTP/1.1\r\nx: ", ""), (body, "408 Request Timeout")] {
            let started = Instant::now();
            let heard = tokio::time::timeout(LONG / 2, dribble(address, text)).await.expect("it has had enough");
            // Whoever writes on after the end is told so in some other way.
            assert!(heard.unwrap_or_else(|_| said.into()).contains(said), "{text:?}");
            assert!(started.elapsed() >= limits.reading, "{text:?} has its time");
        }
        assert_eq!(ask(address).await.unwrap(), "are you there");
    }

    #[tokio::test]
    async fn a_crowd_that_asks_nothing_keeps_nobody_out() {
        let limits = Limits { connections: 8, reading: LONG, bytes: 64 };
        let address = open(limits, Arc::new(Semaphore::new(1))).await;
        let mut crowd = Vec::new();
        for _ in 0..50 {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(b"POST / HT").await.unwrap();
            crowd.push(stream);
        }
        let answered = tokio::time::timeout(LONG / 2, ask(address)).await.expect("there is room for who asks");
        assert_eq!(answered.unwrap(), "are you there");
        let mut inside = 0;
        for stream in &mut crowd {
            let ended = tokio::time::timeout(Duration::from_millis(100), stream.read(&mut [0])).await;
            inside += usize::from(ended.is_err());
        }
        assert!(inside <= limits.connections, "{inside} are in");
    }

    #[tokio::test]
    async fn who_waits_for_an_answer_is_not_sent_away() {
        let limits = Limits { connections: 2, reading: LONG, bytes: 64 };
        let answers = Arc::new(Semaphore::new(0));
        let address = open(limits, answers.clone()).await;
        let waiting = [tokio::spawn(ask(address)), tokio::spawn(ask(address))];
        // Time to ask, on a busy machine; who has not by then is sent away, and the test fails.
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert!(ask(address).await.is_err(), "there is no room");
        answers.add_permits(1);
        for answer in waiting {
            assert_eq!(answer.await.unwrap().unwrap(), "are you there");
        }
        assert_eq!(ask(address).await.unwrap(), "are you there");
    }

    #[tokio::test]
    async fn a_question_is_short() {
        let limits = Limits { connections: 2, reading: LONG, bytes: 12 };
        let address = open(limits, Arc::new(Semaphore::new(1))).await;
        assert_eq!(ask(address).await.unwrap_err().status(), Some(StatusCode::PAYLOAD_TOO_LARGE));
    }
}
