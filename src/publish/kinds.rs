//! The kinds of destinations: one line for each.

use super::publisher::Kind;
use crate::plan::{Destination, DestinationKind};

/// What there is to know of a destination's kind.
pub fn kind(destination: &Destination) -> &dyn Kind {
    match &destination.kind {
        DestinationKind::Github(github) => github,
        DestinationKind::Registry(registry) => registry,
        DestinationKind::Pypi(pypi) => pypi,
    }
}
