//! The connection to one index: who reads, who writes, and with how much patience.

use std::collections::BTreeMap;

use super::index::{Credential, Index};
use super::reader::Reader;
use crate::publish::failure::Failure;
use crate::wheel::DistributionName;
use crate::world::http::{self, Client};
use crate::world::patience::{Pace, Patience};
use crate::world::terminal::Printer;

pub struct Connection<'a> {
    pub printer: &'a Printer,
    pub index: &'a Index,
    pub pace: Pace,
    /// What is left of our patience with it.
    pub patience: Patience,
    pub reader: Reader<'a>,
    pub writer: Client,
}

impl<'a> Connection<'a> {
    /// Connects nothing yet.
    ///
    /// # Errors
    /// If this machine cannot speak HTTPS.
    pub fn new(
        printer: &'a Printer,
        index: &'a Index,
        credentials: &BTreeMap<DistributionName, Credential>,
        pace: Pace,
    ) -> Result<Self, Failure> {
        Ok(Self {
            printer,
            index,
            pace,
            patience: Patience::new(pace, printer),
            reader: Reader::new(index, Client::new(&index.simple)?, credentials),
            writer: Client::new(&index.upload)?,
        })
    }

    /// The host of the index, for people.
    pub fn host(&self) -> String {
        http::host(&self.index.simple)
    }
}
