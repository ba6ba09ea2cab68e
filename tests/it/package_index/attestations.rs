//! Attestations: only from a trusted publisher, and then served as provenance.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::trusted::{job, mint, publisher};
use super::{Form, World, existing};
use crate::package::{ANY, Package};

const DEMO: Package<'static> = Package { name: "demo-lib", version: "1.0", says: "hello" };

fn attestation(name: &str, sha256: &str) -> Value {
    let statement = json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{ "name": name, "digest": { "sha256": sha256 } }],
        "predicateType": "https://docs.pypi.org/attestations/publish/v1",
        "predicate": null,
    });
    json!({
        "version": 1,
        "envelope": { "statement": STANDARD.encode(statement.to_string()), "signature": "c2lnbmVk" },
        "verification_material": { "certificate": "Y2VydA==", "transparency_entries": [{}] },
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn they_come_with_the_file_or_never() {
    let world = World::with(|options| {
        options.projects = vec![existing("demo-lib", "ada")];
        options.publishers = vec![publisher(None, &["demo-lib"])];
        options.jobs = vec![job("job", None)];
    });
    let wheel = DEMO.wheel(ANY);
    let good = json!([attestation(&wheel.name, &wheel.sha256().hex())]).to_string();
    let form = Form::wheel(&DEMO).set("attestations", &good);
    let only = "400 Invalid attestations supplied during upload: Attestations are only supported when using Trusted";
    world.says(&form, only).await;
    let token = mint(&world, "job").await;
    let other = json!([attestation("other.whl", &wheel.sha256().hex())]).to_string();
    let wrong = Form::wheel(&DEMO).by(Some(&token)).set("attestations", &other);
    world.says(&wrong, "400 Invalid attestations supplied during upload: Could not verify the uploaded").await;
    world.says(&form.clone().by(Some(&token)), "200").await;
    let sdist = DEMO.sdist();
    world.says(&Form::sdist(&DEMO).by(Some(&token)), "200").await;
    // A file that is there is not looked at again: nothing can be added to it.
    let late = json!([attestation(&sdist.name, &sdist.sha256().hex())]).to_string();
    world.says(&Form::sdist(&DEMO).by(Some(&token)).set("attestations", &late), "200").await;
    let place = |name: &str| format!("/integrity/demo-lib/1.0/{name}/provenance");
    let provenance = world.json(&place(&wheel.name)).await;
    let bundle = &provenance["attestation_bundles"][0];
    assert_eq!((&bundle["publisher"]["kind"], &bundle["publisher"]["workflow"]), (&json!("GitHub"), &json!("r.yml")));
    assert_eq!(bundle["attestations"].as_array().unwrap().len(), 1);
    assert_eq!(world.get(&place(&sdist.name), "*/*").await.0, 404);
    let page = world.json("/simple/demo-lib/").await;
    assert_eq!(page["files"][0]["provenance"], format!("{}{}", world.server.url(), place(&wheel.name)));
    assert_eq!(page["files"][1]["provenance"], Value::Null);
}
