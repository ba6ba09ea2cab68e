//! The HTTP client against sockets that answer what a test says.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

fn url(text: &str) -> Url {
    text.parse().unwrap()
}

#[test]
fn everything_but_unreserved_is_encoded() {
    assert_eq!(encode("app/v1.2.0+5 ä&#?%"), "app%2Fv1.2.0%2B5%20%C3%A4%26%23%3F%25");
    assert_eq!(encode("A-z_0.9~"), "A-z_0.9~");
}

/// Answers each connection with the next text, and returns what was asked.
async fn serve(answers: Vec<String>) -> (u16, tokio::task::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let task = tokio::spawn(async move {
        let mut asked = Vec::new();
        for answer in answers {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.unwrap());
            }
            let head = String::from_utf8(head).unwrap().to_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            let mut body = vec![0; length.map_or(0, |text| text.parse().unwrap())];
            stream.read_exact(&mut body).await.unwrap();
            asked.push(head);
            let answer = answer.replace("PORT", &port.to_string());
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
        asked
    });
    (port, task)
}

#[tokio::test]
async fn a_redirect_to_another_host_does_not_get_the_token() {
    let away = "HTTP/1.1 302 x\r\nlocation: http://localhost:PORT/signed?x=1\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    let near = "HTTP/1.1 301 x\r\nlocation: /b\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    let done = "HTTP/1.1 200 x\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello";
    let (port, asked) = serve(vec![near.into(), away.into(), done.into()]).await;
    let base = url(&format!("http://127.0.0.1:{port}/a"));
    let token = Secret::new("canary");
    let mut bytes = Vec::new();
    let headers = HeaderMap::from_iter([("x-key".parse().unwrap(), "canary".parse().unwrap())]);
    let request = Request { auth: Some(Auth::Bearer(&token)), headers, ..Request::get(base.clone()) };
    let reply = Client::new(&base).unwrap().download(request, &mut bytes).await.unwrap();
    assert_eq!((reply.status, bytes.as_slice()), (200, b"hello".as_slice()));
    let asked = asked.await.unwrap();
    let with_token: Vec<bool> = asked.iter().map(|head| head.contains("authorization: bearer canary")).collect();
    assert_eq!(with_token, [true, true, false]);
    let with_key: Vec<bool> = asked.iter().map(|head| head.contains("x-key: canary")).collect();
    assert_eq!(with_key, [true, true, false]);
    assert!(asked[1].starts_with("get /b ") && asked[2].starts_with("get /signed?x=1 "));
    assert!(asked[0].contains("user-agent: longshore/"));
}

#[tokio::test]
async fn redirects_have_an_end() {
    let again = "HTTP/1.1 302 x\r\nlocation: /\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    let (port, _asked) = serve(vec![again.into(); 6]).await;
    let base = url(&format!("http://127.0.0.1:{port}/"));
    let result = Client::new(&base).unwrap().download(Request::get(base.clone()), &mut Vec::new()).await;
    assert_eq!(result.unwrap_err().text, format!("`127.0.0.1:{port}` redirects too often"));
}

#[tokio::test]
async fn a_body_that_ends_early_is_no_answer() {
    let short = "HTTP/1.1 200 x\r\ncontent-length: 50\r\nconnection: close\r\n\r\nhello";
    let (port, _asked) = serve(vec![short.into(), short.into()]).await;
    let base = url(&format!("http://127.0.0.1:{port}/?secret=1"));
    let client = Client::new(&base).unwrap();
    let text = client.send(Request::get(base.clone())).await.unwrap_err().text;
    assert!(text.contains("broke") && !text.contains("secret"), "{text}");
    client.download(Request::get(base), &mut Vec::new()).await.unwrap_err();
}

#[tokio::test]
async fn silence_has_an_end() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = url(&format!("http://{}/", listener.local_addr().unwrap()));
    let client = Client::new(&base).unwrap().stall(Duration::from_millis(50));
    let text = client.send(Request::get(base)).await.unwrap_err().text;
    assert!(text.contains("did not answer"), "{text}");
}

