//! Why an engine made no image, in words that say what to do.

use std::path::Path;
use std::time::Duration;

use crate::problem::Problem;

/// What an engine said of its end.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Failed {
    /// Its step, `[build 2/4] RUN make`.
    pub step: Option<String>,
    pub error: String,
    /// The line of the Dockerfile, from 1.
    pub line: Option<u32>,
    /// The instruction as it stands in the Dockerfile.
    pub instruction: Option<String>,
    /// The last lines of the step's output.
    pub last: Vec<String>,
    pub timed_out: bool,
}

/// What engines append to what they say, and what they say of a status.
const STATUS: [&str; 3] = ["exit code: ", "exit status ", "exited with status "];
const ERROR: [&str; 5] = [
    "error: failed to solve: ",
    "ERROR: failed to build: failed to solve: ",
    "ERROR: failed to solve: ",
    "error: ",
    "Error: ",
];
/// Ended by SIGKILL: 128 + 9.
const KILLED: i32 = 137;

impl Failed {
    /// From text that ends with the error, before it the lines of the Dockerfile:
    /// `Dockerfile:4`, `   4 | >>> RUN make`.
    pub fn of_text<'t>(lines: impl Iterator<Item = &'t str>) -> Self {
        let (mut failed, mut instruction) = (Self::default(), Vec::new());
        for line in lines {
            if let Some(error) = ERROR.iter().find_map(|prefix| line.strip_prefix(prefix)) {
                error.clone_into(&mut failed.error);
            }
            let marked = line.split_once(" | >>> ");
            if let Some((number, text)) = marked.and_then(|(number, text)| Some((number.trim().parse().ok()?, text))) {
                failed.line.get_or_insert(number);
                instruction.push(text.trim().trim_end_matches('\\').trim_end());
            }
        }
        failed.instruction = Some(instruction.join(" ")).filter(|text| !text.is_empty());
        failed
    }

    /// The exit status of the program that failed.
    pub fn status(&self) -> Option<i32> {
        let after = |text: &str, prefix: &&str| {
            let (_, rest) = text.rsplit_once(*prefix)?;
            let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
            digits.parse().ok()
        };
        STATUS.iter().find_map(|prefix| after(&self.error, prefix))
    }

    /// The image that was not given to the engine and that it wanted.
    fn wanted(&self) -> Option<&str> {
        let error = self.error.as_str();
        if let Some((_, rest)) = error.split_once("source \"docker-image://") {
            return rest.split_once('"').filter(|(_, rest)| rest.contains("denied")).map(|(image, _)| image);
        }
        let image = error.strip_suffix(": image not known")?;
        image.rsplit(": ").next().or(Some(image))
    }

    /// As a problem; `limit` is how long it could take.
    pub fn problem(&self, dockerfile: &Path, limit: Duration) -> Problem {
        let what = self.what(dockerfile);
        if self.timed_out {
            let minutes = limit.as_secs() / 60;
            let limit = if minutes > 0 { format!("{minutes} min") } else { format!("{} s", limit.as_secs()) };
            let text = format!("{what} did not finish: the build was stopped after {limit}");
            let hint = "give the image a longer `timeout:` if it needs it; a step that waits for input or for a network never ends";
            return Problem::new("image-build-timeout", text).hint(self.with_output(hint));
        }
        if let Some(image) = self.wanted() {
            let text = format!("{what} needs the image `{image}`, which was not given to the engine");
            let hint = "images are fetched by us and given to the engine; name it in a way that is known before the build, and run `longshore lock`";
            return Problem::new("image-not-given", text).hint(hint);
        }
        let how = match self.status() {
            Some(status) => format!("failed with exit status {status}"),
            None if self.error.is_empty() => "failed".to_owned(),
            None => format!("failed: {}", self.error),
        };
        Problem::new("image-build-failed", format!("{what} {how}")).hint(self.with_output(self.advice()))
    }

    /// `RUN make` with its place.
    fn what(&self, dockerfile: &Path) -> String {
        let file = dockerfile.file_name().map_or_else(|| "Dockerfile".into(), |name| name.to_string_lossy());
        let name = self.instruction.as_deref().or(self.step.as_deref().map(without_stage));
        // Continued lines bring their indentation along.
        let name = name.map(|name| name.split_whitespace().collect::<Vec<_>>().join(" "));
        let name = name.map(|name| name.chars().take(200).collect::<String>());
        match (name, self.line) {
            (Some(name), Some(line)) => format!("`{name}` (line {line} of `{file}`)"),
            (Some(name), None) => format!("`{name}` of `{file}`"),
            (None, _) => format!("the build of `{file}`"),
        }
    }

    fn advice(&self) -> &'static str {
        let said = |text: &str| self.error.contains(text) || self.last.iter().any(|line| line.contains(text));
        if said("no space left on device") || said("No space left on device") || said("disk quota exceeded") {
            return "the disk of the engine is full: free some space, or prune the engine's cache";
        }
        if said("exec format error") || said("Exec format error") {
            return "a program of another processor was started: build on a machine of the image's platform, or emulate it";
        }
        match self.status() {
            Some(KILLED) => {
                "137 means that it was killed, nearly always for lack of memory: give the machine of the engine more, or let the step use less"
            }
            None if said("exited on killed") || said("signal: killed") || said("cannot allocate memory") => {
                "it was killed, nearly always for lack of memory: give the machine of the engine more, or let the step use less"
            }
            Some(127) => "127 means that a program was not found: check the stage's base and `PATH`",
            Some(126) => "126 means that a program may not be executed: check its mode, and the folder it lies in",
            _ => "",
        }
    }

    fn with_output(&self, advice: &str) -> String {
        let mut hint = advice.to_owned();
        if self.last.is_empty() {
            return if hint.is_empty() { "see the log of the step".into() } else { hint };
        }
        if !hint.is_empty() {
            hint.push_str("; ");
        }
        hint.push_str("its last output:");
        for line in &self.last {
            hint.push_str("\n  ");
            hint.push_str(line);
        }
        hint
    }
}

