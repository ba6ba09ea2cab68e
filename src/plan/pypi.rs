//! Plans indexes of Python packages: where files go, and the variables that tokens come from.

use std::collections::BTreeMap;

use super::{PypiDestination, Step};
use crate::config::Pypi;

/// An index, and the variables its tokens come from.
pub fn destination(pypi: &Pypi, steps: &[&Step]) -> (PypiDestination, Vec<String>) {
    let mut tokens: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for stage in steps.iter().filter_map(|step| step.work.stage()) {
        let name = &stage.distribution;
        let written = pypi.token_envs.get(name.as_str()).or(pypi.token_env.as_ref());
        let names = match written {
            Some(written) => vec![written.clone()],
            None => {
                let own = format!("PYPI_TOKEN_{}", name.in_files().to_uppercase());
                vec![own, "PYPI_TOKEN".to_owned()]
            }
        };
        tokens.insert(name.to_string(), names);
    }
    let host = pypi.upload.host_str().unwrap_or_default();
    let known = match host {
        "upload.pypi.org" => Some(("https://pypi.org/simple/", "https://pypi.org/pypi/")),
        "test.pypi.org" => Some(("https://test.pypi.org/simple/", "https://test.pypi.org/pypi/")),
        _ => None,
    };
    let beside = || {
        let top = pypi.upload.as_str().trim_end_matches('/').trim_end_matches("legacy").to_owned();
        format!("{}/simple/", top.trim_end_matches('/'))
    };
    let simple = pypi.simple.as_ref().map(ToString::to_string);
    let simple = simple.or_else(|| known.map(|(simple, _)| simple.to_owned())).unwrap_or_else(beside);
    let mut credentials: Vec<String> = tokens.values().flatten().chain(&pypi.username_env).cloned().collect();
    credentials.sort();
    credentials.dedup();
    let kind = PypiDestination {
        upload: pypi.upload.to_string(),
        simple,
        json: known.map(|(_, json)| json.to_owned()),
        trusted: pypi.trusted,
        tokens,
        username: pypi.username_env.clone(),
    };
    (kind, credentials)
}
