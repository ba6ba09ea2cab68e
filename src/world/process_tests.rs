//! Programs started, heard, waited for, interrupted and ended.

use super::ended::meaning;
use super::*;
use crate::world::env::Names;

fn runner() -> Runner {
    Runner::new(Env::of([("PATH", "/usr/bin:/bin")]))
}

#[test]
fn returns_what_a_program_wrote() {
    let cmd = Cmd::new("sh", Path::new("/")).args(["-c", "echo out; echo err >&2; exit 3"]);
    let finished = runner().output(&cmd).unwrap();
    assert_eq!((finished.stdout.as_str(), finished.stderr.as_str()), ("out\n", "err\n"));
    assert_eq!(finished.status.code(), Some(3));
    assert_eq!(cmd.to_string(), "sh -c 'echo out; echo err >&2; exit 3'");
}

#[test]
fn what_it_reads_may_be_long() {
    let input = "x".repeat(1 << 20);
    let cat = Cmd::new("cat", Path::new("/")).input(input.as_str());
    assert_eq!(runner().text(&cat).unwrap(), input);
    assert_eq!(runner().bytes(&Cmd::new("printf", Path::new("/")).arg(r"\377\0")).unwrap(), [0xff, 0]);
    let fails = Cmd::new("sh", Path::new("/")).args(["-c", "echo no >&2; exit 3"]);
    assert!(runner().bytes(&fails).unwrap_err().to_string().ends_with("failed (exit status: 3): no"));
}

#[test]
fn hands_back_only_what_is_asked_for() {
    let hidden = Env::of([("NPM_TOKEN", "canary-npm-1"), ("OTHER", "canary-2")]);
    let runner = runner().hiding(hidden);
    let env = |runner: &Runner| runner.text(&Cmd::new("env", Path::new("/"))).unwrap();
    assert!(!env(&runner).contains("canary"));
    let passing = runner.clone().passing(&["NPM_*".into()]);
    assert!(env(&passing).contains("NPM_TOKEN=canary-npm-1"));
    assert!(!env(&passing).contains("canary-2"));
    assert_eq!(passing.redact("said canary-npm-1!"), "said ***!");
}

#[test]
fn searches_added_folders_first() {
    let runner = runner().with_path(Path::new("/first")).with("A", "b");
    assert_eq!(runner.var("PATH"), Some("/first:/usr/bin:/bin"));
    assert_eq!(runner.text(&Cmd::new("sh", Path::new("/")).args(["-c", "echo $A"])).unwrap(), "b\n");
    // Windows calls it `Path`; a command's own is another spelling of the same.
    let windows = Runner::new(Env::comparing(Names::AnyCase, [("Path", "/usr/bin:/bin"), ("GitHub_Sha", "a")]));
    assert!(windows.find("sh").is_some());
    let windows = windows.with_path(Path::new("/first"));
    let cmd = Cmd::new("env", Path::new("/")).env("GITHUB_SHA", "b");
    assert_eq!(windows.text(&cmd).unwrap(), "GitHub_Sha=b\nPath=/first:/usr/bin:/bin\n");
}

#[test]
fn numbers_of_windows_are_explained() {
    assert_eq!(meaning(0xC000_0135_u32.cast_signed()), Some("a DLL it needs is missing"));
    assert_eq!((meaning(0), meaning(1), meaning(101), meaning(-1)), (None, None, None, None));
    let status = runner().output(&Cmd::new("false", Path::new("/"))).unwrap().status;
    assert_eq!(described(status), "exit status: 1");
}

#[test]
fn ends_what_takes_too_long() {
    let cmd = Cmd::new("sleep", Path::new("/")).arg("30").timeout(Duration::from_millis(50));
    let started = Instant::now();
    assert!(runner().output(&cmd).unwrap().timed_out);
    assert!(started.elapsed() < Duration::from_secs(10));
}

