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
    pub status: Status,
    /// Whether `override` may set it for some targets.
    pub per_target: bool,
}

/// Whether a key works in this version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Now,
    /// Reserved: refused by name, never ignored.
    NotInThisVersion,
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
    Later,
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
    /// `50MB`
    Size,
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
}

const fn key(name: &'static str, ty: Type, default: &'static str, doc: &'static str) -> Key {
    Key { name, ty, default, doc, status: Status::Now, per_target: false }
}

const fn later(name: &'static str, doc: &'static str) -> Key {
    Key { name, ty: Type::Later, default: "", doc, status: Status::NotInThisVersion, per_target: false }
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
const COMPONENT_OF: Key = key(
    "component",
    NAME,
    "the component of the same name, else the root",
    "the component whose release it belongs to",
);
const PUBLISH_TO: Key = key(
    "publish",
    Type::Off(&Type::Some(&NAME)),
    "every destination for its kind",
    "the destinations it goes to; `false`: none",
);
const MACOS: Key = key(
    "macos",
    Type::Text(Text::Macos),
    "MACOSX_DEPLOYMENT_TARGET of `env` or .cargo/config.toml, else what Rust starts at",
    "the oldest macOS it is for",
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
        key("longshore", Type::Text(Text::FormatNumber), "", "format of this file, the only required key"),
        key("name", NAME, "the repository's name", "name of the project"),
        key("tag", Type::Text(Text::Template(Place::Tag)), "v{version}", "what the tags of a release look like"),
        key(
            "targets",
            TARGETS,
            "{x86_64,aarch64}-unknown-linux-gnu, {aarch64,x86_64}-apple-darwin, x86_64-pc-windows-msvc",
            "what binaries are made for",
        ),
        key("output", PATH, "target/longshore", "folder for everything that is made"),
        key(
            "components",
            Type::Either(&NAMES, &Type::Each { key: Text::Name, value: &Type::Keys(&COMPONENT), fixed: &[] }),
            "none: the whole file is one component",
            "parts with a version and tags of their own",
        ),
        key(
            "binaries",
            Type::Off(&Type::Each { key: Text::Name, value: &Type::Keys(&BINARY), fixed: &[] }),
            "one per workspace package with binaries",
            "what cargo compiles",
        ),
        key(
            "archives",
            Type::Off(&Type::Each { key: Text::Name, value: &Type::Off(&Type::Keys(&ARCHIVE)), fixed: &[] }),
            "one per binary that no archive lists",
            "what binaries are packed into; NAME: false drops one",
        ),
        key(
            "assets",
            Type::Each { key: Text::Name, value: &Type::Keys(&ASSET), fixed: &[] },
            "none",
            "made once, on one machine; published, or input of other steps",
        ),
        key(
            "wheels",
            Type::Each { key: Text::Distribution, value: &Type::Keys(&WHEEL), fixed: &[] },
            "none",
            "Python distributions that maturin builds, by name",
        ),
        key(
            "images",
            Type::Each { key: Text::Name, value: &Type::Keys(&IMAGE), fixed: &[] },
            "none",
            "container images, put together from binaries",
        ),
        key(
            "bases",
            Type::Each { key: Text::Name, value: &Type::Keys(&BASE), fixed: &[] },
            "distroless, debian, ubuntu, alpine, scratch",
            "base images by flavor",
        ),
        later("charts", "Helm charts"),
        key(
            "publish",
            Type::Each { key: Text::Name, value: &Type::Off(&Type::Destination), fixed: DESTINATIONS },
            "what follows from the repository",
            "where it goes",
        ),
        key(
            "workflows",
            Type::Each { key: Text::WorkflowFile, value: &Type::Keys(&WORKFLOW), fixed: &[] },
            "release.yml",
            "the files in .github/workflows that `longshore generate` writes, and what each publishes",
        ),
        key("defaults", Type::Keys(&DEFAULTS), "none", "keys for every entry of a kind"),
        key("overlays", Type::Overlays, "none", "any part of this file, applied by `--overlay NAME`"),
    ],
};

pub static COMPONENT: Section = Section {
    name: "component",
    keys: &[
        key(
            "tag",
            Type::Text(Text::Template(Place::Tag)),
            "{component}-v{version}",
            "what the tags of its releases look like",
        ),
        key(
            "version-files",
            Type::Many(&PATH),
            "the manifests of its artifacts",
            "files whose version must be the tag's; PATH#KEY is a key of a JSON, TOML or YAML file",
        ),
        key("changelog", PATH, "the nearest CHANGELOG.md, CHANGES.md or HISTORY.md", "file with its release notes"),
        key("latest", Type::Flag, "true for the root or a lone component", "may become GitHub's \"latest\""),
    ],
};

