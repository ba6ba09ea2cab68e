//! Several releases of one plan: each is coordinated by the workflow files that make it.

use longshore::rehearsal::github::{Effect, Tag};

use super::world::{Run, World, run};
use crate::cases;

const YAML: &str = "\
longshore: 1
components: [alpha, beta, gamma]
targets: x86_64-unknown-linux-gnu
binaries: { alpha: { static-target: gnu }, beta: { static-target: gnu } }
images:
  alpha: { repositories: registry.example/me/alpha, platforms: linux/amd64, flavors: scratch }
publish: { github: { notes: false }, registry: {} }
workflows:
  files.yml:  { publish: github }
  images.yml: { publish: registry }
";

#[tokio::test(flavor = "multi_thread")]
async fn each_release_waits_for_those_that_make_it() {
    let project = cases::project("three-tools");
    std::fs::write(project.folder().join("longshore.yaml"), YAML).unwrap();
    let line = "git commit -qam two && git remote add origin https://github.com/harbor-works/opsml.git \
                && git tag alpha-v1.2.3 && git tag beta-v0.4.0 \
                && longshore plan -q --tag alpha-v1.2.3 --tag beta-v0.4.0 --out ../plan.json > /dev/null && cat ../plan.json";
    let done = project.sh(line);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let text = String::from_utf8(done.stdout).unwrap();
    let world = World::of(&text, |repository| {
        let tag = |name: &str| Tag { name: name.into(), commit: repository.head.clone(), ..Tag::default() };
        repository.tags = ["alpha-v1.2.3", "beta-v0.4.0"].map(tag).to_vec();
    })
    .await;
    let (files, images) = tokio::join!(world.run(run("files.yml")), world.run(run("images.yml")));
    assert!(files.is_ok() && images.is_ok(), "{files:?} {images:?}");
    let mut found = Vec::new();
    for (_, effect) in world.effects() {
        match effect {
            Effect::AssetUploaded { release, name, .. } if name.starts_with("longshore-") => {
                found.push((release, name))
            }
            Effect::ReleasePublished { tag, unfinished: 0, .. } => found.push((0, tag)),
            _ => {}
        }
    }
    let of = |release: u64| found.iter().filter(|(id, _)| *id == release).count();
    let releases: std::collections::BTreeSet<u64> = found.iter().map(|(id, _)| *id).filter(|id| *id > 0).collect();
    let assets: Vec<usize> = releases.into_iter().map(of).collect();
    assert_eq!((assets, of(0)), (vec![4, 2], 2), "two workflows make alpha, one makes beta: {found:#?}");
    let again = Run { salt: "second", ..run("files.yml") };
    assert!(world.run(again).await.is_ok(), "what is public stays");
}
