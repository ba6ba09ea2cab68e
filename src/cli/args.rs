//! Flags and commands: a table for clap.

mod serve;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
pub use serve::Serve;

use crate::digest::Digest;
use crate::target::Target;

/// Plan, build, verify and publish a release: archives, wheels, images and charts from one file.
#[derive(Parser)]
#[command(name = "longshore", version, about, disable_help_subcommand = true, subcommand_precedence_over_arg = true, max_term_width = 110, after_help = AFTER)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Flags of every command.
    #[command(flatten)]
    pub global: Global,
}

const AFTER: &str = "\
Getting started:  longshore init && longshore plan && longshore rehearse

Exit codes:  0 done, also \"already done\"       5 denied: a credential or permission is missing
             1 a bug, or disk, port, network   6 unfinished: run the same command again
             2 usage, configuration, version   7 a build step failed
             3 verification failed             8 a generated file is out of date
             4 conflict: something different is already public; nothing was overwritten";

/// Flags of every command.
#[derive(Args, Clone, Default)]
pub struct Global {
    /// Release this tag (repeat for several on one commit)  [default: GITHUB_REF, else the one matching tag at HEAD]
    #[arg(long, global = true, value_name = "TAG", num_args = 1.., conflicts_with = "snapshot", help_heading = "Selection")]
    pub tag: Vec<String>,
    /// Build a snapshot version instead of a release; it goes to this machine and to registries with `snapshots: true`
    #[arg(long, global = true, help_heading = "Selection")]
    pub snapshot: bool,
    /// Put TEXT into the versions of a published snapshot
    #[arg(long, global = true, value_name = "TEXT", help_heading = "Selection")]
    pub label: Option<String>,
    /// Limit to these components
    #[arg(long, global = true, value_name = "NAME", num_args = 1.., help_heading = "Selection")]
    pub component: Vec<String>,
    /// Limit to steps by dotted prefix or glob, with all they need: archive, '*.x86_64-*'
    #[arg(long, global = true, value_name = "SELECTOR", num_args = 1.., help_heading = "Selection")]
    pub only: Vec<String>,
    /// Run as if started in DIR; relative paths start there
    #[arg(short = 'C', global = true, value_name = "DIR", help_heading = "Input")]
    pub directory: Option<PathBuf>,
    /// Use this configuration file  [default: longshore.yaml here or above]
    #[arg(long, global = true, value_name = "FILE", help_heading = "Input")]
    pub config: Option<PathBuf>,
    /// Apply an overlay of the configuration (repeat for several)
    #[arg(long, global = true, value_name = "NAME", help_heading = "Input")]
    pub overlay: Vec<String>,
    /// Use a stored plan instead of planning (matrix, build, verify, publish)
    #[arg(long, global = true, value_name = "FILE", help_heading = "Input")]
    pub plan: Option<PathBuf>,
    /// Print one JSON object on standard output, also on failure
    #[arg(long, global = true, help_heading = "Output")]
    pub json: bool,
    /// Print only warnings and errors
    #[arg(short, long, global = true, conflicts_with = "verbose", help_heading = "Output")]
    pub quiet: bool,
    /// Also print the output of tools
    #[arg(short, long, global = true, help_heading = "Output")]
    pub verbose: bool,
    /// When to use colours
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", help_heading = "Output")]
    pub color: Color,
    /// Publish without asking for confirmation
    #[arg(long, global = true, help_heading = "Safety")]
    pub yes: bool,
}

