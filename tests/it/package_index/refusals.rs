//! What is wrong with a form, a file name, or the inside of a file, and what is said about it.

use std::io::Write;

use reqwest::Method;
use zip::CompressionMethod;

use super::{Form, World};
use crate::package::{ANY, Members, Package, tar_gz, zip};

const DEMO: Package<'static> = Package { name: "demo-lib", version: "1.0", says: "hello" };
const STEM: &str = "demo_lib-1.0";

#[tokio::test(flavor = "multi_thread")]
async fn forms() {
    let world = World::new();
    for (field, value, expected) in [
        (":action", "", "405 "),
        (":action", "submit", "410 Project pre-registration is no longer"),
        (":action", "doc_upload", "410 Uploading documentation"),
        ("protocol_version", "2", "400 Unknown protocol version."),
        ("filetype", "", "400 Invalid value for filetype. Error: This field is required."),
        ("filetype", "bdist_egg", "400 Invalid value for filetype. Error: Use a known file type."),
        ("filetype", "sdist", "400 Invalid value for pyversion. Error: Use 'source' as Python version for an sdist."),
        ("pyversion", "", "400 Invalid value for pyversion. Error: Python version is required"),
        ("metadata_version", "2.0", "400 '2.0' is not a valid metadata version."),
        ("version", "1.0+local", "400 The use of local versions in '1.0+local' is not allowed."),
        ("version", "", "400 'version' is a required field."),
        ("classifiers", "Nonsense", "400 'Nonsense' is not a valid classifier."),
        ("requires_python", "3.8", "400 '3.8' is invalid for 'requires-python'."),
        ("import_name", "demo_lib", "400 import-name introduced in metadata version 2.5, not 2.4."),
    ] {
        world.says(&Form::wheel(&DEMO).set(field, value), expected).await;
    }
    let mut without = Form::wheel(&DEMO);
    without.file = None;
    world.says(&without, "400 Upload payload does not have a file.").await;
    let image = Form { media: "image/png", ..Form::wheel(&DEMO) };
    world.says(&image, "400 Invalid distribution file.").await;
    // Names of fields that it does not know are nothing to it.
    world.says(&Form::wheel(&DEMO).set("import_names", "demo_lib"), "200").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn names_of_files() {
    let world = World::new();
    for (name, expected) in [
        ("demo_lib-1.0-py3-none-linux_x86_64.whl", "unsupported platform tag 'linux_x86_64'."),
        ("demo_lib-1.0-py3-none-any.linux_x86_64.whl", "unsupported platform tag 'linux_x86_64'."),
        ("demo_lib-1.0-py3-none-macosx_11_1_arm64.whl", "unsupported platform tag 'macosx_11_1_arm64'."),
        ("Demo_Lib-1.0-py3-none-any.whl", "should contain the normalized project name 'demo_lib', not 'Demo_Lib'."),
        ("other-1.0-py3-none-any.whl", "Start filename for 'demo-lib' with 'demo_lib'."),
        ("demo_lib-1.1-py3-none-any.whl", "Version in filename should be '1.0' not '1.1'."),
        ("demo_lib-1.0-py3-none.whl", "Invalid wheel filename (wrong number of parts): 'demo_lib-1.0-py3-none'"),
        ("demo_lib-1.0.egg", "Invalid file extension: Use .tar.gz, .whl or .zip extension."),
        ("demo_lib-1.0.tar.gz", "Extension .tar.gz is invalid for filetype bdist_wheel."),
        ("x/demo_lib-1.0-py3-none-any.whl", "Cannot upload a file with '/' or '\\' in the name."),
    ] {
        // What is inside goes by the name that is written outside.
        let folder = name.splitn(3, '-').take(2).collect::<Vec<_>>().join("-");
        let renamed = DEMO.members(ANY).into_iter().map(|(path, bytes)| (path.replace(STEM, &folder), bytes));
        let bytes = zip(&renamed.collect::<Members>(), CompressionMethod::Deflated);
        let said = world.send(&Form::wheel(&DEMO).named(name).bytes(bytes)).await;
        assert!(said.starts_with("400 ") && said.contains(expected), "{name}: {said}");
    }
    for (name, expected) in [
        ("demo-lib-1.0.tar.gz", "Filename 'demo-lib-1.0.tar.gz' is invalid, should be 'demo_lib-1.0.tar.gz'."),
        ("demo_lib-1.0.0.tar.gz", "Filename 'demo_lib-1.0.0.tar.gz' is invalid, should be"),
        ("other-1.0.tar.gz", "Start filename for 'demo-lib' with 'demo_lib'."),
        ("demo_lib.tar.gz", "Invalid source distribution filename: demo_lib.tar.gz"),
        ("demo_lib-1.0-py3-none-any.whl", "Invalid file extension: Extension .whl is invalid for filetype sdist."),
    ] {
        world.says(&Form::sdist(&DEMO).named(name), &format!("400 {expected}")).await;
    }
    assert!(world.server.shown().is_empty(), "a refusal makes no project");
}

#[tokio::test(flavor = "multi_thread")]
async fn insides_of_wheels() {
    let world = World::new();
    let good = || DEMO.members(ANY);
    let without = |name: &str| {
        let members = good().into_iter().filter(|(path, _)| !path.ends_with(name)).collect::<Members>();
        zip(&members, CompressionMethod::Deflated)
    };
    let with = |name: &str, text: &str| {
        let mut members = good();
        members.push((format!("{STEM}.dist-info/{name}"), text.as_bytes().to_vec()));
        zip(&members, CompressionMethod::Deflated)
    };
    let trailing = [zip(&good(), CompressionMethod::Deflated), b"more".to_vec()].concat();
    let bomb = with("big", &"0".repeat(70 << 20));
    for (bytes, expected) in [
        (b"no archive".to_vec(), "Invalid distribution file. File is not a zipfile"),
        (without("WHEEL"), "Invalid distribution file. WHEEL not found at demo_lib-1.0.dist-info/WHEEL"),
        (without("RECORD"), "does not contain the required RECORD file: demo_lib-1.0.dist-info/RECORD"),
        (without("METADATA"), "does not contain the required METADATA file: demo_lib-1.0.dist-info/METADATA"),
        (with("entry_points.txt", "[console_scripts]\n../x = a:b\n"), "has invalid entry points defined"),
        (streamed(&good()), "ZIP archive not accepted: ZIP contains a data descriptor."),
        (trailing, "ZIP archive not accepted: Trailing data."),
        (bomb, "Invalid distribution file. File exceeds compression ratio of 50"),
    ] {
        let said = world.send(&Form::wheel(&DEMO).bytes(bytes)).await;
        assert!(said.starts_with("400 ") && said.contains(expected), "{expected}: {said}");
    }
    let licensed = |bytes| Form::wheel(&DEMO).set("license_file", "LICENSE").bytes(bytes);
    let missing = "400 License-File LICENSE does not exist in distribution file demo_lib-1.0-py3-none-any.whl at \
                   demo_lib-1.0.dist-info/licenses/LICENSE";
    world.says(&licensed(with("LICENSE", "Do what you like.")), missing).await;
    world.says(&licensed(with("licenses/LICENSE", "Do what you like.")), "200").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn insides_of_sdists() {
    let world = World::new();
    let file = |path: &str| (path.to_owned(), b"x".to_vec());
    for (members, expected) in [
        (vec![file("demo_lib-1.0/a"), file("other/b")], "Incorrect number of top-level directories in sdist"),
        (vec![file("demo_lib-1.0/a"), file("demo_lib-1.0/b")], "PKG-INFO not found at demo_lib-1.0/PKG-INFO"),
    ] {
        let form = Form::sdist(&DEMO).bytes(tar_gz(&members));
        world.says(&form, &format!("400 Invalid distribution file. {expected}")).await;
    }
    let text = Form::sdist(&DEMO).bytes(b"no archive".to_vec());
    world.says(&text, "400 Invalid distribution file. File is not a tarfile").await;
    let licensed =
        |members: &[(String, Vec<u8>)]| Form::sdist(&DEMO).set("license_file", "LICENSE").bytes(tar_gz(members));
    let mut members = vec![file("demo_lib-1.0/PKG-INFO"), file("demo_lib-1.0/pyproject.toml")];
    world.says(&licensed(&members), "400 License-File LICENSE does not exist in distribution file").await;
    members.push(file("demo_lib-1.0/LICENSE"));
    world.says(&licensed(&members), "200").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_methods_and_places() {
    let world = World::new();
    for (method, path, status) in [
        (Method::GET, "/legacy/", 405),
        (Method::PUT, "/legacy/", 405),
        (Method::POST, "/legacy", 308),
        (Method::POST, "/nothing/here", 404),
        (Method::POST, "/simple/", 405),
        (Method::GET, "/nothing/here", 404),
    ] {
        let answer = world.request(method.clone(), path).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), status, "{method} {path}");
    }
    let moved = world.request(Method::POST, "/legacy").send().await.unwrap();
    assert_eq!(moved.headers()["location"], "/legacy/");
}

/// A ZIP file as it is written to what cannot seek: sizes come after the bytes.
fn streamed(members: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new_stream(Vec::new());
    for (name, bytes) in members {
        zip.start_file(name.as_str(), zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}
