//! Attestations (PEP 740): what warehouse/attestations/services.py asks of them, and the provenance made of them.
//!
//! Not checked: signatures, certificates and transparency logs; only what stands in the statement.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::digest::Digest;

use super::options::Publisher;

/// `SUPPORTED_ATTESTATION_TYPES`.
const PREDICATES: [&str; 2] = ["https://docs.pypi.org/attestations/publish/v1", "https://slsa.dev/provenance/v1"];

/// The provenance of a file, or why its attestations are refused.
pub(super) fn provenance(
    publisher: Option<&Publisher>,
    text: &str,
    filename: &str,
    sha256: Digest,
) -> Result<Value, String> {
    let Some(publisher) = publisher else {
        return Err("Attestations are only supported when using Trusted Publishing".into());
    };
    let attestations: Vec<Value> =
        serde_json::from_str(text).map_err(|error| format!("Malformed attestations: {error}"))?;
    if attestations.is_empty() {
        return Err("Malformed attestations: an empty attestation set is not permitted".into());
    }
    if attestations.len() > PREDICATES.len() {
        return Err(format!("A maximum of {} attestations per file are supported", PREDICATES.len()));
    }
    let mut seen = Vec::new();
    for attestation in &attestations {
        let statement = statement(attestation).map_err(|error| format!("Malformed attestations: {error}"))?;
        subject(&statement, filename, sha256).map_err(|error| {
            format!("Could not verify the uploaded artifact using the included attestation: {error}")
        })?;
        let predicate = statement["predicateType"].as_str().unwrap_or_default().to_owned();
        if !PREDICATES.contains(&predicate.as_str()) {
            return Err(format!("Attestation with unsupported predicate type: {predicate}"));
        }
        if seen.contains(&predicate) {
            return Err(format!(
                "Multiple attestations for the same file with the same predicate type ({predicate}) are not supported"
            ));
        }
        seen.push(predicate);
    }
    let kind = json!({
        "kind": "GitHub",
        "repository": publisher.repository,
        "workflow": publisher.workflow,
        "environment": publisher.environment,
    });
    Ok(json!({ "version": 1, "attestation_bundles": [{ "publisher": kind, "attestations": attestations }] }))
}

fn statement(attestation: &Value) -> Result<Value, String> {
    if attestation["version"] != 1 {
        return Err("version: Input should be 1".into());
    }
    let material = &attestation["verification_material"];
    if !material["certificate"].is_string() || !material["transparency_entries"].is_array() {
        return Err("verification_material: Field required".into());
    }
    if !attestation["envelope"]["signature"].is_string() {
        return Err("envelope.signature: Field required".into());
    }
    let text = attestation["envelope"]["statement"].as_str().ok_or("envelope.statement: Field required")?;
    let bytes = STANDARD.decode(text).map_err(|error| format!("envelope.statement: {error}"))?;
    serde_json::from_slice(&bytes).map_err(|error| format!("envelope.statement: {error}"))
}

fn subject(statement: &Value, filename: &str, sha256: Digest) -> Result<(), &'static str> {
    let subjects = statement["subject"].as_array().map(Vec::as_slice).unwrap_or_default();
    let [subject] = subjects else { return Err("too many subjects in statement (must be exactly one)") };
    if subject["name"] != filename {
        return Err("subject does not match distribution name");
    }
    if subject["digest"]["sha256"] != sha256.hex() {
        return Err("subject does not match distribution digest");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rehearsal::pypi::options::Grant;

    fn attested(filename: &str, predicate: &str) -> Value {
        let subject = json!({ "name": filename, "digest": { "sha256": Digest::of(b"a").hex() } });
        let statement = json!({ "subject": [subject], "predicateType": predicate }).to_string();
        json!({
            "version": 1,
            "envelope": { "statement": STANDARD.encode(statement), "signature": "" },
            "verification_material": { "certificate": "", "transparency_entries": [] },
        })
    }

    fn check(attestations: &Value) -> String {
        let publisher = Publisher {
            repository: "a/b".into(),
            workflow: "release.yml".into(),
            environment: None,
            grant: Grant::Projects(Vec::new()),
        };
        let text = attestations.to_string();
        provenance(Some(&publisher), &text, "a.whl", Digest::of(b"a")).err().unwrap_or_default()
    }

    #[test]
    fn names_what_is_wrong() {
        let good = attested("a.whl", PREDICATES[0]);
        assert_eq!(check(&json!([good, attested("a.whl", PREDICATES[1])])), "");
        assert!(check(&json!([good, good])).starts_with("Multiple attestations"));
        assert!(check(&json!([good, good, good])).starts_with("A maximum of 2"));
        assert!(check(&json!([])).contains("an empty attestation set"));
        assert!(check(&json!({})).starts_with("Malformed attestations"));
        assert!(check(&json!([{ "version": 1 }])).starts_with("Malformed attestations: verification_material"));
        assert!(
            check(&json!([attested("b.whl", PREDICATES[0])])).ends_with("subject does not match distribution name")
        );
        assert!(check(&json!([attested("a.whl", "x")])).ends_with("unsupported predicate type: x"));
        let text = provenance(None, "[]", "a.whl", Digest::of(b"a")).unwrap_err();
        assert!(text.contains("only supported when using Trusted Publishing"));
    }
}
