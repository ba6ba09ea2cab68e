//! Names of images: what they parse to, and that printing is the inverse of parsing.

use proptest::prelude::*;

use super::*;

#[test]
fn repositories_are_spelled_out() {
    let check = |text: &str, expected: &str| {
        let repository: Repository = text.parse().unwrap();
        assert_eq!(repository.to_string(), expected);
        assert_eq!(repository.to_string().parse(), Ok(repository));
    };
    check("debian", "docker.io/library/debian");
    check("demml/opsml", "docker.io/demml/opsml");
    check("index.docker.io/demml/opsml", "docker.io/demml/opsml");
    check("ghcr.io/Owner/app".to_lowercase().as_str(), "ghcr.io/owner/app");
    check("localhost:5000/a/b_c/d--e", "localhost:5000/a/b_c/d--e");
    check("[::1]:5000/a", "[::1]:5000/a");
    check("GHCR.io/a/b", "ghcr.io/a/b");
    check("Registry-1.Docker.io/a", "docker.io/library/a");
    check("registry:5000/a", "registry:5000/a");
}

#[test]
fn bad_repositories_say_why() {
    let check = |text: &str, part: &str| {
        let why = text.parse::<Repository>().unwrap_err();
        assert!(why.contains(part), "{text}: {why}");
    };
    check("https://ghcr.io/a/b", "write it without, `ghcr.io/a/b`");
    check("ghcr.io/Owner/app", "`owner/app`");
    check("ghcr.io/a/b:1", "only the repository");
    check("ghcr.io/", "has no repository");
    check("ghcr.io/a//b", "empty part");
    check("ghcr.io/a/-b", "`-b`");
    check("gh_cr.io/a", "no valid registry host");
    check("localhost:99999/a", "no valid registry host");
    for host in [
        "[]",
        "[::1]5000",
        "[::1",
        "[0::1]",
        "a..b",
        ".a",
        "a.",
        "a.b:",
        "a.b:+80",
        "a.b:080",
        "a.b:0",
        "1.2",
        "0x7f.1",
        "-a.b",
        "a.b:80:90",
    ] {
        check(&format!("{host}/x"), "no valid registry host");
    }
    check("a.b", "has no repository");
    check("debian:12", "only the repository");
    check("localhost", "has no repository");
    check(&format!("ghcr.io/{}", "a".repeat(256)), "longer than 255");
}

#[test]
fn references_print_what_they_parse() {
    let digest = Digest::of(b"x");
    for text in [
        "docker.io/library/debian:stable-slim",
        "localhost:5000/a",
        &format!("ghcr.io/a/b@{digest}"),
        &format!("ghcr.io/a/b:1@{digest}"),
    ] {
        assert_eq!(text.parse::<Reference>().unwrap().to_string(), text);
    }
    assert_eq!("debian".parse::<Reference>().unwrap().identifier(), "latest");
    assert!("debian@sha512:00".parse::<Reference>().is_err());
    assert!("debian:a+b".parse::<Reference>().unwrap_err().contains('+'));
}

#[test]
fn tags_have_a_length_and_an_alphabet() {
    assert_eq!(check_tag(&"a".repeat(128)), Ok(()));
    assert!(check_tag(&"a".repeat(129)).unwrap_err().contains("129"));
    assert!(check_tag("1.0.0+5").unwrap_err().contains("`+`"));
    assert!(check_tag(".a").is_err() && check_tag("").is_err());
}

/// What a prefix makes of a name: nothing of either is lost.
#[test]
fn prefixes_stand_before_names() {
    let check = |prefix: &str, name: &str, expected: &str| {
        let prefix: Prefix = prefix.parse().unwrap_or_else(|why| panic!("{prefix}: {why}"));
        assert_eq!(prefix.join(name).map(|repository| repository.to_string()).as_deref(), Ok(expected));
    };
    check("ghcr.io/linux", "app", "ghcr.io/linux/app");
    check("docker.io/netflix", "app", "docker.io/netflix/app");
    check("netflix", "x", "docker.io/netflix/x");
    check("quay.io/acme/phoenix", "x", "quay.io/acme/phoenix/x");
    check("registry.test:49443/x", "app", "registry.test:49443/x/app");
    check("registry.test:49443/x/x", "x", "registry.test:49443/x/x/x");
    check("registry.test:49443", "app", "registry.test:49443/app");
    check("localhost", "x", "localhost/x");
    check("localhost/x", "app", "localhost/x/app");
    check("localhost:5000", "a/b", "localhost:5000/a/b");
    check("[::1]:5000", "x", "[::1]:5000/x");
    check("ghcr.io/", "x", "ghcr.io/x");
    check("ghcr.io/linux/", "app", "ghcr.io/linux/app");
    let bad = |text: &str, part: &str| {
        let why = text.parse::<Prefix>().unwrap_err();
        assert!(why.contains(part), "{text}: {why}");
    };
    bad("docker.io", "has no owner");
    bad("index.docker.io", "has no owner");
    bad("", "has no owner");
    bad("/", "has no owner");
    bad("ghcr.io//a", "empty part");
    bad("https://ghcr.io/a", "write it without, `ghcr.io/a`");
    bad("ghcr.io/Owner", "`owner`");
    bad("ghcr.io/a:1", "tag or digest");
    let prefix: Prefix = "ghcr.io/a".parse().unwrap();
    for name in ["", "/x", "x/", "../x", "X", "a:b", "a@b"] {
        assert!(prefix.join(name).is_err(), "{name}");
    }
}

