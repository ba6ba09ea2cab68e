//! A folder in which Python's clients run, with nothing of the machine's settings.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use longshore::world::process::{Cmd, Finished, Runner};

use crate::package::Made;
use crate::tools;

/// Where clients run.
pub struct Place {
    folder: tempfile::TempDir,
    home: tempfile::TempDir,
    env: BTreeMap<String, String>,
}

impl Place {
    /// With these files.
    pub fn with(files: &[Made]) -> Self {
        let (folder, home) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let env = [
            ("HOME", home.path().display().to_string()),
            ("PATH", format!("{}:/usr/local/bin:/usr/bin:/bin", bin().display())),
            ("NO_PROXY", "127.0.0.1,localhost".to_owned()),
            ("PIP_CONFIG_FILE", "/dev/null".to_owned()),
            ("PIP_DISABLE_PIP_VERSION_CHECK", "1".to_owned()),
            ("UV_NO_CONFIG", "1".to_owned()),
            ("UV_PYTHON", bin().join("python").display().to_string()),
        ];
        let place = Self { folder, home, env: env.map(|(name, value)| (name.to_owned(), value)).into() };
        files.iter().for_each(|file| place.write(file));
        place
    }

    pub fn write(&self, file: &Made) {
        std::fs::write(self.folder.path().join(&file.name), &file.bytes).unwrap();
    }

    pub fn set(&mut self, name: &str, value: &str) {
        self.env.insert(name.into(), value.into());
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What a program prints that ends well.
    pub async fn succeeds<T: AsRef<str>>(&self, name: &str, args: &[T]) -> String {
        let (shown, done) = self.run(name, args).await;
        assert!(done.status.success(), "`{shown}`: {}{}", done.stdout, done.stderr);
        done.stdout
    }

    /// What a program says that fails, in one line.
    pub async fn fails<T: AsRef<str>>(&self, name: &str, args: &[T]) -> String {
        let (shown, done) = self.run(name, args).await;
        assert!(!done.status.success(), "`{shown}`: {}{}", done.stdout, done.stderr);
        let said = format!("{} {}", done.stdout, done.stderr);
        said.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    async fn run<T: AsRef<str>>(&self, name: &str, args: &[T]) -> (String, Finished) {
        let cmd = Cmd::new(program(name), self.folder.path()).args(args.iter().map(|arg| arg.as_ref().to_owned()));
        let cmd = cmd.timeout(Duration::from_secs(120));
        let (shown, env) = (cmd.to_string(), self.env.clone());
        let done = tokio::task::spawn_blocking(move || Runner::new(env.into_iter().collect()).output(&cmd))
            .await
            .unwrap()
            .unwrap();
        assert!(self.home.path().exists());
        (shown, done)
    }
}

/// A program of `make tools` that is Python's.
pub fn program(name: &str) -> String {
    let path = bin().join(name);
    assert!(path.exists(), "`{name}` is missing: run `make tools`");
    path.display().to_string()
}

fn bin() -> std::path::PathBuf {
    tools().join("python/bin")
}
