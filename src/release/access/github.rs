//! How GitHub and GitHub Enterprise Server are reached, with a token out of the environment.

use url::Url;

use crate::plan::{GithubDestination, Plan};
use crate::problem::{Failure, Problem};
use crate::publish::github::token::{job_host, token};
use crate::publish::{Endpoint, Endpoints};
use crate::world::env::Env;

/// How each GitHub of a plan is reached: as the environment says, else at the forge's own addresses.
///
/// # Errors
/// If an address in the environment is invalid.
pub fn endpoints(plan: &Plan, env: &Env) -> anyhow::Result<Endpoints> {
    let mut endpoints = Endpoints::new();
    for destination in &plan.destinations {
        let Some(github) = destination.kind.github() else { continue };
        let token = token(github, env).and_then(|name| env.secret(name));
        endpoints.insert(destination.name.clone(), Endpoint { api: api(github, env)?, token });
    }
    Ok(endpoints)
}

/// `LONGSHORE_GITHUB_API`; `GITHUB_API_URL` in a job of the same forge; else what GitHub documents for the host.
fn api(github: &GithubDestination, env: &Env) -> anyhow::Result<Url> {
    let job = job_host(env);
    let from_job = env.get("GITHUB_API_URL").filter(|_| job.as_deref() == Some(github.host.as_str()));
    let (name, text) = match (env.get("LONGSHORE_GITHUB_API"), from_job) {
        (Some(url), _) => ("LONGSHORE_GITHUB_API", url.to_owned()),
        (None, Some(url)) => ("GITHUB_API_URL", url.to_owned()),
        (None, None) if github.host == "github.com" => ("", "https://api.github.com/".to_owned()),
        (None, None) => ("", format!("https://{}/api/v3/", github.host)),
    };
    let text = if text.ends_with('/') { text } else { format!("{text}/") };
    Url::parse(&text)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.password().is_none())
        .ok_or_else(|| {
            let problem = Problem::new("bad-url", format!("`{name}` is not an http address without credentials"));
            Failure::usage(problem.hint("for example https://api.github.com/")).into()
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::publish::github::token::tokens;

    #[test]
    fn addresses_of_a_forge() {
        let github = |host: &str| GithubDestination {
            repository: "o/r".into(),
            host: host.into(),
            draft: false,
            existing: crate::destination::Existing::Draft,
            pages: Vec::new(),
        };
        let check = |host: &str, env: &[(&str, &str)], expected: &str| {
            let env = Env::of(env.iter().copied());
            assert_eq!(api(&github(host), &env).unwrap().as_str(), expected, "{host}");
        };
        check("github.com", &[], "https://api.github.com/");
        check("ghes.example", &[], "https://ghes.example/api/v3/");
        let job = [("GITHUB_SERVER_URL", "https://ghes.example"), ("GITHUB_API_URL", "https://ghes.example/api/v3")];
        check("ghes.example", &job, "https://ghes.example/api/v3/");
        check("github.com", &job, "https://api.github.com/");
        let names = |host: &str, env: &[(&str, &str)]| tokens(&github(host), &Env::of(env.iter().copied())).join(" ");
        assert_eq!(names("ghes.example", &job), "GITHUB_TOKEN GH_TOKEN");
        assert_eq!(names("github.com", &[]), "GITHUB_TOKEN GH_TOKEN");
        assert_eq!(names("github.com", &job), "GH_TOKEN");
        check("github.com", &[("LONGSHORE_GITHUB_API", "http://127.0.0.1:1")], "http://127.0.0.1:1/");
        let env = Env::of([("LONGSHORE_GITHUB_API", "ftp://x")]);
        assert!(api(&github("github.com"), &env).is_err());
    }
}
