//! SPDX licence expressions as Python's `packaging` takes them: <https://peps.python.org/pep-0639/>.

use std::collections::BTreeMap;
use std::sync::OnceLock;

/// Made by `tools/pypi_lists.py`.
const LIST: &str = include_str!("licenses.txt");

/// Known identifiers by their lower case.
struct Known {
    licenses: BTreeMap<String, &'static str>,
    exceptions: BTreeMap<String, &'static str>,
}

fn known() -> &'static Known {
    static KNOWN: OnceLock<Known> = OnceLock::new();
    KNOWN.get_or_init(|| {
        let mut known = Known { licenses: BTreeMap::new(), exceptions: BTreeMap::new() };
        for line in LIST.lines().skip(1) {
            match line.strip_prefix("WITH ") {
                Some(exception) => known.exceptions.insert(exception.to_lowercase(), exception),
                None => known.licenses.insert(line.to_lowercase(), line),
            };
        }
        known
    })
}

/// The list that is asked: `SPDX 3.27.0`.
pub fn list() -> &'static str {
    let line = LIST.lines().next().unwrap_or_default().trim_start_matches("# ");
    line.split(" packaging").next().unwrap_or_default()
}

/// Tokens of an expression, parentheses apart.
fn tokens(text: &str) -> Vec<String> {
    let apart = text.replace('(', " ( ").replace(')', " ) ");
    apart.split_whitespace().map(str::to_owned).collect()
}

/// What is wrong with an expression, and what to write.
pub fn wrong(text: &str) -> Option<String> {
    let tokens = tokens(text);
    let grammar = || Some(format!("write SPDX identifiers joined by `AND`, `OR` and `WITH`, as in `MIT OR {EXAMPLE}`"));
    let mut reader = Reader { tokens: &tokens, at: 0, unknown: None };
    let whole = reader.any().is_some() && reader.at == tokens.len();
    if let Some(unknown) = reader.unknown {
        // Words between which nothing stands are one name that is written apart.
        let apart = !whole && !tokens.iter().any(|token| is_word(token));
        let hint = near(if apart { text } else { &unknown });
        return Some(format!("`{unknown}` is not an identifier of {}{hint}", list()));
    }
    if whole { None } else { grammar() }
}

const EXAMPLE: &str = "Apache-2.0 WITH LLVM-exception";

/// The nearest identifier, as the end of a sentence.
fn near(text: &str) -> String {
    let plain = |text: &str| text.to_lowercase().replace(' ', "-");
    let wanted = plain(text);
    let score = |id: &str| strsim::jaro_winkler(&plain(id), &wanted);
    let best = known().licenses.values().max_by(|one, other| score(one).total_cmp(&score(other)));
    best.filter(|id| score(id) > 0.85).map(|id| format!("; did you mean `{id}`?")).unwrap_or_default()
}

fn is_word(token: &str) -> bool {
    ["and", "or", "with", "(", ")"].contains(&token.to_lowercase().as_str())
}

/// Reads `license ["WITH" exception]`, joined by `AND` and `OR`, in parentheses.
struct Reader<'t> {
    tokens: &'t [String],
    at: usize,
    /// The first name that is not known.
    unknown: Option<String>,
}

impl Reader<'_> {
    fn eat(&mut self, word: &str) -> bool {
        let found = self.tokens.get(self.at).is_some_and(|token| token.eq_ignore_ascii_case(word));
        self.at += usize::from(found);
        found
    }

    fn name(&mut self) -> Option<String> {
        let token = self.tokens.get(self.at).filter(|token| !is_word(token))?;
        self.at += 1;
        Some(token.clone())
    }

    fn any(&mut self) -> Option<()> {
        // Nesting is bounded by the length of a field, and a real one is short.
        if self.at > LONGEST {
            return None;
        }
        loop {
            if self.eat("(") {
                self.any()?;
                if !self.eat(")") {
                    return None;
                }
            } else {
                let license = self.name()?;
                self.check(&license, is_license(&license));
                if self.eat("with") {
                    let exception = self.name()?;
                    self.check(&exception, known().exceptions.contains_key(&exception.to_lowercase()));
                }
            }
            if !self.eat("and") && !self.eat("or") {
                return Some(());
            }
        }
    }

    fn check(&mut self, name: &str, good: bool) {
        if !good && self.unknown.is_none() {
            self.unknown = Some(name.to_owned());
        }
    }
}

/// Most tokens of an expression.
const LONGEST: usize = 500;

fn is_license(name: &str) -> bool {
    let lower = name.to_lowercase();
    if let Some(own) = lower.strip_prefix("licenseref-") {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
        return !own.is_empty() && own.bytes().all(plain);
    }
    known().licenses.contains_key(lower.strip_suffix('+').unwrap_or(&lower))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions() {
        for good in [
            "MIT",
            "mit or apache-2.0",
            "(MIT OR Apache-2.0) AND LicenseRef-Own-1.0",
            "GPL-2.0+",
            "Apache-2.0 WITH LLVM-exception",
            "((MIT))AND(0BSD)",
        ] {
            assert_eq!(wrong(good), None, "{good}");
        }
        for (bad, part) in [
            ("", "SPDX identifiers"),
            ("MIT OR", "SPDX identifiers"),
            ("(MIT", "SPDX identifiers"),
            ("MIT WITH", "SPDX identifiers"),
            ("MIT Apache-2.0", "SPDX identifiers"),
            ("()", "SPDX identifiers"),
            ("Apache 2.0", "`Apache` is not an identifier of SPDX 3.27.0; did you mean `Apache-2.0`?"),
            ("MIT/Apache-2.0", "`MIT/Apache-2.0` is not an identifier"),
            ("Proprietary", "`Proprietary` is not an identifier"),
            ("MIT WITH Apache-2.0", "`Apache-2.0` is not an identifier"),
            ("LicenseRef-a_b", "not an identifier"),
        ] {
            assert!(wrong(bad).is_some_and(|why| why.contains(part)), "{bad}: {:?}", wrong(bad));
        }
        assert!(wrong(&"(".repeat(100_000)).is_some());
    }
}
