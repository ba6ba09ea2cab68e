//! What is special about a registry, as data. Sources: each registry's documentation and issue threads; which ones could be
//! tried is said in docs/images.md.

use crate::reference::Repository;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Profile {
    pub name: &'static str,
    /// Where its API is, if not at the host of its references.
    pub api: Option<&'static str>,
    /// Blobs longer than this are sent in parts of this length.
    pub chunk: Option<u64>,
    /// Whether mounting from another repository can work.
    pub mounts: bool,
    /// How many requests may be under way at once.
    pub window: usize,
    /// The host that gives out its tokens, if it is another one.
    pub tokens: Option<&'static str>,
}

const USUAL: Profile = Profile { name: "a registry", api: None, chunk: None, mounts: true, window: 24, tokens: None };

/// The page where a repository is made public; nothing if it has none that we know.
pub fn visibility_page(repository: &Repository) -> Option<String> {
    let (owner, name) = repository.path.split_once('/')?;
    match repository.registry.as_str() {
        // https://docs.github.com/packages/learn-github-packages/configuring-a-packages-access-control-and-visibility
        "ghcr.io" => {
            let below = |kind: &str| {
                format!("https://github.com/{kind}/{owner}/packages/container/{}/settings", name.replace('/', "%2F"))
            };
            Some(format!("{} (of a user: {})", below("orgs"), below("users")))
        }
        "docker.io" => Some(format!("https://hub.docker.com/repository/docker/{owner}/{name}/settings")),
        "quay.io" => Some(format!("https://quay.io/repository/{owner}/{name}?tab=settings")),
        _ => None,
    }
}

/// The profile of a host as written in references.
pub fn of(host: &str) -> Profile {
    let ends = |ending: &str| host.ends_with(ending);
    match host {
        // Pulls are counted, pushes are not: https://docs.docker.com/docker-hub/usage/
        "docker.io" => {
            Profile { name: "Docker Hub", api: Some("registry-1.docker.io"), tokens: Some("auth.docker.io"), ..USUAL }
        }
        // Parts over 4 MiB are answered with 416; one body of any length is taken.
        "ghcr.io" => Profile { name: "GHCR", window: 16, ..USUAL },
        // https://docs.gitlab.com/administration/packages/container_registry/#use-an-external-container-registry
        "registry.gitlab.com" => Profile { name: "GitLab", tokens: Some("gitlab.com"), ..USUAL },
        // https://docs.digitalocean.com/products/container-registry/
        "registry.digitalocean.com" => Profile { name: "DigitalOcean", tokens: Some("api.digitalocean.com"), ..USUAL },
        "icr.io" => Profile { name: "IBM Cloud", tokens: Some("iam.cloud.ibm.com"), ..USUAL },
        _ if ends(".icr.io") => Profile { name: "IBM Cloud", tokens: Some("iam.cloud.ibm.com"), ..USUAL },
        "public.ecr.aws" => Profile { name: "ECR Public", window: 8, mounts: false, ..USUAL },
        // PutImage 10/s: https://docs.aws.amazon.com/AmazonECR/latest/userguide/service-quotas.html
        _ if ends(".amazonaws.com") && host.contains(".dkr.ecr.") => Profile { name: "ECR", window: 8, ..USUAL },
        // No chunked uploads: https://cloud.google.com/artifact-registry/docs/docker/pushing-and-pulling
        _ if host == "gcr.io" || ends(".gcr.io") || ends("-docker.pkg.dev") => {
            Profile { name: "Google Artifact Registry", mounts: false, ..USUAL }
        }
        // Bodies over about 20 MB are cut.
        _ if ends(".azurecr.io") => Profile { name: "ACR", chunk: Some(16 << 20), ..USUAL },
        _ => USUAL,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_where_images_are_made_public() {
        let check = |repository: &str, expected: Option<&str>| {
            assert_eq!(visibility_page(&repository.parse().unwrap()).as_deref(), expected, "{repository}");
        };
        check(
            "ghcr.io/acme/tools/app",
            Some(
                "https://github.com/orgs/acme/packages/container/tools%2Fapp/settings (of a user: \
                 https://github.com/users/acme/packages/container/tools%2Fapp/settings)",
            ),
        );
        check("docker.io/acme/app", Some("https://hub.docker.com/repository/docker/acme/app/settings"));
        check("quay.io/acme/app", Some("https://quay.io/repository/acme/app?tab=settings"));
        check("registry.example.com/acme/app", None);
    }

    #[test]
    fn knows_registries_by_their_hosts() {
        let check = |host: &str, name: &str| assert_eq!(of(host).name, name, "{host}");
        check("docker.io", "Docker Hub");
        check("123456789012.dkr.ecr.eu-west-1.amazonaws.com", "ECR");
        check("europe-docker.pkg.dev", "Google Artifact Registry");
        check("eu.gcr.io", "Google Artifact Registry");
        check("me.azurecr.io", "ACR");
        check("localhost:5000", "a registry");
    }
}
