//! Which servers may be reached for a caller: public ones, and what the operator named in `fetch.allow`.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// What the operator allows besides public addresses and HTTPS: `HOST`, `HOST:PORT` or `ADDRESS/BITS`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Allowed(Vec<Rule>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Rule {
    Host { name: String, port: Option<u16> },
    Network { first: IpAddr, bits: u8 },
}

/// A server as a URL names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Without brackets and without a dot at the end, in small letters.
    pub host: String,
    pub port: u16,
}

/// Names that mean this machine, or a cloud's service of credentials, wherever they are asked for.
const NAMES: [(&str, &str); 4] = [
    ("localhost", "loopback"),
    ("metadata.google.internal", "metadata"),
    ("metadata", "metadata"),
    ("instance-data", "metadata"),
];

impl Allowed {
    /// Whether the operator named the server itself.
    pub fn names(&self, server: &Server) -> bool {
        let is_named = |rule: &Rule| match rule {
            Rule::Host { name, port } => *name == server.host && port.is_none_or(|port| port == server.port),
            Rule::Network { .. } => false,
        };
        self.0.iter().any(is_named)
    }

    /// Whether the operator named an address's network.
    pub fn covers(&self, address: IpAddr) -> bool {
        let address = plain(address);
        self.0.iter().any(|rule| match rule {
            Rule::Network { first, bits } => is_within(address, *first, *bits),
            Rule::Host { name, port: None } => name.parse() == Ok(address),
            Rule::Host { .. } => false,
        })
    }

    /// What an address is, if it must not be reached.
    pub fn refuses(&self, server: &Server, address: IpAddr) -> Option<&'static str> {
        if self.names(server) || self.covers(address) { None } else { scope(address) }
    }

    /// The same for a name, before anybody is asked for its addresses.
    pub fn refuses_name(&self, server: &Server) -> Option<&'static str> {
        if self.names(server) {
            return None;
        }
        if let Ok(address) = server.host.parse() {
            return self.refuses(server, address);
        }
        if server.host.ends_with(".localhost") {
            return Some("loopback");
        }
        NAMES.into_iter().find(|(name, _)| *name == server.host).map(|(_, what)| what)
    }
}

impl FromStr for Allowed {
    type Err = String;

    /// Rules with commas or spaces between them.
    fn from_str(text: &str) -> Result<Self, String> {
        let words = text.split([',', ' ', '\n', '\t']).filter(|word| !word.is_empty());
        words.map(str::parse).collect::<Result<_, _>>().map(Self)
    }
}

impl FromStr for Rule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |why: &str| format!("`{text}` {why}: write HOST, HOST:PORT or ADDRESS/BITS");
        if let Some((address, bits)) = text.split_once('/') {
            let first: IpAddr = address.parse().map_err(|_| wrong("has no IP address before `/`"))?;
            let most = if first.is_ipv4() { 32 } else { 128 };
            let bits: u8 = bits.parse().ok().filter(|bits| *bits <= most).ok_or_else(|| wrong("has a wrong length"))?;
            return Ok(Self::Network { first, bits });
        }
        let server = Server::of_text(text).map_err(|why| wrong(&why))?;
        Ok(Self::Host { name: server.0, port: server.1 })
    }
}

