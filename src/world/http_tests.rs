//! The HTTP client against sockets that answer what a test says.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

fn url(text: &str) -> Url {
    text.parse().unwrap()
}

#[test]
fn loopback_is_this_machine() {
    let check = |text: &str, expected| assert_eq!(is_loopback(&url(text)), expected, "{text}");
    check("http://127.0.0.1:8080/", true);
    check("http://127.9.9.9/", true);
    check("http://[::1]:1/", true);
    check("http://LocalHost/", true);
    check("http://localhost.example.com/", false);
    check("http://127.0.0.1.example.com/", false);
    check("http://10.0.0.1/", false);
    check("https://api.github.com/", false);
}

#[test]
fn one_origin_is_scheme_host_and_port() {
    let check = |a: &str, b: &str, expected| assert_eq!(same_origin(&url(a), &url(b)), expected, "{a} {b}");
    check("https://a.example/x", "https://a.example:443/y", true);
    check("https://a.example/", "http://a.example/", false);
    check("https://a.example/", "https://a.example:8443/", false);
    check("https://a.example/", "https://a.example.org/", false);
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
    let request = Request { auth: Some(Auth::Bearer(&token)), ..Request::get(base.clone()) };
    let reply = Client::new(&base).unwrap().download(request, &mut bytes).await.unwrap();
    assert_eq!((reply.status, bytes.as_slice()), (200, b"hello".as_slice()));
    let asked = asked.await.unwrap();
    let with_token: Vec<bool> = asked.iter().map(|head| head.contains("authorization: bearer canary")).collect();
    assert_eq!(with_token, [true, true, false]);
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
    assert!(text.contains("gave no answer"), "{text}");
}

#[tokio::test]
async fn files_are_streamed_with_their_length() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x");
    std::fs::write(&path, b"hello").unwrap();
    let (port, asked) = serve(vec!["HTTP/1.1 201 x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".into()]).await;
    let base = url(&format!("http://127.0.0.1:{port}/"));
    let sent = Arc::new(AtomicU64::new(0));
    let body = Body::File { path: &path, size: 5, media: "application/gzip", sent: Arc::clone(&sent) };
    let request = Request { method: Method::POST, body, ..Request::get(base.clone()) };
    let reply = Client::new(&base).unwrap().send(request).await.unwrap();
    assert!(reply.is_success());
    assert_eq!(sent.load(Ordering::Relaxed), 5);
    let head = &asked.await.unwrap()[0];
    assert!(head.contains("content-length: 5\r\n") && head.contains("content-type: application/gzip\r\n"), "{head}");
    assert!(!head.contains("transfer-encoding"));
}
