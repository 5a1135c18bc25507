//! Prometheus metrics of one indexer. Each has a recorder of its own, so that several can live in one process.

use metrics::{Counter, Gauge, Histogram, Key, KeyName, Label, Level, Metadata, Recorder, SharedString, Unit};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use std::{sync::Arc, time::Duration};

const SECONDS: [f64; 9] = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0];
const META: Metadata<'static> = Metadata::new(module_path!(), Level::INFO, Some(module_path!()));

const HTTP_SECONDS: &str = "assay_indexer_http_request_seconds";
const STORE_SECONDS: &str = "assay_indexer_store_seconds";

/// The indexer's metrics.
#[derive(Clone)]
pub(crate) struct Metrics {
    recorder: Arc<PrometheusRecorder>,
    handle: PrometheusHandle,
    /// Events stored.
    pub(crate) events: Counter,
    /// Rollbacks done.
    pub(crate) rollbacks: Counter,
    /// Times that indexing stopped and tried again.
    pub(crate) retries: Counter,
    /// Last block stored.
    pub(crate) indexed_block: Gauge,
    /// The chain's head.
    pub(crate) head_block: Gauge,
    /// Event streams open.
    pub(crate) streams: Gauge,
    /// Time that one transaction of steps took.
    pub(crate) store_seconds: Histogram,
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let recorder = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)
            .expect("the list of buckets is not empty")
            .build_recorder();
        let handle = recorder.handle();
        let recorder = Arc::new(recorder);
        let counter = |name: &'static str, help: &'static str| {
            recorder.describe_counter(KeyName::from(name), None, SharedString::from(help));
            recorder.register_counter(&Key::from_static_name(name), &META)
        };
        let gauge = |name: &'static str, help: &'static str| {
            recorder.describe_gauge(KeyName::from(name), None, SharedString::from(help));
            recorder.register_gauge(&Key::from_static_name(name), &META)
        };
        let describe_seconds = |name: &'static str, help: &'static str| {
            recorder.describe_histogram(KeyName::from(name), Some(Unit::Seconds), SharedString::from(help));
        };
        describe_seconds(HTTP_SECONDS, "Time to answer an HTTP request, by route and status");
        describe_seconds(STORE_SECONDS, "Time to store a group of steps in one transaction");
        Self {
            events: counter("assay_indexer_events_total", "Events stored"),
            rollbacks: counter("assay_indexer_rollbacks_total", "Rollbacks of reorganised blocks"),
            retries: counter("assay_indexer_retries_total", "Times that indexing stopped on an error and tried again"),
            indexed_block: gauge("assay_indexer_indexed_block", "Last block stored"),
            head_block: gauge("assay_indexer_head_block", "Head of the chain as the RPC reports it"),
            streams: gauge("assay_indexer_event_streams", "Event streams open"),
            store_seconds: recorder.register_histogram(&Key::from_static_name(STORE_SECONDS), &META),
            handle,
            recorder,
        }
    }

    /// Counts one answered request.
    pub(crate) fn request(&self, route: String, status: u16, took: Duration) {
        let labels = vec![Label::new("route", route), Label::new("status", status.to_string())];
        self.recorder.register_histogram(&Key::from_parts(HTTP_SECONDS, labels), &META).record(took.as_secs_f64());
    }

    /// All metrics in Prometheus' text format.
    pub(crate) fn render(&self) -> String {
        self.handle.run_upkeep();
        self.handle.render()
    }
}
