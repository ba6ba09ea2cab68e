//! Serves the berths of a harbor over HTTP.

use std::error::Error;
use std::process::ExitCode;

use tokio::net::TcpListener;

const HELP: &str = "\
Serves the berths of a harbor over HTTP.

Usage: harbor-server [--listen ADDR]

      --listen ADDR    address and port [default: 127.0.0.1:8080]; port 0 takes a free one
  -h, --help           print this
  -V, --version        print the version

GET /health, GET /berths, POST /berths {\"name\", \"length\", \"ship\"}
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let listen = match args.as_slice() {
        [] => "127.0.0.1:8080",
        ["--listen", address] => address,
        ["-V" | "--version"] => {
            println!("harbor-server {}", env!("CARGO_PKG_VERSION"));
            return ExitCode::SUCCESS;
        }
        ["-h" | "--help"] => {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        _ => {
            eprint!("harbor-server: unknown arguments\n\n{HELP}");
            return ExitCode::from(2);
        }
    };
    match serve(listen) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("harbor-server: cannot serve on `{listen}`: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Serves until it is told to stop, then finishes what it has begun.
fn serve(address: &str) -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(address).await?;
        println!("listening on http://{}", listener.local_addr()?);
        axum::serve(listener, harbor_server::router(Default::default())).with_graceful_shutdown(stop()).await?;
        println!("stopped");
        Ok(())
    })
}

/// Waits for Ctrl-C, or for the signal of a service manager or container engine.
async fn stop() {
    #[cfg(unix)]
    {
        use std::pin::pin;
        use std::task::Poll;
        use tokio::signal::unix::{SignalKind, signal};

        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            let mut interrupt = pin!(tokio::signal::ctrl_c());
            return std::future::poll_fn(|context| {
                let stopped = terminate.poll_recv(context).is_ready() || interrupt.as_mut().poll(context).is_ready();
                if stopped { Poll::Ready(()) } else { Poll::Pending }
            })
            .await;
        }
    }
    let _ = tokio::signal::ctrl_c().await;
}
