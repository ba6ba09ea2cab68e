//! `schema`: the JSON Schema of each file and of the output.

use schemars::schema_for;

use super::args::{Schema, SchemaOf};
use super::output::Output;
use super::report::Report;
use crate::artifact::Manifest;
use crate::config;
use crate::plan::Plan;
use crate::receipt::Receipts;

/// `longshore schema NAME`
///
/// # Errors
/// Never in practice: schemas are plain data.
pub fn run(args: &Schema) -> anyhow::Result<Report> {
    let schema = match args.of {
        SchemaOf::Config => config::json_schema(),
        SchemaOf::Service => config::service_schema(),
        SchemaOf::Plan => schema_for!(Plan).to_value(),
        SchemaOf::Manifest => schema_for!(Manifest).to_value(),
        SchemaOf::Receipts => schema_for!(Receipts).to_value(),
        SchemaOf::Output => schema_for!(Output).to_value(),
    };
    Ok(Report::text(serde_json::to_string_pretty(&schema)? + "\n"))
}
