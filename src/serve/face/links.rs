//! Addresses of this service as others see them.

use axum::http::{HeaderMap, header};

use crate::serve::task::TaskId;

#[derive(Clone, Debug, Default)]
pub struct Links {
    /// `/artifact-builder`, or nothing.
    pub root_path: String,
    /// Without a slash at its end.
    pub app_layer_url: Option<String>,
}

impl Links {
    /// The host, with its port, that links name.
    pub(super) fn host(&self) -> Option<&str> {
        let (_, rest) = self.app_layer_url.as_deref()?.split_once("://")?;
        rest.split('/').next()
    }

    /// The path before every path of ours: links of pages begin with it.
    pub(super) fn prefix(&self) -> &str {
        match (self.root_path.as_str(), self.app_layer_url.as_deref()) {
            ("", Some(url)) => {
                url.split_once("://").and_then(|(_, rest)| Some(&rest[rest.find('/')?..])).unwrap_or_default()
            }
            (root_path, _) => root_path,
        }
    }

    /// Where the caller reached us, with the prefix that proxies may have removed.
    pub(super) fn here(&self, headers: &HeaderMap) -> String {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let host = text(header::HOST.as_str()).unwrap_or("localhost");
        let scheme = if text("x-forwarded-proto") == Some("https") { "https" } else { "http" };
        format!("{scheme}://{host}{}", self.root_path)
    }

    pub(super) fn base(&self, headers: &HeaderMap) -> String {
        self.app_layer_url.clone().unwrap_or_else(|| self.here(headers))
    }
}

/// Where the old face has a task's log.
pub(super) fn log(base: &str, id: &TaskId) -> String {
    format!("{base}/static/{id}.log")
}
