//! Images with secrets in every place and form.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use serde_json::json;

use super::*;
use crate::oci::filesystem::sample::{Item, blob, folder, link, script, tar, text};
use crate::oci::media;
use crate::oci::registry::Document;

const VALUE: &str = "not-a-real?token>4711+abcdef";

fn image(scratch: &std::path::Path, layers: &[Vec<u8>], config: &Value, manifest: &Value) -> Image {
    let layers = layers.iter().map(|layer| blob(scratch, layer)).collect();
    let config = blob(scratch, config.to_string().as_bytes());
    Image { manifest: Document::new(media::MANIFEST, manifest.to_string().into_bytes()), config, layers }
}

fn leaks(layers: &[Vec<u8>], config: &Value, manifest: &Value) -> Found {
    let scratch = tempfile::tempdir().unwrap();
    let image = image(scratch.path(), layers, config, manifest);
    let secrets = [
        Sought { id: "token".into(), value: Secret::new(VALUE.to_owned() + "\n") },
        Sought { id: "other".into(), value: Secret::new("something else") },
    ];
    find(&secrets, &image).unwrap()
}

fn shown(found: &Found) -> Vec<String> {
    found.leaks.iter().map(ToString::to_string).collect()
}

#[test]
fn in_every_form_also_where_a_later_layer_removes_it() {
    let leaked = |content: String| {
        let item = text("app/.npmrc", Box::leak(content.into_boxed_str()));
        let found = leaks(&[tar(&[item]), tar(&[text("app/.wh..npmrc", "")])], &json!({}), &json!({}));
        assert_eq!(shown(&found), ["the secret `token` is in `/app/.npmrc` of layer 1"]);
    };
    leaked(format!("//x/:_authToken={VALUE}\n"));
    for before in ["", "a", "ab"] {
        leaked(STANDARD.encode(format!("{before}{VALUE}.")));
        leaked(URL_SAFE.encode(format!("{before}{VALUE}.")));
    }
    leaked(VALUE.bytes().map(|byte| format!("{byte:02x}")).collect());
    leaked(VALUE.bytes().map(|byte| format!("{byte:02X}")).collect());
    leaked("https://x/?t=not-a-real%3Ftoken%3E4711%2Babcdef".into());
    // Over the border of two pieces.
    for at in [CHUNK - 28, CHUNK - 27, CHUNK - 1, CHUNK, 2 * CHUNK - 5, 3 * CHUNK - 27] {
        leaked(format!("{}{VALUE}", ".".repeat(at)));
    }
}

#[test]
fn in_names_links_and_texts() {
    let name: &'static str = Box::leak(format!("tmp/{VALUE}").into_boxed_str());
    let items: &[Item] =
        &[folder("tmp"), script(name, "x"), link("a", Box::leak(format!("/x/{VALUE}").into_boxed_str()))];
    let config = json!({
        "author": VALUE,
        "config": {
            "Env": ["PATH=/bin", format!("TOKEN={VALUE}")],
            "Labels": { "note": format!("x{VALUE}") },
            "Cmd": ["a", format!("--token={VALUE}")],
        },
        "history": [{ "created_by": "x" }, { "created_by": format!("RUN |1 TOKEN={VALUE} /bin/sh -c x # buildkit") }, { "comment": VALUE }],
    });
    let manifest = json!({ "annotations": { "by": VALUE } });
    let found = leaks(&[tar(items)], &config, &manifest);
    let expected = [
        "the secret `token` is in the name or link target of `/a` of layer 1",
        "the secret `token` is in the name or link target of `/tmp` of layer 1",
        "the secret `token` is in the history, step 2, as the build argument `TOKEN`",
        "the secret `token` is in the history, step 3",
        "the secret `token` is in the environment variable `TOKEN`",
        "the secret `token` is in the label `note`",
        "the secret `token` is in the annotation `by`",
        "the secret `token` is in `/author` of the config",
        "the secret `token` is in `/config/Cmd` of the config",
    ];
    assert_eq!(shown(&found), expected);
    assert!(!shown(&found).join("").contains("not-a-real"));
}

#[test]
fn what_is_not_looked_into_is_counted() {
    let items = [text("a.zip", "PK\u{3}\u{4}x"), text("b.bz2", "BZh9"), text("c", "plain")];
    let found = leaks(&[tar(&items)], &json!({}), &json!({}));
    assert_eq!(found, Found { leaks: Vec::new(), unlooked: 2 });
}

#[test]
fn short_values_and_damaged_layers_are_errors() {
    let scratch = tempfile::tempdir().unwrap();
    let image = image(scratch.path(), &[vec![1; 700]], &json!({}), &json!({}));
    let check = |value: &str, part: &str| {
        let found = find(&[Sought { id: "token".into(), value: Secret::new(value) }], &image).unwrap_err();
        assert!(found.contains(part), "{found}");
    };
    check("1234567\n", "`token` has fewer than 8 bytes");
    check("12345678", "layer 1 cannot be read");
}
