//! Why there was no answer, in one line, and what follows from it.

use std::error::Error;
use std::fmt;

use super::names::Private;

/// No answer: the request may have been carried out or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoAnswer {
    pub text: String,
    /// Whether the server's certificate was not accepted; then nothing was carried out, and nothing ever will be.
    pub untrusted: bool,
    /// Whether it led where we do not go; it always will.
    pub forbidden: bool,
    /// Whether our own file has changed; then the server never gets a complete request.
    pub changed: bool,
    /// Whether it is our disk that does not take what came: code and hint.
    pub disk: Option<(&'static str, &'static str)>,
}

impl NoAnswer {
    /// One that may be an accident.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), untrusted: false, forbidden: false, changed: false, disk: None }
    }
}

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Error for NoAnswer {}

/// A file that is not what it should be.
#[derive(Debug)]
pub(super) struct Changed(pub String);

impl fmt::Display for Changed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Changed {}

/// Says in one line why there was no answer. The URL is left out: that of a redirect may carry a signature.
pub fn explain(error: reqwest::Error, host: &str) -> NoAnswer {
    let error = error.without_url();
    let cause = root(&error);
    if let Some(private) = cause.downcast_ref::<Private>() {
        return NoAnswer { forbidden: true, ..NoAnswer::new(format!("a server redirected {private}")) };
    }
    if let Some(changed) = cause.downcast_ref::<Changed>() {
        return NoAnswer { changed: true, ..NoAnswer::new(changed.to_string()) };
    }
    let untrusted = matches!(cause.downcast_ref(), Some(rustls::Error::InvalidCertificate(_)));
    let text = if error.is_timeout() {
        format!("`{host}` did not answer in time")
    } else if error.is_connect() {
        format!("cannot connect to `{host}`: {cause}")
    } else {
        format!("the connection to `{host}` broke: {cause}")
    };
    NoAnswer { untrusted, ..NoAnswer::new(text) }
}

pub fn root<'e>(error: &'e (dyn Error + 'static)) -> &'e (dyn Error + 'static) {
    std::iter::successors(Some(error), |error| inner(*error)).last().unwrap_or(error)
}

/// What an error wraps; an I/O error does not name what it was made of as its source.
fn inner<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e (dyn Error + 'static)> {
    let io = error.downcast_ref::<std::io::Error>().and_then(|error| error.get_ref());
    io.map(|inner| inner as &(dyn Error + 'static)).or_else(|| error.source())
}
