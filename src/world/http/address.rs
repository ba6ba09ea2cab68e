//! Scope of an address: loopback, private or public; and where a redirect may lead.
//!
//! Special addresses: <https://www.iana.org/assignments/iana-ipv4-special-registry>,
//! <https://www.iana.org/assignments/iana-ipv6-special-registry>; names: <https://www.rfc-editor.org/rfc/rfc6761>,
//! <https://www.rfc-editor.org/rfc/rfc8375>.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    Loopback,
    /// Machines near it: private networks, links, the addresses where clouds hand out credentials.
    Near,
    Everybody,
}

/// Host and port of a URL, for people.
pub fn host(url: &Url) -> String {
    let name = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| name.to_owned(), |port| format!("{name}:{port}"))
}

/// Whether a URL is on this machine, as whoever is lenient with such needs to know: 127.0.0.0/8, ::1, `localhost`.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        None => false,
    }
}

/// Whether a URL is an address that no proxy can reach for us: where clouds hand out credentials.
pub fn is_link_local(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_link_local(),
        Some(Host::Ipv6(address)) => address.is_unicast_link_local(),
        Some(Host::Domain(_)) | None => false,
    }
}

/// Whether two URLs have one scheme, host and port.
pub fn same_origin(a: &Url, b: &Url) -> bool {
    a.scheme() == b.scheme() && a.host() == b.host() && a.port_or_known_default() == b.port_or_known_default()
}

/// Whether an answer from one place may send us to another: never from outside into a private network, from this machine
/// to itself only, and within private networks to another host only if the user wrote it (`known`: hosts, with or without
/// their port). Hosts that the user names may be anywhere.
///
/// # Errors
/// Why not, to follow the name of the host that said so.
pub fn may_lead(from: &Url, to: &Url, known: &[String]) -> Result<(), String> {
    if !matches!(to.scheme(), "http" | "https") || from.scheme() == "https" && to.scheme() != "https" {
        return Err(format!("from {} to {}", from.scheme(), to.scheme()));
    }
    let written = || is_written(to, known);
    let may = match (reach(from), reach(to)) {
        (Reach::Everybody, to) => to == Reach::Everybody,
        (Reach::Loopback, to) => to == Reach::Loopback,
        (Reach::Near, Reach::Everybody) => true,
        (Reach::Near, Reach::Near) => from.host() == to.host() || written(),
        (Reach::Near, Reach::Loopback) => written(),
    };
    let why = match reach(from) {
        Reach::Loopback => "away from this machine",
        _ => "a private address",
    };
    if may { Ok(()) } else { Err(format!("to `{}`, {why}", host(to))) }
}

/// Whether the user wrote the host, with or without its port.
pub fn is_written(url: &Url, known: &[String]) -> bool {
    known.iter().any(|one| *one == host(url) || Some(one.as_str()) == url.host_str())
}

/// Whether both are one machine: one name, or this one.
pub fn same_machine(a: &Url, b: &Url) -> bool {
    a.host() == b.host() || reach(a) == Reach::Loopback && reach(b) == Reach::Loopback
}

fn reach(url: &Url) -> Reach {
    match url.host() {
        Some(Host::Ipv4(address)) => of_v4(address),
        Some(Host::Ipv6(address)) => of_v6(address),
        Some(Host::Domain(name)) => of_name(&name.to_ascii_lowercase()),
        None => Reach::Near,
    }
}

/// Whether an address is public.
pub fn is_of_everybody(address: IpAddr) -> bool {
    let reach = match address {
        IpAddr::V4(address) => of_v4(address),
        IpAddr::V6(address) => of_v6(address),
    };
    reach == Reach::Everybody
}

/// Whether a host looks public.
pub fn looks_public(url: &Url) -> bool {
    reach(url) == Reach::Everybody
}

fn of_v4(address: Ipv4Addr) -> Reach {
    let near = match address.octets() {
        [127, ..] => return Reach::Loopback,
        // This network: connecting to 0.0.0.0 reaches this machine on most systems.
        [0, ..] => return Reach::Loopback,
        [10, ..] | [192, 168, ..] | [169, 254, ..] => true,
        [172, second, ..] => (16..32).contains(&second),
        // Of carriers, and where one cloud hands out credentials.
        [100, second, ..] => (64..128).contains(&second),
        [192, 0, 0, _] | [198, 18 | 19, ..] => true,
        // Azure's, to which its machines alone have a way.
        [168, 63, 129, 16] => true,
        [first, ..] => first >= 224,
    };
    if near { Reach::Near } else { Reach::Everybody }
}

fn of_v6(address: Ipv6Addr) -> Reach {
    let words = address.segments();
    let v4 = |high: u16, low: u16| of_v4(Ipv4Addr::from(u32::from(high) << 16 | u32::from(low)));
    match words {
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => Reach::Loopback,
        // Mapped, compatible, translated (RFC 6052), through a tunnel (RFC 3056): a v4 address in v6's clothes.
        [0, 0, 0, 0, 0, 0xffff | 0, high, low] => v4(high, low),
        [0, 0, 0, 0, 0xffff, 0, high, low] => v4(high, low),
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => v4(high, low),
        [0x2002, high, low, ..] => v4(high, low),
        // A translator's own network (RFC 8215), Teredo, discarded.
        [0x64, 0xff9b, 1, ..] | [0x2001, 0, ..] | [0x100, 0, 0, 0, ..] => Reach::Near,
        [first, ..] if first & 0xfe00 == 0xfc00 || first & 0xffc0 == 0xfe80 || first & 0xffc0 == 0xfec0 => Reach::Near,
        [first, ..] if first & 0xff00 == 0xff00 => Reach::Near,
        _ => Reach::Everybody,
    }
}

