//! `RUN --mount=…`.

/// Mounts as they are named in the file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MountKind {
    #[default]
    Bind,
    Cache,
    Tmpfs,
    Secret,
    Ssh,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mount {
    pub kind: MountKind,
    pub from: Option<String>,
    pub source: String,
    pub target: String,
    pub id: String,
    pub required: bool,
}

const KEYS: [&str; 19] = [
    "destination",
    "dst",
    "env",
    "from",
    "gid",
    "id",
    "mode",
    "readonly",
    "readwrite",
    "required",
    "ro",
    "rw",
    "sharing",
    "size",
    "source",
    "src",
    "target",
    "type",
    "uid",
];

/// The stage or image that a mount takes its files from. Variables are not put into it.
pub fn from_of(text: &str) -> Result<Option<String>, String> {
    let mut from = None;
    for field in fields(text) {
        let Some((key, value)) = field.split_once('=') else { continue };
        if key.eq_ignore_ascii_case("from") {
            if value.find('$').is_some_and(|at| at + 1 < value.len()) {
                return Err("`from` of a mount takes no variables: name a stage, and put the variable into its `FROM`"
                    .to_owned());
            }
            from = (!value.is_empty()).then(|| value.to_owned());
        }
    }
    Ok(from)
}

/// Reads a mount; values are expanded one by one.
pub fn parse(text: &str, expand: &mut dyn FnMut(&str) -> Result<String, String>) -> Result<Mount, String> {
    let mut mount = Mount::default();
    for field in fields(text) {
        let (key, value) = match field.split_once('=') {
            Some((key, value)) => (key.to_lowercase(), Some(expand(value)?)),
            None => (field.to_lowercase(), None),
        };
        let Some(value) = value else {
            match key.as_str() {
                "readonly" | "ro" | "readwrite" | "rw" => continue,
                "required" => {
                    mount.required = true;
                    continue;
                }
                _ => return Err(format!("`{field}` of a mount must be `name=value`")),
            }
        };
        match key.as_str() {
            "type" => mount.kind = kind(&value)?,
            "from" => mount.from = (!value.is_empty()).then_some(value),
            "source" | "src" => mount.source = value,
            "target" | "dst" | "destination" => mount.target = value,
            "id" => mount.id = value,
            "required" => mount.required = is_true(&value).ok_or_else(|| format!("`{value}` is not true or false"))?,
            key if KEYS.contains(&key) => {}
            key => return Err(format!("a mount has no `{key}`")),
        }
    }
    Ok(mount)
}

impl Mount {
    /// The name of a secret.
    pub fn secret_id(&self) -> &str {
        let given = if self.source.is_empty() { &self.id } else { &self.source };
        if given.is_empty() { self.target.rsplit('/').next().unwrap_or_default() } else { given }
    }
}

fn kind(text: &str) -> Result<MountKind, String> {
    Ok(match text.to_lowercase().as_str() {
        "bind" => MountKind::Bind,
        "cache" => MountKind::Cache,
        "tmpfs" => MountKind::Tmpfs,
        "secret" => MountKind::Secret,
        "ssh" => MountKind::Ssh,
        _ => return Err(format!("`{text}` is not a type of mount: bind, cache, tmpfs, secret, ssh")),
    })
}

fn is_true(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

/// Comma-separated values; a field in quotes may hold commas.
fn fields(text: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut quoted = false;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let last = fields.len() - 1;
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                fields[last].push('"');
            }
            '"' if quoted => quoted = false,
            '"' if fields[last].is_empty() => quoted = true,
            ',' if !quoted => fields.push(String::new()),
            c => fields[last].push(c),
        }
    }
    fields
}