pub static BINARY: Section = Section {
    name: "binary",
    keys: &[
        key("package", LINE, "its key", "the cargo package").per_target(),
        key("manifest", Type::Text(Text::Manifest), "", "a Cargo.toml outside the workspace").per_target(),
        key("bins", Type::Many(&LINE), "all", "names of the executables").per_target(),
        key("targets", TARGETS, "the file's", "what it is made for"),
        key("features", Type::Many(&LINE), "", "cargo features").per_target(),
        key("default-features", Type::Flag, "true", "whether cargo's default features are on").per_target(),
        key("all-features", Type::Flag, "false", "whether all cargo features are on").per_target(),
        key("profile", LABEL, "release", "cargo profile").per_target(),
        key("locked", Type::Flag, "true", "whether Cargo.lock must be up to date").per_target(),
        key("cargo-args", Type::Many(&Type::Text(Text::Argument)), "", "further arguments for cargo").per_target(),
        key(
            "builder",
            Type::Text(Text::Word(&["auto", "cargo", "zigbuild", "cross"])),
            "auto: cargo on the native runner, zigbuild for *-linux-musl",
            "the program that compiles",
        )
        .per_target(),
        key("runner", LABEL, "native for the target", "label of the machine").per_target(),
        key("container", LABEL, "none", "image the job runs in").per_target(),
        key("glibc", Type::Text(Text::Glibc), "measured and shown", "the highest glibc it may need").per_target(),
        MACOS,
        key(
            "linkage",
            Type::Text(Text::Word(&["dynamic", "static"])),
            "static for musl and windows-msvc",
            "how it is linked to the C library",
        )
        .per_target(),
        key(
            "static-target",
            Type::Text(Text::Word(&["musl", "gnu"])),
            "musl",
            "how the implicit static build for images is made, where a base has nothing that starts the usual one",
        )
        .per_target(),
        key(
            "prebuilt",
            Type::Text(Text::Template(Place::Prebuilt)),
            "",
            "path of prebuilt binaries; nothing is compiled",
        )
        .per_target(),
        key("assets", NAMES, "", "assets that are unpacked before compiling").per_target(),
        key("before", Type::Many(&Type::Command(&COMMAND_FOR)), "", "commands that run before compiling").per_target(),
        key(
            "env",
            Type::Each { key: Text::EnvName, value: &Type::Text(Text::EnvValue), fixed: &[] },
            "",
            "extra environment",
        )
        .per_target(),
        key(
            "pass-env",
            Type::Many(&Type::Text(Text::EnvGlob)),
            "",
            "globs of credential-like variables that are handed through",
        )
        .per_target(),
        key(
            "smoke",
            Type::Off(&Type::Either(
                &ARGUMENTS,
                &Type::Each { key: Text::Line, value: &Type::Off(&ARGUMENTS), fixed: &[] },
            )),
            "--version, where it is only a warning if the version is not printed",
            "arguments of a first run of each executable, whose output must hold the version; or by executable",
        )
        .per_target(),
        key("max-size", Type::Text(Text::Size), "none", "the largest an executable may be").per_target(),
        key("override", Type::Override(&Type::Keys(&BINARY)), "", "other values for some targets, by triple or glob"),
        COMPONENT_OF,
    ],
};

pub static ARCHIVE: Section = Section {
    name: "archive",
    keys: &[
        key("binaries", Type::Some(&NAME), "the one of the same name, else the only one", "what it holds").per_target(),
        key(
            "file",
            Type::Text(Text::Template(Place::ArchiveFile)),
            "{name}-{target}",
            "its file name; the extension follows",
        )
        .per_target(),
        key("targets", TARGETS, "those of its binaries", "which targets it is made for"),
        key(
            "formats",
            Type::Either(
                &Type::Some(&FORMAT),
                &Type::Each { key: Text::Word(SYSTEMS), value: &Type::Some(&FORMAT), fixed: &[] },
            ),
            "{windows: zip, \"*\": tar.gz}",
            "formats, or formats by operating system",
        )
        .per_target(),
        key(
            "directory",
            Type::Off(&Type::Text(Text::Template(Place::Directory))),
            "false",
            "the folder inside; `false`: none",
        )
        .per_target(),
        key(
            "include",
            Type::Many(&FILE_ITEM),
            "README, LICENSE, COPYING, UNLICENSE and NOTICE of the package's folder, else of those above it; the \
             `license-file` of Cargo.toml",
            "further files; []: executables only",
        )
        .per_target(),
        key("override", Type::Override(&Type::Keys(&ARCHIVE)), "", "other values for some targets, by triple or glob"),
        TITLE,
        COMPONENT_OF,
        PUBLISH_TO,
    ],
};

