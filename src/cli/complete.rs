//! `completions` and `man`: made from the command line's own description.

use super::args::{Completions, Man};
use super::help;
use super::report::Report;

pub fn completions(args: &Completions) -> Report {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut help::command(), "longshore", &mut text);
    Report::text(String::from_utf8_lossy(&text))
}

/// `longshore man [DIR]`
///
/// # Errors
/// If a page cannot be written.
pub fn man(args: &Man) -> anyhow::Result<Report> {
    if let Some(folder) = &args.out {
        std::fs::create_dir_all(folder)?;
        clap_mangen::generate_to(help::command(), folder)?;
        return Ok(Report::text(format!("{}\n", folder.display())));
    }
    let mut text = Vec::new();
    clap_mangen::Man::new(help::command()).render(&mut text)?;
    Ok(Report::text(String::from_utf8_lossy(&text)))
}
