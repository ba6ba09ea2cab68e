//! READMEs as PyPI would render them, by a renderer that stands for PyPI's: it takes every text without `broken`.

use std::fs;
use std::io::Write;

use super::fixture::{Fixture, given_wheel, workspace, write};
use crate::plan::Check;
use crate::problem::Exit;

const WHEEL: &str = "keel-1.2.3-py3-none-any.whl";

/// What pip would bring.
const RENDERER: &str = r#"mkdir $6/readme_renderer; touch $6/readme_renderer/__init__.py; echo 'def render(text, stream):
    if "broken" in text: stream.write("<string>:4: (ERROR/3) Unknown interpreted text role \"broken\".\\n")
    else: return text' > $6/readme_renderer/rst.py"#;

/// A finished wheel with a README, and its check.
fn given(content_type: &str, readme: &str) -> Fixture {
    let mut it = workspace();
    let folder = it.top().join("given");
    write(&folder.join(WHEEL), "");
    let mut wheel = zip::ZipWriter::new(fs::File::create(folder.join(WHEEL)).unwrap());
    wheel.start_file("keel-1.2.3.dist-info/METADATA", zip::write::SimpleFileOptions::default()).unwrap();
    let kind = format!("Description-Content-Type: {content_type}");
    write!(wheel, "Metadata-Version: 2.4\nName: keel\nVersion: 1.2.3\n{kind}\n\n{readme}\n").unwrap();
    wheel.finish().unwrap();
    it.prebuilt = Some(folder);
    it.step("wheel.keel", &[], given_wheel(&[WHEEL]));
    it.proof("check.readme.keel", "wheel.keel", Check::Readme);
    it.fake("pip", RENDERER);
    it
}

fn seen(it: &Fixture) -> String {
    let records = it.run(&[]).unwrap();
    records.into_iter().find_map(|record| record.check).unwrap().detail
}

#[test]
fn a_readme_that_does_not_render_is_refused_as_pypi_would() {
    assert_eq!(seen(&given("text/x-rst", "Keel\n====")), format!("the README of `{WHEEL}` renders"));
    let it = given("text/x-rst", "Keel\n====\n\nA :broken:`word`.");
    let said = it.fails(&[], Exit::Verification);
    let expected = format!(
        "dist-refused: the README of `{WHEEL}` does not render on PyPI: line 4: (ERROR/3) Unknown interpreted text role \
         \"broken\".\nfix the README"
    );
    assert!(said.starts_with(&expected), "{said}");
}

/// A finished wheel may have another README than the project.
#[test]
fn what_is_no_restructured_text_is_not_rendered_as_such() {
    let expected = format!("the README of `{WHEEL}` is text/markdown, which always renders");
    assert_eq!(seen(&given("text/markdown; charset=UTF-8", "# broken")), expected);
}
