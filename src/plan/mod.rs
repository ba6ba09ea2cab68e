//! The plan: everything that will be built, checked and published, decided before anything runs. Plain data.

pub mod alike;
pub mod archive;
pub mod asset;
pub mod base;
pub mod beside;
pub mod binary;
pub mod bindings;
pub mod changelog;
pub mod chart;
pub mod chart_dependencies;
mod chart_inputs;
mod chart_order;
mod chart_values;
pub mod checksums;
pub mod crates;
pub mod decide;
pub mod deployment;
pub mod describe;
pub mod destination;
pub mod distribution;
pub mod dockerfile;
mod dockerfile_flaws;
pub mod dockerfile_inputs;
mod dockerfile_list;
mod dockerfile_maker;
mod dockerfile_order;
mod dockerfile_read;
pub mod duplicates;
mod earlier;
pub mod explain;
pub mod image;
pub mod include;
pub mod inputs;
pub mod job;
pub mod links;
pub mod locked;
pub mod macos;
pub mod matrix;
pub mod model;
pub mod names;
pub mod not_made;
pub mod notes;
pub mod output;
pub mod planner;
pub mod pypi;
pub mod registry;
pub mod release;
pub mod request;
pub mod runner;
pub mod scope;
pub mod snapshots;
pub mod stable_abi;
pub mod variant;
pub mod wheel;
pub mod whole;
pub mod workflow;

pub use decide::{images, plan};
pub use model::destination::{
    CommandDestination, DeploymentValue, Destination, DestinationKind, ExpectedImage, FileDestination, FloatingTag,
    GithubDestination, PublishedImage, PypiDestination, RegistryDestination, RegistryHost, ReleasePage, StepFile,
    ValuePart,
};
pub use model::not_made::NotMade;
pub use model::outputs::{ArchiveOutput, AssetOutputs, Output};
pub use model::packed::Packed;
pub use model::step::{
    ArchiveFile, ArchiveWork, Assembly, AssetTree, AssetWork, BinaryWork, Bindings, ChartDependency, ChartFile,
    ChartImage, ChartText, ChartWork, Check, CheckWork, ChecksumsWork, ContainerCheck, Covered, DependencySource,
    EntryKind, FileSpec, FromDockerfile, ImageConfig, ImageWork, Import, IndexWork, InputDigest, LayerWork, Member,
    NamedContext, OfKind, PlannedBase, PlannedBuilder, PulledImage, Rebuild, Recipe, RenderCheck, Resolve, SdistWork,
    SecretsCheck, SmokeCheck, StageWork, Step, Variant, WheelBuilder, WheelWork, Work,
};
pub use model::workflow::{PullRequest, Workflow, WorkflowJobs, WorkflowOptions};
pub use model::{Checkout, Job, Origin, Plan, Release, SCHEMA, Scope, ScopeKind};
pub use request::{Request, StubBuilds, WithoutTag};

#[cfg(test)]
pub(crate) mod tests;
