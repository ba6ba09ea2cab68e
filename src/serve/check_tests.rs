//! Submissions, and what of them is refused on which face.

use super::*;

fn asked(face: Face) -> Submission {
    Submission {
        face,
        app_name: "iris".into(),
        image_tag: "iris_v1.0.0".into(),
        git_repo: "https://github.com/acme/iris.git".into(),
        login: None,
        branch: Some("main".into()),
        app_dir: None,
        dockerfile: None,
    }
}

/// The one reason and field for which both faces refuse.
#[track_caller]
fn refuses(change: impl Fn(&mut Submission), field: &str, reason: Reason) {
    for face in [Face::Old, Face::New] {
        refuses_on(face, &change, field, reason);
    }
}

#[track_caller]
fn refuses_on(face: Face, change: impl Fn(&mut Submission), field: &str, reason: Reason) {
    let mut asked = asked(face);
    change(&mut asked);
    let found = submission(&asked, &Allowed::default()).unwrap_err();
    let found: Vec<(&str, Reason)> = found.iter().map(|one| (one.field, one.reason)).collect();
    assert_eq!(found, [(field, reason)], "{asked:?}");
}

#[track_caller]
fn takes_on(face: Face, change: impl Fn(&mut Submission)) -> Checked {
    let mut asked = asked(face);
    change(&mut asked);
    submission(&asked, &Allowed::default()).unwrap()
}

#[test]
fn repositories_that_are_not_fetched() {
    #[track_caller]
    fn check(url: &str, reason: Reason) {
        refuses(|asked| url.clone_into(&mut asked.git_repo), "git_repo", reason);
    }
    for url in ["file:///etc", "/srv/repo", "../x", "ext::sh -c id", "git://host/x", "ssh://git@host/x", "git@host:x/y"]
    {
        check(url, Reason::GitSchemeForbidden);
    }
    check("http://github.com/acme/x", Reason::GitSchemeForbidden);
    check("HTTP://github.com/acme/x", Reason::GitSchemeForbidden);
    check("--upload-pack=id", Reason::OptionLikeValue);
    for url in ["https://127.0.0.1/x", "https://[::1]/", "https://0x7f000001/", "https://localhost./"] {
        check(url, Reason::AddressForbidden);
    }
    for url in ["https://169.254.169.254/latest/meta-data", "https://metadata.google.internal/", "https://10.0.0.5/x"] {
        check(url, Reason::AddressForbidden);
    }
    check("https://user:token@github.com/acme/x", Reason::CredentialsInUrl);
    for url in ["https://host/a\nb", "https://host/a\0", "https://host/a b", "https://ho%00st/x", "https://h\\o/x"] {
        check(url, Reason::GitUrlInvalid);
    }
    check(&format!("https://host/{}", "x".repeat(2048)), Reason::GitUrlInvalid);
    for url in
        ["https://github.com/", "https://github.com/a/b#main:sub", "https://", "https://xn--/x", "https://host:0/x"]
    {
        check(url, Reason::GitUrlInvalid);
    }
}

#[test]
fn the_operator_allows_more() {
    let allowed: Allowed = "127.0.0.1:3000 git.corp 10.0.0.0/8".parse().unwrap();
    #[track_caller]
    fn check(allowed: &Allowed, url: &str, taken: bool) {
        assert_eq!(repository(url, allowed).is_ok(), taken, "{url}");
    }
    check(&allowed, "http://127.0.0.1:3000/app.git", true);
    check(&allowed, "http://127.0.0.1:3001/app.git", false);
    check(&allowed, "http://git.corp/app.git", true);
    check(&allowed, "http://10.2.3.4/app.git", true);
    check(&allowed, "http://other.corp/app.git", false);
    check(&allowed, "ssh://git.corp/app.git", false);
}

#[test]
fn a_login_is_taken_out() {
    #[track_caller]
    fn check(text: &str, rest: &str, login: Option<(&str, &str)>) {
        let (got, found) = without_login(text);
        let login = login.map(|(user, word)| Login { user: Secret::new(user), password: Secret::new(word) });
        assert!(got == rest && found == login, "{text}: {got}");
    }
    check("https://github.com/a/b", "https://github.com/a/b", None);
    check("https://TOKEN@github.com/a/b", "https://github.com/a/b", Some(("TOKEN", "")));
    check("https://me:p%40s+s%3D1&2=%@host/a", "https://host/a", Some(("me", "p@s+s=1&2=%")));
    check("https:me:word@host/a", "https://host/a", Some(("me", "word")));
    check("https://me:word@bad host/a", "https://bad host/a", Some(("me", "word")));
    check("me:word@host/a", "host/a", Some(("me", "word")));
    check("https://host/a@b", "https://host/a@b", None);
    refuses_on(
        Face::New,
        |asked| asked.login = Some(Login { user: Secret::new("x"), password: Secret::new("y") }),
        "git_repo",
        Reason::CredentialsInUrl,
    );
}

