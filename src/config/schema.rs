//! Every key of `longshore.yaml`: a table (name, type, default, one line of documentation).
//!
//! The table alone decides which keys exist, what they take, how layers are merged, and what editors are told.

pub use super::words::nearest;

pub struct Key {
    pub name: &'static str,
    pub ty: Type,
    /// What holds without it; empty: nothing.
    pub default: &'static str,
    /// One line for people and editors.
    pub doc: &'static str,
    /// Whether `override` may set it for some targets.
    pub per_target: bool,
}

pub struct Section {
    /// What its entries are called, for messages and for the schema's definitions.
    pub name: &'static str,
    pub keys: &'static [Key],
}

pub enum Type {
    Text(Text),
    Flag,
    /// `false`, or the other.
    Off(&'static Self),
    /// One or a list.
    Many(&'static Self),
    /// One or a list that is not empty.
    Some(&'static Self),
    /// The first, or if a map is written the second.
    Either(&'static Self, &'static Self),
    Keys(&'static Section),
    /// A map with keys of the user's.
    Each {
        key: Text,
        value: &'static Self,
        /// Keys that mean something else.
        fixed: &'static [Key],
    },
    /// The keys of a section that may differ per target, by target or glob.
    Override(&'static Self),
    /// A destination of the user's own: the section that its `kind:` says.
    Destination,
    /// A command: text, or this section.
    Command(&'static Section),
    /// Anything: it is written into a file of another format as it is.
    Any,
    /// Any part of the file, by name of the overlay.
    Overlays,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Text {
    /// The number 1.
    FormatNumber,
    Line,
    /// One line without spaces.
    Label,
    /// `[A-Za-z0-9][A-Za-z0-9._-]*`
    Name,
    Word(&'static [&'static str]),
    DestinationKind,
    Triple,
    /// A target triple or a glob over them.
    TripleGlob,
    /// A whole number above 0.
    Count,
    /// `50MB`
    Size,
    /// `90s`, `60m`, `2h`
    Time,
    /// `2.28`
    Glibc,
    /// `11.0`
    Macos,
    /// A path inside the repository.
    Path,
    /// The path of a Cargo.toml.
    Manifest,
    /// A path or glob inside the repository.
    FileGlob,
    FileName,
    /// `owner/name`
    Repository,
    /// `auto`, `changelog`, `github` or a path.
    Notes,
    EnvName,
    /// The name of an environment variable that is a secret in GitHub Actions.
    SecretName,
    /// The environment of a job: a name, or an expression that a generated file may hold.
    Environment,
    /// The label of a machine in a generated file, or such an expression.
    Runner,
    /// A glob of names of environment variables.
    EnvGlob,
    EnvValue,
    /// Registry and repository of images: `ghcr.io/owner/name`.
    ImageRepository,
    /// Registry and owner: `ghcr.io/owner`.
    ImagePrefix,
    /// An image: a repository with a tag or digest.
    Image,
    /// A platform of images: `linux/amd64`.
    Platform,
    ImagePath,
    /// A place in a chart's values: `api.image`, `list[name=X].value`.
    ValuesPath,
    /// A glob over references of images.
    ReferenceGlob,
    /// `8080` or `53/udp`.
    Port,
    Distribution,
    /// `2_28` or `pypi`.
    Compatibility,
    /// `abi3`, `abi3t`, or a version of Python: `3.12`, `3.14t`.
    Python,
    /// A destination, or one artifact's share of it: `pypi.app`.
    Share,
    /// The name of a workflow's file: `release.yml`.
    WorkflowFile,
    /// The path of a reusable workflow: `.github/workflows/notify.yml`.
    WorkflowPath,
    /// `pypi`, `testpypi` or the URL that files are uploaded to.
    Index,
    /// Host of a registry, with its port if it has one.
    Host,
    Argument,
    /// A command line or script; see [`Type::Command`].
    Script,
    Template(Place),
}

/// Where a template stands, which decides what it may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Tag,
    Title,
    ArchiveFile,
    Directory,
    AssetFile,
    /// Path of an executable.
    Prebuilt,
    /// Path of a wheel.
    PrebuiltWheel,
    ImageTag,
    /// Label or annotation of an image.
    ImageText,
    /// A text of a chart.
    ChartText,
    /// A value of a deployment file.
    Deployment,
}

pub(super) const fn key(name: &'static str, ty: Type, default: &'static str, doc: &'static str) -> Key {
    Key { name, ty, default, doc, per_target: false }
}

impl Key {
    const fn per_target(mut self) -> Self {
        self.per_target = true;
        self
    }
}

const LINE: Type = Type::Text(Text::Line);
const LABEL: Type = Type::Text(Text::Label);
const NAME: Type = Type::Text(Text::Name);
const PATH: Type = Type::Text(Text::Path);
const NAMES: Type = Type::Many(&NAME);
const TARGETS: Type = Type::Some(&Type::Text(Text::Triple));
const FILE_ITEM: Type = Type::Either(&Type::Text(Text::FileGlob), &Type::Keys(&FILE));
const ASSET_FILE_ITEM: Type = Type::Either(&Type::Text(Text::FileGlob), &Type::Keys(&ASSET_FILE));
const PASS_ENV: Key =
    key("pass-env", Type::Many(&Type::Text(Text::EnvGlob)), "", "globs of credential-like variables to pass through");
const COMPONENT_OF: Key =
    key("component", NAME, "the component of the same name, else the root", "the component it is released with");
const PUBLISH_TO: Key = key(
    "publish",
    Type::Off(&Type::Some(&NAME)),
    "every destination that accepts its kind",
    "destinations to publish to; `false`: none",
);
const MACOS: Key = key(
    "macos",
    Type::Text(Text::Macos),
    "MACOSX_DEPLOYMENT_TARGET of `env` or .cargo/config.toml, else Rust's minimum",
    "minimum macOS version",
)
.per_target();
const TITLE: Key = key("name", NAME, "its key", "value of `{name}`");

pub const FORMATS: &[&str] = &["tar.gz", "tar.zst", "zip", "binary"];
/// Operating systems, as keys of `formats`.
pub const SYSTEMS: &[&str] = &["linux", "darwin", "windows", "*"];
const FORMAT: Type = Type::Text(Text::Word(FORMATS));

/// The file.
pub static TOP: Section = Section {
    name: "file",
    keys: &[
        key("longshore", Type::Text(Text::FormatNumber), "", "format version of this file; the only required key"),
        key("name", NAME, "the repository's name", "project name"),
        key("tag", Type::Text(Text::Template(Place::Tag)), "v{version}", "template of release tags"),
        key(
            "targets",
            TARGETS,
            "{x86_64,aarch64}-unknown-linux-gnu, {aarch64,x86_64}-apple-darwin, x86_64-pc-windows-msvc",
            "targets to build binaries for",
        ),
        key("output", PATH, "target/longshore", "output folder"),
        key("snapshot", Type::Flag, "false", "in an overlay: the same as `--snapshot`"),
        key("host", Type::Flag, "false", "in an overlay: only what this machine can build, the same as `--host`"),
        key(
            "components",
            Type::Either(&NAMES, &Type::Each { key: Text::Name, value: &Type::Keys(&COMPONENT), fixed: &[] }),
            "none: the whole file is one component",
            "parts of the repository with their own version and tags",
        ),
        key(
            "binaries",
            Type::Off(&Type::Each { key: Text::Name, value: &Type::Keys(&BINARY), fixed: &[] }),
            "one per workspace package with binaries",
            "executables that cargo compiles",
        ),
        key(
            "archives",
            Type::Off(&Type::Each { key: Text::Name, value: &Type::Off(&Type::Keys(&ARCHIVE)), fixed: &[] }),
            "one per binary that no archive lists",
            "archives of binaries; `NAME: false` drops a default one",
        ),
        key(
            "assets",
            Type::Each { key: Text::Name, value: &Type::Keys(&ASSET), fixed: &[] },
            "none",
            "files built once, on one machine; published, or used by other steps",
        ),
        key(
            "wheels",
            Type::Each { key: Text::Distribution, value: &Type::Keys(&WHEEL), fixed: &[] },
            "none",
            "Python distributions built with maturin, by name",
        ),
        key(
            "images",
            Type::Each { key: Text::Name, value: &Type::Keys(&IMAGE), fixed: &[] },
            "none",
            "container images, assembled from binaries",
        ),
        key(
            "bases",
            Type::Each { key: Text::Name, value: &Type::Keys(&BASE), fixed: &[] },
            "distroless, debian, ubuntu, alpine, scratch",
            "base images by flavor",
        ),
        key("charts", Type::Each { key: Text::Name, value: &Type::Keys(&CHART), fixed: &[] }, "none", "Helm charts"),
        key(
            "publish",
            Type::Each { key: Text::Name, value: &Type::Off(&Type::Destination), fixed: DESTINATIONS },
            "derived from the repository",
            "where artifacts are published",
        ),
        key(
            "workflows",
            Type::Each { key: Text::WorkflowFile, value: &Type::Keys(&WORKFLOW), fixed: &[] },
            "release.yml",
            "workflow files that `longshore generate` writes, and what each publishes",
        ),
        key("defaults", Type::Keys(&DEFAULTS), "none", "default keys for every entry of a kind"),
        key("overlays", Type::Overlays, "none", "any part of this file, applied by `--overlay NAME`"),
    ],
};

pub static COMPONENT: Section = Section {
    name: "component",
    keys: &[
        key("tag", Type::Text(Text::Template(Place::Tag)), "{component}-v{version}", "template of its release tags"),
        key(
            "version-files",
            Type::Many(&PATH),
            "the manifests of its artifacts",
            "files whose version must match the tag; PATH#KEY is a key of a JSON, TOML or YAML file",
        ),
        key("changelog", PATH, "the nearest CHANGELOG.md, CHANGES.md or HISTORY.md", "file with its release notes"),
        key(
            "latest",
            Type::Flag,
            "true for the root or the only component",
            "whether its releases may become GitHub's \"latest\"",
        ),
    ],
};

pub static BINARY: Section = Section {
    name: "binary",
    keys: &[
        key("package", LINE, "its key", "the cargo package").per_target(),
        key("manifest", Type::Text(Text::Manifest), "", "a Cargo.toml outside the workspace").per_target(),
        key("bins", Type::Many(&LINE), "all", "executables to build").per_target(),
        key("targets", TARGETS, "the file's", "targets to build for"),
        key("features", Type::Many(&LINE), "", "cargo features").per_target(),
        key("default-features", Type::Flag, "true", "whether cargo's default features are enabled").per_target(),
        key("all-features", Type::Flag, "false", "whether all cargo features are enabled").per_target(),
        key("profile", LABEL, "release", "cargo profile").per_target(),
        key("locked", Type::Flag, "true", "whether Cargo.lock must be up to date").per_target(),
        key("cargo-args", Type::Many(&Type::Text(Text::Argument)), "", "additional arguments for cargo").per_target(),
        key(
            "builder",
            Type::Text(Text::Word(&["auto", "cargo", "zigbuild", "cross"])),
            "auto: cargo on the native runner, zigbuild for *-linux-musl",
            "the program that compiles",
        )
        .per_target(),
        key("runner", LABEL, "native for the target", "runner label").per_target(),
        key("container", LABEL, "none", "container image of the job").per_target(),
        key("glibc", Type::Text(Text::Glibc), "measured and shown", "minimum glibc version it must run on")
            .per_target(),
        MACOS,
        key(
            "linkage",
            Type::Text(Text::Word(&["dynamic", "static"])),
            "static for musl and windows-msvc",
            "linkage to the C library",
        )
        .per_target(),
        key(
            "static-target",
            Type::Text(Text::Word(&["musl", "gnu"])),
            "musl",
            "C library of the implicit static build, for images whose base cannot run the dynamic one",
        )
        .per_target(),
        key(
            "prebuilt",
            Type::Text(Text::Template(Place::Prebuilt)),
            "",
            "path of prebuilt binaries, instead of compiling",
        )
        .per_target(),
        key("assets", NAMES, "", "assets to unpack before compiling").per_target(),
        key("before", Type::Many(&Type::Command(&COMMAND_FOR)), "", "commands to run before compiling").per_target(),
        key("env", ENV, "", "additional environment variables").per_target(),
        PASS_ENV.per_target(),
        key(
            "smoke",
            Type::Off(&Type::Either(
                &ARGUMENTS,
                &Type::Each { key: Text::Line, value: &Type::Off(&ARGUMENTS), fixed: &[] },
            )),
            "--version; only a warning if the version is not printed",
            "smoke test arguments, by executable if they differ; the output must contain the version",
        )
        .per_target(),
        key("max-size", Type::Text(Text::Size), "none", "maximum size of an executable").per_target(),
        key("override", Type::Override(&Type::Keys(&BINARY)), "", "other values by target triple or glob"),
        COMPONENT_OF,
    ],
};

pub static ARCHIVE: Section = Section {
    name: "archive",
    keys: &[
        key("binaries", Type::Some(&NAME), "the one of the same name, else the only one", "binaries it contains")
            .per_target(),
        key(
            "file",
            Type::Text(Text::Template(Place::ArchiveFile)),
            "{name}-{target}",
            "file name without the extension",
        )
        .per_target(),
        key("targets", TARGETS, "those of its binaries", "targets to build for"),
        key(
            "formats",
            Type::Either(
                &Type::Some(&FORMAT),
                &Type::Each { key: Text::Word(SYSTEMS), value: &Type::Some(&FORMAT), fixed: &[] },
            ),
            "{windows: zip, \"*\": tar.gz}",
            "archive formats, or formats by operating system",
        )
        .per_target(),
        key(
            "directory",
            Type::Off(&Type::Text(Text::Template(Place::Directory))),
            "false",
            "top-level folder in the archive; `false`: none",
        )
        .per_target(),
        key(
            "include",
            Type::Many(&FILE_ITEM),
            "README, LICENSE, COPYING, UNLICENSE and NOTICE of the package's folder, else of those above it; the \
             `license-file` of Cargo.toml",
            "additional files; []: executables only",
        )
        .per_target(),
        key("override", Type::Override(&Type::Keys(&ARCHIVE)), "", "other values by target triple or glob"),
        TITLE,
        COMPONENT_OF,
        PUBLISH_TO,
    ],
};

pub static ASSET: Section = Section {
    name: "asset",
    keys: &[
        key("run", Type::Many(&Type::Command(&COMMAND)), "", "commands that build it"),
        key("files", Type::Some(&ASSET_FILE_ITEM), "", "files it consists of (required)"),
        key(
            "file",
            Type::Text(Text::Template(Place::AssetFile)),
            "none: each file separately",
            "bundle the files under this name; the extension selects the format",
        ),
        key("runner", LABEL, "Linux", "runner label"),
        TITLE,
        COMPONENT_OF,
        PUBLISH_TO,
    ],
};

pub static IMAGE: Section = Section {
    name: "image",
    keys: &[
        key(
            "dockerfile",
            Type::Either(
                &PATH,
                &Type::Each { key: Text::Name, value: &Type::Either(&PATH, &Type::Keys(&DOCKERFILE)), fixed: &[] },
            ),
            "none: an image of binaries",
            "the Dockerfile it is built from, or one for each flavor",
        ),
        key("context", PATH, "the folder of the Dockerfile", "folder of the build context; `.`: the whole repository"),
        key("stage", LABEL, "the last", "the stage that becomes the image"),
        key("args", BUILD_ARGS, "none", "build arguments"),
        key(
            "secrets",
            Type::Each { key: Text::Label, value: &Type::Text(Text::SecretName), fixed: &[] },
            "none",
            "environment variables that `RUN --mount=type=secret` reads, by id",
        ),
        key("before", Type::Many(&Type::Command(&COMMAND)), "", "commands to run before the build"),
        key(
            "contexts",
            Type::Each { key: Text::Label, value: &LINE, fixed: &[] },
            "none",
            "named contexts: a folder, or `image.NAME` for another image of this file",
        ),
        key("assets", NAMES, "none", "assets to put into the build context"),
        key(
            "runner",
            Type::Either(&LABEL, &Type::Each { key: Text::Platform, value: &LABEL, fixed: &[] }),
            "native for the platform",
            "runner label, or runner labels by platform",
        ),
        key("emulate", Type::Flag, "false", "whether one machine builds all platforms, foreign ones by emulation"),
        key(
            "engine",
            Type::Text(Text::Word(ENGINES)),
            "auto: the first that answers",
            "the program that carries out the Dockerfile",
        ),
        key("network", Type::Text(Text::Word(&["default", "none"])), "default", "whether `RUN` reaches the network"),
        key(
            "cache",
            Type::Flag,
            "false in a release, else true",
            "whether the engine keeps results for the next build",
        ),
        key(
            "reuse",
            Type::Text(Text::Word(&["never", "inputs"])),
            "inputs if a registry on this machine is a destination, else never",
            "whether a published image of the same inputs is taken instead of a build",
        ),
        key("contains", Type::Many(&Type::Text(Text::ImagePath)), "", "paths that the finished image must hold"),
        key("timeout", Type::Text(Text::Time), "60m", "how long the build may take"),
        key(
            "repositories",
            Type::Some(&Type::Text(Text::ImageRepository)),
            "{registry prefix}/{name}",
            "repositories to push to",
        ),
        key("binaries", Type::Some(&NAME), "the one of the same name, else the only one", "binaries it contains"),
        key("platforms", Type::Some(&Type::Text(Text::Platform)), "linux/amd64, linux/arm64", "platforms to build for"),
        key(
            "flavors",
            Type::Some(&NAME),
            "distroless",
            "the flavors to build; `all`: distroless, debian, ubuntu, alpine, scratch; the first is the default",
        ),
        key("include", Type::Many(&Type::Keys(&IMAGE_FILE)), "", "additional files with their paths in the image"),
        key(
            "tags",
            Type::Many(&IMAGE_TAG),
            "{version}, {major}.{minor}, {major}, latest",
            "tags of each flavor's index; without {flavor}, all but the default flavor get `-FLAVOR` appended",
        ),
        key("platform-tags", Type::Many(&IMAGE_TAG), "none", "tags of each platform's image"),
        key("entrypoint", ARGUMENTS, "the first executable", "entrypoint, as a list of words"),
        key("cmd", ARGUMENTS, "", "default arguments, as a list of words"),
        key("user", LABEL, "65532:65532", "the user the container runs as: user, or user:group"),
        key("workdir", Type::Text(Text::ImagePath), "/", "working directory"),
        key("env", ENV, "", "environment variables"),
        key("expose", Type::Many(&Type::Text(Text::Port)), "", "exposed ports"),
        key("healthcheck", ARGUMENTS, "none", "health check command, as a list of words"),
        key("labels", IMAGE_TEXTS, "the standard ones", "additional labels of the config"),
        key("annotations", IMAGE_TEXTS, "the standard ones", "additional annotations of index and manifests"),
        key("compression", Type::Text(Text::Word(&["gzip", "zstd"])), "gzip", "compression of its layers"),
        key(
            "smoke",
            Type::Off(&Type::Either(&ARGUMENTS, &Type::Keys(&IMAGE_SMOKE))),
            "false",
            "smoke test arguments, or {http: PATH}",
        ),
        key("max-size", Type::Text(Text::Size), "none", "maximum compressed size of its own layers"),
        TITLE,
        COMPONENT_OF,
        PUBLISH_TO,
    ],
};

/// One of several Dockerfiles of an image.
pub static DOCKERFILE: Section = Section {
    name: "dockerfile",
    keys: &[
        key("dockerfile", PATH, "", "its path (required)"),
        key("stage", LABEL, "the image's", "the stage that becomes the image"),
        key("args", BUILD_ARGS, "the image's", "build arguments"),
        key("binaries", Type::Some(&NAME), "the image's", "binaries to put into the build context"),
        key("platforms", Type::Some(&Type::Text(Text::Platform)), "the image's", "platforms to build for"),
    ],
};

/// `engine:` of images.
pub const ENGINES: &[&str] = &["auto", "buildkit", "docker", "buildah", "podman"];
const BUILD_ARGS: Type =
    Type::Each { key: Text::EnvName, value: &Type::Text(Text::Template(Place::ImageText)), fixed: &[] };
const ARGUMENTS: Type = Type::Many(&Type::Text(Text::Argument));
const ENV: Type = Type::Each { key: Text::EnvName, value: &Type::Text(Text::EnvValue), fixed: &[] };
const IMAGE_TEXTS: Type =
    Type::Each { key: Text::Label, value: &Type::Text(Text::Template(Place::ImageText)), fixed: &[] };
const IMAGE_TAG: Type = Type::Either(&Type::Text(Text::Template(Place::ImageTag)), &Type::Keys(&TAG_ITEM));

/// The long form of a tag.
pub static TAG_ITEM: Section = Section {
    name: "image-tag",
    keys: &[
        key("tag", Type::Text(Text::Template(Place::ImageTag)), "", "the tag (required)"),
        key("when", WHEN, "always", "which releases get it"),
    ],
};

pub static IMAGE_FILE: Section = Section {
    name: "image-file",
    keys: &[
        key("from", Type::Text(Text::FileGlob), "", "path or glob (required)"),
        key("to", Type::Text(Text::ImagePath), "", "path in the image (required)"),
    ],
};

/// A first run of an image that answers over HTTP.
pub static IMAGE_SMOKE: Section = Section {
    name: "image-smoke",
    keys: &[key("http", LABEL, "", "a path that must answer on the first exposed port (required)")],
};

pub static BASE: Section = Section {
    name: "base",
    keys: &[
        key("from", Type::Text(Text::Image), "the built-in one of this flavor", "the base image"),
        key("platforms", Type::Some(&Type::Text(Text::Platform)), "all", "platforms it exists for"),
        key("user", LABEL, "65532:65532", "the user that images based on it run as"),
        key("include", Type::Many(&Type::Keys(&IMAGE_FILE)), "", "additional files of every image based on it"),
    ],
};

pub static WHEEL: Section = Section {
    name: "wheel",
    keys: &[
        key("package", LINE, "the only maturin project", "the cargo package").per_target(),
        key("manifest", Type::Text(Text::Manifest), "", "its Cargo.toml").per_target(),
        key("targets", TARGETS, "the file's", "targets to build for"),
        key("features", Type::Many(&LINE), "", "cargo features, in addition to those of pyproject.toml").per_target(),
        key("default-features", Type::Flag, "true", "whether cargo's default features are enabled").per_target(),
        key("all-features", Type::Flag, "false", "whether all cargo features are enabled").per_target(),
        key("profile", LABEL, "release", "cargo profile").per_target(),
        key("locked", Type::Flag, "true", "whether Cargo.lock must be up to date").per_target(),
        key("cargo-args", Type::Many(&Type::Text(Text::Argument)), "", "additional arguments for maturin").per_target(),
        key(
            "builder",
            Type::Text(Text::Word(&["auto", "cargo", "zigbuild"])),
            "auto: zig for Linux outside containers, else native",
            "the program that links it",
        )
        .per_target(),
        key("runner", LABEL, "native for the target", "runner label").per_target(),
        key("container", LABEL, "none", "container image of the job").per_target(),
        key("compatibility", Type::Text(Text::Compatibility), "2_28", "manylinux version of glibc targets")
            .per_target(),
        MACOS,
        key(
            "prebuilt",
            Type::Text(Text::Template(Place::PrebuiltWheel)),
            "",
            "path of prebuilt wheels, e.g. dist/{file}",
        )
        .per_target(),
        key(
            "python",
            Type::Some(&Type::Text(Text::Python)),
            "determined from the crate",
            "abi3, abi3t, or versions of Python",
        ),
        key("assets", NAMES, "", "assets to unpack before building").per_target(),
        key("before", Type::Many(&Type::Command(&COMMAND_FOR)), "", "commands to run before building").per_target(),
        key("env", ENV, "", "additional environment variables").per_target(),
        PASS_ENV.per_target(),
        key("max-size", Type::Text(Text::Size), "100 MiB", "maximum size of a wheel").per_target(),
        key("sdist", Type::Flag, "true", "whether to build a source distribution"),
        key("project", Type::Any, "", "keys of `[project]` to replace in its pyproject.toml"),
        key(
            "new-classifiers",
            Type::Many(&LINE),
            "",
            "classifiers that PyPI knows and this version of Longshore does not",
        ),
        key(
            "variant-check",
            Type::Off(&Type::Either(&Type::Text(Text::Word(&["auto"])), &Type::Keys(&PROBE))),
            "auto",
            "how to distinguish this distribution from others of the same crate",
        ),
        key("override", Type::Override(&Type::Keys(&WHEEL)), "", "other values by target triple or glob"),
        COMPONENT_OF,
        PUBLISH_TO,
    ],
};

/// What is in one distribution and not in another.
pub static PROBE: Section = Section {
    name: "variant-check",
    keys: &[
        key("present", Type::Many(&LINE), "", "strings its library must contain"),
        key("absent", Type::Many(&LINE), "", "strings its library must not contain"),
        key("python", LINE, "", "Python expression that must be true after importing it"),
    ],
};

/// A file of `include:` or `files:`.
pub static CHART: Section = Section {
    name: "chart",
    keys: &[
        key("path", PATH, "charts/<its key>", "folder of the chart"),
        key(
            "repositories",
            Type::Some(&Type::Text(Text::ImageRepository)),
            "{registry prefix}/charts/{name}",
            "repositories to push to; the last part is the chart's name",
        ),
        key(
            "version",
            Type::Text(Text::Word(&["manifest", "release"])),
            "manifest",
            "manifest: Chart.yaml has the released version; release: the packaged copy gets it, whatever Chart.yaml says",
        ),
        key(
            "app-version",
            Type::Text(Text::Template(Place::ChartText)),
            "Chart.yaml's",
            "appVersion of the packaged copy: a component, whose version it gets, or a template",
        ),
        key(
            "images",
            Type::Each { key: Text::Name, value: &Type::Some(&Type::Text(Text::ValuesPath)), fixed: &[] },
            "none",
            "where values.yaml names an image: a map with repository and tag, or the whole reference",
        ),
        key(
            "values",
            Type::Each { key: Text::ValuesPath, value: &Type::Text(Text::Template(Place::ChartText)), fixed: &[] },
            "none",
            "other texts of values.yaml to set, by path",
        ),
        key("pin", Type::Text(Text::Word(&["tag", "digest"])), "tag", "whether references to images hold a digest"),
        key(
            "dependencies",
            Type::Text(Text::Word(&["vendored", "build"])),
            "vendored",
            "vendored: they are in `charts/`; build: they are fetched as locked",
        ),
        key(
            "render",
            Type::Off(&Type::Text(Text::Word(&["auto"]))),
            "auto: where Helm is installed",
            "whether the packaged chart is linted and rendered with Helm",
        ),
        key(
            "allow",
            Type::Many(&Type::Text(Text::ReferenceGlob)),
            "none",
            "globs of images that templates may name without being looked up",
        ),
        COMPONENT_OF,
        TITLE,
        PUBLISH_TO,
    ],
};

pub static FILE: Section = Section { name: "file-item", keys: &FILE_KEYS };

const FILE_KEYS: [Key; 2] = [
    key("from", Type::Text(Text::FileGlob), "", "path or glob (required)"),
    key("to", PATH, "its own path", "destination path"),
];

pub static ASSET_FILE: Section = Section {
    name: "asset-file",
    keys: &{
        let [from, to] = FILE_KEYS;
        let links = Type::Text(Text::Word(&["keep", "follow"]));
        [from, to, key("links", links, "keep", "whether symbolic links are kept or replaced by their targets")]
    },
};

/// The long form of a command.
pub static COMMAND: Section = Section { name: "command", keys: &COMMAND_KEYS };

/// The long form of a command that belongs to targets.
pub static COMMAND_FOR: Section = Section {
    name: "command-for-targets",
    keys: &{
        let [run, shell, dir, env] = COMMAND_KEYS;
        let targets = Type::Some(&Type::Text(Text::TripleGlob));
        [run, shell, dir, env, key("targets", targets, "all", "the targets it runs for, by triple or glob")]
    },
};

const COMMAND_KEYS: [Key; 4] = [
    key("run", Type::Text(Text::Script), "", "the command (required)"),
    key("shell", Type::Text(Text::Word(&["bash", "pwsh"])), "none", "the shell that runs it as a script"),
    key("dir", PATH, "the repository", "working directory"),
    key(
        "env",
        Type::Each { key: Text::EnvName, value: &Type::Text(Text::EnvValue), fixed: &[] },
        "",
        "additional environment variables",
    ),
];

/// Names under `publish:` that mean something by themselves.
static DESTINATIONS: &[Key] = &[
    key("github", Type::Off(&Type::Keys(&GITHUB)), "present if there are files for it", "a GitHub release"),
    key(
        "registry",
        Type::Off(&Type::Either(&Type::Text(Text::ImagePrefix), &Type::Keys(&REGISTRY))),
        "present if there are images",
        "container registries; short form: the prefix",
    ),
    key("pypi", Type::Off(&Type::Keys(&PYPI)), "none: a name on PyPI can never be reused", "a Python package index"),
    key("file", Type::Off(&Type::Keys(&DEPLOYMENT_FILE)), "none", "a deployment file"),
    key("command", Type::Off(&Type::Destination), "none", "a command that runs when everything is published"),
];

/// Kinds of destinations that work now.
pub const KINDS: &[&str] = &["github", "registry", "pypi", "file", "command"];

const KIND: Key = key(
    "kind",
    Type::Text(Text::DestinationKind),
    "its name",
    "kind of destination; required unless its name is a kind",
);
const WHEN: Type = Type::Text(Text::Word(&["always", "stable", "prerelease"]));
const WHEN_OF: Key = key("when", WHEN, "always", "which releases to publish there");
const ENVIRONMENT: Key =
    key("environment", Type::Off(&Type::Text(Text::Environment)), "release", "GitHub environment of the publish job");

pub static GITHUB: Section = Section {
    name: "github",
    keys: &[
        KIND,
        WHEN_OF,
        ENVIRONMENT,
        key("repository", Type::Text(Text::Repository), "the git remote", "owner/name"),
        key(
            "host",
            Type::Text(Text::Host),
            "github.com",
            "host of a GitHub Enterprise Server; github.com if the remote's host is an SSH alias",
        ),
        key("draft", Type::Flag, "false", "leave the release a draft"),
        key("title", Type::Text(Text::Template(Place::Title)), "{tag}", "release title"),
        key("notes", Type::Off(&Type::Text(Text::Notes)), "auto", "auto, changelog, github or the path of a file"),
        key("header", PATH, "", "file to put above the notes"),
        key("footer", PATH, "", "file to put below the notes"),
        key("checksums", Type::Text(Text::FileName), "SHA256SUMS", "name of the checksums file"),
        key("existing", Type::Text(Text::Word(&["draft", "any"])), "draft", "which existing release may be filled"),
    ],
};

pub static REGISTRY: Section = Section {
    name: "registry",
    keys: &[
        KIND,
        WHEN_OF,
        ENVIRONMENT,
        key("prefix", Type::Text(Text::ImagePrefix), "ghcr.io/<owner>", "prefix of image repositories"),
        key(
            "pull",
            Type::Text(Text::ImagePrefix),
            "the prefix",
            "what charts and deployment files name instead of the prefix",
        ),
        key(
            "snapshots",
            Type::Flag,
            "true on loopback",
            "whether snapshots may be published there, with versions that follow their content",
        ),
        key("insecure", Type::Flag, "false", "use plain HTTP or skip certificate checks at the prefix's host"),
        key("ca", PATH, "", "path of a PEM file with the CA certificate of the prefix's host"),
        key(
            "read-back",
            Type::Text(Text::Word(&["auto", "anonymous", "own"])),
            "auto: anonymous for a public repository on ghcr.io, docker.io, quay.io, public.ecr.aws",
            "whether images are read back anonymously or with our credentials",
        ),
        key(
            "hosts",
            Type::Each { key: Text::Host, value: &Type::Keys(&HOST), fixed: &[] },
            "",
            "registry settings by host",
        ),
    ],
};

pub static PYPI: Section = Section {
    name: "pypi",
    keys: &[
        KIND,
        WHEN_OF,
        ENVIRONMENT,
        key("index", Type::Text(Text::Index), "pypi", "pypi, testpypi, or an upload URL"),
        key("simple", Type::Text(Text::Index), "derived from the upload URL", "URL of its simple index"),
        key(
            "trusted",
            Type::Text(Text::Word(&["auto", "always", "never"])),
            "auto: in jobs with `id-token: write`",
            "whether to use trusted publishing instead of a token",
        ),
        key(
            "token-env",
            Type::Either(
                &Type::Text(Text::SecretName),
                &Type::Each { key: Text::Distribution, value: &Type::Text(Text::SecretName), fixed: &[] },
            ),
            "PYPI_TOKEN_<DISTRIBUTION>, PYPI_TOKEN",
            "variable that holds the token, or one per distribution",
        ),
        key(
            "username-env",
            Type::Text(Text::SecretName),
            "none: a token",
            "variable that holds the user name, if the other holds a password",
        ),
    ],
};

/// What a command may be told of.
pub const ACCEPTED: &[&str] = &["archive", "asset", "wheel", "sdist", "image", "chart"];

pub static DEPLOYMENT_FILE: Section = Section {
    name: "deployment-file",
    keys: &[
        KIND,
        WHEN_OF,
        ENVIRONMENT,
        key("file", PATH, "", "the file, which git must ignore; its extension says the format (required)"),
        key(
            "set",
            Type::Each { key: Text::Line, value: &Type::Text(Text::Template(Place::Deployment)), fixed: &[] },
            "",
            "its keys and their values, in this order (required)",
        ),
    ],
};

pub static COMMAND_DESTINATION: Section = Section {
    name: "command-destination",
    keys: &{
        let [run, shell, dir, env] = COMMAND_KEYS;
        [
            KIND,
            WHEN_OF,
            ENVIRONMENT,
            run,
            shell,
            dir,
            env,
            PASS_ENV,
            key(
                "accepts",
                Type::Some(&Type::Text(Text::Word(ACCEPTED))),
                "",
                "what it is told of: it runs when all of that is published (required)",
            ),
            key("timeout", Type::Text(Text::Time), "30m", "how long it may take"),
        ]
    },
};

pub static HOST: Section = Section {
    name: "registry-host",
    keys: &[
        key("username-env", Type::Text(Text::SecretName), "", "variable that holds the user name"),
        key("password-env", Type::Text(Text::SecretName), "", "variable that holds the password or token"),
        key(
            "pull",
            Type::Text(Text::ImagePrefix),
            "the host",
            "what charts and deployment files name instead of the host",
        ),
        key("insecure", Type::Flag, "false", "use plain HTTP or skip certificate checks"),
        key("ca", PATH, "", "path of a PEM file with its CA certificate"),
        key(
            "token-service",
            Type::Text(Text::Host),
            "the registry's own",
            "another token service host that may receive our credentials",
        ),
    ],
};

pub static WORKFLOW: Section = Section {
    name: "workflow",
    keys: &[
        key(
            "publish",
            Type::Some(&Type::Text(Text::Share)),
            "all",
            "destinations it publishes to; `pypi.app` is one artifact of a destination",
        ),
        key(
            "setup",
            PATH,
            "none",
            "folder of a composite action that every job runs first; it gets `kind` and `target`",
        ),
        key("runner", Type::Text(Text::Runner), "Linux", "runner label of the plan, verify and publish jobs"),
        key("jobs", Type::Keys(&WORKFLOW_JOBS), "none", "reusable workflows to run between these jobs"),
        key(
            "pull-request",
            Type::Off(&Type::Text(Text::Word(&["plan", "build"]))),
            "build",
            "what a pull request runs; `false`: nothing",
        ),
        key(
            "split",
            Type::Text(Text::Word(&["target", "step"])),
            "target",
            "whether each target is one job, or each binary and distribution",
        ),
    ],
};

pub static WORKFLOW_JOBS: Section = Section {
    name: "workflow-jobs",
    keys: &[
        key("after-plan", Type::Some(&Type::Text(Text::WorkflowPath)), "none", "before anything is built"),
        key("after-verify", Type::Some(&Type::Text(Text::WorkflowPath)), "none", "before anything becomes public"),
        key("after-publish", Type::Some(&Type::Text(Text::WorkflowPath)), "none", "when everything is public"),
    ],
};

pub static DEFAULTS: Section = Section {
    name: "defaults",
    keys: &[
        key("binaries", Type::Keys(&BINARY), "", "for every entry of `binaries`"),
        key("archives", Type::Keys(&ARCHIVE), "", "for every entry of `archives`"),
        key("assets", Type::Keys(&ASSET), "", "for every entry of `assets`"),
        key("wheels", Type::Keys(&WHEEL), "", "for every entry of `wheels`"),
        key("images", Type::Keys(&IMAGE), "", "for every entry of `images`"),
        key("bases", Type::Keys(&BASE), "", "for every entry of `bases`"),
        key("charts", Type::Keys(&CHART), "", "for every entry of `charts`"),
        key("workflows", Type::Keys(&WORKFLOW), "", "for every entry of `workflows`"),
    ],
};

/// Every section with the words for "a key of …".
pub static SECTIONS: &[(&Section, &str)] = &[
    (&TOP, "the top of the file"),
    (&BINARY, "an entry of `binaries`"),
    (&ARCHIVE, "an entry of `archives`"),
    (&ASSET, "an entry of `assets`"),
    (&IMAGE, "an entry of `images`"),
    (&BASE, "an entry of `bases`"),
    (&WHEEL, "an entry of `wheels`"),
    (&CHART, "an entry of `charts`"),
    (&WORKFLOW, "an entry of `workflows`"),
    (&WORKFLOW_JOBS, "`jobs` of a workflow"),
    (&COMPONENT, "an entry of `components`"),
    (&REGISTRY, "`publish.registry`"),
    (&GITHUB, "`publish.github`"),
    (&PYPI, "`publish.pypi`"),
    (&DEPLOYMENT_FILE, "a destination with `kind: file`"),
    (&COMMAND_DESTINATION, "a destination with `kind: command`"),
    (&COMMAND_FOR, "a command in its long form"),
];

impl Section {
    pub fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }

    /// The keys without which its maps mean nothing.
    pub fn required(&self) -> &'static [&'static str] {
        match self.name {
            "command" | "command-for-targets" => &["run"],
            "file-item" | "asset-file" => &["from"],
            "image-file" => &["from", "to"],
            "image-tag" => &["tag"],
            "image-smoke" => &["http"],
            "deployment-file" => &["file", "set"],
            "command-destination" => &["run", "accepts"],
            "service-token" => &["sha256", "scopes"],
            _ => &[],
        }
    }

    /// Whether it is of a build service's own files.
    pub fn is_of_service(&self) -> bool {
        self.name.starts_with("service")
    }
}

impl Type {
    /// What it wants, for "expected …".
    pub fn expected(&self) -> String {
        match self {
            Self::Text(text) => text.expected().into(),
            Self::Flag => "`true` or `false`".into(),
            Self::Off(inner) => format!("`false` or {}", inner.expected()),
            Self::Many(inner) | Self::Some(inner) => format!("{}, or a list of them", inner.expected()),
            Self::Either(first, second) => format!("{}, or {}", first.expected(), second.expected()),
            Self::Any => "a value".into(),
            Self::Keys(_) | Self::Destination | Self::Overlays => "a map".into(),
            Self::Each { key, .. } => format!("a map by {}", key.noun()),
            Self::Override(_) => "a map by target triple or glob".into(),
            Self::Command(_) => "a command".into(),
        }
    }
}

impl Text {
    /// What it wants, for "expected …".
    pub fn expected(self) -> &'static str {
        match self {
            Self::FormatNumber => "the number 1",
            Self::Triple => "a target triple",
            Self::TripleGlob => "a target triple or glob",
            Self::Count => "a number such as `60`",
            Self::Size => "a size such as `50MB`",
            Self::Time => "a time such as `60m`",
            Self::Glibc => "a version such as `2.28`",
            Self::Macos => "a version such as `11.0`",
            Self::Path | Self::Manifest | Self::Notes => "a path",
            Self::FileGlob => "a path or glob",
            Self::Name => "a name",
            Self::FileName => "a file name",
            Self::Script => "a command",
            Self::ImageRepository => "a repository such as `ghcr.io/owner/name`",
            Self::ImagePrefix => "a registry and owner such as `ghcr.io/owner`",
            Self::Image => "an image such as `docker.io/library/debian:stable-slim`",
            Self::Platform => "a platform such as `linux/amd64`",
            Self::ImagePath => "a path in the image",
            Self::ValuesPath => "a path in values.yaml such as `api.image`",
            Self::ReferenceGlob => "a reference or glob",
            Self::Port => "a port such as `8080`",
            Self::Distribution => "the name of a distribution",
            Self::Compatibility => "a version such as `2_28`",
            Self::Python => "`abi3`, `abi3t` or a version such as `3.12`",
            Self::Index => "`pypi`, `testpypi` or a URL",
            Self::Host => "a host",
            Self::Share => "a destination such as `github` or `pypi.app`",
            Self::WorkflowFile => "a file name such as `release.yml`",
            Self::WorkflowPath => "a path such as `.github/workflows/notify.yml`",
            Self::Word(_) | Self::DestinationKind => "a word",
            Self::Line
            | Self::Label
            | Self::Environment
            | Self::Runner
            | Self::Repository
            | Self::EnvName
            | Self::SecretName
            | Self::EnvGlob
            | Self::EnvValue
            | Self::Argument
            | Self::Template(_) => "text",
        }
    }

    fn noun(self) -> &'static str {
        match self {
            Self::EnvName => "variable",
            Self::Word(_) => "operating system",
            Self::Host => "host",
            Self::ValuesPath => "path in values.yaml",
            Self::Distribution => "distribution",
            Self::WorkflowFile => "workflow file",
            _ => "name",
        }
    }
}

impl Place {
    /// Whether a placeholder may stand there.
    pub fn takes(self, name: &str) -> bool {
        match self {
            Self::Deployment if name.contains('.') => {
                named(name).is_some_and(|(kind, _, field)| self.allowed().contains(&&*format!("{kind}.NAME.{field}")))
            }
            _ => self.allowed().contains(&name),
        }
    }

