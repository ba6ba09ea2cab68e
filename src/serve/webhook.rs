//! Tells a webhook of every end of a build, signed as Standard Webhooks has it
//! (<https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>).

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde::Serialize;
use sha2::Sha256;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::address::{Allowed, Server};
use super::face::Build;
use super::metrics::Metrics;
use super::store::{Delivery, Row, Store};
use crate::secret::Secret;
use crate::world::terminal::Printer;
use crate::world::{clock, http};

/// How long an answer may take.
const LIMIT: Duration = Duration::from_secs(15);

/// What was taken and not settled, because the process ended, is taken again after this.
const LEASE: Duration = Duration::from_secs(30);

/// Ends that are older are told to nobody: the receiver was away for a day, or was set up after them.
const OLDEST: Duration = Duration::from_secs(24 * 60 * 60);

/// How often it is looked for ends that did not announce themselves.
const GLANCE: Duration = Duration::from_secs(5);

/// Sent so often at most: with a delay of 10 s that grows sixfold, for four hours.
const MOST_TRIES: u32 = 6;

/// The secret of the standard's form.
const PREFIX: &str = "whsec_";

/// Where ends are told, and how they are signed.
#[derive(Clone, Debug)]
pub struct Webhook {
    url: Url,
    server: Server,
    secret: Secret,
    /// Places that may be private or speak plain HTTP.
    allowed: Allowed,
}

impl Webhook {
    /// # Errors
    /// Why it cannot be told there, without what may be secret.
    pub fn at(url: &str, allowed: Allowed) -> Result<Unsigned, String> {
        let url = Url::parse(url).map_err(|why| format!("it is not an address: {why}"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err("it is not an address of the web: write it as `https://example.com/hooks`".into());
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("it holds a login: the signature tells who sends it".into());
        }
        let server = Server::of_url(&url).ok_or("it has no host")?;
        if url.scheme() == "http" && !allowed.names(&server) {
            return Err(format!("it is not HTTPS: use `https://`, or name `{server}` in `LONGSHORE_WEBHOOK_ALLOW`"));
        }
        if let Some(what) = allowed.refuses_name(&server) {
            return Err(format!("`{server}` is a {what} address: name it in `LONGSHORE_WEBHOOK_ALLOW` if it is meant"));
        }
        Ok(Unsigned { url, server, allowed })
    }

    /// # Errors
    /// Why it was not taken: for whoever runs the service.
    async fn send(&self, id: &str, body: &str) -> anyhow::Result<u16> {
        let addresses = self.addresses().await?;
        let timestamp = clock::utc().timestamp().to_string();
        let headers = [
            ("webhook-id", id.to_owned()),
            ("webhook-signature", sign(&self.secret, id, &timestamp, body)?),
            ("webhook-timestamp", timestamp),
        ];
        Ok(http::notify(&self.url, &addresses, &headers, body.to_owned(), LIMIT).await?)
    }

    /// Every address must be allowed, or a second answer of a name server could say something else.
    async fn addresses(&self) -> anyhow::Result<Vec<SocketAddr>> {
        let server = &self.server;
        let found: Vec<SocketAddr> = match server.host.parse::<IpAddr>() {
            Ok(address) => vec![(address, server.port).into()],
            Err(_) => tokio::net::lookup_host((server.host.as_str(), server.port)).await?.collect(),
        };
        ensure!(!found.is_empty(), "`{}` has no address", server.host);
        for address in &found {
            if let Some(what) = self.allowed.refuses(server, address.ip()) {
                bail!(
                    "`{}` resolves to {}, a {what} address: name it in `LONGSHORE_WEBHOOK_ALLOW` if it is meant",
                    server.host,
                    address.ip()
                );
            }
        }
        Ok(found)
    }
}

/// A webhook without its secret.
#[derive(Debug)]
pub struct Unsigned {
    url: Url,
    server: Server,
    allowed: Allowed,
}

impl Unsigned {
    /// # Errors
    /// What is wrong with the secret.
    pub fn signed(self, secret: Secret) -> Result<Webhook, String> {
        key(&secret)?;
        Ok(Webhook { url: self.url, server: self.server, allowed: self.allowed, secret })
    }
}

fn key(secret: &Secret) -> Result<Vec<u8>, String> {
    let text = secret.expose();
    let key = STANDARD.decode(text.strip_prefix(PREFIX).unwrap_or(text)).unwrap_or_default();
    if (24..=64).contains(&key.len()) { Ok(key) } else { Err("it is not 24 to 64 bytes in Base64".into()) }
}

fn sign(secret: &Secret, id: &str, timestamp: &str, body: &str) -> anyhow::Result<String> {
    let key = key(secret).map_err(anyhow::Error::msg)?;
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).context("the secret cannot be used")?;
    mac.update(format!("{id}.{timestamp}.{body}").as_bytes());
    Ok(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
}

/// What is sent.
#[derive(Serialize)]
struct Message<'a> {
    r#type: String,
    /// When the build ended.
    timestamp: Option<&'a str>,
    data: &'a Build,
}

