//! The kinds of destinations: one line for each.

use super::describe::Describe;
use super::publisher::Kind;
use crate::plan::{Destination, DestinationKind};

/// What there is to know of a destination's kind.
pub(super) fn kind(destination: &Destination) -> &dyn Kind {
    match &destination.kind {
        DestinationKind::Github(github) => github,
        DestinationKind::Registry(registry) => registry,
        DestinationKind::Pypi(pypi) => pypi,
        DestinationKind::File(file) => file,
        DestinationKind::Command(command) => command,
    }
}

/// The same for who only wants to read of it.
pub fn describe(destination: &Destination) -> &dyn Describe {
    kind(destination)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::env::Env;

    #[test]
    fn who_is_asked_sees_which_credential_goes_where() {
        let of = |kind: &str, env: &[(&str, &str)]| {
            let text = format!(r#"{{"name":"x","when":"always","credentials":[],{kind}}}"#);
            let destination: Destination = serde_json::from_str(&text).unwrap();
            describe(&destination).presented(&Env::of(env.iter().copied()))
        };
        let check = |kind: &str, expected: &[&str]| assert_eq!(of(kind, &[("GITHUB_TOKEN", "t")]), expected, "{kind}");
        let github =
            r#""kind":"github","repository":"o/r","host":"ghes.test","draft":false,"existing":"draft","pages":[]"#;
        check(github, &["ghes.test gets GITHUB_TOKEN"]);
        let (ours, theirs) = (("GH_TOKEN", "t"), ("GITHUB_TOKEN", "t"));
        assert_eq!(of(github, &[ours]), ["ghes.test gets GH_TOKEN"]);
        assert_eq!(of(github, &[ours, theirs]), ["ghes.test gets GITHUB_TOKEN"]);
        let job = ("GITHUB_SERVER_URL", "https://github.com");
        assert_eq!(of(github, &[ours, theirs, job]), ["ghes.test gets GH_TOKEN"]);
        assert_eq!(of(github, &[theirs, job]), ["ghes.test gets no token: GH_TOKEN is not set"]);
        assert_eq!(of(github, &[]), ["ghes.test gets no token: GITHUB_TOKEN or GH_TOKEN is not set"]);
        check(
            r#""kind":"registry","hosts":{"mallory.test":{"password_env":"GITHUB_TOKEN","insecure":false}},
               "images":[{"step":"index.s.debian","repositories":["ghcr.io/o/r","quay.io/o/r"],"tags":[]}]"#,
            &[
                "ghcr.io gets GITHUB_TOKEN",
                "mallory.test gets GITHUB_TOKEN",
                "quay.io gets Docker's credentials, if any",
            ],
        );
        check(
            r#""kind":"pypi","upload":"https://u.test/","simple":"https://u.test/s/","trusted":"auto",
               "tokens":{"a":["PYPI_TOKEN_A","PYPI_TOKEN"]},"username":"PYPI_USER""#,
            &["https://u.test/ gets PYPI_TOKEN, PYPI_TOKEN_A, PYPI_USER"],
        );
    }
}
