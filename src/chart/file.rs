//! A file of a chart, the names that it may have, and how much of them Helm reads.

use bytes::Bytes;

use crate::chart::flaw::Flaw;

/// Most bytes of all unpacked files together: from here on Helm refuses to read a package.
pub const LARGEST: u64 = 100 * 1024 * 1024;

/// Most files of a chart with its subcharts: a limit of ours.
const MOST: u64 = 20_000;

/// A file as it is packaged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Relative to the chart's folder, `/` only.
    pub path: String,
    /// Without a byte order mark. Clones share the memory.
    pub bytes: Bytes,
}

impl File {
    /// Helm drops the byte order mark of every file, also of those that are not text.
    pub fn new(path: impl Into<String>, bytes: Bytes) -> Self {
        let bytes = if bytes.starts_with(b"\xef\xbb\xbf") { bytes.slice(3..) } else { bytes };
        Self { path: path.into(), bytes }
    }

    /// # Errors
    /// The file is not text.
    pub fn text(&self) -> Result<&str, Flaw> {
        std::str::from_utf8(&self.bytes)
            .map_err(|_| Flaw::new("chart-text", format!("`{}` is not UTF-8", self.path)).about(&self.path))
    }
}

/// What may still be read of a chart, its subcharts included.
#[derive(Debug)]
pub struct Budget {
    bytes: u64,
    files: u64,
}

impl Default for Budget {
    fn default() -> Self {
        Self { bytes: LARGEST, files: MOST }
    }
}

impl Budget {
    /// Bytes that may still be read.
    pub fn left(&self) -> u64 {
        self.bytes
    }

    /// # Errors
    /// A limit is reached.
    pub fn take(&mut self, bytes: u64) -> Result<(), Flaw> {
        let Some(files) = self.files.checked_sub(1) else {
            return Err(Flaw::new("chart-size", format!("the chart has more than {MOST} files")));
        };
        match self.bytes.checked_sub(bytes) {
            Some(left) if left > 0 => {
                *self = Self { bytes: left, files };
                Ok(())
            }
            _ => Err(Flaw::new("chart-size", "the chart unpacks to 100 MiB or more; Helm reads no such package")
                .hint("list what is not needed at run time in `.helmignore`")),
        }
    }
}

/// The path that Helm gives to an entry of a package. It drops the first folder, whatever its name is.
///
/// # Errors
/// Why Helm refuses the package.
pub fn unpacked_name(entry: &str) -> Result<String, &'static str> {
    // A package from Windows may divide by backslashes.
    let delimiter = if entry.contains('\\') { '\\' } else { '/' };
    let (folder, rest) = entry.split_once(delimiter).unwrap_or((entry, ""));
    let rest = rest.replace(delimiter, "/");
    if folder == "Chart.yaml" {
        return Err("`Chart.yaml` is not in a folder");
    }
    if rest.starts_with('/') {
        return Err("a path is absolute");
    }
    let mut parts: Vec<&str> = Vec::new();
    for part in rest.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.pop().is_none() => return Err("a path leads out of the chart"),
            ".." => {}
            part => parts.push(part),
        }
    }
    let path = parts.join("/");
    let drive = path.as_bytes();
    if path.is_empty() {
        Err("a file is not in a folder")
    } else if path.starts_with("..") {
        Err("a name begins with `..`")
    } else if drive.len() > 2 && drive[0].is_ascii_alphabetic() && drive[1..3] == *b":/" {
        Err("a path begins with a drive letter")
    } else {
        Ok(path)
    }
}

/// A name that Helm packages and then cannot read is a flaw.
pub fn unreadable(path: &str) -> Option<Flaw> {
    let why = match unpacked_name(&format!("chart/{path}")) {
        Ok(read) if read == path => return None,
        Ok(_) => "Helm reads the name differently",
        Err(why) => why,
    };
    let hint = "rename the file, or list it in `.helmignore`";
    Some(Flaw::new("chart-file-name", format!("`{path}` cannot be packaged: {why}")).about(path).hint(hint))
}

#[cfg(test)]
mod tests {
    use super::{unpacked_name, unreadable};

    #[test]
    fn entries_are_named_as_helm_does() {
        let check = |entry: &str, expected: Option<&str>| {
            assert_eq!(unpacked_name(entry).ok().as_deref(), expected, "{entry}");
        };
        check("app/Chart.yaml", Some("Chart.yaml"));
        check("./Chart.yaml", Some("Chart.yaml"));
        check("app//a/./b", None);
        check("app/a//./b", Some("a/b"));
        check("app\\a\\b", Some("a/b"));
        check("app/a/../b", Some("b"));
        check("app/a/../../b", None);
        check("app/..b", None);
        check("app/c:/b", None);
        check("Chart.yaml", None);
        check("Chart.yaml/a", None);
        check("/etc/passwd", Some("etc/passwd"));
        check("app", None);
        check("", None);
    }

    #[test]
    fn names_that_do_not_survive_are_flaws() {
        let check = |path: &str, expected: bool| assert_eq!(unreadable(path).is_some(), expected, "{path}");
        check("a b/größe", false);
        check("a\\b", true);
        check("..a", true);
        check("a/..b", false);
        check("c:/a", true);
    }
}
