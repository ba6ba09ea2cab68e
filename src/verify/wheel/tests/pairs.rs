//! Files of one distribution compared with each other, and those of two variants.

use super::made::{INFO, LIBRARY, Parts, module, with_texts};
use crate::core_metadata::CoreMetadata;
use crate::digest::Digest;
use crate::verify::wheel::{Sdist, Wheel, agree, variants};

fn described(from: &str, to: &str) -> Wheel {
    let mut parts = Parts::good();
    if from != to {
        parts.edit(&format!("{INFO}/METADATA"), |text| text.replacen(from, to, 1));
    }
    parts.read().0.unwrap()
}

fn sdist(from: &str, to: &str) -> Sdist {
    let text = described("", "").metadata_text.replacen(from, to, 1);
    let (metadata, listing) = (CoreMetadata::parse(&text).unwrap(), Default::default());
    Sdist { metadata, metadata_text: text, listing, bytes: (Digest::of(b""), 0) }
}

#[test]
fn one_metadata() {
    let check = |from: &str, to: &str, expected: &[(&str, &str)]| {
        let (one, other) = (described("", ""), described(from, to));
        super::same(to, &agree(&[("one", &one), ("other", &other)], None), expected);
        // As an sdist it is told as one.
        let told: Vec<(&str, String)> =
            expected.iter().map(|(code, text)| (*code, text.replace("`other`", "`the sdist`"))).collect();
        let told: Vec<(&str, &str)> = told.iter().map(|(code, text)| (*code, text.as_str())).collect();
        super::same(to, &agree(&[("one", &one)], Some(&sdist(from, to))), &told);
    };
    let code = "dist-disagree";
    check("", "", &[]);
    check("Provides-Extra: a\nProvides-Extra: all", "Provides-Extra: all\nProvides-Extra: a", &[]);
    check("\n\n#", "\n\n\n#", &[]);
    check("# Demo\n\nInstalled", "# Demo\r\n\r\nInstalled", &[]);
    check("Version: 2.4", "Version: 2.4\nDynamic: Requires-Dist", &[]);
    check(
        "License-File: LICENSE\n",
        "",
        &[(code, "differs in `license-file` of its metadata: `other` and `one` must agree")],
    );
    check("x >= 1", "x >= 2", &[(code, "differs in `requires-dist` of its metadata: `other` and `one`")]);
    check("# Demo", "# Demo of another branch", &[(code, "differs in `description` of its metadata")]);
    check(
        "Metadata-Version: 2.4\nName: demo-lib",
        "Metadata-Version: 2.3\nSummary: x\nName: demo-lib",
        &[(code, "differs in `metadata-version`, `summary` of its metadata")],
    );
    assert!(agree(&[], None).is_empty() && agree(&[], Some(&sdist("", ""))).is_empty());
}

/// A wheel of which each library has a text.
fn holding(libraries: &[(&str, &str)]) -> Wheel {
    let mut parts = Parts::good();
    parts.remove(LIBRARY);
    for (path, text) in libraries {
        parts.put(path, with_texts(&module(), text));
    }
    parts.read().0.unwrap()
}

const SERVER: &str = "/r/axum-0.8.1/src/lib.rs /r/serde-1.0.228/src/lib.rs";
const CLIENT: &str = "/r/serde-1.0.228/src/lib.rs";

#[test]
fn two_variants() {
    let check = |row: &str, one: &[&Wheel], other: &[&Wheel], expected: &[(&str, &str)]| {
        let crates = ["axum-0.8.1".to_owned(), "hyper-1.7.0".to_owned()];
        super::same(row, &variants(one, other, &crates), expected);
    };
    let (server, client) = (holding(&[(LIBRARY, SERVER)]), holding(&[(LIBRARY, CLIENT)]));
    let other_client = holding(&[(LIBRARY, &format!("{CLIENT} 2"))]);
    let code = "dist-variants";
    check("as planned", &[&server], &[&client], &[]);
    check(
        "features lost on one platform",
        &[&server, &other_client],
        &[&client],
        &[(code, "contains `demo/_demo.abi3.so` without a trace of its features (`demo-lib`, sha256:")],
    );
    check(
        "features too many",
        &[&server],
        &[&client, &holding(&[(LIBRARY, &format!("{SERVER} 2"))])],
        &[(
            code,
            "contains `demo/_demo.abi3.so` with `axum-0.8.1`, which only the other variant needs (`demo-lib`, sha256:",
        )],
    );
    check(
        "the same library",
        &[&client],
        &[&client],
        &[(code, "without a trace"), (code, "contains the same `demo/_demo.abi3.so` as the other variant")],
    );
    // A version of a crate is another crate.
    check("another version", &[&server], &[&holding(&[(LIBRARY, "/r/axum-0.7.9/src/lib.rs")])], &[]);
    let grafted = "demo_lib.libs/libx.so.1";
    check(
        "the same grafted library",
        &[&holding(&[(LIBRARY, SERVER), (grafted, "x")])],
        &[&holding(&[(LIBRARY, CLIENT), (grafted, "x")])],
        &[],
    );
    let (two, second) =
        (holding(&[(LIBRARY, SERVER), ("demo/_b.abi3.so", "b")]), holding(&[("demo/_b.abi3.so", "b2")]));
    check("two modules, one of which has it", &[&two], &[&client], &[]);
    check("two modules, none of which has it", &[&second], &[&client], &[(code, "contains `demo/_b.abi3.so` without")]);
}

#[test]
fn variants_without_crates_of_their_own() {
    let (one, other) = (holding(&[(LIBRARY, CLIENT)]), holding(&[(LIBRARY, "else")]));
    super::same("differ", &variants(&[&one], &[&other], &[]), &[]);
    super::same("equal", &variants(&[&one], &[&one], &[]), &[("dist-variants", "contains the same")]);
}
