//! The explorer: one page, its script and its style, all embedded.

use axum::{
    http::{HeaderName, header},
    response::IntoResponse,
};

const CSP: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; \
                   base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

fn embedded(kind: &'static str, content: &'static str) -> impl IntoResponse {
    let headers: [(HeaderName, &str); 5] = [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_SECURITY_POLICY, CSP),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    (headers, content)
}

pub(crate) async fn page() -> impl IntoResponse {
    embedded("text/html; charset=utf-8", include_str!("../../web/index.html"))
}

pub(crate) async fn script() -> impl IntoResponse {
    embedded("text/javascript; charset=utf-8", include_str!("../../web/explorer.js"))
}

pub(crate) async fn style() -> impl IntoResponse {
    embedded("text/css; charset=utf-8", include_str!("../../web/explorer.css"))
}
