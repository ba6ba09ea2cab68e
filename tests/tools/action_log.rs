//! What act, a runner that we did not write, makes of our log: it obeys no command that a tool printed.

use std::fs;
use std::path::Path;

use crate::project::{LONGSHORE, Project};
use crate::{root, tool};

/// What a tool prints that wants to be obeyed.
const EVIL: &str =
    "printf '%s\\n' '::set-output name=a::obeyed' '::endgroup::' '::add-mask::plain' '  ::set-output name=b::obeyed'\n";

/// The control is the same tool without us: it is obeyed.
const WORKFLOW: &str = "on: push
jobs:
  job:
    runs-on: ubuntu-24.04
    steps:
      - uses: actions/checkout@de0fac2e4500dabe0009e67214ff5f5447ce83dd # v6.0.2
      - id: ours
        run: $LONGSHORE plan --out ../plan.json && $LONGSHORE build --plan ../plan.json
      - run: echo \"ours <$A$B> plain\"
        env: { A: '${{ steps.ours.outputs.a }}', B: '${{ steps.ours.outputs.b }}' }
      - id: control
        run: bash evil.sh
      - run: echo \"control <$A>\"
        env: { A: '${{ steps.control.outputs.a }}' }
";

#[test]
fn act_obeys_no_tool() {
    let project = Project::copy(&root().join("tests/cases/two-tags/in"), "skiff");
    let folder = project.folder();
    let write = |path: &str, text: &str| {
        fs::create_dir_all(folder.join(path).parent().unwrap()).unwrap();
        fs::write(folder.join(path), text).unwrap();
    };
    let config = fs::read_to_string(folder.join("longshore.yaml")).unwrap();
    write("longshore.yaml", &format!("{config}binaries: {{ skiff: {{ before: bash evil.sh }} }}\n"));
    write("evil.sh", EVIL);
    write(".github/workflows/log.yml", WORKFLOW);
    let project = project.commit();
    project.sh("git tag v1.2.3 && git remote add origin https://github.com/harbor-works/skiff.git");
    let act = tool("act").get_program().to_owned();
    let line = format!(
        "{} push -W .github/workflows/log.yml -P ubuntu-24.04=-self-hosted --no-cache-server --action-cache-path $PWD/../cache \
         --env LONGSHORE={LONGSHORE} --env CI=true 2>&1",
        Path::new(&act).display()
    );
    let done = project.sh(&line);
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(done.status.success(), "{said}");
    assert!(said.contains("ours <> plain") && said.contains("control <obeyed>"), "{said}");
    assert!(said.contains("::set-output name=a::obeyed"), "the tool's output is shown: {said}");
}