    pub fn allowed(self) -> &'static [&'static str] {
        match self {
            Self::Tag => &["version", "component"],
            Self::Title => &["name", "tag", "version", "component"],
            Self::AssetFile => &["name", "version", "tag", "component"],
            Self::Directory => &["name", "version", "tag", "target", "arch", "os", "os-abi", "goarch", "component"],
            Self::ArchiveFile => {
                &["name", "version", "tag", "target", "arch", "os", "os-abi", "goarch", "component", "binary"]
            }
            Self::ImageTag | Self::ImageText => &[
                "name",
                "project",
                "component",
                "version",
                "major",
                "minor",
                "patch",
                "tag",
                "sha",
                "date",
                "flavor",
                "arch",
                "goarch",
            ],
            Self::ChartText => {
                &["name", "project", "component", "version", "major", "minor", "patch", "tag", "sha", "date"]
            }
            Self::Deployment => &[
                "project",
                "sha",
                "date",
                "image.NAME.version",
                "image.NAME.tag",
                "image.NAME.digest",
                "image.NAME.reference",
                "image.NAME.repository",
                "chart.NAME.version",
                "chart.NAME.tag",
                "chart.NAME.digest",
                "chart.NAME.reference",
                "chart.NAME.repository",
                "archive.NAME.version",
                "archive.NAME.tag",
                "archive.NAME.file",
                "archive.NAME.sha256",
            ],
            Self::Prebuilt => &["name", "version", "target", "arch", "os", "os-abi", "goarch", "binary", "exe"],
            Self::PrebuiltWheel => &["name", "version", "target", "arch", "os", "os-abi", "goarch", "file"],
        }
    }
}

/// `image.api.tag` in its parts: kind, name and what is wanted of it. Names may have dots.
pub fn named(place: &str) -> Option<(&str, &str, &str)> {
    let (kind, rest) = place.split_once('.')?;
    let (name, field) = rest.rsplit_once('.')?;
    Some((kind, name, field))
}