/// `--color`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On terminals that support them.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// The commands.
#[derive(Subcommand)]
pub enum Command {
    /// Write a commented longshore.yaml for this repository; never overwrite one
    Init,
    /// Report every problem of longshore.yaml at once
    Check,
    /// Show what is built where, and where it is published
    #[command(after_help = "Example:  longshore plan --explain archive.app.x86_64-unknown-linux-gnu")]
    Plan(Plan),
    /// Run the whole release against local servers
    #[command(after_help = "Example:  longshore rehearse --serve")]
    Rehearse(Rehearse),
    /// Plan, build, verify and publish on this machine
    #[command(after_help = "Example:  longshore release --tag v1.2.3 --prebuilt dist")]
    Release(Release),
    /// Build the steps of a plan
    #[command(after_help = "Example:  longshore build --plan plan.json --job x86_64-unknown-linux-gnu --pack job.tar")]
    Build(Build),
    /// Verify built artifacts against the plan; write manifest.json
    #[command(after_help = "Example:  longshore verify --plan plan.json --from *.tar --pack release.tar")]
    Verify(Verify),
    /// Publish a verified manifest; run it again to continue
    #[command(after_help = "Example:  longshore publish --from release.tar")]
    Publish(Publish),
    /// Print the matrix of jobs as JSON; under Actions also to GITHUB_OUTPUT
    #[command(after_help = "Example:  longshore matrix --plan plan.json")]
    Matrix(Matrix),
    /// Print the JSON Schema of a file or of the output
    #[command(after_help = "Example:  longshore schema config > longshore.schema.json")]
    Schema(Schema),
    /// Print shell completions
    Completions(Completions),
    /// Write manual pages
    Man(Man),
    /// Pin base images, and charts of others, by digest in longshore.lock
    #[command(after_help = "Example:  longshore lock --update debian")]
    Lock(Lock),
    /// Write the files in .github/workflows; keep newer action pins
    #[command(after_help = "Example:  longshore generate --check")]
    Generate(Generate),
    /// One job of a workflow, as action.yml asks for it.
    #[command(hide = true)]
    Action,
    /// Check tools and permissions.
    #[command(hide = true)]
    Doctor,
    /// What is public.
    #[command(hide = true)]
    Status,
    /// Build images from Git repositories, on request over HTTP
    #[command(after_help = "Example:  LOCAL_REGISTRY=localhost:5000 longshore serve")]
    Serve(Serve),
}

impl Command {
    /// Every path of a command's own flags: all of them are below `-C DIR`.
    pub fn paths(&mut self) -> Vec<&mut PathBuf> {
        match self {
            Self::Plan(args) => args.out.iter_mut().collect(),
            Self::Rehearse(args) => args.bases.iter_mut().chain(&mut args.prebuilt).collect(),
            Self::Release(args) => args.prebuilt.iter_mut().collect(),
            Self::Build(args) => {
                let files = args.from.iter_mut().chain(&mut args.pack).chain(&mut args.docker_archive);
                files.chain(&mut args.prebuilt).collect()
            }
            Self::Verify(args) => args.from.iter_mut().chain(&mut args.pack).collect(),
            Self::Publish(args) => args.from.iter_mut().collect(),
            Self::Man(args) => args.out.iter_mut().collect(),
            Self::Init | Self::Check | Self::Matrix(_) | Self::Schema(_) | Self::Completions(_) => Vec::new(),
            Self::Lock(_) | Self::Generate(_) | Self::Action => Vec::new(),
            Self::Serve(args) => {
                std::iter::once(&mut args.data).chain(&mut args.settings).chain(&mut args.tokens).collect()
            }
            Self::Doctor | Self::Status => Vec::new(),
        }
    }

    /// The word typed.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Init => "init",
            Self::Check => "check",
            Self::Plan(_) => "plan",
            Self::Rehearse(_) => "rehearse",
            Self::Release(_) => "release",
            Self::Build(_) => "build",
            Self::Verify(_) => "verify",
            Self::Publish(_) => "publish",
            Self::Matrix(_) => "matrix",
            Self::Schema(_) => "schema",
            Self::Completions(_) => "completions",
            Self::Man(_) => "man",
            Self::Lock(_) => "lock",
            Self::Generate(_) => "generate",
            Self::Action => "action",
            Self::Doctor => "doctor",
            Self::Status => "status",
            Self::Serve(_) => "serve",
        }
    }
}

/// `plan`
#[derive(Args)]
pub struct Plan {
    /// Write the plan to FILE
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Explain one step
    #[arg(long, value_name = "STEP")]
    pub explain: Option<String>,
    /// Print the steps as a Mermaid graph
    #[arg(long, conflicts_with = "explain")]
    pub mermaid: bool,
    /// Plan only what this machine can build
    #[arg(long)]
    pub host: bool,
    /// Also build for another target; its tools must be installed
    #[arg(long, value_name = "TRIPLE", num_args = 1.., requires = "host")]
    pub also: Vec<Target>,
    /// Leave out images and charts whose inputs are the same as at another commit
    #[arg(long, value_name = "REF")]
    pub affected: Option<String>,
}

