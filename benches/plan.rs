//! Our own part of a plan and of `generate --check`: the processor time of this process, without git and cargo, which it
//! waits for.

#![allow(clippy::expect_used, clippy::print_stdout, reason = "a measurement that prints its result")]

use std::path::Path;
use std::time::{Duration, Instant};

use longshore::config;
use longshore::facts::{self, FactsRequest};
use longshore::plan::{self, Plan, Request};
use longshore::workflow::pins::Own;
use longshore::workflow::{self, Pins};
use longshore::world::env::Env;
use longshore::world::process::Runner;

/// Plans per measurement: the kernel counts processor time in ticks of 10 ms.
const RUNS: u32 = 50;

fn main() {
    let folder = std::env::args().skip(1).find(|word| Path::new(word).is_dir());
    let Some(folder) = folder else {
        println!("usage: cargo bench --bench plan -- FOLDER (a committed cargo workspace with a tag v1.2.3)");
        return;
    };
    let env = Env::read();
    let runner = Runner::new(env.for_children(&[]));
    let config = config::none();
    let request = Request::default();
    let gather =
        || facts::gather(&runner, &env, Path::new(&folder), &FactsRequest::default()).expect("a plannable folder");

    let read = gather();
    let (mut steps, mut decide) = (0, Duration::ZERO);
    let before = own_time();
    for _ in 0..RUNS {
        let facts = gather();
        let start = Instant::now();
        let plan = plan::plan(&config, &facts, &request).expect("a plan");
        decide += start.elapsed();
        steps = plan.steps.len();
        assert!(!plan.to_json().is_empty() && plan.commit == read.head.commit);
    }
    let own = own_time() - before;
    println!("{:.1} ms for {steps} steps, {:.1} ms of it deciding", millis(own / RUNS), millis(decide / RUNS));

    let any = Request { every_release: true, ..Request::default() };
    let write = |plan: &Plan| workflow::write(plan, &plan.workflows[0], &Pins::new(Own::of("./")), "");
    let before = own_time();
    for _ in 0..RUNS {
        let plan = plan::plan(&config, &gather(), &any).expect("a plan");
        let text = write(&plan);
        assert!(workflow::drift::drift(&text, &write(&plan), |_| false).is_none());
    }
    println!("{:.1} ms for comparing its workflow", millis((own_time() - before) / RUNS));
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// User and system time of this process without its children: fields 14 and 15 of `/proc/self/stat`, in ticks.
fn own_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux");
    let after_name = stat.rsplit_once(')').expect("a name in brackets").1;
    let ticks: u64 = after_name.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}
