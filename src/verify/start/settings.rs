//! What the config of an image says of how it starts.

use serde_json::Value;

/// Where engines look if an image says nothing.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

pub struct Settings {
    pub entrypoint: Vec<String>,
    pub cmd: Vec<String>,
    pub health: Health,
    pub env: Vec<String>,
    /// Empty: the root.
    pub workdir: String,
    pub user: String,
    pub ports: Vec<String>,
    pub volumes: Vec<String>,
    pub onbuild: Vec<String>,
}

pub enum Health {
    /// There is no check.
    None,
    Command(Vec<String>),
    /// Neither `NONE` nor `CMD` nor `CMD-SHELL`.
    Unknown(String),
}

impl Settings {
    pub fn read(config: &Value) -> Self {
        let runs = &config["config"];
        let text = |key: &str| runs[key].as_str().unwrap_or_default().to_owned();
        let keys = |key: &str| runs[key].as_object().map(|map| map.keys().cloned().collect()).unwrap_or_default();
        Self {
            entrypoint: strings(&runs["Entrypoint"]),
            cmd: strings(&runs["Cmd"]),
            health: health(runs),
            env: strings(&runs["Env"]),
            workdir: text("WorkingDir"),
            user: text("User"),
            ports: keys("ExposedPorts"),
            volumes: keys("Volumes"),
            onbuild: strings(&runs["OnBuild"]),
        }
    }

    /// What is started.
    pub fn command(&self) -> Vec<String> {
        self.entrypoint.iter().chain(&self.cmd).cloned().collect()
    }

    /// The last of a name counts.
    fn variable(&self, name: &str) -> Option<&str> {
        let value = |entry: &'_ String| entry.split_once('=').filter(|(key, _)| *key == name).is_some();
        self.env.iter().rev().find(|entry| value(entry)).and_then(|entry| entry.split_once('=')).map(|(_, value)| value)
    }

    pub fn path(&self) -> &str {
        self.variable("PATH").unwrap_or(PATH)
    }

    pub fn library_path(&self) -> &str {
        self.variable("LD_LIBRARY_PATH").unwrap_or_default()
    }
}

fn health(runs: &Value) -> Health {
    let test = strings(&runs["Healthcheck"]["Test"]);
    match test.split_first() {
        None => Health::None,
        Some((kind, rest)) => match kind.as_str() {
            "NONE" => Health::None,
            "CMD" => Health::Command(rest.to_vec()),
            "CMD-SHELL" => {
                let mut command = strings(&runs["Shell"]);
                if command.is_empty() {
                    command = vec!["/bin/sh".into(), "-c".into()];
                }
                command.extend(rest.iter().cloned());
                Health::Command(command)
            }
            other => Health::Unknown(other.to_owned()),
        },
    }
}

fn strings(value: &Value) -> Vec<String> {
    let items = value.as_array().map(Vec::as_slice).unwrap_or_default();
    items.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect()
}