pub static ASSET: Section = Section {
    name: "asset",
    keys: &[
        key("run", Type::Many(&Type::Command(&COMMAND)), "", "the commands that make it"),
        key("files", Type::Some(&ASSET_FILE_ITEM), "", "the files it is made of (required)"),
        key(
            "file",
            Type::Text(Text::Template(Place::AssetFile)),
            "none: each file by itself",
            "bundles the files under this name; the extension is the format",
        ),
        key("runner", LABEL, "Linux", "label of the machine"),
        TITLE,
        COMPONENT_OF,
        PUBLISH_TO,
    ],
};

pub static IMAGE: Section = Section {
    name: "image",
    keys: &[
        key(
            "repositories",
            Type::Some(&Type::Text(Text::ImageRepository)),
            "{registry prefix}/{name}",
            "where it is published",
        ),
        key("binaries", Type::Some(&NAME), "the one of the same name, else the only one", "what it holds"),
        key("platforms", Type::Some(&Type::Text(Text::Platform)), "linux/amd64, linux/arm64", "what it is made for"),
        key(
            "flavors",
            Type::Some(&NAME),
            "distroless",
            "the flavors to build; `all`: distroless, debian, ubuntu, alpine, scratch; the first is the default",
        ),
        key("include", Type::Many(&Type::Keys(&IMAGE_FILE)), "", "further files, each with its place in the image"),
        key(
            "tags",
            Type::Many(&IMAGE_TAG),
            "{version}, {major}.{minor}, {major}, latest",
            "tags of each flavor's index; without {flavor} the default flavor gets them as they are, others get `-flavor`",
        ),
        key("platform-tags", Type::Many(&IMAGE_TAG), "none", "tags of each platform's image"),
        key("entrypoint", ARGUMENTS, "the first executable", "the program it starts, as a list of words"),
        key("cmd", ARGUMENTS, "", "its default arguments"),
        key("user", LABEL, "65532:65532", "who runs it: user, or user:group"),
        key("workdir", Type::Text(Text::ImagePath), "/", "the folder it runs in"),
        key("env", ENV, "", "environment of the container"),
        key("expose", Type::Many(&Type::Text(Text::Port)), "", "ports it listens on"),
        key("healthcheck", ARGUMENTS, "none", "a command that says whether it is well, as a list of words"),
        key("labels", IMAGE_TEXTS, "the standard ones", "labels of its config, beside the standard ones"),
        key("annotations", IMAGE_TEXTS, "the standard ones", "annotations of index and manifests"),
        key("compression", Type::Text(Text::Word(&["gzip", "zstd"])), "gzip", "how its layers are compressed"),
        key(
            "smoke",
            Type::Off(&Type::Either(&ARGUMENTS, &Type::Keys(&IMAGE_SMOKE))),
            "false",
            "arguments of a first run, or {http: PATH}",
        ),
        key("max-size", Type::Text(Text::Size), "none", "the largest its own layers may be, compressed"),
        TITLE,
        COMPONENT_OF,
        PUBLISH_TO,
    ],
};

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
        key("to", Type::Text(Text::ImagePath), "", "where it lies in the image (required)"),
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
        key("platforms", Type::Some(&Type::Text(Text::Platform)), "all", "what it exists for"),
        key("user", LABEL, "65532:65532", "who runs images on it"),
        key("include", Type::Many(&Type::Keys(&IMAGE_FILE)), "", "files that every image on it gets"),
    ],
};

