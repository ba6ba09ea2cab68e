//! What the service counts while it runs, and the text in which Prometheus reads it
//! (<https://prometheus.io/docs/instrumenting/exposition_formats/>).

use std::collections::BTreeMap;
use std::fmt::{Display, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::task::Phase;

/// Upper ends of the buckets of durations, in seconds.
const BUCKETS: [f64; 11] = [1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0];

/// Counts of this process, from its start.
#[derive(Default)]
pub struct Metrics(Mutex<Counted>);

#[derive(Default)]
struct Counted {
    requests: BTreeMap<Asked, u64>,
    attempts: BTreeMap<&'static str, u64>,
    deliveries: BTreeMap<&'static str, u64>,
    phases: BTreeMap<Phase, Histogram>,
}

/// Requests that are counted together: whatever callers send, there are few kinds of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Asked {
    pub method: &'static str,
    /// `/api/v1/builds/{id}`
    pub path: &'static str,
    pub status: u16,
}

#[derive(Default)]
struct Histogram {
    /// By bucket; what is longer than all of them is only in `count`.
    within: [u64; BUCKETS.len()],
    count: u64,
    sum: f64,
}

impl Metrics {
    pub fn request(&self, asked: Asked) {
        *self.counted().requests.entry(asked).or_default() += 1;
    }

    /// An attempt has ended so.
    pub fn attempt(&self, result: &'static str) {
        *self.counted().attempts.entry(result).or_default() += 1;
    }

    /// A webhook was sent, and this came of it.
    pub fn delivery(&self, result: &'static str) {
        *self.counted().deliveries.entry(result).or_default() += 1;
    }

    /// An attempt was so long in a phase.
    pub fn phase(&self, phase: Phase, took: Duration) {
        let (mut counted, seconds) = (self.counted(), took.as_secs_f64());
        let histogram = counted.phases.entry(phase).or_default();
        histogram.count += 1;
        histogram.sum += seconds;
        for (within, end) in histogram.within.iter_mut().zip(BUCKETS) {
            *within += u64::from(seconds <= end);
        }
    }

    fn counted(&self) -> MutexGuard<'_, Counted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn write(&self, text: &mut Text) {
        let counted = self.counted();
        text.family("longshore_attempts_total", "counter", "Attempts that have ended, by result.");
        for (result, count) in &counted.attempts {
            text.sample("longshore_attempts_total", &[("result", result)], count);
        }
        text.family("longshore_phase_duration_seconds", "histogram", "How long attempts were in a phase.");
        for (phase, histogram) in &counted.phases {
            let name = "longshore_phase_duration_seconds";
            let phase = ("phase", phase.word());
            for (within, end) in histogram.within.iter().zip(BUCKETS) {
                text.sample(&format!("{name}_bucket"), &[phase, ("le", &end.to_string())], within);
            }
            text.sample(&format!("{name}_bucket"), &[phase, ("le", "+Inf")], histogram.count);
            text.sample(&format!("{name}_sum"), &[phase], histogram.sum);
            text.sample(&format!("{name}_count"), &[phase], histogram.count);
        }
        text.family("longshore_webhook_deliveries_total", "counter", "Webhooks that were sent, by result.");
        for (result, count) in &counted.deliveries {
            text.sample("longshore_webhook_deliveries_total", &[("result", result)], count);
        }
        text.family("longshore_http_requests_total", "counter", "Requests that were answered.");
        for (asked, count) in &counted.requests {
            let labels = [("method", asked.method), ("path", asked.path), ("status", &asked.status.to_string())];
            text.sample("longshore_http_requests_total", &labels, count);
        }
    }
}

/// Metrics as text.
#[derive(Default)]
pub struct Text(String);

impl Text {
    /// Begins what has one name; its samples follow.
    pub fn family(&mut self, name: &str, kind: &str, help: &str) {
        self.line(format_args!("# HELP {name} {help}\n# TYPE {name} {kind}"));
    }

    pub fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        let labels: Vec<String> = labels.iter().map(|(key, value)| format!("{key}=\"{}\"", escape(value))).collect();
        match &labels[..] {
            [] => self.line(format_args!("{name} {value}")),
            labels => self.line(format_args!("{name}{{{}}} {value}", labels.join(","))),
        }
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        // Text takes everything.
        let _ = writeln!(self.0, "{line}");
    }

    pub fn into_string(self) -> String {
        self.0
    }
}

fn escape(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_in_their_buckets() {
        let metrics = Metrics::default();
        for seconds in [1, 3, 4000] {
            metrics.phase(Phase::Building, Duration::from_secs(seconds));
        }
        let mut text = Text::default();
        metrics.write(&mut text);
        let text = text.into_string();
        for line in [
            "# TYPE longshore_phase_duration_seconds histogram",
            "longshore_phase_duration_seconds_bucket{phase=\"building\",le=\"1\"} 1",
            "longshore_phase_duration_seconds_bucket{phase=\"building\",le=\"2.5\"} 1",
            "longshore_phase_duration_seconds_bucket{phase=\"building\",le=\"5\"} 2",
            "longshore_phase_duration_seconds_bucket{phase=\"building\",le=\"3600\"} 2",
            "longshore_phase_duration_seconds_bucket{phase=\"building\",le=\"+Inf\"} 3",
            "longshore_phase_duration_seconds_sum{phase=\"building\"} 4004",
            "longshore_phase_duration_seconds_count{phase=\"building\"} 3",
        ] {
            assert!(text.lines().any(|one| one == line), "{line}\n{text}");
        }
    }

    #[test]
    fn labels_are_escaped() {
        let mut text = Text::default();
        text.sample("a", &[("b", "x\"y\\z\n")], 1);
        text.sample("c", &[], 2.5);
        assert_eq!(text.into_string(), "a{b=\"x\\\"y\\\\z\\n\"} 1\nc 2.5\n");
    }
}