/// `rehearse`
#[derive(Args)]
pub struct Rehearse {
    /// Use base images of an OCI image layout, by their full names  [default: stub base images]
    #[arg(long, value_name = "LAYOUT")]
    pub bases: Option<PathBuf>,
    /// Keep running and show the result in a browser
    #[arg(long)]
    pub serve: bool,
    /// Listen on this port  [default: any free port]
    #[arg(long, value_name = "PORT", default_value_t = 0, hide_default_value = true)]
    pub port: u16,
    /// Inject a fault (`--fault help` lists them)
    #[arg(long, value_name = "NAME")]
    pub fault: Option<String>,
    /// Also build for another target; its tools must be installed
    #[arg(long, value_name = "TRIPLE", num_args = 1..)]
    pub also: Vec<Target>,
    /// Use prebuilt binaries: DIR/<triple>/<executable>
    #[arg(long, value_name = "DIR")]
    pub prebuilt: Option<PathBuf>,
    /// Run the workflow files of this repository in `act`, without Docker: all, or one
    #[arg(long, value_name = "WORKFLOW", num_args = 0..=1, conflicts_with_all = ["fault", "prebuilt", "also", "snapshot", "only"])]
    pub act: Option<Option<String>>,
    /// Additional arguments for `act`: `-- -s NAME --env NAME=VALUE`
    #[arg(last = true, requires = "act", value_name = "WORDS")]
    pub words: Vec<String>,
}

/// `lock`
#[derive(Args)]
pub struct Lock {
    /// Choose again what is locked: all of it, or one image or chart
    #[arg(long, value_name = "NAME", num_args = 0..=1)]
    pub update: Option<Option<String>>,
    /// Change nothing; exit 8 if the file is incomplete
    #[arg(long, conflicts_with = "update")]
    pub check: bool,
    /// Take images from an OCI image layout, by their full names
    #[arg(long, value_name = "LAYOUT", conflicts_with = "check")]
    pub bases: Option<PathBuf>,
}

impl Lock {
    /// Whether a base is asked for again.
    pub fn updates(&self, name: &str) -> bool {
        self.update.as_ref().is_some_and(|wanted| wanted.as_ref().is_none_or(|wanted| wanted == name))
    }
}

/// `generate`
#[derive(Args)]
pub struct Generate {
    /// Change nothing; exit 8 if a file is out of date
    #[arg(long)]
    pub check: bool,
    /// Pin the action to this commit, branch or tag; `./` for the one in this repository
    #[arg(long, value_name = "REF")]
    pub action_ref: Option<String>,
}

/// `release`
#[derive(Args)]
pub struct Release {
    /// Take images that Dockerfiles name from an OCI image layout, by their full names
    #[arg(long, value_name = "LAYOUT")]
    pub bases: Option<PathBuf>,
    /// Use prebuilt binaries: DIR/<triple>/<executable>
    #[arg(long, value_name = "DIR")]
    pub prebuilt: Option<PathBuf>,
}

/// `build`
#[derive(Args)]
pub struct Build {
    /// Build what this machine can (default)
    #[arg(long, group = "which")]
    pub host: bool,
    /// Build every step on this machine
    #[arg(long, group = "which")]
    pub all: bool,
    /// Build the steps of one job
    #[arg(long, value_name = "ID", group = "which")]
    pub job: Option<String>,
    /// Build the steps after all jobs: images, checksums
    #[arg(long, group = "which")]
    pub merge: bool,
    /// Limit to what one workflow file publishes, with all it needs
    #[arg(long, value_name = "FILE")]
    pub workflow: Option<String>,
    /// Add results of other machines
    #[arg(long, value_name = "TAR", num_args = 1..)]
    pub from: Vec<PathBuf>,
    /// Pack the results into one tar
    #[arg(long, value_name = "TAR")]
    pub pack: Option<PathBuf>,
    /// Also build for another target; its tools must be installed
    #[arg(long, value_name = "TRIPLE", num_args = 1.., conflicts_with_all = ["all", "job", "merge"])]
    pub also: Vec<Target>,
    /// Use prebuilt binaries: DIR/<triple>/<executable>
    #[arg(long, value_name = "DIR")]
    pub prebuilt: Option<PathBuf>,
    /// Require this digest of the plan, as printed by the machine that made it
    #[arg(long, value_name = "SHA256")]
    pub plan_digest: Option<Digest>,
    /// Continue with steps that do not need a failed one
    #[arg(long)]
    pub keep_going: bool,
    /// Include the layers of base images in the image layout
    #[arg(long)]
    pub base_layers: bool,
    /// Write the images of this machine's platform for `docker load`
    #[arg(long, value_name = "TAR")]
    pub docker_archive: Option<PathBuf>,
    /// Take images that Dockerfiles name from an OCI image layout, by their full names
    #[arg(long, value_name = "LAYOUT")]
    pub bases: Option<PathBuf>,
}

