//! The environment, read once, and what of it children may see.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use globset::{GlobBuilder, GlobMatcher};

use super::mask;
use crate::secret::Secret;

/// Variables by name. Names are compared as the platform does, everywhere: Windows says `Path` where others say `PATH`.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Env {
    names: Names,
    /// By the name as it is compared: the name as it was written, and the value.
    vars: BTreeMap<String, (String, String)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Names {
    /// Letter by letter.
    Exact,
    /// Whatever the case of their letters, as Windows does.
    AnyCase,
}

/// Variables that hold our credentials.
const CREDENTIALS: &[&str] = &[
    "GITHUB_TOKEN",
    "GH_TOKEN",
    "GITHUB_ENTERPRISE_TOKEN",
    "GH_ENTERPRISE_TOKEN",
    "PYPI_TOKEN",
    "DOCKER_AUTH_CONFIG",
    "LONGSHORE_WEBHOOK",
    "LONGSHORE_WEBHOOK_SECRET",
];

/// What programs cannot do without; it is handed on whatever it holds and whoever names it.
const NEEDED: &[&str] = &[
    "APPDATA",
    "CARGO_HOME",
    "COMSPEC",
    "HOME",
    "HOMEDRIVE",
    "HOMEPATH",
    "LANG",
    "LOCALAPPDATA",
    "LOGNAME",
    "PATH",
    "PATHEXT",
    "PWD",
    "RUSTUP_HOME",
    "RUSTUP_TOOLCHAIN",
    "SHELL",
    "SYSTEMROOT",
    "TEMP",
    "TERM",
    "TMP",
    "TMPDIR",
    "TZ",
    "USER",
    "USERDOMAIN",
    "USERNAME",
    "USERPROFILE",
    "WINDIR",
];

/// A shorter value is not a credential: others may well be the same.
const SHORTEST: usize = 8;

/// A longer one gives itself away also as a part of another, such as an address.
const LONG: usize = 16;

/// Command files of a runner: a child that could write them could change later steps.
const COMMAND_FILES: &[&str] = &["GITHUB_OUTPUT", "GITHUB_ENV", "GITHUB_PATH", "GITHUB_STATE", "GITHUB_STEP_SUMMARY"];

/// Settings of git: how many, and the two halves of each.
const GIT_COUNT: &str = "GIT_CONFIG_COUNT";
const GIT_PAIR: [&str; 2] = ["GIT_CONFIG_KEY_", "GIT_CONFIG_VALUE_"];

fn is_git_pair(key: &str) -> bool {
    key == GIT_COUNT || GIT_PAIR.iter().any(|half| key.starts_with(half))
}

impl Default for Names {
    /// Those of the platform that this was compiled for.
    fn default() -> Self {
        if cfg!(windows) { Self::AnyCase } else { Self::Exact }
    }
}

impl Names {
    /// A name in the form that is compared: in capitals, where case does not count.
    fn key(self, name: &str) -> String {
        match self {
            Self::Exact => name.to_owned(),
            // One character stays one, as in the table that Windows uses.
            Self::AnyCase => name
                .chars()
                .map(|letter| {
                    let mut capital = letter.to_uppercase();
                    if capital.len() == 1 { capital.next().unwrap_or(letter) } else { letter }
                })
                .collect(),
        }
    }
}