/// `[build 2/4] RUN make` without what stands in brackets.
fn without_stage(name: &str) -> &str {
    match name.strip_prefix('[').and_then(|rest| rest.split_once("] ")) {
        Some((stage, rest)) if stage.contains('/') => rest,
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(text: &str) -> Problem {
        Failed::of_text(text.lines()).problem(Path::new("/a/api.Dockerfile"), Duration::from_secs(60))
    }

    #[track_caller]
    fn check(text: &str, code: &str, message: &str) {
        let problem = failed(text);
        assert_eq!((problem.code, problem.message.as_str()), (code, message));
    }

    #[test]
    fn an_instruction_has_its_line_and_status() {
        check(
            "Dockerfile:4\n--------------------\n   3 |     # a\n   4 | >>> RUN echo one && \\\n   5 | >>>    exit    7\n   6 |     \n--------------------\nerror: failed to solve: process \"/bin/sh -c exit 7\" did not complete successfully: exit code: 7",
            "image-build-failed",
            "`RUN echo one && exit 7` (line 4 of `api.Dockerfile`) failed with exit status 7",
        );
        check(
            "Error: building at STEP \"RUN false\": while running runtime: exit status 1",
            "image-build-failed",
            "the build of `api.Dockerfile` failed with exit status 1",
        );
    }

    #[test]
    fn an_image_that_was_not_given_is_named() {
        check(
            "   2 | >>> COPY --from=other/thing:2 /x /x\nerror: failed to solve: other/thing:2: failed to resolve source metadata for docker.io/other/thing:2: could not resolve image due to policy: source \"docker-image://docker.io/other/thing:2\" denied by policy: source denied by policy",
            "image-not-given",
            "`COPY --from=other/thing:2 /x /x` (line 2 of `api.Dockerfile`) needs the image `docker.io/other/thing:2`, which was not given to the engine",
        );
        check(
            "Error: creating build container: nope/base:1: image not known",
            "image-not-given",
            "the build of `api.Dockerfile` needs the image `nope/base:1`, which was not given to the engine",
        );
    }

    #[test]
    fn hints_follow_from_what_was_said() {
        #[track_caller]
        fn check(error: &str, hint: &str) {
            let got = failed(error).hint.unwrap();
            assert!(got.contains(hint), "{got}");
        }
        check("error: failed to solve: process \"x\" did not complete successfully: exit code: 137", "lack of memory");
        check("error: failed to solve: write /x: no space left on device", "disk of the engine is full");
        check("error: failed to solve: process \"x\" did not complete successfully: exit code: 127", "not found");
        check("error: something", "see the log");
    }

    #[test]
    fn a_build_without_end_says_how_long_it_had() {
        let failed = Failed { timed_out: true, step: Some("[2/3] RUN sleep 9".into()), ..Failed::default() };
        let problem = failed.problem(Path::new("Dockerfile"), Duration::from_secs(3600));
        assert_eq!(
            (problem.code, problem.message.as_str()),
            ("image-build-timeout", "`RUN sleep 9` of `Dockerfile` did not finish: the build was stopped after 60 min")
        );
    }
}