pub static WHEEL: Section = Section {
    name: "wheel",
    keys: &[
        key("package", LINE, "the only maturin project", "the cargo package").per_target(),
        key("manifest", Type::Text(Text::Manifest), "", "its Cargo.toml").per_target(),
        key("targets", TARGETS, "the file's", "what it is made for"),
        key("features", Type::Many(&LINE), "", "cargo features, beside those of pyproject.toml").per_target(),
        key("default-features", Type::Flag, "true", "whether cargo's default features are on").per_target(),
        key("all-features", Type::Flag, "false", "whether all cargo features are on").per_target(),
        key("profile", LABEL, "release", "cargo profile").per_target(),
        key("locked", Type::Flag, "true", "whether Cargo.lock must be up to date").per_target(),
        key("cargo-args", Type::Many(&Type::Text(Text::Argument)), "", "further arguments for maturin").per_target(),
        key(
            "builder",
            Type::Text(Text::Word(&["auto", "cargo", "zigbuild"])),
            "auto: zig for Linux outside containers, else native",
            "what links it",
        )
        .per_target(),
        key("runner", LABEL, "native for the target", "label of the machine").per_target(),
        key("container", LABEL, "none", "image the job runs in").per_target(),
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
            "what the crate says",
            "abi3, abi3t, or versions of Python",
        ),
        key("assets", NAMES, "", "assets that are unpacked before building").per_target(),
        key("before", Type::Many(&Type::Command(&COMMAND_FOR)), "", "commands that run before building").per_target(),
        key("env", ENV, "", "extra environment").per_target(),
        key("pass-env", Type::Many(&Type::Text(Text::EnvGlob)), "", "globs of credential-like variables").per_target(),
        key("max-size", Type::Text(Text::Size), "100 MiB", "the largest a wheel may be").per_target(),
        key("sdist", Type::Flag, "true", "whether it has a source distribution"),
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
            "how this distribution is told from another one of the same crate",
        ),
        key("override", Type::Override(&Type::Keys(&WHEEL)), "", "other values for some targets, by triple or glob"),
        COMPONENT_OF,
        PUBLISH_TO,
    ],
};

/// What is in one distribution and not in another.
pub static PROBE: Section = Section {
    name: "variant-check",
    keys: &[
        key("present", Type::Many(&LINE), "", "texts that its library holds"),
        key("absent", Type::Many(&LINE), "", "texts that its library does not hold"),
        key("python", LINE, "", "an expression that must be true after importing it"),
    ],
};

/// A file of `include:` or `files:`.
pub static FILE: Section = Section { name: "file-item", keys: &FILE_KEYS };

const FILE_KEYS: [Key; 2] = [
    key("from", Type::Text(Text::FileGlob), "", "path or glob (required)"),
    key("to", PATH, "its own path", "where it goes"),
];

pub static ASSET_FILE: Section = Section {
    name: "asset-file",
    keys: &{
        let [from, to] = FILE_KEYS;
        let links = Type::Text(Text::Word(&["keep", "follow"]));
        [from, to, key("links", links, "keep", "whether links stay links, or become what they point at")]
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
    key("dir", PATH, "the repository", "the folder it runs in"),
    key(
        "env",
        Type::Each { key: Text::EnvName, value: &Type::Text(Text::EnvValue), fixed: &[] },
        "",
        "extra environment",
    ),
];

/// Names under `publish:` that mean something by themselves.
static DESTINATIONS: &[Key] = &[
    key("github", Type::Off(&Type::Keys(&GITHUB)), "there when there is a file for it", "a GitHub release"),
    key(
        "registry",
        Type::Off(&Type::Either(&Type::Text(Text::ImagePrefix), &Type::Keys(&REGISTRY))),
        "there when there are images",
        "registries of container images; short: the prefix",
    ),
    key("pypi", Type::Off(&Type::Keys(&PYPI)), "none: a name on PyPI is taken for good", "a Python package index"),
];

/// Kinds of destinations that work now.
pub const KINDS: &[&str] = &["github", "registry", "pypi"];
/// Kinds of destinations that do not exist yet.
pub const LATER_KINDS: &[&str] = &["command"];

const KIND: Key =
    key("kind", Type::Text(Text::DestinationKind), "its name", "what it is; required for a name of your own");
const WHEN: Type = Type::Text(Text::Word(&["always", "stable", "prerelease"]));
const WHEN_OF: Key = key("when", WHEN, "always", "which releases go there");
const ENVIRONMENT: Key = key(
    "environment",
    Type::Off(&Type::Text(Text::Environment)),
    "release",
    "the environment of the job that publishes",
);

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
            "the host of a GitHub Enterprise Server, or github.com for an alias of ssh",
        ),
        key("draft", Type::Flag, "false", "leave the release a draft"),
        key("title", Type::Text(Text::Template(Place::Title)), "{tag}", "the release's title"),
        key("notes", Type::Off(&Type::Text(Text::Notes)), "auto", "auto, changelog, github or the path of a text"),
        key("header", PATH, "", "path of a text above the notes"),
        key("footer", PATH, "", "path of a text below the notes"),
        key("checksums", Type::Text(Text::FileName), "SHA256SUMS", "name of the checksums file"),
        key(
            "existing",
            Type::Text(Text::Word(&["draft", "any"])),
            "draft",
            "which release that is already there may be filled",
        ),
    ],
};