impl Server {
    fn of_text(text: &str) -> Result<(String, Option<u16>), String> {
        if text.parse::<Ipv6Addr>().is_ok() {
            return Ok((text.to_ascii_lowercase(), None));
        }
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) => (host, Some(port.parse().map_err(|_| "has a wrong port".to_owned())?)),
            None => (text, None),
        };
        let host = host.trim_start_matches('[').trim_end_matches([']', '.']).to_ascii_lowercase();
        let is_legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
        if host.is_empty() || !host.chars().all(is_legal) {
            return Err("is not a host".into());
        }
        Ok((host, port))
    }

    /// That of a URL, which must have a host and a known port.
    pub fn of_url(url: &url::Url) -> Option<Self> {
        let host = match url.host()? {
            url::Host::Domain(name) => name.trim_end_matches('.').to_ascii_lowercase(),
            url::Host::Ipv4(address) => address.to_string(),
            url::Host::Ipv6(address) => address.to_string(),
        };
        if host.is_empty() {
            return None;
        }
        Some(Self { host, port: url.port_or_known_default()? })
    }

    /// That of a registry, as references name it: HTTPS where no port is said.
    pub fn of_registry(name: &str) -> Option<Self> {
        let (host, port) = Self::of_text(name).ok()?;
        Some(Self { host, port: port.unwrap_or(443) })
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// An IPv4 address that is written as an IPv6 one is what it stands for.
fn plain(address: IpAddr) -> IpAddr {
    let IpAddr::V6(six) = address else { return address };
    let octets = six.octets();
    let four = |at: usize| Ipv4Addr::new(octets[at], octets[at + 1], octets[at + 2], octets[at + 3]).into();
    // Mapped, translated (RFC 6052) and 6to4 (RFC 3056) addresses lead to the IPv4 network.
    if let Some(mapped) = six.to_ipv4_mapped() {
        return mapped.into();
    }
    match six.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, ..] => four(12),
        [0x2002, ..] => four(2),
        [0, 0, 0, 0, 0, 0, high, _] if high > 0 => four(12),
        _ => address,
    }
}

/// What an address is, unless it is public (<https://www.iana.org/assignments/iana-ipv4-special-registry>).
fn scope(address: IpAddr) -> Option<&'static str> {
    match plain(address) {
        IpAddr::V4(four) => scope_of_four(four),
        IpAddr::V6(six) => scope_of_six(six),
    }
}

fn scope_of_four(four: Ipv4Addr) -> Option<&'static str> {
    match four.octets() {
        [127, ..] => Some("loopback"),
        [169, 254, ..] => Some("link-local"),
        [10, ..] | [192, 168, ..] | [172, 16..=31, ..] => Some("private"),
        [100, 64..=127, ..] => Some("shared (RFC 6598)"),
        [0, ..] => Some("this network"),
        [224..=239, ..] => Some("multicast"),
        [240..=255, ..] => Some("reserved"),
        // 192.0.0.0/24, documentation and benchmarks.
        [192, 0, 0 | 2, _] | [198, 18 | 19, ..] | [198, 51, 100, _] | [203, 0, 113, _] => Some("reserved"),
        _ => None,
    }
}

fn scope_of_six(six: Ipv6Addr) -> Option<&'static str> {
    match six.segments() {
        [0, 0, 0, 0, 0, 0, 0, 1] => Some("loopback"),
        [0, 0, 0, 0, 0, 0, 0, 0] => Some("this network"),
        [0xfe80..=0xfebf, ..] => Some("link-local"),
        [0xfec0..=0xfeff, ..] | [0xfc00..=0xfdff, ..] => Some("private"),
        [0xff00..=0xffff, ..] => Some("multicast"),
        // Teredo carries IPv4 addresses of its own; 2001:db8::/32 is documentation, 100::/64 discards.
        [0x2001, 0 | 0xdb8, ..] | [0x100, 0, 0, 0, ..] => Some("reserved"),
        // Everything that is public lies in 2000::/3.
        [first, ..] if first & 0xe000 != 0x2000 => Some("reserved"),
        _ => None,
    }
}

