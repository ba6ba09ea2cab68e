//! Texts as YAML scalars of a workflow file.

/// A text as a YAML scalar that is not read as a number, a keyword or an expression.
pub fn quoted(text: &str) -> String {
    asked(&text.replace("${{", "${{ '${{' }}"))
}

/// The same of a text in which expressions may stand; the configuration takes only safe ones.
pub fn asked(text: &str) -> String {
    let plain = text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '.' && text.starts_with("./"))
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte))
        && !matches!(text.to_lowercase().as_str(), "true" | "false" | "null" | "yes" | "no" | "on" | "off" | "y" | "n");
    if plain { text.to_owned() } else { format!("'{}'", text.replace('\'', "''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_text() {
        let check = |name: &str, expected: &str| assert_eq!(quoted(name), expected);
        check("release-server", "release-server");
        check("on", "'on'");
        check("1.2", "'1.2'");
        check("a/${{ secrets.X }}", "'a/${{ ''${{'' }} secrets.X }}'");
        assert_eq!(asked("${{ vars.X }}"), "'${{ vars.X }}'");
    }
}