fn of_name(name: &str) -> Reach {
    let name = name.trim_end_matches('.');
    let below = |top: &str| name.strip_suffix(top).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    let here = ["localhost", "localdomain", "ip6-localhost", "ip6-loopback"];
    if here.iter().any(|top| below(top)) {
        return Reach::Loopback;
    }
    let near = ["local", "internal", "home.arpa", "lan", "intranet", "corp", "home"];
    // A name without a dot is found in the machine's own domain only; `metadata` is one of them.
    if !name.contains('.') || near.iter().any(|top| below(top)) { Reach::Near } else { Reach::Everybody }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        text.parse().unwrap()
    }

    #[test]
    fn loopback_is_this_machine() {
        let check = |text: &str, expected| assert_eq!(is_loopback(&url(text)), expected, "{text}");
        check("http://127.0.0.1:8080/", true);
        check("http://127.9.9.9/", true);
        check("http://[::1]:1/", true);
        check("http://LocalHost/", true);
        check("http://localhost.example.com/", false);
        check("http://127.0.0.1.example.com/", false);
        check("http://10.0.0.1/", false);
        check("https://api.github.com/", false);
    }

    #[test]
    fn one_origin_is_scheme_host_and_port() {
        let check = |a: &str, b: &str, expected| assert_eq!(same_origin(&url(a), &url(b)), expected, "{a} {b}");
        check("https://a.example/x", "https://a.example:443/y", true);
        check("https://a.example/", "http://a.example/", false);
        check("https://a.example/", "https://a.example:8443/", false);
        check("https://a.example/", "https://a.example.org/", false);
    }

    #[test]
    fn addresses_in_every_form() {
        let check =
            |host: &str, expected: Reach| assert_eq!(reach(&url(&format!("http://{host}/"))), expected, "{host}");
        for host in "127.0.0.1 127.1 0x7f.1 2130706433 017700000001 0.0.0.0 0 [::1] [::] [::ffff:127.0.0.1] \
            [::ffff:7f00:1] [::127.0.0.1] [::ffff:0:127.0.0.1] [64:ff9b::127.0.0.1] [2002:7f00:1::] \
            localhost localhost. LOCALHOST a.localhost a.b.localhost. localhost.localdomain \
            ip6-localhost"
            .split_whitespace()
        {
            check(host, Reach::Loopback);
        }
        for host in "10.0.0.1 172.16.0.1 172.31.255.255 192.168.1.1 169.254.169.254 100.100.100.200 \
            192.0.0.192 168.63.129.16 198.19.0.1 224.0.0.1 255.255.255.255 [fe80::1] [fd00:ec2::254] \
            [fc00::1] [fec0::1] [ff02::1] [::ffff:169.254.169.254] [64:ff9b::a9fe:a9fe] \
            [64:ff9b:1::1] [2002:a9fe:a9fe::1] [2001:0:1::1] metadata metadata.google.internal \
            metadata.google.internal. registry.local registry registry.lan x.home.arpa"
            .split_whitespace()
        {
            check(host, Reach::Near);
        }
        for host in "ghcr.io 8.8.8.8 172.32.0.1 100.128.0.1 169.253.0.1 [2606:4700::1111] [64:ff9b::8.8.8.8] \
            localhost.example.com mylocal notlocal.dev internal.example.com"
            .split_whitespace()
        {
            // A name without a dot is near, whatever it is.
            check(host, if host.contains(['.', ':']) { Reach::Everybody } else { Reach::Near });
        }
    }

    #[test]
    fn nobody_is_led_inside() {
        let known = ["files.corp.internal".to_owned(), "10.0.0.9:9000".to_owned()];
        let check = |from: &str, to: &str, expected: bool| {
            assert_eq!(may_lead(&url(from), &url(to), &known).is_ok(), expected, "{from} to {to}");
        };
        check("https://ghcr.io/a", "https://pkg-containers.githubusercontent.com/b", true);
        check("https://ghcr.io/a", "http://ghcr.io/b", false);
        check("https://ghcr.io/a", "file:///etc/passwd", false);
        check("http://ghcr.io/a", "ftp://ghcr.io/b", false);
        check("https://ghcr.io/a", "https://127.0.0.1/b", false);
        check("https://ghcr.io/a", "https://[::ffff:10.0.0.1]/b", false);
        // Not even where the user wrote it: an outsider cannot know it.
        check("https://ghcr.io/a", "https://files.corp.internal/b", false);
        check("http://127.0.0.1:5000/a", "http://127.0.0.1:6000/b", true);
        check("http://127.0.0.1:5000/a", "http://localhost:6000/b", true);
        check("http://127.0.0.1:5000/a", "http://169.254.169.254/b", false);
        check("http://127.0.0.1:5000/a", "https://example.com/b", false);
        check("https://10.0.0.1/a", "https://10.0.0.1:9000/b", true);
        check("https://10.0.0.1/a", "https://10.0.0.2/b", false);
        check("https://10.0.0.1/a", "https://10.0.0.9:9000/b", true);
        check("https://10.0.0.1/a", "https://10.0.0.9/b", false);
        check("https://10.0.0.1/a", "https://files.corp.internal:8443/b", true);
        check("https://10.0.0.1/a", "https://bucket.s3.amazonaws.com/b", true);
        check("https://10.0.0.1/a", "https://127.0.0.1/b", false);
        let said = may_lead(&url("https://ghcr.io/"), &url("https://169.254.169.254/latest"), &[]).unwrap_err();
        assert_eq!(said, "to `169.254.169.254`, a private address");
        let said = may_lead(&url("http://127.0.0.1/"), &url("https://example.com/"), &[]).unwrap_err();
        assert_eq!(said, "to `example.com`, away from this machine");
    }
}