#[test]
fn branches_and_tags_of_git() {
    #[track_caller]
    fn check(name: &str, reason: Reason) {
        refuses(|asked| asked.branch = Some(name.into()), "branch", reason);
    }
    for name in ["main;rm -rf /", "../x", "a b", "@{-1}", "a..b", "/a", "a/", "a//b", "a.lock", ".a", "a.", "@", "a\tb"]
    {
        check(name, Reason::RefInvalid);
    }
    check(&"x".repeat(300), Reason::RefInvalid);
    check("--upload-pack=id", Reason::OptionLikeValue);
    for name in ["$(id)", "a;b", "a|b", "a&b", "`id`", "a'b"] {
        refuses_on(Face::New, |asked| asked.branch = Some(name.into()), "branch", Reason::RefInvalid);
    }
    // Git takes it, and there is no shell that would read it.
    takes_on(Face::Old, |asked| asked.branch = Some("$(id)".into()));
    for name in ["feature/x", "v1.0", "release-1.x", "größe", "a#b", "user@fix"] {
        takes_on(Face::New, |asked| asked.branch = Some(name.into()));
    }
    assert_eq!(takes_on(Face::Old, |asked| asked.branch = Some(String::new())).branch, None);
}

#[test]
fn tags_of_images() {
    for tag in ["../..", "V 1", ":latest", "-x", ".x", "", "größe", &"x".repeat(129)] {
        refuses(|asked| tag.clone_into(&mut asked.image_tag), "image_tag", Reason::TagInvalid);
    }
    let long = "x".repeat(256);
    refuses_on(Face::Old, |asked| asked.image_tag.clone_from(&long), "image_tag", Reason::NameTooLong);
    refuses_on(Face::New, |asked| asked.image_tag.clone_from(&long), "image_tag", Reason::TagInvalid);
    takes_on(Face::New, |asked| asked.image_tag = "_v1.0-Rc".into());
}

#[test]
fn names_of_apps() {
    for name in ["a/b", "Iris", "iris model", "é", "🚀", "-a", "a-", ".a", &"x".repeat(129)] {
        refuses_on(Face::New, |asked| name.clone_into(&mut asked.app_name), "app_name", Reason::NameInvalid);
    }
    for name in ["..", "../x", "a/../../b", "/etc", "a\0b", "a\\..\\b", ""] {
        refuses(|asked| name.clone_into(&mut asked.app_name), "app_name", Reason::NameInvalid);
    }
    for name in ["Iris Model", "team/iris", "🚀", "a..b"] {
        takes_on(Face::Old, |asked| name.clone_into(&mut asked.app_name));
    }
    refuses_on(Face::Old, |asked| asked.app_name = "x".repeat(256), "app_name", Reason::NameTooLong);
}

#[test]
fn folders_of_the_repository() {
    #[track_caller]
    fn check(folder: &str, reason: Reason) {
        refuses(|asked| asked.app_dir = Some(folder.into()), "app_dir", reason);
    }
    for folder in ["..", "a/../..", "/etc", "../x", ".git", ".GIT/hooks", "./.git"] {
        check(folder, Reason::ContextOutsideRepo);
    }
    check("-x", Reason::OptionLikeValue);
    check("a\nb", Reason::NameInvalid);
    check("a\\b", Reason::NameInvalid);
    for (folder, expected) in [("", ""), (".", ""), ("./a//b/", "a/b"), ("services/api", "services/api")] {
        assert_eq!(takes_on(Face::New, |asked| asked.app_dir = Some(folder.into())).folder, expected);
    }
}

#[test]
fn addresses_that_names_stand_for() {
    let allowed = Allowed::default();
    let server = Server { host: "git.example.com".into(), port: 443 };
    let check = |address: &str| resolved(&server, address.parse().unwrap(), &allowed);
    let fault = check("10.0.0.5").unwrap_err();
    assert_eq!(fault.reason, Reason::AddressForbidden);
    assert!(fault.message.contains("`git.example.com` resolves to 10.0.0.5, a private address"), "{}", fault.message);
    assert!(check("140.82.121.3").is_ok());
}

#[test]
fn everything_is_told_at_once_and_nothing_secret() {
    let mut asked = asked(Face::New);
    asked.app_name = "A".into();
    asked.image_tag = ":x".into();
    asked.git_repo = "ssh://host/x".into();
    asked.branch = Some("a b".into());
    asked.app_dir = Some("..".into());
    let found = submission(&asked, &Allowed::default()).unwrap_err();
    let fields: Vec<&str> = found.iter().map(|one| one.field).collect();
    assert_eq!(fields, ["app_name", "image_tag", "git_repo", "branch", "app_dir"]);
    let text = found[1].fault().message;
    assert_eq!(text, "image_tag: `:x` is not a tag; a tag is `[A-Za-z0-9_][A-Za-z0-9._-]{0,127}`");
}
