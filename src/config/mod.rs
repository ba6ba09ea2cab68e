//! `longshore.yaml`: text to [`Config`], pure. The table in `schema` defines each key.

pub mod check;
mod command;
mod diagnostic;
pub mod schema;
pub mod yaml;

mod archive;
mod asset;
mod binary;
mod chart;
mod component;
mod diagnostics;
mod dockerfile;
mod fields;
mod image;
mod json_schema;
mod model;
mod names;
mod overlays;
mod overrides;
mod publish;
mod references;
mod remainder;
mod service;
mod shape;
mod shell;
mod smoke;
mod source;
#[cfg(test)]
mod tests;
mod text;
mod tree;
mod wheel;
mod words;
mod workflow;

pub use check::{none, parse};
pub use diagnostic::Diagnostic;
pub use fields::FileItem;
pub use json_schema::{json_schema, service_schema};
pub use model::{
    Archive, Archives, Asset, Base, Binaries, Binary, BinarySettings, BuildContext, Builder, Chart, Component, Config,
    Dockerfile, Formats, Image, ImageSmoke, ImageTag, Runners, VariantCheck, Wheel, WheelSettings,
};
pub use publish::{
    DeploymentFile, Destination, DestinationCommand, DestinationKind, Github, Notes, Publish, Pypi, Registry,
    RegistryHost,
};
pub use remainder::remainder;
pub use service::{Limits, ServiceRegistry, ServiceSettings, ServiceToken, service_tokens};
pub use smoke::Smoke;
pub use source::Source;
pub use workflow::{PullRequest, Workflow};
