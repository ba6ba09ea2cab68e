//! Where a program is started: what is known there of folder, PATH and user, and how it came to this.

use super::user::User;

#[derive(Clone)]
#[expect(clippy::struct_excessive_bools, reason = "independent of each other")]
pub struct Scene {
    /// `ENTRYPOINT`, `HEALTHCHECK`.
    pub label: &'static str,
    /// The programs that lead here, as they are shown.
    pub trail: Vec<String>,
    /// A place without links; nothing if unknown.
    pub folder: Option<String>,
    /// Whether PATH is that of the image.
    pub path: bool,
    /// Whether libraries are looked for as the image says.
    pub libraries: bool,
    /// Whether permissions are those of the image.
    pub modes: bool,
    /// Nothing if unknown.
    pub user: Option<User>,
    /// Whether it surely comes to this.
    pub sure: bool,
    /// Whether a shell starts it, which takes a text without `#!` for a script.
    pub by_shell: bool,
}

impl Scene {
    /// The same, one program further.
    pub fn after(&self, program: &str) -> Self {
        let mut next = self.clone();
        next.trail.push(program.to_owned());
        next
    }

    /// The way to a program, for people: `ENTRYPOINT starts /entry.sh, which starts /bin/bash`.
    pub fn tell(&self, program: &str) -> String {
        let all: Vec<String> =
            self.trail.iter().map(String::as_str).chain([program]).map(|name| format!("`{name}`")).collect();
        format!("{} starts {}", self.label, all.join(", which starts "))
    }
}