impl Env {
    /// Of this process. Variables that are not UTF-8 are left out.
    pub fn read() -> Self {
        #[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
        let vars = std::env::vars_os();
        Self::of(vars.filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))))
    }

    pub fn of<K: Into<String>, V: Into<String>>(pairs: impl IntoIterator<Item = (K, V)>) -> Self {
        Self::comparing(Names::default(), pairs)
    }

    /// The same, with names compared as another platform does.
    pub fn comparing<K: Into<String>, V: Into<String>>(names: Names, pairs: impl IntoIterator<Item = (K, V)>) -> Self {
        let mut env = Self { names, vars: BTreeMap::new() };
        pairs.into_iter().for_each(|(name, value)| env.set(name, value));
        env
    }

    /// A variable, if it is set and not empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.value(name).filter(|value| !value.is_empty())
    }

    /// A variable, even if it is empty.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.vars.get(&self.names.key(name)).map(|(_, value)| value.as_str())
    }

    /// Whether a variable is set to something that means yes.
    pub fn is_true(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| !matches!(value, "0" | "false" | "no"))
    }

    pub fn secret(&self, name: &str) -> Option<Secret> {
        self.get(name).map(Secret::new)
    }

    /// Names as they are written, with their values, in the order of names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.vars.values().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Sets a variable. One that is there keeps the spelling of its name.
    pub fn set(&mut self, name: impl Into<String>, value: impl Into<String>) {
        let name = name.into();
        match self.vars.entry(self.names.key(&name)) {
            std::collections::btree_map::Entry::Occupied(mut entry) => entry.get_mut().1 = value.into(),
            std::collections::btree_map::Entry::Vacant(entry) => {
                entry.insert((name, value.into()));
            }
        }
    }

    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.set(name, value);
        self
    }

    /// The same with all of another's variables set.
    #[must_use]
    pub fn and(mut self, more: &Self) -> Self {
        more.iter().for_each(|(name, value)| self.set(name, value));
        self
    }

    /// The variables whose names match one of these globs.
    #[must_use]
    pub fn matching(&self, globs: &[String]) -> Self {
        let any_case = self.names == Names::AnyCase;
        let matchers: Vec<GlobMatcher> = globs
            .iter()
            .filter_map(|glob| GlobBuilder::new(glob).case_insensitive(any_case).build().ok())
            .map(|glob| glob.compile_matcher())
            .collect();
        self.only(|name, _| matchers.iter().any(|matcher| matcher.is_match(name)))
    }

    pub fn is_empty(&self) -> bool {
        self.vars.is_empty()
    }

    #[must_use]
    pub fn only(&self, keep: impl Fn(&str, &str) -> bool) -> Self {
        let kept = self.vars.iter().filter(|(_, (name, value))| keep(name, value));
        Self { names: self.names, vars: kept.map(|(key, pair)| (key.clone(), pair.clone())).collect() }
    }

    /// What a child gets: everything but our credentials (by name, and any variable of the same value, or that holds a
    /// long one, in whatever form it is sent), the runner's tokens and its command files. `extra` names further credentials.
    #[must_use]
    pub fn for_children(&self, extra: &[String]) -> Self {
        let extra: BTreeSet<String> = extra.iter().map(|name| self.names.key(name)).collect();
        let ours = |key: &str| CREDENTIALS.contains(&key) || key.starts_with("PYPI_TOKEN_") || extra.contains(key);
        let runners = |key: &str| {
            COMMAND_FILES.contains(&key)
                || key.starts_with("ACTIONS_ID_TOKEN_")
                || key.starts_with("ACTIONS_RUNTIME_")
                || (key.starts_with("ACTIONS_") || key.starts_with("GITHUB_")) && key.contains("TOKEN")
        };
        let named = |key: &str| !NEEDED.contains(&key) && (ours(key) || runners(key));
        let all = || self.vars.iter().map(|(key, (_, value))| (key.as_str(), value.as_str()));
        let forms: BTreeSet<String> = all()
            .filter(|(key, value)| named(key) && value.len() >= SHORTEST && !COMMAND_FILES.contains(key))
            .flat_map(|(_, value)| std::iter::once(value.to_owned()).chain(mask::forms_of(value)))
            .filter(|form| form.len() >= SHORTEST)
            .collect();
        let given_away = |value: &str| {
            forms.contains(value) || forms.iter().any(|form| form.len() >= LONG && value.contains(form.as_str()))
        };
        self.only(|name, value| {
            let key = self.names.key(name);
            NEEDED.contains(&key.as_str()) || !named(&key) && !given_away(value)
        })
        .with_whole_pairs(self)
    }

    /// Git starts with whole pairs only: without one that holds a credential, the others are numbered anew
    /// (<https://git-scm.com/docs/git-config#Documentation/git-config.txt-GITCONFIGCOUNT>).
    fn with_whole_pairs(self, before: &Self) -> Self {
        let Some(count) = before.get(GIT_COUNT).and_then(|count| count.parse::<usize>().ok()) else { return self };
        let pair = |number: usize| {
            let [key, value] = GIT_PAIR.map(|name| self.value(&format!("{name}{number}")));
            Some((key?.to_owned(), value?.to_owned()))
        };
        let pairs: Vec<(String, String)> = (0..count.min(before.vars.len())).filter_map(pair).collect();
        if pairs.len() == count && self.value(GIT_COUNT).is_some() {
            return self;
        }
        let mut whole = self.only(|name, _| !is_git_pair(&self.names.key(name)));
        if !pairs.is_empty() {
            whole.set(GIT_COUNT, pairs.len().to_string());
        }
        for (number, pair) in pairs.iter().enumerate() {
            whole.set(format!("{}{number}", GIT_PAIR[0]), &pair.0);
            whole.set(format!("{}{number}", GIT_PAIR[1]), &pair.1);
        }
        whole
    }

    /// Every credential in it: ours by name, those that `extra` names, the runner's tokens, and variables of the same
    /// value.
    pub fn credentials(&self, extra: &[String]) -> Vec<Secret> {
        let hidden = self.hidden_from_children(extra);
        // The settings of git are none themselves; what they hold of a credential is found as one of its forms.
        let other = |key: &str| COMMAND_FILES.contains(&key) || key.ends_with("_URL") || is_git_pair(key);
        let secrets = hidden.vars.iter().filter(|(key, _)| !other(key));
        secrets
            .map(|(_, (_, value))| value.clone())
            .collect::<BTreeSet<String>>()
            .into_iter()
            .map(Secret::new)
            .collect()
    }

    #[must_use]
    pub fn without(&self, names: &[String]) -> Self {
        let names: BTreeSet<String> = names.iter().map(|name| self.names.key(name)).collect();
        self.only(|name, _| !names.contains(&self.names.key(name)) || NEEDED.contains(&self.names.key(name).as_str()))
    }

    /// What another environment lacks of it or has otherwise, for a runner that may hand single ones back.
    #[must_use]
    pub fn lacked_by(&self, other: &Self) -> Self {
        self.only(|name, value| other.value(name) != Some(value))
    }

    /// The counterpart of `for_children`: what they do not get.
    #[must_use]
    pub fn hidden_from_children(&self, extra: &[String]) -> Self {
        self.lacked_by(&self.for_children(extra))
    }
}

impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for Env {
    fn from_iter<T: IntoIterator<Item = (K, V)>>(pairs: T) -> Self {
        Self::of(pairs)
    }
}

/// Names only: a value may be a secret.
impl fmt::Debug for Env {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(|(name, _)| name)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(env: &Env) -> Vec<&str> {
        env.iter().map(|(name, _)| name).collect()
    }

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
        assert_eq!(names(&env.for_children(&["DOCKER_PASSWORD".into()])), ["GITHUB_SHA", "PATH"]);
        let hidden = env.hidden_from_children(&["DOCKER_PASSWORD".into()]);
        assert_eq!(names(&hidden).len(), 6);
        assert_eq!(hidden.value("PATH"), None);
        assert_eq!(names(&hidden.matching(&["GITHUB_TOK*".into()])), ["GITHUB_TOKEN"]);
        let secrets: Vec<String> = env.credentials(&[]).iter().map(|secret| secret.expose().to_owned()).collect();
        assert_eq!(secrets, ["canary_2_long", "canary_4", "ghs_canary_1"]);
        assert!(!format!("{env:?}").contains("canary"), "{env:?}");
    }

    #[test]
    fn a_credential_is_withheld_under_other_names_but_never_what_programs_need() {
        let env = Env::of([
            ("HOME", "canary-password"),
            ("USER", "canary-user"),
            ("MY_USER", "canary-user"),
            ("MY_PASSWORD", "canary-password"),
            ("SHORT", "canary!"),
            ("MY_SHORT", "canary!"),
            ("COPY", "canary-password"),
            ("INSIDE", "https://canary-password@x"),
            ("LONG", "canary-that-is-long"),
            ("ADDRESS", "https://x:canary-that-is-long@y/"),
            ("DOCKER_AUTH_CONFIG", "{}"),
        ]);
        let extra: Vec<String> = ["MY_USER", "MY_PASSWORD", "MY_SHORT", "LONG", "USER"].map(str::to_owned).into();
        assert_eq!(names(&env.for_children(&extra)), ["HOME", "INSIDE", "SHORT", "USER"]);
    }

    /// As CI hands tokens to git, pip and others.
    #[test]
    fn a_credential_is_withheld_in_every_form() {
        let token = "ghs_canary/+0123456789&=";
        let base64 = |text: String| base64::Engine::encode(&base64::engine::general_purpose::STANDARD, text);
        let basic = |user: &str| format!("AUTHORIZATION: basic {}", base64(format!("{user}:{token}")));
        let env = Env::of([
            ("GITHUB_TOKEN", token.to_owned()),
            ("GIT_CONFIG_VALUE_0", basic("x-access-token")),
            ("GIT_CONFIG_VALUE_1", basic("me")),
            ("GIT_CONFIG_VALUE_2", basic("you2")),
            ("NPM_AUTH", base64(token.to_owned())),
            (
                "PIP_EXTRA_INDEX_URL",
                format!("https://me:{}@pypi.example.com/simple", crate::world::http::encode(token)),
            ),
            ("AS_JSON", serde_json::json!({ "token": format!("{token}\n") }).to_string()),
            ("GIT_CONFIG_VALUE_3", format!("AUTHORIZATION: basic {}", base64("x-access-token:another one".into()))),
            ("PUBLIC", "https://pypi.example.com/simple".to_owned()),
        ]);
        assert_eq!(names(&env.for_children(&[])), ["GIT_CONFIG_VALUE_3", "PUBLIC"]);
    }

    /// Git refuses to start where one half of a setting is missing.
    #[test]
    fn settings_of_git_stay_whole() {
        let token = "ghs_canary_0123456789";
        let (header, rewrite) =
            (format!("AUTHORIZATION: bearer {token}"), format!("url.https://x:{token}@y/.insteadOf"));
        let env = Env::of([
            ("GITHUB_TOKEN", token),
            ("GIT_CONFIG_COUNT", "4"),
            ("GIT_CONFIG_KEY_0", "http.extraheader"),
            ("GIT_CONFIG_VALUE_0", &header),
            ("GIT_CONFIG_KEY_1", "safe.directory"),
            ("GIT_CONFIG_VALUE_1", "*"),
            ("GIT_CONFIG_KEY_2", &rewrite),
            ("GIT_CONFIG_VALUE_2", "https://y/"),
            ("GIT_CONFIG_KEY_3", "user.name"),
            ("GIT_CONFIG_VALUE_3", ""),
        ]);
        let children = env.for_children(&[]);
        let expected = [
            ("GIT_CONFIG_COUNT", "2"),
            ("GIT_CONFIG_KEY_0", "safe.directory"),
            ("GIT_CONFIG_KEY_1", "user.name"),
            ("GIT_CONFIG_VALUE_0", "*"),
            ("GIT_CONFIG_VALUE_1", ""),
        ];
        assert_eq!(children.iter().collect::<Vec<_>>(), expected);
        let secrets: Vec<String> = env.credentials(&[]).iter().map(|secret| secret.expose().to_owned()).collect();
        assert_eq!(secrets, [token]);
        // Handed back whole.
        let hidden = env.hidden_from_children(&[]);
        let globs = ["GIT_CONFIG_*".to_owned(), "GITHUB_TOKEN".to_owned()];
        assert!(children.and(&hidden.matching(&globs)) == env);
        let plain = Env::of([("GIT_CONFIG_COUNT", "1"), ("GIT_CONFIG_KEY_0", "a.b"), ("GIT_CONFIG_VALUE_0", "c")]);
        assert!(plain.for_children(&[]) == plain);
        let none = Env::of([
            ("PYPI_TOKEN", token),
            ("GIT_CONFIG_COUNT", "1"),
            ("GIT_CONFIG_KEY_0", "a.b"),
            ("GIT_CONFIG_VALUE_0", token),
        ]);
        assert_eq!(names(&none.for_children(&[])), Vec::<&str>::new());
    }

    #[test]
    fn what_a_user_is_called_is_no_secret() {
        let env =
            Env::of([("REG_USER", "my-organization-robot"), ("CARGO_TARGET_DIR", "/my-organization-robot/target")]);
        let children = env.without(&["REG_USER".into()]);
        assert_eq!(names(&children), ["CARGO_TARGET_DIR"]);
        assert_eq!(names(&env.lacked_by(&children)), ["REG_USER"]);
    }

    #[test]
    fn names_are_compared_as_the_platform_does() {
        let pairs = [
            ("Path", "C:\\bin"),
            ("Github_Token", "ghs_canary_1"),
            ("npm_Config", "x"),
            ("My_Password", "canary_5_long"),
            ("Copy", "canary_5_long"),
            ("github_Output", "C:\\out"),
            ("Straße", "ß"),
        ];
        let extra = ["MY_PASSWORD".to_owned()];
        let windows = Env::comparing(Names::AnyCase, pairs);
        assert_eq!(windows.get("PATH"), Some("C:\\bin"));
        assert_eq!(windows.get("GITHUB_OUTPUT"), Some("C:\\out"));
        assert_eq!(windows.get("STRAßE"), Some("ß"));
        assert_eq!(windows.secret("GITHUB_TOKEN").unwrap().expose(), "ghs_canary_1");
        assert_eq!(names(&windows.for_children(&extra)), ["npm_Config", "Path", "Straße"]);
        assert_eq!(names(&windows.hidden_from_children(&extra).matching(&["*_TOKEN".into()])), ["Github_Token"]);
        // One variable, spelled as it was first.
        let set = windows.clone().with("PATH", "D:\\").and(&Env::of([("pATH", "E:\\")]));
        assert_eq!((names(&set).len(), set.get("path")), (pairs.len(), Some("E:\\")));
        assert!(names(&set).contains(&"Path"));

        let unix = Env::comparing(Names::Exact, pairs);
        assert_eq!((unix.get("PATH"), unix.get("Path")), (None, Some("C:\\bin")));
        assert_eq!(names(&unix.for_children(&extra)).len(), pairs.len());
        assert_eq!(names(&unix.with("PATH", "/bin")).len(), pairs.len() + 1);
        assert_eq!(Env::of([("a", "")]).get("a"), None);
        assert_eq!(Env::of([("a", "")]).value("a"), Some(""));
    }
}
