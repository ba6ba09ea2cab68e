//! Charts with Helm, which we did not write: the same packages, the same artifacts in registries, and its lint and template.

mod against;
mod helm;
mod published;
mod render;