#[test]
fn what_is_left_running_holds_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let script = "sleep 60 & echo $! > left; (while :; do echo still here; sleep 0.01; done) & echo done";
    let cmd = Cmd::new("sh", folder.path()).args(["-c", script]);
    let (started, mut said) = (Instant::now(), String::new());
    let (status, _) = runner().stream(&cmd, &mut |_, line| said.push_str(&String::from_utf8_lossy(line))).unwrap();
    assert!(status.success() && started.elapsed() < Duration::from_secs(30), "{:?}", started.elapsed());
    assert!(said.contains("done\n") && said.contains("`sh` left a process running"), "{said}");
    let left = std::fs::read_to_string(folder.path().join("left")).unwrap();
    // It has the signal; how soon it goes is the system's.
    let is_over = || {
        let state = std::fs::read_to_string(format!("/proc/{}/stat", left.trim())).unwrap_or_default();
        state.is_empty() || state.contains(") Z ")
    };
    while !is_over() {
        assert!(started.elapsed() < Duration::from_secs(50), "what was left running goes on");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn what_is_kept_of_an_output_has_a_limit() {
    let cmd = |script: &str| Cmd::new("sh", Path::new("/")).args(["-c", script]).most(1 << 20);
    let started = Instant::now();
    let error = runner().output(&cmd("while :; do echo much; done")).unwrap_err().to_string();
    assert!(error.contains("`sh` printed more than 1024 KiB"), "{error}");
    assert!(started.elapsed() < Duration::from_secs(60));
    assert_eq!(runner().output(&cmd("head -c 1048576 /dev/zero")).unwrap().stdout.len(), 1 << 20);
    assert!(runner().output(&cmd("head -c 1048577 /dev/zero >&2")).is_err());
}

/// More than the pipes and whatever waits can hold, handed on more slowly than it is written.
#[test]
fn a_line_without_an_end_comes_in_pieces_and_whole() {
    let cmd = Cmd::new("sh", Path::new("/")).args(["-c", "head -c 50000000 /dev/zero; echo end"]);
    let (mut size, mut longest, mut said) = (0, 0, String::new());
    let (status, _) = runner()
        .stream(&cmd, &mut |stream, piece| {
            std::thread::sleep(Duration::from_millis(200));
            size += piece.len();
            longest = longest.max(piece.len());
            if stream == Stream::Err {
                said.push_str(&String::from_utf8_lossy(piece));
            }
        })
        .unwrap();
    assert!(status.success());
    assert_eq!((size, said.as_str()), (50_000_004, ""));
    assert!(longest <= LONGEST_LINE, "{longest}");
}

#[test]
fn interrupts_when_it_is_told() {
    // No children: a shell that is just starting one may die of the signal despite its trap.
    let script = "trap 'echo caught; exit 4' INT; echo ready; while :; do :; done";
    let cmd = Cmd::new("sh", Path::new("/")).args(["-c", script]);
    let (stop, mut said) = (AtomicBool::new(false), String::new());
    let status = runner().stream_until(&cmd, &stop, &mut |_, line| {
        said.push_str(&String::from_utf8_lossy(line));
        stop.store(true, Ordering::SeqCst);
    });
    assert_eq!((status.unwrap().code(), said.as_str()), (Some(4), "ready\ncaught\n"));
}

#[test]
fn names_a_missing_program() {
    let error = runner().output(&Cmd::new("no-such-program", Path::new("/"))).unwrap_err();
    assert!(format!("{error:#}").contains("`no-such-program`"));
    assert_eq!(runner().find("no-such-program"), None);
    assert!(runner().find("sh").is_some());
}

#[test]
fn of_a_program_that_prints_without_end_little_is_kept() {
    let cmd = Cmd::new("sh", Path::new("/")).args(["-c", "echo first >&2; exec yes"]).timeout(Duration::from_secs(1));
    let done = runner().output_within(&cmd, 1 << 10).unwrap();
    assert!(done.timed_out);
    assert_eq!((done.stdout.len(), done.stderr.as_str()), (1 << 10, "first\n"));
}

#[test]
fn a_stop_reaches_what_a_program_started() {
    let stop = CancellationToken::new();
    let runner = runner().until(stop.clone());
    let begun = Instant::now();
    std::thread::scope(|scope| {
        let told = scope.spawn(|| {
            let cmd = Cmd::new("sh", Path::new("/")).args(["-c", "sleep 60 & echo $!; wait"]);
            let mut pid = String::new();
            let error = runner.stream(&cmd, &mut |_, line| {
                pid.push_str(String::from_utf8_lossy(line).trim());
                stop.cancel();
            });
            (pid, error.unwrap_err().to_string())
        });
        let (pid, error) = told.join().unwrap();
        assert_eq!(error, "interrupted: `sh` was stopped");
        let end = Instant::now() + Duration::from_secs(5);
        while Path::new("/proc").join(&pid).join("exe").exists() && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(10));
        }
        assert!(!Path::new("/proc").join(&pid).join("exe").exists(), "{pid} goes on");
    });
    assert!(begun.elapsed() < GRACE);
    let late = runner.output(&Cmd::new("true", Path::new("/"))).unwrap_err().to_string();
    assert_eq!(late, "interrupted: `true` is not started");
}
