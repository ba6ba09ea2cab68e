//! References of images in rendered manifests.

use crate::yaml::{self, Node, Value};

/// Keys whose texts are images: of containers, and of custom resources such as CloudNativePG's.
const KEYS: [&str; 2] = ["image", "imageName"];

/// A reference, as it is rendered.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Found {
    pub reference: String,
    /// The template that `helm template` names above the document; empty if it names none.
    pub template: String,
}

/// What one rendering holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct References {
    /// Sorted, each once.
    pub found: Vec<Found>,
    /// Templates with a document that could not be read, and why.
    pub unread: Vec<Unread>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unread {
    pub template: String,
    pub reason: String,
}

impl References {
    /// From the output of `helm template`. One document that cannot be read does not hide the others.
    pub fn of(rendered: &str) -> Self {
        let mut references = Self::default();
        for document in documents(rendered) {
            let template = template(document);
            match yaml::documents(document) {
                Ok(roots) => roots.iter().for_each(|root| references.collect(root, template)),
                Err(flaws) => {
                    let reason = flaws.into_iter().next().map_or_else(String::new, |flaw| flaw.text);
                    references.unread.push(Unread { template: template.to_owned(), reason });
                }
            }
        }
        references.found.sort_unstable();
        references.found.dedup();
        references
    }

    /// The reader bounds the depth.
    fn collect(&mut self, node: &Node, template: &str) {
        for entry in node.entries() {
            match &entry.value.value {
                Value::Text(text) if KEYS.contains(&entry.key.as_str()) && !text.is_empty() => {
                    self.found.push(Found { reference: text.clone(), template: template.to_owned() });
                }
                _ => self.collect(&entry.value, template),
            }
        }
        node.items().iter().for_each(|item| self.collect(item, template));
    }
}

/// Divided at lines that begin with `---`, as Helm does.
fn documents(rendered: &str) -> impl Iterator<Item = &str> {
    let starts = rendered.match_indices("---").map(|(at, _)| at);
    let mut starts: Vec<usize> = starts.filter(|at| *at == 0 || rendered.as_bytes()[at - 1] == b'\n').collect();
    if starts.first() != Some(&0) {
        starts.insert(0, 0);
    }
    let ends = starts.iter().skip(1).copied().chain([rendered.len()]).collect::<Vec<_>>();
    starts.into_iter().zip(ends).map(|(start, end)| &rendered[start..end])
}

fn template(document: &str) -> &str {
    document.lines().find_map(|line| line.strip_prefix("# Source: ")).map_or("", str::trim)
}

#[cfg(test)]
mod tests {
    use super::References;

    #[test]
    fn images_are_found_everywhere() {
        let rendered = "---\n# Source: app/templates/a.yaml\nspec:\n  containers:\n  - {image: 'a:1', name: x}\n  \
                        - image: \"b:2\"\n---\n# Source: app/templates/b.yaml\nimageName: c:3\nimage:\n  image: d:4\n\
                        data:\n  x: |\n    image: no:1\n    ---\n---\n# Source: app/templates/c.yaml\nimage: [\n---\n\
                        image: a:1\n---\nimage: ''\n--- # none\nx: 1\n";
        let references = References::of(rendered);
        let found: Vec<String> =
            references.found.iter().map(|found| format!("{} {}", found.reference, found.template)).collect();
        assert_eq!(
            found,
            [
                "a:1 ",
                "a:1 app/templates/a.yaml",
                "b:2 app/templates/a.yaml",
                "c:3 app/templates/b.yaml",
                "d:4 app/templates/b.yaml"
            ]
        );
        assert_eq!(references.unread.len(), 1);
        assert_eq!(references.unread[0].template, "app/templates/c.yaml");
    }

    #[test]
    fn any_text_is_survived() {
        for text in ["", "---", "-", "--- ", "a\n---b", "\u{e4}---", "x\n\n---\n---\n"] {
            References::of(text);
        }
    }
}
