//! A listener whose connections can be cut, as networks cut them: without an answer, at any moment.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// Accepts connections that end when `all` is cancelled.
pub(super) struct Listening {
    pub(super) inner: TcpListener,
    pub(super) all: CancellationToken,
}

/// The other end of a connection.
#[derive(Clone, Debug)]
pub(super) struct Peer {
    connection: CancellationToken,
}

impl Peer {
    /// Cuts the connection: nothing more is read from it or written to it.
    pub(super) fn cut(&self) {
        self.connection.cancel();
    }
}

/// A connection that fails every read and write once it is cut.
pub(super) struct Cuttable {
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