#[tokio::test]
async fn files_are_streamed_with_their_length() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x");
    std::fs::write(&path, b"hello").unwrap();
    let (port, asked) = serve(vec!["HTTP/1.1 201 x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".into()]).await;
    let base = url(&format!("http://127.0.0.1:{port}/"));
    let sent = Arc::new(AtomicU64::new(0));
    let sha256 = Digest::of(b"hello");
    let body = Body::File { path: &path, size: 5, sha256, media: "application/gzip", sent: Arc::clone(&sent) };
    let request = Request { method: Method::POST, body, ..Request::get(base.clone()) };
    let reply = Client::new(&base).unwrap().send(request).await.unwrap();
    assert!(reply.is_success());
    assert_eq!(sent.load(Ordering::Relaxed), 5);
    let head = &asked.await.unwrap()[0];
    assert!(head.contains("content-length: 5\r\n") && head.contains("content-type: application/gzip\r\n"), "{head}");
    assert!(!head.contains("transfer-encoding"));
}

/// A server that sends a piece again and again, with a pause between.
async fn dripping(head: &'static str, piece: Vec<u8>, pause: Duration) -> Url {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = url(&format!("http://{}/", listener.local_addr().unwrap()));
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let piece = piece.clone();
            tokio::spawn(async move {
                let mut asked = Vec::new();
                while !asked.ends_with(b"\r\n\r\n") {
                    asked.push(stream.read_u8().await.unwrap());
                }
                stream.write_all(head.as_bytes()).await.unwrap();
                while stream.write_all(&piece).await.is_ok() {
                    sleep(pause).await;
                }
            });
        }
    });
    base
}

#[tokio::test]
async fn bodies_that_drip_have_an_end() {
    let head = "HTTP/1.1 200 x\r\ncontent-length: 100000000\r\n\r\n";
    let base = dripping(head, b"x".to_vec(), Duration::from_millis(20)).await;
    let client = Client::new(&base).unwrap().stall(Duration::from_millis(300));
    let slow = format!("`{}` transfers less than 1024 bytes per second", host(&base));
    let get = || Request::get(base.clone());
    assert_eq!(client.send(get()).await.unwrap_err().text, slow);
    assert_eq!(client.download(get(), &mut Vec::new()).await.unwrap_err().text, slow);
    let mut incoming = client.open(get()).await.unwrap().unwrap_or_else(|_| panic!("refused"));
    assert_eq!(incoming.next(1 << 20).await.unwrap_err().text, slow);
    // A head that drips is not an answer.
    let base = dripping("HTTP/1.1 200 x\r\n", b"x: y\r\n".to_vec(), Duration::from_millis(20)).await;
    let client = Client::new(&base).unwrap().stall(Duration::from_millis(300));
    assert!(client.send(Request::get(base.clone())).await.is_err());
}

#[tokio::test]
async fn uploads_that_are_taken_in_drops_have_an_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x");
    let size = 64 << 20;
    std::fs::File::create(&path).unwrap().set_len(size).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = url(&format!("http://{}/", listener.local_addr().unwrap()));
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        // Everything the kernel keeps for us fits; then a little now and then, less than the floor.
        let mut some = vec![0; 100];
        while stream.read_exact(&mut some).await.is_ok() {
            sleep(Duration::from_millis(500)).await;
        }
    });
    let client = Client::new(&base).unwrap().stall(Duration::from_millis(1000));
    let sha256 = Digest::of(b"");
    let body = Body::File { path: &path, size, sha256, media: "x/y", sent: Arc::default() };
    let request = Request { method: Method::PUT, body, ..Request::get(base) };
    let text = client.send(request).await.unwrap_err().text;
    assert!(text.contains("did not answer") || text.contains("transfers less than"), "{text}");
}

#[tokio::test]
async fn answers_in_memory_are_as_large_as_is_said() {
    let head = "HTTP/1.1 200 x\r\nconnection: close\r\n\r\n";
    let base = dripping(head, vec![b'x'; 60_000], Duration::from_millis(1)).await;
    let client = Client::new(&base).unwrap();
    let request = Request { largest: 100 << 10, ..Request::get(base.clone()) };
    let text = client.send(request).await.unwrap_err().text;
    assert_eq!(text, format!("`{}` answered with more than 100 KiB", host(&base)));
    let mut kept = Vec::new();
    let mut sink = Limited::new(&mut kept, 100 << 10);
    let text = client.download(Request::get(base), &mut sink).await.unwrap_err().text;
    assert!(text.contains("longer than it should be") && sink.is_over(), "{text}");
    assert!(kept.len() <= 100 << 10);
}

