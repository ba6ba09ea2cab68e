//! Logins in addresses of repositories: taken out before anything is stored or shown.

use crate::secret::Secret;
use crate::serve::task::Login;
use crate::world::http::decode;

/// An address without the login that stands in it, and the login. However malformed it is, nothing between `://` and the last
/// `@` before the path stays.
pub(super) fn take_out(address: &str) -> (String, Option<Login>) {
    let Some((scheme, rest)) = address.split_once("://") else { return (address.to_owned(), None) };
    let end = rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let Some((login, host)) = authority.rsplit_once('@') else { return (address.to_owned(), None) };
    let (user, password) = login.split_once(':').unwrap_or((login, ""));
    let login = Login { user: Secret::new(decode(user)), password: Secret::new(decode(password)) };
    (format!("{scheme}://{host}{path}"), Some(login))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logins_leave_addresses() {
        let check = |address: &str, bare: &str, login: Option<(&str, &str)>| {
            let (left, taken) = take_out(address);
            assert_eq!(left, bare);
            assert_eq!(taken.as_ref().map(|one| (one.user.expose(), one.password.expose())), login, "{address}");
        };
        check("https://github.com/a/b.git", "https://github.com/a/b.git", None);
        check("https://ghp_x@github.com/a/b.git", "https://github.com/a/b.git", Some(("ghp_x", "")));
        check("https://me:p%40ss@host/a", "https://host/a", Some(("me", "p@ss")));
        check("https://me:p@ss@host/a", "https://host/a", Some(("me", "p@ss")));
        check("https://x@host", "https://host", Some(("x", "")));
        check("git@github.com:a/b.git", "git@github.com:a/b.git", None);
        check("https://host/a@b", "https://host/a@b", None);
        check("not-a-url", "not-a-url", None);
    }
}
