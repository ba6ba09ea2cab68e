//! The environment, read once, and what of it children may see.

use std::collections::{BTreeMap, BTreeSet};

use globset::{Glob, GlobSetBuilder};

use crate::secret::Secret;

/// A snapshot of the process's environment.
#[derive(Clone, Default)]
pub struct Env(BTreeMap<String, String>);

/// Variables that hold our credentials.
const CREDENTIALS: &[&str] =
    &["GITHUB_TOKEN", "GH_TOKEN", "GITHUB_ENTERPRISE_TOKEN", "GH_ENTERPRISE_TOKEN", "PYPI_TOKEN"];

/// Command files of a runner: a child that could write them could change later steps.
const COMMAND_FILES: &[&str] = &["GITHUB_OUTPUT", "GITHUB_ENV", "GITHUB_PATH", "GITHUB_STATE", "GITHUB_STEP_SUMMARY"];

impl Env {
    /// Of this process. Variables that are not UTF-8 are left out.
    pub fn read() -> Self {
        #[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
        let vars = std::env::vars_os();
        Self(vars.filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))).collect())
    }

    /// Made by hand, for tests.
    pub fn of<K: Into<String>, V: Into<String>>(pairs: impl IntoIterator<Item = (K, V)>) -> Self {
        Self(pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }

    /// A variable, if it is set and not empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Whether a variable is set to something that means yes.
    pub fn is_true(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| !matches!(value, "0" | "false" | "no"))
    }

    /// A credential.
    pub fn secret(&self, name: &str) -> Option<Secret> {
        self.get(name).map(Secret::new)
    }

    /// The same with one variable set.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.0.insert(name.into(), value.into());
        self
    }

    /// What a child gets: everything but our credentials (by name, and any variable of the same value), the runner's
    /// tokens and its command files. `pass` are globs of names handed on all the same; `extra` names further credentials.
    pub fn for_children(&self, extra: &[String], pass: &[String]) -> BTreeMap<String, String> {
        let ours = |name: &str| {
            CREDENTIALS.contains(&name)
                || name.starts_with("PYPI_TOKEN_")
                || extra.iter().any(|credential| credential == name)
        };
        let runners = |name: &str| {
            COMMAND_FILES.contains(&name)
                || name.starts_with("ACTIONS_ID_TOKEN_")
                || name.starts_with("ACTIONS_RUNTIME_")
                || (name.starts_with("ACTIONS_") || name.starts_with("GITHUB_")) && name.contains("TOKEN")
        };
        let values: Vec<&str> = self
            .0
            .iter()
            .filter(|(name, value)| {
                (ours(name) || runners(name)) && value.len() >= 8 && !COMMAND_FILES.contains(&name.as_str())
            })
            .map(|(_, value)| value.as_str())
            .collect();
        let mut passed = GlobSetBuilder::new();
        for glob in pass.iter().filter_map(|glob| Glob::new(glob).ok()) {
            passed.add(glob);
        }
        let passed = passed.build().unwrap_or_default();
        let hidden = |name: &str, value: &str| ours(name) || runners(name) || values.contains(&value);
        self.0
            .iter()
            .filter(|(name, value)| passed.is_match(name) || !hidden(name, value))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    }

    /// Every credential in it: ours by name, the runner's tokens, and variables of the same value.
    pub fn credentials(&self) -> Vec<Secret> {
        let hidden = self.hidden_from_children(&[]).into_iter();
        let secrets = hidden
            .filter(|(name, _)| !COMMAND_FILES.contains(&name.as_str()) && !name.ends_with("_URL"))
            .map(|pair| pair.1);
        secrets.collect::<BTreeSet<String>>().into_iter().map(Secret::new).collect()
    }

    /// The counterpart of `for_children`: what they do not get, for a runner that may hand single ones back.
    pub fn hidden_from_children(&self, extra: &[String]) -> BTreeMap<String, String> {
        let seen = self.for_children(extra, &[]);
        self.0
            .iter()
            .filter(|(name, _)| !seen.contains_key(*name))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn children_see_no_credentials() {
        let env = Env::of([
            ("PATH", "/bin"),
            ("GITHUB_TOKEN", "ghs_canary_1"),
            ("MY_COPY", "ghs_canary_1"),
            ("GITHUB_OUTPUT", "/tmp/out"),
            ("GITHUB_SHA", "abc"),
            ("ACTIONS_RUNTIME_TOKEN", "canary_2_long"),
            ("DOCKER_PASSWORD", "canary_3"),
            ("PYPI_TOKEN_A", "canary_4"),
        ]);
        let names = |pass: &[&str]| -> Vec<String> {
            let pass: Vec<String> = pass.iter().map(ToString::to_string).collect();
            env.for_children(&["DOCKER_PASSWORD".into()], &pass).into_keys().collect()
        };
        assert_eq!(names(&[]), ["GITHUB_SHA", "PATH"]);
        assert_eq!(names(&["GITHUB_TOK*"]), ["GITHUB_SHA", "GITHUB_TOKEN", "PATH"]);
        let hidden = env.hidden_from_children(&["DOCKER_PASSWORD".into()]);
        assert_eq!(hidden.len(), 6);
        assert!(!hidden.contains_key("PATH"));
        let secrets: Vec<String> = env.credentials().iter().map(|secret| secret.expose().to_owned()).collect();
        assert_eq!(secrets, ["canary_2_long", "canary_4", "ghs_canary_1"]);
    }
}
