//! A chart as an OCI artifact: what `helm push` writes besides the package.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::chart::metadata::Metadata;

/// The bytes of the config: `Chart.yaml` as Helm reads it from the package.
pub fn config(metadata: &Metadata) -> Vec<u8> {
    go_json(metadata).into_bytes()
}

/// The manifest's annotations. `created` is a time of RFC 3339; Helm takes the package file's time there.
/// Those of Chart.yaml win, but for title and version. Source: `pkg/registry/chart.go` of Helm.
pub fn annotations(metadata: &Metadata, created: &str) -> BTreeMap<String, String> {
    let source = metadata.sources.first().map_or("", String::as_str);
    let authors = authors(metadata);
    let own = [
        ("description", metadata.description.as_str()),
        ("title", &metadata.name),
        ("version", &metadata.version),
        ("url", &metadata.home),
        ("created", created),
        ("source", source),
        ("authors", &authors),
    ];
    let key = |name: &str| format!("org.opencontainers.image.{name}");
    let fixed = [key("title"), key("version")];
    let mut all: BTreeMap<String, String> = own
        .iter()
        .filter(|(_, value)| !value.trim().is_empty())
        .map(|(name, value)| (key(name), (*value).to_owned()))
        .collect();
    let written = metadata.annotations.iter().filter(|(key, _)| !fixed.contains(key));
    all.extend(written.map(|(key, value)| (key.clone(), value.clone())));
    all
}

/// `+` cannot stand in a tag; Helm writes `_` and reads it back as `+`.
pub fn tag(version: &str) -> String {
    version.replace('+', "_")
}

fn authors(metadata: &Metadata) -> String {
    let each = metadata.maintainers.iter().map(|maintainer| {
        let email = &maintainer.email;
        if email.is_empty() { maintainer.name.clone() } else { format!("{} ({email})", maintainer.name) }
    });
    each.collect::<Vec<_>>().join(", ")
}

/// JSON as Go's encoder writes it: safe to put into HTML and JavaScript.
pub fn go_json(value: &impl Serialize) -> String {
    // The values are plain structs of texts: they always have a JSON form.
    let plain = serde_json::to_string(value).unwrap_or_default();
    let mut escaped = String::with_capacity(plain.len());
    for character in plain.chars() {
        match character {
            '<' => escaped.push_str("\\u003c"),
            '>' => escaped.push_str("\\u003e"),
            '&' => escaped.push_str("\\u0026"),
            '\u{2028}' => escaped.push_str("\\u2028"),
            '\u{2029}' => escaped.push_str("\\u2029"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::{annotations, config, tag};
    use crate::chart::metadata::Metadata;

    #[test]
    fn the_config_is_what_helm_writes() {
        let text = "apiVersion: v2\nname: app\nversion: 0.1.0\nappVersion: 1.10\ndescription: >\n  a & <b>\n  c\nengine: x\n\
                    deprecated: true\nkeywords: [a, 1]\nannotations: {z: yes, b: 1.0}\ntype: application\ndependencies:\n\
                    - {name: db, version: ~1, repository: '', import-values: [a, {parent: p, child: c}], tags: [t]}\n";
        let metadata = Metadata::read(text).unwrap();
        assert_eq!(
            String::from_utf8(config(&metadata)).unwrap(),
            r#"{"name":"app","version":"0.1.0","description":"a \u0026 \u003cb\u003e c ","keywords":["a","1"],"apiVersion":"v2","appVersion":"1.1","deprecated":true,"annotations":{"b":"1","z":"true"},"dependencies":[{"name":"db","version":"~1","repository":"","tags":["t"],"import-values":["a",{"child":"c","parent":"p"}]}],"type":"application"}"#
        );
        assert_eq!(metadata.unknown[0].path(), "engine");
    }

    #[test]
    fn title_and_version_are_not_overridden() {
        let text = "apiVersion: v2\nname: app\nversion: 0.1.0+b\nmaintainers: [{name: A, email: a@b}, {name: B}]\n\
                    annotations: {org.opencontainers.image.title: x, org.opencontainers.image.created: then}\n";
        let all = annotations(&Metadata::read(text).unwrap(), "2026-01-02T03:04:05Z");
        let text: Vec<String> = all.iter().map(|(key, value)| format!("{key}={value}")).collect();
        assert_eq!(
            text,
            [
                "org.opencontainers.image.authors=A (a@b), B",
                "org.opencontainers.image.created=then",
                "org.opencontainers.image.title=app",
                "org.opencontainers.image.version=0.1.0+b",
            ]
        );
        assert_eq!(tag("0.1.0+b"), "0.1.0_b");
    }
}
