//! Which variable of the environment holds the token that a GitHub gets.

use url::Url;

use crate::plan::GithubDestination;
use crate::world::env::Env;

/// The host that runs this job.
pub fn job_host(env: &Env) -> Option<String> {
    env.get("GITHUB_SERVER_URL").and_then(|url| Url::parse(url).ok()?.host_str().map(str::to_owned))
}

/// Where a token is looked for. The `GITHUB_TOKEN` of a job that another forge runs is that forge's.
pub fn tokens(github: &GithubDestination, env: &Env) -> &'static [&'static str] {
    let foreign = job_host(env).is_some_and(|host| host != github.host);
    if foreign && env.get("LONGSHORE_GITHUB_API").is_none() { &["GH_TOKEN"] } else { &["GITHUB_TOKEN", "GH_TOKEN"] }
}

/// The variable whose token is sent.
pub fn token(github: &GithubDestination, env: &Env) -> Option<&'static str> {
    tokens(github, env).iter().find(|name| env.get(name).is_some()).copied()
}
