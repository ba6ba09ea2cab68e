//! One run of the program: what the flags of every command say.

use std::path::{Path, PathBuf};

use super::args::{Color, Global};
use crate::release::{Selection, Session};
use crate::world::actions;
use crate::world::env::Env;
use crate::world::terminal::{Colors, Level, Printer};

pub struct Invocation {
    pub session: Session,
    pub json: bool,
    pub quiet: bool,
    pub yes: bool,
}

impl Invocation {
    pub fn new(global: &Global, env: Env) -> Self {
        let level = match (global.quiet, global.verbose) {
            (true, _) => Level::Quiet,
            (_, true) => Level::Verbose,
            _ => Level::Normal,
        };
        let colors = match global.color {
            Color::Always => Colors::ALL,
            Color::Never => Colors::NONE,
            Color::Auto => Colors::of_terminals(&env),
        };
        let printer = Printer::new(level, colors, actions::is_job(&env));
        let dir = global.directory.clone().unwrap_or_else(|| PathBuf::from("."));
        let session = Session::new(env, printer, dir, selection(global));
        Self { session, json: global.json, quiet: global.quiet, yes: global.yes }
    }

    /// A path that was typed, as this process reaches it.
    pub fn below(&self, path: &Path) -> PathBuf {
        let dir = &self.session.dir;
        if dir == Path::new(".") { path.to_owned() } else { dir.join(path) }
    }
}

fn selection(global: &Global) -> Selection {
    Selection {
        tags: global.tag.clone(),
        snapshot: global.snapshot,
        label: global.label.clone(),
        components: global.component.clone(),
        only: global.only.clone(),
        config: global.config.clone(),
        overlays: global.overlay.clone(),
        plan: global.plan.clone(),
    }
}
