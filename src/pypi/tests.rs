//! What is refused in metadata that is good otherwise. The words and verdicts are those of warehouse itself (6b62157).

use super::address::{is_web, mailbox, single_mailbox};
use super::*;

/// The metadata of a good file, changed.
fn metadata(changes: &[(&str, &str)]) -> Metadata {
    let good = [("metadata_version", "2.4"), ("name", "demo"), ("version", "1.0")];
    let kept = good.iter().filter(|(name, _)| !changes.iter().any(|(changed, _)| changed == name));
    let fields: Vec<_> = kept.chain(changes).collect();
    Metadata::of_form(|form| {
        fields.iter().filter(|(name, _)| *name == form).map(|(_, value)| (*value).to_owned()).collect()
    })
}

#[test]
fn good_metadata_is_taken() {
    let good = [
        ("requires_dist", "demo-lib[a,b] >=1.0,<2 ; extra == 'all'"),
        ("requires_python", ">=3.10, !=3.11.*"),
        ("description_content_type", "text/markdown; charset=UTF-8; variant=GFM"),
        ("license_expression", "MIT OR Apache-2.0"),
        ("license_file", "licenses/LICENSE"),
        ("project_urls", "Source, https://example.com/demo"),
        ("classifiers", "Programming Language :: Python :: 3"),
        ("author_email", "A B <a.b@example.com>"),
        ("dynamic", "Summary"),
    ];
    assert_eq!(metadata(&good).refusals(&[]), []);
    assert_eq!(metadata(&[("summary", ""), ("license", ""), ("requires_python", "")]).refusals(&[]), []);
    assert_eq!(metadata(&[("summary", &"ä".repeat(512))]).refusals(&[]), []);
}

#[test]
fn what_is_wrong_is_named() {
    let check = |changes: &[(&str, &str)], text: &str| {
        let refusals = metadata(changes).refusals(&[]);
        let texts: Vec<&str> = refusals.iter().map(|refusal| refusal.text.as_str()).collect();
        assert!(texts.iter().any(|found| found.starts_with(text)), "{texts:?}\n{text}");
    };
    check(&[("metadata_version", "2.0")], "'2.0' is not a valid metadata version");
    check(&[("version", "")], "'version' is a required field");
    check(&[("version", "x")], "'x' is invalid for 'version'");
    check(&[("version", "1.0+local")], "The use of local versions in '1.0+local' is not allowed.");
    check(
        &[("metadata_version", "2.1"), ("license_expression", "MIT")],
        "license-expression introduced in metadata version 2.4, not 2.1",
    );
    check(&[("summary", "a"), ("summary", "b")], "'summary' has invalid data");
    check(&[("summary", "a\nb")], "'summary' must be a single line");
    check(&[("summary", "a\u{2028}b")], "'summary' must be a single line");
    check(&[("summary", &"ä".repeat(513))], "'summary' field must be 512 characters or less.");
    check(&[("requires_python", "3.10")], "'3.10' is invalid for 'requires-python'");
    check(&[("requires_dist", "not a requirement")], "'not a requirement' is invalid for 'requires-dist'");
    check(&[("requires_dist", "a ; python < '3'")], "\"a ; python < '3'\" is invalid for 'requires-dist'");
    check(&[("requires_dist", "demo @ https://x.example/x")], "Can't have direct dependency: demo @ https://x");
    check(&[("requires_dist", "demo @ https://x.example/x ; extra == 'a'")], "Can't have direct dependency: demo");
    check(&[("provides_dist", "demo @ https://x.example")], "Can't have direct dependency: 'demo @");
    check(&[("description_content_type", "text/html")], "'description-content-type' must be one of ['text/plain', ");
    check(&[("description_content_type", "text/plain; charset=utf-8")], "'description-content-type' can only specify");
    check(
        &[("description_content_type", "text/plain; charset=latin-1")],
        "'description-content-type' can only specify",
    );
    check(&[("description_content_type", "text/markdown; variant=Pandoc")], "valid Markdown variants for");
    check(&[("license_file", "../LICENSE")], "'../LICENSE' is invalid for 'license-file', parent directory");
    check(&[("license_file", "C:/LICENSE")], "'C:/LICENSE' is invalid for 'license-file', paths must be relative");
    check(&[("license", "MIT"), ("license_expression", "MIT")], "License is deprecated when License-Expression is");
    check(&[("license_expression", "Apache 2.0")], "'Apache 2.0' is invalid for 'license-expression'");
    check(&[("classifiers", "Private :: Do Not Upload")], "'Private :: Do Not Upload' is not a valid classifier.");
    check(&[("project_urls", "https://example.com")], "Must have a URL");
    check(&[("project_urls", ", https://example.com")], "Must have a label");
    check(&[("project_urls", &format!("{}, https://a.b", "x".repeat(33)))], "'xxx");
    check(&[("project_urls", "Docs, docs.example.com")], "'docs.example.com' is not a valid url");
    check(
        &[("project_urls", "a, https://a.b"), ("project_urls", "a , https://c.d")],
        "'project_urls' has invalid data",
    );
    check(&[("home_page", "example.com")], "'example.com' is not a valid url.");
    check(&[("author_email", "A <a>")], "'a' is not a valid email address: An email address must have an @-sign.");
    check(
        &[("maintainer_email", "a@b")],
        "'a@b' is not a valid email address: The part after the @-sign is not valid.",
    );
    check(&[("dynamic", "Version")], "'version' is not allowed as a dynamic field");
    check(&[("metadata_version", "2.5"), ("import_name", "a-b")], "'a-b' is invalid for 'import-name'; 'a-b' is not");
    check(
        &[("metadata_version", "2.5"), ("import_name", "a.class")],
        "'a.class' is invalid for 'import-name'; 'class'",
    );
}

