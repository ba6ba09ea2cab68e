//! Our own HTTP client: streams bodies, follows redirects without handing a token to another host.