fn is_within(address: IpAddr, first: IpAddr, bits: u8) -> bool {
    let (address, first, width) = match (address, first) {
        (IpAddr::V4(address), IpAddr::V4(first)) => (u128::from(address.to_bits()), u128::from(first.to_bits()), 32),
        (IpAddr::V6(address), IpAddr::V6(first)) => (address.to_bits(), first.to_bits(), 128),
        _ => return false,
    };
    let rest = width - u32::from(bits);
    address.checked_shr(rest).unwrap_or(0) == first.checked_shr(rest).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_are_not_public() {
        #[track_caller]
        fn check(address: &str, expected: Option<&str>) {
            assert_eq!(scope(address.parse().unwrap()), expected, "{address}");
        }
        check("127.0.0.1", Some("loopback"));
        check("127.255.3.4", Some("loopback"));
        check("::1", Some("loopback"));
        check("::ffff:127.0.0.1", Some("loopback"));
        check("::127.0.0.1", Some("loopback"));
        check("64:ff9b::a00:5", Some("private"));
        check("2002:a00:5::", Some("private"));
        check("169.254.169.254", Some("link-local"));
        check("fe80::1", Some("link-local"));
        check("fd00:ec2::254", Some("private"));
        check("10.0.0.5", Some("private"));
        check("172.31.255.255", Some("private"));
        check("172.32.0.1", None);
        check("192.168.1.1", Some("private"));
        check("100.64.0.1", Some("shared (RFC 6598)"));
        check("0.0.0.0", Some("this network"));
        check("::", Some("this network"));
        check("255.255.255.255", Some("reserved"));
        check("239.1.1.1", Some("multicast"));
        check("2001:db8::1", Some("reserved"));
        check("4000::1", Some("reserved"));
        check("140.82.121.3", None);
        check("2606:50c0:8000::153", None);
    }

    #[test]
    fn rules_name_hosts_and_networks() {
        let rules: Allowed = "git.corp:8443, gitlab.corp 10.1.0.0/16 fd00::/8,127.0.0.1 [::1]:3000".parse().unwrap();
        #[track_caller]
        fn check(rules: &Allowed, host: &str, port: u16, address: &str, refused: bool) {
            let server = Server { host: host.into(), port };
            assert_eq!(rules.refuses(&server, address.parse().unwrap()).is_some(), refused, "{server} at {address}");
        }
        check(&rules, "git.corp", 8443, "10.9.9.9", false);
        check(&rules, "git.corp", 443, "10.9.9.9", true);
        check(&rules, "gitlab.corp", 1, "192.168.0.1", false);
        check(&rules, "other", 443, "10.1.255.1", false);
        check(&rules, "other", 443, "10.2.0.1", true);
        check(&rules, "other", 443, "::ffff:10.1.2.3", false);
        check(&rules, "other", 443, "fd12::1", false);
        check(&rules, "127.0.0.1", 5000, "127.0.0.1", false);
        check(&rules, "::1", 3000, "::1", false);
        check(&rules, "::1", 3001, "::1", true);
        let all: Allowed = "0.0.0.0/0".parse().unwrap();
        check(&all, "other", 443, "127.0.0.1", false);
        check(&all, "other", 443, "::1", true);
    }

    #[test]
    fn rules_that_are_none() {
        for text in ["10.0.0.0/33", "corp/8", "host:port", "host:99999", "a b/c", "http://x"] {
            assert!(text.parse::<Allowed>().is_err(), "{text}");
        }
        assert_eq!("".parse(), Ok(Allowed::default()));
    }

    #[test]
    fn names_that_need_no_answer() {
        let allowed = Allowed::default();
        #[track_caller]
        fn check(allowed: &Allowed, url: &str, expected: Option<&str>) {
            let server = Server::of_url(&url.parse().unwrap()).unwrap();
            assert_eq!(allowed.refuses_name(&server), expected, "{url}");
        }
        check(&allowed, "https://localhost./x", Some("loopback"));
        check(&allowed, "https://a.LOCALHOST/x", Some("loopback"));
        check(&allowed, "https://0x7f000001/", Some("loopback"));
        check(&allowed, "https://2130706433/", Some("loopback"));
        check(&allowed, "https://[::1]/", Some("loopback"));
        check(&allowed, "https://[::ffff:7f00:1]/", Some("loopback"));
        check(&allowed, "https://metadata.google.internal/", Some("metadata"));
        check(&allowed, "https://169.254.169.254/latest/meta-data", Some("link-local"));
        check(&allowed, "https://github.com/x", None);
    }
}
