//! TLS before a server of plain HTTP, by Python's own library.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use super::clients::program;
use crate::registry::distribution::certificates;

const SCRIPT: &str = r#"
import asyncio, ssl, sys

async def pipe(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()

async def serve(reader, writer):
    behind = await asyncio.open_connection("127.0.0.1", int(sys.argv[3]))
    await asyncio.gather(pipe(reader, behind[1]), pipe(behind[0], writer))

async def main():
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(sys.argv[1], sys.argv[2])
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()

asyncio.run(main())
"#;

/// It, running; ends when it is dropped.
pub struct Tls {
    /// Where the server is reached with TLS.
    pub url: String,
    /// The authority of the certificate.
    pub ca: String,
    process: Child,
    _folder: tempfile::TempDir,
}

impl Tls {
    #[expect(clippy::disallowed_methods, reason = "tests start programs themselves")]
    pub async fn before(url: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let [ca, certificate, key] = certificates(folder.path()).map(|path| path.display().to_string());
        let port = url.rsplit(':').next().unwrap();
        let mut process = Command::new(program("python"))
            .args(["-c", SCRIPT, &certificate, &key, port])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = process.stdout.take().unwrap();
        let line = move || BufReader::new(output).lines().next().unwrap().unwrap();
        let port = tokio::task::spawn_blocking(line).await.unwrap();
        Self { url: format!("https://127.0.0.1:{port}"), ca, process, _folder: folder }
    }
}

impl Drop for Tls {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
