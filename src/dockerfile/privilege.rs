//! What a Dockerfile asks for beyond a plain build: a frontend of its own, and more rights for its programs.

use std::ops::Range;

use super::instruction::Instruction;
use super::parse::Dockerfile;

/// The image that `# syntax=` names: it reads the file in the engine's stead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frontend<'a> {
    pub name: &'a str,
    pub line: usize,
}

/// A flag of `RUN` that gives its program rights over the machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Privilege {
    pub flag: &'static str,
    pub line: usize,
    pub span: Range<usize>,
}

impl Dockerfile {
    pub fn frontend(&self) -> Option<Frontend<'_>> {
        self.frontend.as_ref().map(|directive| Frontend { name: &directive.value, line: directive.line })
    }

    /// In all stages, also those that do not count.
    pub fn privileges(&self) -> Vec<Privilege> {
        let mut all = Vec::new();
        for step in self.stages.iter().flat_map(|stage| &stage.steps) {
            let Instruction::Run(run) = &step.what else { continue };
            let asked = [
                ("--security=insecure", run.security.as_deref() == Some("insecure")),
                ("--network=host", run.network.as_deref() == Some("host")),
                ("--device", run.device),
            ];
            for (flag, _) in asked.into_iter().filter(|(_, asked)| *asked) {
                all.push(Privilege { flag, line: step.place.line, span: step.place.span.clone() });
            }
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_are_found_in_every_stage() {
        let text = "# syntax=acme/frontend:1\nFROM a AS x\nRUN --security=insecure true\nFROM b\nRUN --network=host --device=vendor.com/gpu true\nRUN --network=none --security=sandbox true\n";
        let file = Dockerfile::parse(text.as_bytes()).unwrap();
        assert_eq!(file.frontend(), Some(Frontend { name: "acme/frontend:1", line: 1 }));
        let found: Vec<(&str, usize)> = file.privileges().iter().map(|one| (one.flag, one.line)).collect();
        assert_eq!(found, [("--security=insecure", 3), ("--network=host", 5), ("--device", 5)]);
    }
}
