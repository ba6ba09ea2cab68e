//! What a config says that no file has to be read for: platform, ports, build arguments, what it does to other images.

use serde_json::Value;

use super::finding::{Finding, Verdict};
use super::settings::Settings;
use crate::platform::Platform;

pub fn check(config: &Value, settings: &Settings, platform: Platform, verdict: &mut Verdict) {
    platform_flaws(config, platform, verdict);
    for port in settings.ports.iter().filter(|port| !is_port(port)) {
        let text = format!("EXPOSE names `{port}`, which is not a port from 1 to 65535 of tcp, udp or sctp");
        verdict.refusals.push(Finding::new("image-config", &text, "write `EXPOSE 8080` or `EXPOSE 53/udp`"));
    }
    for name in arguments(config) {
        let text =
            format!("the build argument `{name}` stands with its value in the history of the image, for everybody");
        let hint =
            "hand it over as a secret: `secrets:` and `RUN --mount=type=secret`; withdraw the value if it was pushed";
        verdict.refusals.push(Finding::new("image-secret", &text, hint));
    }
    if !settings.onbuild.is_empty() {
        let all: Vec<String> = settings.onbuild.iter().take(3).map(|one| format!("`{one}`")).collect();
        let text = format!("ONBUILD makes images that are based on it do {}", all.join(", "));
        verdict.warnings.push(Finding::new("image-onbuild", &text, "say it in their Dockerfiles instead"));
    }
    if matches!(settings.user.split(':').next(), Some("" | "0" | "root")) {
        let hint = "add `USER` with a number, if it needs no rights of root";
        verdict.notes.push(Finding::new("image-root", "runs as root", hint));
    }
}

fn platform_flaws(config: &Value, platform: Platform, verdict: &mut Verdict) {
    let text = |key: &str| config[key].as_str().unwrap_or_default();
    let (os, arch, variant) = (text("os"), text("architecture"), text("variant"));
    if os != "linux" || arch != platform.goarch() {
        let text = format!("its config says {os}/{arch}, but the image is for {platform}");
        verdict.refusals.push(Finding::new("image-platform", &text, "is the base image for this platform?"));
        return;
    }
    let plain = match platform {
        Platform::LinuxAmd64 => ["", "v1"],
        Platform::LinuxArm64 => ["", "v8"],
        _ => ["", platform.variant().unwrap_or_default()],
    };
    if !plain.contains(&variant) {
        let text = format!("its config says {os}/{arch}/{variant}: not every {platform} machine starts it");
        verdict.warnings.push(Finding::new(
            "image-platform",
            &text,
            "use a base image for every processor of the platform",
        ));
    }
}

/// `8080`, `53/udp`, `8000-8010/tcp`.
fn is_port(text: &str) -> bool {
    let (ports, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<u16>().ok().filter(|port| digits && *port > 0)
    };
    let range = match ports.split_once('-') {
        Some((first, last)) => number(first).zip(number(last)).is_some_and(|(first, last)| first <= last),
        None => number(ports).is_some(),
    };
    range && ["tcp", "udp", "sctp"].iter().any(|known| protocol.eq_ignore_ascii_case(known))
}

/// Names of build arguments with a value that say of themselves that they are secret. A builder writes `|2 A=x B=y` before
/// the command.
fn arguments(config: &Value) -> Vec<String> {
    let history = config["history"].as_array().map(Vec::as_slice).unwrap_or_default();
    let lines = history.iter().filter_map(|step| step["created_by"].as_str());
    let mut names: Vec<String> = lines.flat_map(of_line).collect();
    names.sort();
    names.dedup();
    names
}

fn of_line(line: &str) -> Vec<String> {
    let Some((_, rest)) = line.split_once('|') else { return Vec::new() };
    let mut words = rest.split_whitespace();
    let Some(count) = words.next().and_then(|count| count.parse::<usize>().ok()) else { return Vec::new() };
    let pairs = words.take(count).filter_map(|word| word.split_once('='));
    pairs.filter(|(name, value)| sounds_secret(name) && is_value(value)).map(|(name, _)| name.to_owned()).collect()
}

/// `NPM_TOKEN`, `PASSWORD`, not `TOKEN_URL`.
fn sounds_secret(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    let ends =
        ["TOKEN", "PASSWORD", "PASSWD", "SECRET", "API_KEY", "APIKEY", "ACCESS_KEY", "SECRET_KEY", "PRIVATE_KEY"];
    ends.iter().any(|end| name.strip_suffix(end).is_some_and(|rest| rest.is_empty() || rest.ends_with('_')))
}

/// Not a switch, a path or an address.
fn is_value(value: &str) -> bool {
    value.len() >= 8 && !value.starts_with(['/', '.', '$']) && !value.contains("://")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn ports() {
        for port in ["1", "65535/tcp", "53/udp", "9/sctp", "8000-8010/tcp", "80/TCP"] {
            assert!(is_port(port), "{port}");
        }
        for port in ["0", "65536/tcp", "80/http", "x", "", "-1", "+1", "9-8", "80/", "/tcp", "1-"] {
            assert!(!is_port(port), "{port}");
        }
    }

    #[test]
    fn arguments_that_say_they_are_secret() {
        let check = |line: &str, expected: &[&str]| {
            assert_eq!(arguments(&json!({ "history": [{ "created_by": line }, {}] })), expected, "{line}");
        };
        check("RUN |1 TOKEN=not-a-real-token /bin/sh -c true # buildkit", &["TOKEN"]);
        check("|2 A=b NPM_TOKEN=123456789 /bin/sh -c x", &["NPM_TOKEN"]);
        check("RUN |1 VERSION=1.2.3 /bin/sh -c TOKEN=123456789 x", &[]);
        check("RUN |1 TOKEN= /bin/sh -c x", &[]);
        check("RUN |1 TOKEN_URL=https://x.example /bin/sh -c x", &[]);
        check("RUN |1 API_TOKEN=https://x.example /bin/sh -c x", &[]);
        check("RUN /bin/sh -c a | b 1 TOKEN=123456789", &[]);
        check("|99999999999999999999999 TOKEN=123456789", &[]);
    }
}