fn hosts() -> impl Strategy<Value = String> {
    let name =
        prop_oneof!["[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?(\\.[a-z][a-z0-9]{0,6}){1,3}", Just("localhost".to_owned())];
    let port = prop_oneof![Just(String::new()), (1u16..).prop_map(|port| format!(":{port}"))];
    let address = any::<[u16; 8]>().prop_map(|words| format!("[{}]", std::net::Ipv6Addr::from(words)));
    let dotted = any::<[u8; 4]>().prop_map(|bytes| std::net::Ipv4Addr::from(bytes).to_string());
    (prop_oneof![4 => name, 1 => address, 1 => dotted], port).prop_map(|(name, port)| name + &port)
}

fn paths() -> impl Strategy<Value = String> {
    // x, xx and x/x often: what stands for something else in a parser is what breaks it.
    let part = prop_oneof!["[a-z0-9]{1,6}((\\.|_|__|-{1,3})[a-z0-9]{1,4}){0,2}", "x{1,2}"];
    proptest::collection::vec(part, 1..4).prop_map(|parts| parts.join("/"))
}

fn tags() -> impl Strategy<Value = Option<String>> {
    proptest::option::of("[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}")
}

proptest! {
    #[test]
    fn printing_is_the_inverse_of_parsing(host in hosts(), path in paths(), tag in tags(), named in any::<bool>(), name in paths()) {
        let official = host == "docker.io" && !path.contains('/');
        prop_assume!(!official && url::Url::parse(&format!("https://{host}/")).is_ok());
        let repository = Repository { registry: host.clone(), path: path.clone() };
        prop_assert_eq!(repository.to_string().parse(), Ok(repository.clone()));
        let digest = named.then(|| Digest::of(path.as_bytes()));
        let reference = Reference { repository, tag, digest };
        prop_assert_eq!(reference.to_string().parse(), Ok(reference.clone()));
        let prefix = Prefix { registry: host.clone(), path: path.clone() };
        prop_assert_eq!(prefix.to_string().parse(), Ok(prefix.clone()));
        let joined = prefix.join(&name);
        let whole = format!("{host}/{path}/{name}");
        prop_assert_eq!(joined.clone(), whole.parse::<Repository>());
        prop_assert_eq!(joined.map(|one| (one.registry, one.path)), Ok((host.clone(), format!("{path}/{name}"))));
        let alone = Prefix { registry: host.clone(), path: String::new() };
        prop_assert_eq!(alone.to_string().parse(), Ok(alone.clone()));
        prop_assert_eq!(alone.join(&path).map(|one| one.path), Ok(path));
    }

    /// Whatever is taken is printed so that it is taken again as the same; and is a URL as it stands.
    #[test]
    fn what_is_taken_is_taken_again(text in prop_oneof!["[a-zA-Z0-9._:/@\\[\\]-]{0,40}", "[xX./:]{0,9}", any::<String>()]) {
        if let Ok(reference) = text.parse::<Reference>() {
            prop_assert_eq!(reference.to_string().parse(), Ok(reference.clone()));
            let place = format!("https://{}/v2/{}/x", reference.repository.registry, reference.repository.path);
            let url = url::Url::parse(&place).unwrap();
            prop_assert_eq!(url.path(), format!("/v2/{}/x", reference.repository.path));
            prop_assert!(url.username().is_empty() && url.query().is_none());
        }
        if let Ok(repository) = text.parse::<Repository>() {
            prop_assert_eq!(repository.to_string().parse(), Ok(repository));
        }
        if let Ok(prefix) = text.parse::<Prefix>() {
            prop_assert_eq!(prefix.to_string().parse(), Ok(prefix));
        }
        if let Ok(found) = host(&text) {
            prop_assert_eq!(host(&found), Ok(found));
        }
    }
}
