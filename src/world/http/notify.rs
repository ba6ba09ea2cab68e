//! A message to a place whose addresses somebody has looked at.

use std::net::SocketAddr;
use std::time::Duration;

use reqwest::header::CONTENT_TYPE;
use url::Url;

use super::address::host;
use super::no_answer::{NoAnswer, explain};
use super::plain::plain;

/// Posts JSON to exactly these addresses of the URL's host, without a proxy. It follows no redirect, and of the answer only the
/// status is read.
///
/// # Errors
/// If there is no answer within the limit.
pub async fn notify(
    url: &Url,
    addresses: &[SocketAddr],
    headers: &[(&'static str, String)],
    body: String,
    limit: Duration,
) -> Result<u16, NoAnswer> {
    let name = url.host_str().unwrap_or_default();
    let builder = plain().no_proxy().timeout(limit).resolve_to_addrs(name, addresses);
    let builder = if url.scheme() == "http" { builder.tls_certs_only([]) } else { builder };
    let client = builder.build().map_err(|error| explain(error, &host(url)))?;
    let mut request = client.post(url.clone()).header(CONTENT_TYPE, "application/json").body(body);
    for (header, value) in headers {
        request = request.header(*header, value);
    }
    let response = request.send().await.map_err(|error| explain(error, &host(url)))?;
    Ok(response.status().as_u16())
}