/// `verify`
#[derive(Args)]
pub struct Verify {
    /// Limit to what one workflow file publishes, with all it needs
    #[arg(long, value_name = "FILE")]
    pub workflow: Option<String>,
    /// Add results of other machines
    #[arg(long, value_name = "TAR", num_args = 1..)]
    pub from: Vec<PathBuf>,
    /// Pack plan, manifest and every artifact into one tar
    #[arg(long, value_name = "TAR")]
    pub pack: Option<PathBuf>,
    /// Require this digest of the plan, as printed by the machine that made it
    #[arg(long, value_name = "SHA256")]
    pub plan_digest: Option<Digest>,
}

/// `publish`
#[derive(Args)]
pub struct Publish {
    /// Limit to what one workflow file publishes, with all it needs
    #[arg(long, value_name = "FILE")]
    pub workflow: Option<String>,
    /// Use a tar written by `verify --pack`
    #[arg(long, value_name = "TAR", num_args = 1..)]
    pub from: Vec<PathBuf>,
    /// Require this digest of the plan, as printed by the machine that made it
    #[arg(long, value_name = "SHA256")]
    pub plan_digest: Option<Digest>,
    /// Publish only to these destinations, or one artifact of one
    #[arg(long, value_name = "DESTINATION[.ARTIFACT]", num_args = 1..)]
    pub to: Vec<String>,
    /// Wait so many minutes for each other workflow file of the version
    #[arg(long, value_name = "MINUTES", default_value_t = 180)]
    pub wait: u64,
}

/// `matrix`
#[derive(Args)]
pub struct Matrix {
    /// Limit to what one workflow file publishes, with all it needs
    #[arg(long, value_name = "FILE")]
    pub workflow: Option<String>,
    /// Print the jobs of assets instead
    #[arg(long)]
    pub assets: bool,
    /// Print the jobs of images from Dockerfiles instead
    #[arg(long, conflicts_with = "assets")]
    pub images: bool,
}

/// `schema`
#[derive(Args)]
pub struct Schema {
    /// Select the file or output
    #[arg(value_name = "NAME")]
    pub of: SchemaOf,
}

/// What has a schema.
#[derive(Clone, Copy, ValueEnum)]
pub enum SchemaOf {
    /// longshore.yaml
    Config,
    /// the settings of `longshore serve`
    Service,
    /// plan.json
    Plan,
    /// manifest.json
    Manifest,
    /// receipts.json
    Receipts,
    /// what --json prints
    Output,
}

/// `completions`
#[derive(Args)]
pub struct Completions {
    /// bash, elvish, fish, powershell or zsh
    pub shell: clap_complete::Shell,
}

/// `man`
#[derive(Args)]
pub struct Man {
    /// Write one page per command into DIR instead of the main page to standard output
    #[arg(value_name = "DIR")]
    pub out: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_of_a_command_is_known() {
        for line in [
            "plan --out @",
            "rehearse --bases @ --prebuilt @",
            "release --prebuilt @",
            "build --from @ @ --pack @ --docker-archive @ --prebuilt @",
            "verify --from @ @ --pack @",
            "publish --from @ @",
            "serve --data @ --settings @ --tokens @",
            "man @",
        ] {
            let mut cli = Cli::try_parse_from(["longshore"].into_iter().chain(line.split(' '))).unwrap();
            let paths = cli.command.paths();
            assert_eq!(paths.len(), line.matches('@').count(), "{line}");
            assert!(paths.iter().all(|path| path.as_os_str() == "@"), "{line}");
        }
    }
}
