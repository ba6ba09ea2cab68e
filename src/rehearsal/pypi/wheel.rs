//! What must be in a wheel and in an sdist once it is known to be one (warehouse/forklift/legacy.py, warehouse/utils/wheel.py).

use std::path::Path;

use super::archive::{Archive, member};
use super::filename;
use crate::pypi::Metadata;
use crate::pypi::name::{escaped, normalize, repr};
use crate::pypi::platform::is_platform;
use crate::pypi::version::Version;

/// What is known of a file when it is looked into.
pub(super) struct Candidate<'a> {
    pub(super) path: &'a Path,
    pub(super) filename: &'a str,
    /// As the project is shown.
    pub(super) project: &'a str,
    pub(super) metadata: &'a Metadata,
    pub(super) version: &'a Version,
}

impl Candidate<'_> {
    pub(super) fn sdist(&self, archive: &Archive) -> Result<(), String> {
        let Self { filename, project, version, .. } = *self;
        let Some((mut name, _)) = filename::sdist(filename) else {
            return Err(format!("Invalid source distribution filename: {filename}"));
        };
        // The version of a post release may hold a hyphen.
        if version.is_post() && name != normalize(project) {
            let stem = filename.strip_suffix(".tar.gz").unwrap_or(filename);
            let split = stem.rsplit_once('-').and_then(|(rest, last)| Some((rest.rsplit_once('-')?, last)));
            if let Some(((before, first), last)) = split
                && format!("{first}-{last}").parse::<Version>().is_ok()
            {
                name = normalize(before);
            }
        }
        if name != normalize(project) {
            return Err(self.start_with());
        }
        let expected = format!("{}-{version}.tar.gz", escaped(project));
        if filename != expected {
            return Err(format!("Filename {} is invalid, should be {}.", repr(filename), repr(&expected)));
        }
        let Archive::Tar(names, top) = archive else { return Ok(()) };
        let missing = |license: &&String| !names.contains(&format!("{top}/{license}"));
        match self.metadata.all("license_file").iter().find(missing) {
            Some(license) => Err(self.no_license(license, &format!("{top}/{license}"))),
            None => Ok(()),
        }
    }

    /// The checks for a wheel; its `METADATA`.
    pub(super) fn wheel(&self, archive: &Archive) -> Result<Vec<u8>, String> {
        let Self { path, filename, project, version, .. } = *self;
        let wheel = filename::wheel(filename)?;
        if let Some(platform) = wheel.platforms.iter().find(|platform| !is_platform(platform)) {
            return Err(format!("Binary wheel '{filename}' has an unsupported platform tag '{platform}'."));
        }
        if normalize(&wheel.name) != normalize(project) {
            return Err(self.start_with());
        }
        if wheel.name != escaped(project) {
            return Err(format!(
                "Filename {} should contain the normalized project name {}, not {}.",
                repr(filename),
                repr(&escaped(project)),
                repr(&wheel.name)
            ));
        }
        if wheel.version != *version {
            let (wanted, got) = (version.to_string(), wheel.version.to_string());
            return Err(format!("Version in filename should be {} not {}.", repr(&wanted), repr(&got)));
        }
        let folder = format!("{}-{}.dist-info", wheel.name, wheel.written);
        let Archive::Zip(names) = archive else { return Err("None".into()) };
        for license in self.metadata.all("license_file") {
            let place = format!("{folder}/licenses/{license}");
            if !names.contains(&place) {
                return Err(self.no_license(license, &place));
            }
        }
        // A RECORD that does not fit is only told to the owners by mail.
        let record = format!("{folder}/RECORD");
        if member(path, &record).is_none_or(|bytes| String::from_utf8(bytes).is_err()) {
            return Err(format!("Wheel '{filename}' does not contain the required RECORD file: {record}"));
        }
        if member(path, &format!("{folder}/entry_points.txt")).is_some_and(|bytes| !are_entry_points(&bytes)) {
            return Err(format!("Wheel '{filename}' has invalid entry points defined in the entry_points.txt file"));
        }
        let metadata = format!("{folder}/METADATA");
        member(path, &metadata)
            .ok_or_else(|| format!("Wheel '{filename}' does not contain the required METADATA file: {metadata}"))
    }

    fn start_with(&self) -> String {
        format!("Start filename for {} with {}.", repr(self.project), repr(&escaped(self.project)))
    }

    fn no_license(&self, license: &str, place: &str) -> String {
        format!("License-File {license} does not exist in distribution file {} at {place}", self.filename)
    }
}

/// Whether it is an INI file whose scripts have names that lead nowhere else (`validate_entrypoints`).
fn are_entry_points(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let mut section = None;
    let mut key = false;
    for line in text.lines() {
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
            continue;
        }
        let goes_on = key && line.starts_with([' ', '\t']);
        if goes_on {
            continue;
        }
        if let Some(name) = trimmed.strip_prefix('[').and_then(|name| name.strip_suffix(']')) {
            (section, key) = (Some(name), false);
            continue;
        }
        let (Some(section), Some((name, _))) = (section, trimmed.split_once('=')) else { return false };
        key = true;
        let plain = |char: char| char.is_alphanumeric() || matches!(char, '_' | '.' | '-');
        let name = name.trim_end();
        let script = ["console_scripts", "gui_scripts"].contains(&section);
        if name.is_empty() || (script && !name.chars().all(plain)) {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entry_points() {
        for text in ["", "[console_scripts]\na-b.c = x:y\n", "# no\n[other]\na/b = x\n", "[gui_scripts]\na =\n  x:y\n"]
        {
            assert!(are_entry_points(text.as_bytes()), "{text}");
        }
        for text in
            ["a = x\n", "[console_scripts]\n../a = x:y\n", "[gui_scripts]\na b = x\n", "[console_scripts]\na: x\n"]
        {
            assert!(!are_entry_points(text.as_bytes()), "{text}");
        }
        assert!(!are_entry_points(b"\xff"));
    }
}
