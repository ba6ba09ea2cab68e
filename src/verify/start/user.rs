//! Whom an image runs as, and what that user may do with its files.

use crate::oci::filesystem::{Entry, FileSystem};

/// May start a file, or enter a folder.
pub const EXECUTE: u16 = 1;
pub const READ: u16 = 4;

/// The largest number that engines take.
const LARGEST: u32 = i32::MAX as u32;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    pub uid: u32,
    pub groups: Vec<u32>,
    /// As the image says it.
    pub shown: String,
}

/// A line of `/etc/passwd` or `/etc/group`.
struct Line<'a>(Vec<&'a str>);

impl Line<'_> {
    fn number(&self, field: usize) -> Option<u32> {
        self.0.get(field)?.trim().parse().ok()
    }

    fn name(&self) -> &str {
        self.0.first().copied().unwrap_or_default()
    }
}

/// Who `USER` names: `uid`, `name`, either with `:gid` or `:group`. Nothing if the image does not show it.
///
/// # Errors
/// Why engines know nobody of the name: what comes after "it".
pub fn identify(spec: &str, files: &FileSystem) -> Result<Option<User>, String> {
    let (user, group) = spec.split_once(':').unwrap_or((spec, ""));
    let user = if user.is_empty() { "0" } else { user };
    let (Some(passwd), Some(groups)) = (lines(files, "/etc/passwd"), lines(files, "/etc/group")) else {
        return Ok(None);
    };
    let number = user.parse::<u32>().ok();
    let entry = passwd.iter().find(|line| line.name() == user);
    let entry = entry.or_else(|| passwd.iter().find(|line| number.is_some() && line.number(2) == number));
    let uid = match (entry.and_then(|line| line.number(2)), number) {
        (Some(uid), _) | (None, Some(uid)) => uid,
        (None, None) => return Err(format!("runs as `{user}`, but `/etc/passwd` of the image has no such user")),
    };
    let own = entry.and_then(|line| line.number(3)).unwrap_or(0);
    let gid = match (group, group.parse::<u32>()) {
        ("", _) => own,
        (_, Ok(gid)) => gid,
        (name, Err(_)) => match groups.iter().find(|line| line.name() == name).and_then(|line| line.number(2)) {
            Some(gid) => gid,
            None => return Err(format!("runs as group `{name}`, but `/etc/group` of the image has no such group")),
        },
    };
    if uid.max(gid) > LARGEST {
        return Err(format!("runs as `{spec}`, but ids end at {LARGEST}"));
    }
    let name = entry.map(Line::name);
    let member = |line: &&Line<'_>| line.0.get(3).is_some_and(|all| all.split(',').any(|one| Some(one.trim()) == name));
    let others = groups.iter().filter(member).filter_map(|line| line.number(2));
    Ok(Some(User { uid, groups: [gid].into_iter().chain(others).collect(), shown: user.to_owned() }))
}

/// None there are no lines; nothing if they cannot be told.
fn lines<'f>(files: &'f FileSystem, path: &str) -> Option<Vec<Line<'f>>> {
    let Ok(way) = files.walk("", path) else { return Some(Vec::new()) };
    let text = way.entry.and_then(Entry::file).and_then(|_| files.text(path))?;
    Some(text.lines().map(|line| Line(line.trim().split(':').collect())).collect())
}

impl User {
    pub fn may(&self, entry: &Entry, what: u16) -> bool {
        if self.uid == 0 {
            // Starting needs an x somewhere, even for root; folders and reading do not.
            return what != EXECUTE || entry.file().is_none() || entry.mode & 0o111 != 0;
        }
        let shift = match () {
            () if entry.uid == self.uid => 6,
            () if self.groups.contains(&entry.gid) => 3,
            () => 0,
        };
        entry.mode >> shift & what != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::filesystem::sample::{self, text};

    #[test]
    fn users_of_an_image() {
        let passwd = "root:x:0:0::/:/bin/sh\n# x\napp:x:1000:1001::/:\n1002:x:7:8::/:\nbad\n";
        let layer = [text("etc/passwd", passwd), text("etc/group", "web:x:33:www,app\nroot:x:0:\n")];
        let files = sample::read(&[&layer]).unwrap();
        let check = |spec: &str, expected: Result<(u32, &[u32]), &str>| match (identify(spec, &files), expected) {
            (Ok(Some(user)), Ok((uid, groups))) => {
                assert_eq!((user.uid, user.groups.as_slice()), (uid, groups), "{spec}")
            }
            (Err(why), Err(part)) => assert!(why.contains(part), "{why}"),
            (found, _) => panic!("{spec}: {found:?}"),
        };
        check("", Ok((0, &[0])));
        check("root", Ok((0, &[0])));
        check("app", Ok((1000, &[1001, 33])));
        check("1000", Ok((1000, &[1001, 33])));
        check("app:web", Ok((1000, &[33, 33])));
        check("app:5", Ok((1000, &[5, 33])));
        check("5000", Ok((5000, &[0])));
        check("5000:web", Ok((5000, &[33])));
        check("1002", Ok((7, &[8])));
        check(":web", Ok((0, &[33])));
        check("harbor", Err("`harbor`, but `/etc/passwd`"));
        check("app:harbor", Err("`harbor`, but `/etc/group`"));
        check("4000000000", Err("ids end at"));
        let none = sample::read(&[&[]]).unwrap();
        assert!(identify("app", &none).is_err() && identify("5:6", &none).is_ok());
    }

    #[test]
    fn what_a_user_may() {
        let check = |uid: u32, groups: &[u32], mode: u16, expected: bool| {
            let user = User { uid, groups: groups.to_vec(), shown: String::new() };
            let files = sample::read(&[&[text("a", "").mode(mode.into()).owner(7)]]).unwrap();
            assert_eq!(user.may(files.at("a").unwrap(), EXECUTE), expected, "{uid} {mode:o}");
        };
        check(0, &[0], 0o644, false);
        check(0, &[0], 0o100, true);
        check(7, &[7], 0o611, false);
        check(8, &[7], 0o701, false);
        check(8, &[1, 7], 0o710, true);
        check(8, &[8], 0o701, true);
    }
}
