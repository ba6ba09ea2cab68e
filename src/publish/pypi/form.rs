//! The form that an upload fills in: core metadata under the names the index looks for, then the file.
//!
//! A name that the index does not know is dropped there in silence, so only known ones are written.

use std::fmt::Write;

use super::file::Content;
use super::package::PackageUpload;
use super::rules::is_source;
use crate::core_metadata::CoreMetadata;
use crate::pypi::Metadata;
use crate::wheel::WheelName;

/// A form with a file in it, ready to be sent.
pub struct Form {
    /// What stands before the bytes of the file.
    pub head: Vec<u8>,
    pub tail: Vec<u8>,
    pub media: String,
}

pub fn form(upload: &PackageUpload<'_>, content: &Content) -> Form {
    let fields = fields(upload, &content.metadata, &content.blake2);
    let mut random = [0; 16];
    // Without random bytes the text itself is the only danger, and the digest in it is as good.
    if getrandom::fill(&mut random).is_err() {
        random.copy_from_slice(&upload.sha256.hex().as_bytes()[..16]);
    }
    let boundary: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    write(&fields, upload.file.name, &boundary)
}

fn fields(upload: &PackageUpload<'_>, metadata: &CoreMetadata, blake2: &str) -> Vec<(&'static str, String)> {
    let (kind, python) = match upload.file.name.parse::<WheelName>() {
        Ok(wheel) if !is_source(upload.file.name) => ("bdist_wheel", wheel.tag.python),
        _ => ("sdist", "source".into()),
    };
    let mut fields = vec![
        (":action", "file_upload".to_owned()),
        ("protocol_version", "1".into()),
        ("filetype", kind.into()),
        ("pyversion", python),
        ("sha256_digest", upload.sha256.hex()),
        ("blake2_256_digest", blake2.to_owned()),
    ];
    let metadata = Metadata::of_file(metadata);
    fields.extend(metadata.fields().map(|(name, value)| (name, value.to_owned())));
    // GitLab wants it even if there is nothing to say.
    if metadata.get("requires_python").is_none() {
        fields.push(("requires_python", String::new()));
    }
    fields
}

fn write(fields: &[(&str, String)], file_name: &str, boundary: &str) -> Form {
    let mut head = String::new();
    for (name, value) in fields {
        let _ = write!(head, "--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
    }
    let _ = write!(
        head,
        "--{boundary}\r\nContent-Disposition: form-data; name=\"content\"; filename=\"{file_name}\"\r\n\
         Content-Type: application/octet-stream\r\n\r\n"
    );
    Form {
        head: head.into_bytes(),
        tail: format!("\r\n--{boundary}--\r\n").into_bytes(),
        media: format!("multipart/form-data; boundary={boundary}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;
    use crate::publish::pypi::package::PackageFile;

    #[test]
    fn fields_have_the_names_an_index_looks_for() {
        let distribution = "a-b".parse().unwrap();
        let name = "a_b-1.0-py2.py3-none-any.whl";
        let file = PackageFile { distribution: &distribution, version: "1.0", tag: "v1.0", name };
        let upload = PackageUpload { file, path: "x".into(), size: 1, sha256: Digest::of(b"") };
        let text = "Metadata-Version: 2.4\nName: a-b\nVersion: 1.0\nClassifier: X\nClassifier: Y\nProject-URL: Home, https://a.example\nLicense-File: LICENSE\nImport-Name: a_b\nX-Own: no\n\n# A\n";
        let fields = fields(&upload, &CoreMetadata::parse(text).unwrap(), "b2");
        let all = |name: &str| {
            fields.iter().filter(|(known, _)| *known == name).map(|(_, value)| value.as_str()).collect::<Vec<_>>()
        };
        assert_eq!(all("classifiers"), ["X", "Y"]);
        assert_eq!(all("project_urls"), ["Home, https://a.example"]);
        assert_eq!(all("license_file"), ["LICENSE"]);
        assert_eq!(all("import_name"), ["a_b"]);
        assert_eq!(all("pyversion"), ["py2.py3"]);
        assert_eq!(all("filetype"), ["bdist_wheel"]);
        assert_eq!(all("requires_python"), [""]);
        assert_eq!(all("description"), ["# A\n"]);
        assert!(!fields.iter().any(|(_, value)| value == "no"));
    }

    #[test]
    fn the_file_is_the_last_part() {
        let form = write(&[("name", "ä\nb".into())], "a-1.tar.gz", "xyz");
        let head = String::from_utf8(form.head).unwrap();
        assert!(head.starts_with("--xyz\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\nä\nb\r\n--xyz\r\n"));
        assert!(head.ends_with("filename=\"a-1.tar.gz\"\r\nContent-Type: application/octet-stream\r\n\r\n"));
        assert_eq!(form.tail, b"\r\n--xyz--\r\n");
    }
}