/// What tells ends: it never keeps a task waiting, and what it has not told outlives the process.
pub struct Teller {
    pub webhook: Webhook,
    pub store: Store,
    pub metrics: Arc<Metrics>,
    pub printer: Printer,
    /// What addresses of builds begin with.
    pub base: String,
    /// Before the second try; before each further one it is six times as long.
    pub delay: Duration,
}

impl Teller {
    /// Until it is told to stop; `news` says that something may have ended.
    pub async fn tell(self, mut news: tokio::sync::watch::Receiver<u64>, stop: CancellationToken) {
        let begun = Instant::now();
        while !stop.is_cancelled() {
            news.mark_unchanged();
            // A database that does not answer is asked again; whoever asks the service hears of it.
            drop(self.round(begun, &stop).await);
            tokio::select! {
                () = stop.cancelled() => {}
                _ = tokio::time::timeout(GLANCE.min(self.delay), news.changed()) => {}
            }
        }
    }

    /// Tells what is due.
    async fn round(&self, begun: Instant, stop: &CancellationToken) -> anyhow::Result<()> {
        // Who is told for the first time is not told of what was before.
        let span = if self.store.has_deliveries().await? { OLDEST } else { begun.elapsed().min(OLDEST) };
        self.store.note_ends(span).await?;
        while !stop.is_cancelled()
            && let Some(delivery) = self.store.take_delivery(LEASE).await?
        {
            self.deliver(&delivery).await?;
        }
        Ok(())
    }

    async fn deliver(&self, delivery: &Delivery) -> anyhow::Result<()> {
        let id = &delivery.id;
        let Some(row) = self.store.get(id).await? else { return self.store.settle_delivery(id).await };
        let why = match self.webhook.send(id.as_str(), &self.message(&row)?).await {
            Ok(200..=299) => {
                self.metrics.delivery("delivered");
                return self.store.settle_delivery(id).await;
            }
            // The receiver says that it is gone for good.
            Ok(410) => return self.give_up(delivery, "it answered with 410").await,
            Ok(status) => format!("it answered with {status}"),
            Err(error) => format!("{error:#}"),
        };
        if delivery.tries >= MOST_TRIES {
            return self.give_up(delivery, &why).await;
        }
        self.metrics.delivery("failed");
        self.store.postpone_delivery(id, self.delay * 6_u32.pow(delivery.tries.saturating_sub(1))).await
    }

    async fn give_up(&self, delivery: &Delivery, why: &str) -> anyhow::Result<()> {
        self.metrics.delivery("given_up");
        let (host, tries) = (&self.webhook.server, delivery.tries);
        self.printer.warn(format!(
            "the webhook at `{host}` was not told of {}, tried {tries} {}: {why}",
            delivery.id,
            if tries == 1 { "time" } else { "times" }
        ));
        self.store.settle_delivery(&delivery.id).await
    }

    fn message(&self, row: &Row) -> anyhow::Result<String> {
        let data = Build::of(row, &self.base);
        let message = Message { r#type: format!("build.{}", row.state), timestamp: data.ended_at(), data: &data };
        Ok(serde_json::to_string(&message)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the standard's own libraries.
    #[test]
    fn signs_as_the_standard_has_it() {
        for secret in ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"] {
            let (id, body) = ("msg_p5jXN8AQM9LWM0D4loKWxJek", r#"{"test": 2432232314}"#);
            let signature = sign(&Secret::new(secret), id, "1614265330", body).unwrap();
            assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        }
    }

    #[test]
    fn places_that_are_refused() {
        let check = |url: &str, allowed: &str, expected: Option<&str>| {
            let why = Webhook::at(url, allowed.parse().unwrap()).err();
            assert_eq!(why.is_some(), expected.is_some(), "{url}: {why:?}");
            assert!(why.unwrap_or_default().contains(expected.unwrap_or_default()), "{url}");
        };
        check("https://example.com/hook", "", None);
        check("http://example.com/hook", "", Some("not HTTPS"));
        check("http://hooks.corp:8080/x", "hooks.corp:8080", None);
        check("https://127.0.0.1/x", "", Some("loopback"));
        check("https://169.254.169.254/x", "", Some("link-local"));
        check("https://localhost/x", "", Some("loopback"));
        check("https://me:canary@example.com/", "", Some("a login"));
        check("ftp://example.com/", "", Some("not an address of the web"));
        check("hook", "", Some("not an address"));
        let unsigned = || Webhook::at("https://example.com/canary", Allowed::default()).unwrap();
        let short = unsigned().signed(Secret::new("whsec_canary")).unwrap_err();
        assert_eq!(short, "it is not 24 to 64 bytes in Base64");
        let webhook = unsigned().signed(Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")).unwrap();
        assert!(!format!("{webhook:?}").contains("MfKQ"));
    }

    #[tokio::test]
    async fn names_that_lead_inside_are_not_asked() {
        let webhook = Webhook {
            url: "https://inside.example:1/".parse().unwrap(),
            server: Server { host: "localhost".into(), port: 1 },
            secret: Secret::new("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
            allowed: Allowed::default(),
        };
        let why = webhook.send("id", "{}").await.unwrap_err().to_string();
        assert!(why.contains("a loopback address: name it in `LONGSHORE_WEBHOOK_ALLOW`"), "{why}");
    }
}
