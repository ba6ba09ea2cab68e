//! A server in this process: bound to this machine, on the runtime of the process, over when it is dropped. Its connections can
//! be cut as networks cut them: without an answer, at any moment.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::mpsc;
use std::task::{Context, Poll};
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use super::runtime;

/// How long a port may take to be free again.
const LIMIT: Duration = Duration::from_secs(1);

/// A port that is taken, and not yet served.
pub struct Port {
    listener: std::net::TcpListener,
    address: SocketAddr,
}

impl Port {
    /// Takes a port of this machine; 0 for any free one.
    ///
    /// # Errors
    /// If it cannot be had.
    pub fn take(port: u16) -> anyhow::Result<Self> {
        let wanted = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let listener = std::net::TcpListener::bind(wanted).with_context(|| format!("cannot listen on `{wanted}`"))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers what comes, until the server is dropped.
    ///
    /// # Errors
    /// If there is no runtime.
    pub fn serve(self, router: Router) -> anyhow::Result<Server> {
        let runtime = runtime::handle()?;
        let inner = {
            let _entered = runtime.enter();
            TcpListener::from_std(self.listener)?
        };
        let (stop, (tell, ended)) = (CancellationToken::new(), mpsc::channel());
        let listening = Listening { inner, all: stop.clone() };
        let serving = axum::serve(listening, router.into_make_service_with_connect_info::<Peer>());
        let told = stop.clone().cancelled_owned();
        runtime.spawn(async move {
            // The listener goes with the first branch, so the port is free then; a request that is held is not waited for.
            tokio::select! {
                _ = serving.into_future() => {}
                () = told => {}
            }
            let _ = tell.send(());
        });
        Ok(Server { address: self.address, stop, ended })
    }
}

pub struct Server {
    address: SocketAddr,
    stop: CancellationToken,
    ended: mpsc::Receiver<()>,
}

impl Server {
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Server {
    /// Open connections are cut, and the port is free again.
    fn drop(&mut self) {
        self.stop.cancel();
        let _ = self.ended.recv_timeout(LIMIT);
    }
}

#[derive(Clone, Debug)]
pub struct Peer {
    connection: CancellationToken,
}

impl Peer {
    /// Cuts the connection: nothing more is read from it or written to it.
    pub fn cut(&self) {
        self.connection.cancel();
    }
}

/// Accepts connections that end when `all` is cancelled.
struct Listening {
    inner: TcpListener,
    all: CancellationToken,
}

/// A connection that fails every read and write once it is cut.
struct Cuttable {
    inner: TcpStream,
    connection: CancellationToken,
    cut: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl Listener for Listening {
    type Io = Cuttable;
    type Addr = Peer;

    async fn accept(&mut self) -> (Cuttable, Peer) {
        let (inner, _): (TcpStream, SocketAddr) = Listener::accept(&mut self.inner).await;
        let connection = self.all.child_token();
        let cut = Box::pin(connection.clone().cancelled_owned());
        (Cuttable { inner, connection: connection.clone(), cut }, Peer { connection })
    }

    fn local_addr(&self) -> io::Result<Peer> {
        Ok(Peer { connection: self.all.clone() })
    }
}

impl Connected<IncomingStream<'_, Listening>> for Peer {
    fn connect_info(stream: IncomingStream<'_, Listening>) -> Self {
        stream.remote_addr().clone()
    }
}

impl Cuttable {
    /// Fails if it was cut, and wakes the task when it will be.
    fn check(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        if self.connection.is_cancelled() || self.cut.as_mut().poll(cx).is_ready() {
            return Err(io::Error::new(io::ErrorKind::ConnectionAborted, "the connection was cut on purpose"));
        }
        Ok(())
    }
}

impl AsyncRead for Cuttable {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.check(cx)?;
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl AsyncWrite for Cuttable {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.check(cx)?;
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check(cx)?;
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