pub static REGISTRY: Section = Section {
    name: "registry",
    keys: &[
        KIND,
        WHEN_OF,
        ENVIRONMENT,
        key("prefix", Type::Text(Text::ImagePrefix), "ghcr.io/<owner>", "prefix of repositories"),
        key("insecure", Type::Flag, "false", "plain HTTP, or a certificate that is not checked, at the prefix's host"),
        key("ca", PATH, "", "path of a PEM file with the CA certificate of the prefix's host"),
        key(
            "read-back",
            Type::Text(Text::Word(&["auto", "anonymous", "own"])),
            "auto: anonymous for a public repository on ghcr.io, docker.io, quay.io, public.ecr.aws",
            "whether images are read back without a login or with ours",
        ),
        key(
            "hosts",
            Type::Each { key: Text::Host, value: &Type::Keys(&HOST), fixed: &[] },
            "",
            "how registries are reached, by host",
        ),
    ],
};

pub static PYPI: Section = Section {
    name: "pypi",
    keys: &[
        KIND,
        WHEN_OF,
        ENVIRONMENT,
        key("index", Type::Text(Text::Index), "pypi", "pypi, testpypi, or the URL that files are uploaded to"),
        key("simple", Type::Text(Text::Index), "beside it", "the URL of its simple index"),
        key(
            "trusted",
            Type::Text(Text::Word(&["auto", "always", "never"])),
            "auto: in jobs that may",
            "whether GitHub's identity is used instead of a token",
        ),
        key(
            "token-env",
            Type::Either(
                &Type::Text(Text::SecretName),
                &Type::Each { key: Text::Distribution, value: &Type::Text(Text::SecretName), fixed: &[] },
            ),
            "PYPI_TOKEN_<DISTRIBUTION>, PYPI_TOKEN",
            "the variable with the token, or one for each distribution",
        ),
        key(
            "username-env",
            Type::Text(Text::SecretName),
            "none: a token",
            "the variable with a user's name, where the other holds a password",
        ),
    ],
};

pub static HOST: Section = Section {
    name: "registry-host",
    keys: &[
        key("username-env", Type::Text(Text::SecretName), "", "the variable that holds the user's name"),
        key("password-env", Type::Text(Text::SecretName), "", "the variable that holds the password or token"),
        key("insecure", Type::Flag, "false", "plain HTTP, or a certificate that is not checked"),
        key("ca", PATH, "", "path of a PEM file with its CA certificate"),
        key(
            "token-service",
            Type::Text(Text::Host),
            "the registry's own",
            "another host that may be shown our login for a token",
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
            "the destinations it publishes to; `pypi.app` is one artifact's share of one",
        ),
        key(
            "setup",
            PATH,
            "none",
            "folder of a composite action that every job runs first; it gets `kind` and `target`",
        ),
        key("runner", Type::Text(Text::Runner), "Linux", "label of the machine that plans, verifies and publishes"),
        key("jobs", Type::Keys(&WORKFLOW_JOBS), "none", "reusable workflows of your own that run in between"),
        key(
            "pull-request",
            Type::Off(&Type::Text(Text::Word(&["plan", "build"]))),
            "build",
            "what a pull request does; `false`: nothing",
        ),
        key(
            "split",
            Type::Text(Text::Word(&["target", "step"])),
            "target",
            "whether everything for a target is one job, or each binary and distribution has its own",
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
        later("charts", "Helm charts"),
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
    (&WORKFLOW, "an entry of `workflows`"),
    (&WORKFLOW_JOBS, "`jobs` of a workflow"),
    (&COMPONENT, "an entry of `components`"),
    (&REGISTRY, "`publish.registry`"),
    (&GITHUB, "`publish.github`"),
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
            _ => &[],
        }
    }
}

impl Type {
    /// What it wants, for "expected …".
    pub fn expected(&self) -> String {
        match self {
            Self::Text(text) => text.expected().into(),
            Self::Flag => "`true` or `false`".into(),
            Self::Off(inner) => format!("`false` or {}", inner.expected()),
            Self::Many(inner) | Self::Some(inner) => format!("{}, or a list of such", inner.expected()),
            Self::Either(first, second) => format!("{}, or {}", first.expected(), second.expected()),
            Self::Any => "a value".into(),
            Self::Keys(_) | Self::Destination | Self::Overlays | Self::Later => "a map".into(),
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
            Self::Size => "a size such as `50MB`",
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
            Self::Distribution => "distribution",
            Self::WorkflowFile => "workflow file",
            _ => "name",
        }
    }
}

impl Place {
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
            Self::Prebuilt => &["name", "version", "target", "arch", "os", "os-abi", "goarch", "binary", "exe"],
            Self::PrebuiltWheel => &["name", "version", "target", "arch", "os", "os-abi", "goarch", "file"],
        }
    }
}