#[test]
fn web_addresses() {
    for good in [
        "https://example.com",
        "HTTP://example.com:8080/a/b?c=d&e#f",
        "https:/a",
        "https://example.com/a//b",
        "https://example.com/a b/ä/%zz",
        // Nobody can open these, but they are taken.
        "https://exa mple.com",
        "https://a:b",
        "https://[x",
    ] {
        assert!(is_web(good), "{good}");
    }
    for bad in [
        "",
        "example.com",
        "//example.com",
        " https://example.com",
        "ftp://example.com",
        "git+https://example.com",
        "https://example.com:99999",
        "https://example.com/a[b]",
        "https://example.com/?a[]=b",
        "<https://example.com>",
    ] {
        assert!(!is_web(bad), "{bad}");
    }
}

#[test]
fn addresses_of_mail() {
    let check = |text: &str, expected: &str| assert_eq!(single_mailbox(text).unwrap_or_default(), expected, "{text}");
    check("a@b.example", "a@b.example");
    check("A (x, y) B <a@b.example>", "a@b.example");
    check("\"A, B\" <a@b.example>", "a@b.example");
    check("A a.b.example", "A a.b.example");
    for none in ["A <a@b.example>, B <c@d.example>", "a@b.example <c@d.example>", "A <a@b.example", "a@[127.0.0.1]"] {
        check(none, "");
    }
    check("", "");
    for good in ["a@example.com", "a.b+c@sub.example.org", "ä@exämple.de", "x@xn--exmple-cua.de", "o'b@example.com"] {
        assert_eq!(mailbox(good), None, "{good}");
    }
    for bad in [
        "a",
        "@example.com",
        "a@",
        "a@localhost",
        "a@host.local",
        "a@x.test",
        "a..b@example.com",
        ".a@example.com",
        "a b@example.com",
        "a@example..com",
        "a@-example.com",
        "a@example.com1",
        "\u{202e}a@example.com",
    ] {
        assert!(mailbox(bad).is_some(), "{bad}");
    }
    assert!(mailbox(&format!("{}@example.com", "a".repeat(250))).is_some());
}
