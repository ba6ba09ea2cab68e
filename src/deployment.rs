//! Deployment files: names and values for Terraform, Compose, scripts and charts, in the format that a file's extension says.

use std::fmt::Write;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a deployment file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FileFormat {
    /// One JSON object.
    Json,
    /// One JSON object of Terraform variables.
    TfvarsJson,
    /// Terraform variables: <https://developer.hashicorp.com/terraform/language/values/variables>.
    Tfvars,
    /// `NAME=value` lines that shells and Docker Compose read alike.
    Env,
    /// One YAML map.
    Yaml,
}

/// The extensions, for messages.
pub const EXTENSIONS: &str = "`.json`, `.tfvars.json`, `.tfvars`, `.env`, `.yaml` or `.yml`";

impl FileFormat {
    /// What the extension of a path says.
    pub fn of(path: &str) -> Option<Self> {
        let name = path.rsplit('/').next().unwrap_or(path);
        let endings = [
            (".tfvars.json", Self::TfvarsJson),
            (".json", Self::Json),
            (".tfvars", Self::Tfvars),
            (".env", Self::Env),
            (".yaml", Self::Yaml),
            (".yml", Self::Yaml),
        ];
        endings.into_iter().find(|(ending, _)| name.ends_with(ending)).map(|(_, format)| format)
    }

    /// What keys must look like, if this one does not.
    pub fn refuses(self, key: &str) -> Option<&'static str> {
        let is_word = |more: &str| {
            key.starts_with(|char: char| char.is_ascii_alphabetic() || char == '_')
                && key.chars().all(|char| char.is_ascii_alphanumeric() || char == '_' || more.contains(char))
        };
        match self {
            Self::Tfvars | Self::TfvarsJson if !is_word("-") => {
                Some("names of Terraform variables have letters, digits, `_` and `-`, and do not start with a digit")
            }
            Self::Env if !is_word("") => {
                Some("names of variables have letters, digits and `_`, and do not start with a digit")
            }
            _ => None,
        }
    }

    /// The file, its keys in the order given.
    pub fn render(self, set: &[(String, String)]) -> String {
        let mut text = String::new();
        match self {
            Self::Json | Self::TfvarsJson => json(set, &mut text),
            Self::Tfvars => set.iter().for_each(|(key, value)| line(&mut text, key, " = ", &hcl(value))),
            Self::Env => set.iter().for_each(|(key, value)| line(&mut text, key, "=", &shell(value))),
            Self::Yaml if set.is_empty() => text.push_str("{}\n"),
            Self::Yaml => set.iter().for_each(|(key, value)| line(&mut text, &quoted(key), ": ", &quoted(value))),
        }
        text
    }
}

fn line(text: &mut String, key: &str, between: &str, value: &str) {
    let _ = writeln!(text, "{key}{between}{value}");
}

fn json(set: &[(String, String)], text: &mut String) {
    let lines: Vec<String> = set.iter().map(|(key, value)| format!("\n  {}: {}", quoted(key), quoted(value))).collect();
    let end = if lines.is_empty() { "" } else { "\n" };
    let _ = writeln!(text, "{{{}{end}}}", lines.join(","));
}

/// A JSON string, which is a double-quoted scalar of YAML, too: what YAML does not take as it is, is escaped.
fn quoted(value: &str) -> String {
    let mut text = String::from("\"");
    for char in value.chars() {
        match char {
            '"' | '\\' => text.extend(['\\', char]),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            _ if char.is_control()
                || matches!(char, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}') =>
            {
                let _ = write!(text, "\\u{:04x}", u32::from(char));
            }
            _ => text.push(char),
        }
    }
    text.push('"');
    text
}

/// A string of HCL, where `${` and `%{` begin templates:
/// <https://developer.hashicorp.com/terraform/language/expressions/strings>.
fn hcl(value: &str) -> String {
    quoted(value).replace("${", "$${").replace("%{", "%%{")
}

/// A word of a shell. Simple ones have no quotes: `docker run --env-file` would keep them.
fn shell(value: &str) -> String {
    let is_simple = |char: char| char.is_ascii_alphanumeric() || "_./:@+,=-".contains(char);
    if value.chars().all(is_simple) {
        return value.to_owned();
    }
    if !value.contains(['\'', '\n', '\r']) {
        return format!("'{value}'");
    }
    let mut text = String::from("\"");
    for char in value.chars() {
        if matches!(char, '"' | '\\' | '$' | '`') {
            text.push('\\');
        }
        text.push(char);
    }
    text.push('"');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_extension_says_the_format() {
        let check = |path: &str, expected: Option<FileFormat>| assert_eq!(FileFormat::of(path), expected, "{path}");
        check("a.json", Some(FileFormat::Json));
        check(".kind/a.auto.tfvars.json", Some(FileFormat::TfvarsJson));
        check("a.tfvars", Some(FileFormat::Tfvars));
        check("deploy/.env", Some(FileFormat::Env));
        check("a.env", Some(FileFormat::Env));
        check("a.yaml", Some(FileFormat::Yaml));
        check("a.yml", Some(FileFormat::Yaml));
        check("a.json/b", None);
        check("a.toml", None);
        check("json", None);
    }

    #[test]
    fn keys_fit_the_format() {
        let check = |format: FileFormat, key: &str, fits: bool| {
            assert_eq!(format.refuses(key).is_none(), fits, "{format:?} {key}");
        };
        check(FileFormat::Tfvars, "app-tag", true);
        check(FileFormat::TfvarsJson, "app.tag", false);
        check(FileFormat::Tfvars, "1a", false);
        check(FileFormat::Env, "APP_TAG", true);
        check(FileFormat::Env, "app-tag", false);
        check(FileFormat::Env, "", false);
        check(FileFormat::Json, "app.tag", true);
        check(FileFormat::Yaml, "a b", true);
    }

    #[test]
    fn values_are_quoted_for_each_format() {
        let check = |format: FileFormat, value: &str, expected: &str| {
            assert_eq!(format.render(&[("a".into(), value.into())]), expected, "{format:?} {value:?}");
        };
        check(FileFormat::Json, "1.0", "{\n  \"a\": \"1.0\"\n}\n");
        check(FileFormat::TfvarsJson, "${x} \"\\\n\u{1}", "{\n  \"a\": \"${x} \\\"\\\\\\n\\u0001\"\n}\n");
        check(FileFormat::Tfvars, "${x} %{ if } \"", "a = \"$${x} %%{ if } \\\"\"\n");
        check(FileFormat::Tfvars, "$${x}", "a = \"$$${x}\"\n");
        check(FileFormat::Env, "r.test:5000/app@sha256:0", "a=r.test:5000/app@sha256:0\n");
        check(FileFormat::Env, "", "a=\n");
        check(FileFormat::Env, "$x `y` \"z\"", "a='$x `y` \"z\"'\n");
        check(FileFormat::Env, "it's $5", "a=\"it's \\$5\"\n");
        check(FileFormat::Yaml, "yes", "\"a\": \"yes\"\n");
        check(FileFormat::Yaml, "\u{85}\u{2028}", "\"a\": \"\\u0085\\u2028\"\n");
    }

    #[test]
    fn keys_keep_their_order() {
        let set = [("b".to_owned(), "1".to_owned()), ("a".to_owned(), "2".to_owned())];
        assert_eq!(FileFormat::Json.render(&set), "{\n  \"b\": \"1\",\n  \"a\": \"2\"\n}\n");
        assert_eq!(FileFormat::Json.render(&[]), "{}\n");
        assert_eq!(FileFormat::Yaml.render(&[]), "{}\n");
    }
}
