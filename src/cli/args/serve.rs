//! The flags of the build service.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

/// `serve`
#[derive(Args)]
pub struct Serve {
    /// Listen on this address
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8000")]
    pub listen: SocketAddr,
    /// Keep the queue, the logs and everything else here
    #[arg(long, value_name = "DIR", default_value = "longshore-data")]
    pub data: PathBuf,
    /// Keep the queue there: `sqlite`, a file in --data, or `postgres://USER@HOST/NAME` or `mysql://USER@HOST/NAME`, which
    /// several processes share; with a password in LONGSHORE_DATABASE_URL instead  [default: sqlite]
    #[arg(long, value_name = "DATABASE")]
    pub database: Option<String>,
    /// Take over the tasks of Darwin's Artifact Builder `now`, even if it is still at work
    #[arg(long, value_name = "WHEN", value_parser = ["now"])]
    pub import: Option<String>,
    /// Build with this engine: auto, buildkit, docker, buildah or podman
    #[arg(long, value_name = "ENGINE", default_value = "auto")]
    pub engine: String,
    /// Run so many builds at a time
    #[arg(long, value_name = "COUNT", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=64))]
    pub builds: u8,
    /// Run at most so many builds of one app at a time, in all processes  [default: no limit]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    pub builds_per_app: Option<u32>,
    /// Remove tasks that ended so many days ago, and their logs  [default: never]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=36_500))]
    pub keep_days: Option<u32>,
    /// Keep so many of the tasks that have ended, and their logs  [default: all]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    pub keep_builds: Option<u32>,
    /// Keep so many MiB of logs: the oldest go first, their tasks stay
    #[arg(long, value_name = "COUNT", default_value_t = 10_240, value_parser = clap::value_parser!(u32).range(1..))]
    pub keep_log_mib: u32,
    /// Start no build while the disk of --data has less free than this
    #[arg(long, value_name = "GIB", default_value_t = 2)]
    pub keep_free: u16,
    /// Tell this address of every end of a build, signed with LONGSHORE_WEBHOOK_SECRET
    #[arg(long, value_name = "URL")]
    pub webhook: Option<String>,
    /// Take requests from other machines; whoever reaches the service may build
    #[arg(long)]
    pub open: bool,
    /// Check the settings, the registry and the engine, and end
    #[arg(long)]
    pub check: bool,
    /// Read more settings from a YAML file
    #[arg(long, value_name = "FILE")]
    pub settings: Option<PathBuf>,
    /// Answer only those who show one of the tokens in this YAML file
    #[arg(long, value_name = "FILE")]
    pub tokens: Option<PathBuf>,
    /// Make a token, write its entry into the file of --tokens, print the token, and end
    #[arg(long, value_name = "NAME", requires = "tokens")]
    pub new_token: Option<String>,
}
