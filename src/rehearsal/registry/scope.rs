//! What a token is good for, and the tokens that were given out.

use std::collections::{BTreeMap, BTreeSet};

/// Leave for some actions on a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Scope {
    pub(super) repository: String,
    pub(super) actions: BTreeSet<String>,
}

/// The tokens that were given out, and what each allows.
#[derive(Default)]
pub(super) struct Tokens {
    pub(super) access: BTreeMap<String, Vec<Scope>>,
    pub(super) refresh: BTreeSet<String>,
}

impl Scope {
    pub(super) fn new(repository: &str, actions: &[&str]) -> Self {
        let actions = actions.iter().map(|action| (*action).to_owned()).collect();
        Self { repository: repository.to_owned(), actions }
    }

    /// `repository:NAME:ACTION,ACTION`; the name may hold colons.
    pub(super) fn read(text: &str) -> Option<Self> {
        let (name, actions) = text.strip_prefix("repository:")?.rsplit_once(':')?;
        let actions: Vec<_> = actions.split(',').collect();
        let all: &[&str] = if actions.contains(&"*") { &["pull", "push", "delete"] } else { &actions };
        Some(Self::new(name, all))
    }

    pub(super) fn text(&self) -> String {
        // `pull` comes first, as in the documentation's examples.
        let actions: Vec<_> = self.actions.iter().map(String::as_str).collect();
        format!("repository:{}:{}", self.repository, actions.join(","))
    }

    pub(super) fn within(&self, granted: &[Self]) -> bool {
        let allowed = |action: &String| {
            granted.iter().any(|scope| scope.repository == self.repository && scope.actions.contains(action))
        };
        self.actions.iter().all(allowed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_scopes() {
        let scope = Scope::read("repository:a/b:push,pull").unwrap();
        assert_eq!(scope, Scope::new("a/b", &["pull", "push"]));
        assert_eq!(scope.text(), "repository:a/b:pull,push");
        assert!(Scope::new("a/b", &["pull"]).within(std::slice::from_ref(&scope)));
        assert!(!Scope::new("a/b", &["delete"]).within(std::slice::from_ref(&scope)));
        assert!(!Scope::new("a/c", &["pull"]).within(&[scope]));
        assert_eq!(Scope::read("repository:a:*").unwrap(), Scope::new("a", &["pull", "push", "delete"]));
        assert_eq!(Scope::read("registry:catalog:*"), None);
    }
}
