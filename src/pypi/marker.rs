//! Environment markers: what follows `;` in a requirement.
//!
//! <https://packaging.python.org/specifications/dependency-specifiers/#environment-markers>

const VARIABLES: &[&str] = &[
    "python_version",
    "python_full_version",
    "os_name",
    "os.name",
    "sys_platform",
    "sys.platform",
    "platform_release",
    "platform_system",
    "platform_version",
    "platform.version",
    "platform_machine",
    "platform.machine",
    "platform_python_implementation",
    "platform.python_implementation",
    "python_implementation",
    "implementation_name",
    "implementation_version",
    "extra",
    "extras",
    "dependency_groups",
];
/// Longest first where one begins with another.
const OPERATORS: [&str; 8] = ["===", "==", "~=", "!=", "<=", ">=", "<", ">"];
/// Most parentheses in each other.
const DEEPEST: usize = 100;

/// Whether it is `python_version < '3.12' and (extra == 'a' or …)`.
pub fn is_marker(text: &str) -> bool {
    let mut reader = Reader { rest: text };
    reader.any(0) && reader.rest.trim_matches([' ', '\t']).is_empty()
}

struct Reader<'t> {
    rest: &'t str,
}

impl Reader<'_> {
    fn eat(&mut self, start: &str) -> bool {
        self.rest = self.rest.trim_start_matches([' ', '\t']);
        let Some(rest) = self.rest.strip_prefix(start) else { return false };
        // A word ends where no other word goes on.
        let word = |char: char| char.is_alphanumeric() || char == '_';
        if start.ends_with(word) && rest.starts_with(word) {
            return false;
        }
        self.rest = rest;
        true
    }

    fn any(&mut self, depth: usize) -> bool {
        loop {
            let atom = if self.eat("(") {
                depth < DEEPEST && self.any(depth + 1) && self.eat(")")
            } else {
                self.value() && self.operator() && self.value()
            };
            if !atom {
                return false;
            }
            if !self.eat("and") && !self.eat("or") {
                return true;
            }
        }
    }

    fn operator(&mut self) -> bool {
        OPERATORS.iter().any(|operator| self.eat(operator)) || self.eat("in") || self.eat("not") && self.eat("in")
    }

    fn value(&mut self) -> bool {
        self.rest = self.rest.trim_start_matches([' ', '\t']);
        for quote in ['\'', '"'] {
            if let Some((_, rest)) = self.rest.strip_prefix(quote).and_then(|rest| rest.split_once(quote)) {
                self.rest = rest;
                return true;
            }
        }
        VARIABLES.iter().any(|variable| self.eat(variable))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markers() {
        for good in [
            "python_version < '3.12'",
            " extra == \"all\" ",
            "(python_version<'3' or os.name == 'nt')and 'linux' in sys_platform",
            "sys_platform not in 'win32'",
            "'3' < python_version",
        ] {
            assert!(is_marker(good), "{good}");
        }
        for bad in [
            "",
            "python_version",
            "python_version < 3.12",
            "python < '3'",
            "extra = 'a'",
            "extra == 'a",
            "(extra == 'a'",
            "extra == 'a' 'b'",
            "extra == 'a' and",
            "extra notin 'a'",
        ] {
            assert!(!is_marker(bad), "{bad}");
        }
        assert!(!is_marker(&"(".repeat(100_000)));
    }
}