#[tokio::test]
async fn a_refusal_that_is_too_long_is_its_status() {
    for (length, kept) in [(60_000, 60_000), (70_000, 0)] {
        let head = format!("HTTP/1.1 404 x\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
        for download in [false, true] {
            let (port, _) = serve(vec![format!("{head}{}", "x".repeat(length))]).await;
            let base = url(&format!("http://127.0.0.1:{port}/"));
            let client = Client::new(&base).unwrap();
            let reply = match download {
                true => client.download(Request::get(base), &mut std::io::sink()).await.unwrap(),
                false => client.send(Request::get(base)).await.unwrap(),
            };
            assert_eq!((reply.status, reply.body.len()), (404, kept));
        }
    }
}

#[tokio::test]
async fn a_redirect_leads_nobody_inside() {
    let check = async |location: &str| {
        let away = format!("HTTP/1.1 307 x\r\nlocation: {location}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        let (port, _asked) = serve(vec![away]).await;
        let base = url(&format!("http://127.0.0.1:{port}/a"));
        let text = Client::new(&base).unwrap().download(Request::get(base), &mut Vec::new()).await.unwrap_err().text;
        assert!(text.contains("redirects to `"), "{location}: {text}");
    };
    for location in [
        "http://169.254.169.254/latest",
        "http://[fd00:ec2::254]/",
        "http://metadata.google.internal/",
        "https://example.com/",
    ] {
        check(location).await;
    }
}

/// A server must never have a whole request with other bytes: not every one compares.
#[tokio::test]
async fn a_file_that_changed_is_never_sent_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x");
    let right = vec![7; 200_000];
    let mut wrong = right.clone();
    wrong[150_000] = 8;
    let grown = [right.as_slice(), b"more"].concat();
    for (there, changed) in [(&right, false), (&wrong, true), (&right[..199_999].to_vec(), true), (&grown, false)] {
        std::fs::write(&path, there).unwrap();
        for framed in [false, true] {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let base = url(&format!("http://{}/", listener.local_addr().unwrap()));
            let (path, size, sha256) = (path.as_path(), 200_000, Digest::of(&right));
            let (media, sent) = ("x/y", Arc::default());
            let body = if framed {
                Body::Framed { head: b"head", path, size, sha256, tail: b"tail", media, sent }
            } else {
                Body::File { path, size, sha256, media, sent }
            };
            let client = Client::new(&base).unwrap();
            let server = tokio::spawn(async move {
                let (mut stream, _) = listener.accept().await.unwrap();
                let (mut got, mut buffer) = (Vec::new(), vec![0; 1 << 16]);
                let whole = loop {
                    let count = stream.read(&mut buffer).await.unwrap_or(0);
                    got.extend_from_slice(&buffer[..count]);
                    let at = got.windows(4).position(|window| window == b"\r\n\r\n").map(|at| at + 4);
                    let length = if framed { 200_008 } else { 200_000 };
                    let whole = at.is_some_and(|at| got.len() - at >= length);
                    if whole || count == 0 {
                        break whole;
                    }
                };
                let _ = stream.write_all(b"HTTP/1.1 201 x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await;
                whole
            });
            let sent = client.send(Request { method: Method::POST, body, ..Request::get(base) }).await;
            assert_eq!(server.await.unwrap(), !changed);
            match sent {
                Ok(reply) => assert!(reply.is_success() && !changed),
                Err(error) => assert!(changed && error.changed, "{error:?}"),
            }
        }
    }
    let gone = folder.path().join("gone");
    let base = url("http://127.0.0.1:1/");
    let body = Body::File { path: &gone, size: 1, sha256: Digest::of(b""), media: "x/y", sent: Arc::default() };
    let error = Client::new(&base).unwrap().send(Request { body, ..Request::get(base.clone()) }).await.unwrap_err();
    assert!(error.changed, "{error:?}");
}
