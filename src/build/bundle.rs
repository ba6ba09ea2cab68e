//! A container as runc wants it: <https://github.com/opencontainers/runtime-spec/blob/v1.2.0/config.md>.

use anyhow::{Context, ensure};
use serde_json::{Value, json};

use super::rootfs::Rootfs;
use crate::plan::ContainerCheck;

/// What runc's own default (`runc spec`) shows a container of the kernel: nothing of these ...
const MASKED: [&str; 10] = [
    "/proc/acpi",
    "/proc/asound",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/sys/firmware",
];
/// ... and these only to read: who may write them can run a program on the host.
const READ_ONLY: [&str; 5] = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

/// The few rights of root that it leaves: a server may listen on port 80.
const CAPABILITIES: [&str; 3] = ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"];

/// What `runc spec` writes, for this image; writable, as images are elsewhere. Only one that is asked over HTTP shares the
/// network.
///
/// # Errors
/// If its user does not exist in the image, or is root by another name.
pub fn bundle(config: &Value, rootfs: &Rootfs, check: &ContainerCheck) -> anyhow::Result<Value> {
    let words = |key: &str| -> Vec<String> {
        let items = config[key].as_array().map(Vec::as_slice).unwrap_or_default();
        items.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect()
    };
    let mut args = words("Entrypoint");
    args.extend(if check.args.is_empty() { words("Cmd") } else { check.args.clone() });
    let (uid, gid) = ids(config["User"].as_str().unwrap_or_default(), rootfs)?;
    let mount = |kind: &str, to: &str, options: &[&str]| json!({ "destination": to, "type": kind, "source": kind, "options": options });
    let mut namespaces = vec!["pid", "ipc", "uts", "mount"];
    if check.http.is_none() {
        namespaces.push("network");
    }
    let namespaces: Vec<Value> = namespaces.into_iter().map(|kind| json!({ "type": kind })).collect();
    Ok(json!({
        "ociVersion": "1.0.2",
        "process": {
            "terminal": false,
            "user": { "uid": uid, "gid": gid },
            "args": args,
            "env": words("Env"),
            "cwd": config["WorkingDir"].as_str().filter(|dir| !dir.is_empty()).unwrap_or("/"),
            "noNewPrivileges": true,
            "capabilities": { "bounding": CAPABILITIES, "effective": CAPABILITIES, "permitted": CAPABILITIES },
        },
        "root": { "path": "rootfs", "readonly": false },
        "hostname": "smoke",
        "mounts": [
            mount("proc", "/proc", &["nosuid", "noexec", "nodev"]),
            mount("tmpfs", "/dev", &["nosuid", "strictatime", "mode=755", "size=65536k"]),
            mount("devpts", "/dev/pts", &["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]),
            mount("tmpfs", "/dev/shm", &["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]),
            mount("mqueue", "/dev/mqueue", &["nosuid", "noexec", "nodev"]),
            mount("sysfs", "/sys", &["nosuid", "noexec", "nodev", "ro"]),
        ],
        "linux": {
            "resources": { "devices": [{ "allow": false, "access": "rwm" }] },
            "namespaces": namespaces,
            "maskedPaths": MASKED,
            "readonlyPaths": READ_ONLY,
        },
    }))
}

/// User and group as numbers; names are looked up in the image, as engines do. What an image calls `nonroot` must not be root.
fn ids(user: &str, rootfs: &Rootfs) -> anyhow::Result<(u32, u32)> {
    let (user, group) = user.split_once(':').map_or((user, None), |(user, group)| (user, Some(group)));
    let table = |file: &str, name: &str| -> Option<Vec<String>> {
        let text = rootfs.text(file)?;
        let line = text.lines().find(|line| line.split(':').next() == Some(name))?;
        Some(line.split(':').map(str::to_owned).collect())
    };
    let number = |fields: &Option<Vec<String>>, index: usize| fields.as_ref()?.get(index)?.parse::<u32>().ok();
    let is_root = matches!(user, "" | "root");
    let of_user = table("etc/passwd", user);
    let found = user.parse::<u32>().ok().or_else(|| number(&of_user, 2)).or(is_root.then_some(0));
    let uid = found.with_context(|| format!("its user `{user}` is not in its /etc/passwd; use a numeric id"))?;
    ensure!(
        uid != 0 || is_root || user.parse::<u32>() == Ok(0),
        "its user `{user}` is root (0) in its /etc/passwd; use a numeric id in `user:`, or `root` if intended"
    );
    let Some(group) = group else { return Ok((uid, number(&of_user, 3).unwrap_or(0))) };
    let found = group.parse::<u32>().ok().or_else(|| number(&table("etc/group", group), 2));
    let gid = found.or((group == "root").then_some(0));
    Ok((uid, gid.with_context(|| format!("its group `{group}` is not in its /etc/group; use a numeric id"))?))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn rootfs(files: &[(&str, &str)]) -> (tempfile::TempDir, Rootfs) {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("etc")).unwrap();
        for (path, text) in files {
            fs::write(folder.path().join(path), text).unwrap();
        }
        let rootfs = Rootfs::new(folder.path().to_owned()).unwrap();
        (folder, rootfs)
    }

    #[test]
    fn users_are_looked_up_in_the_image() {
        let passwd = "root:x:0:0::/:/x\napp:x:12:34::/:/x\nnonroot:x:0:7::/:/x\n";
        let (_folder, rootfs) = rootfs(&[("etc/passwd", passwd), ("etc/group", "staff:x:50:\n")]);
        let check = |user: &str, expected| assert_eq!(ids(user, &rootfs).unwrap(), expected, "{user}");
        check("", (0, 0));
        check("0", (0, 0));
        check("root", (0, 0));
        check("root:root", (0, 0));
        check("65532:65532", (65532, 65532));
        check("app", (12, 34));
        check("app:staff", (12, 50));
        check("7", (7, 0));
        let refused = |user: &str, part: &str| {
            let error = ids(user, &rootfs).unwrap_err().to_string();
            assert!(error.contains(part), "{user}: {error}");
        };
        // No base makes root of a name that says otherwise, and none does by lacking it.
        refused("nonroot", "its user `nonroot` is root (0)");
        refused("nonroot:staff", "its user `nonroot` is root (0)");
        refused("nobody", "its user `nobody` is not in its /etc/passwd");
        refused("app:wheel", "its group `wheel` is not in its /etc/group");
    }

    #[test]
    fn a_container_runs_what_the_image_says() {
        let config = json!({ "Entrypoint": ["/app"], "Cmd": ["serve"], "Env": ["A=b"], "User": "5", "WorkingDir": "" });
        let (_folder, rootfs) = rootfs(&[]);
        let usual = bundle(&config, &rootfs, &ContainerCheck::default()).unwrap();
        assert_eq!(usual["process"]["args"], json!(["/app", "serve"]));
        assert_eq!((&usual["process"]["user"]["uid"], &usual["process"]["cwd"]), (&json!(5), &json!("/")));
        let asked = ContainerCheck { args: vec!["--version".into()], ..ContainerCheck::default() };
        assert_eq!(bundle(&config, &rootfs, &asked).unwrap()["process"]["args"], json!(["/app", "--version"]));
    }

    #[test]
    fn a_container_gets_nothing_of_the_host() {
        let (_folder, rootfs) = rootfs(&[]);
        let closed = bundle(&json!({}), &rootfs, &ContainerCheck::default()).unwrap();
        let kinds = |bundle: &Value| -> Vec<String> {
            let all = bundle["linux"]["namespaces"].as_array().unwrap();
            all.iter().map(|one| one["type"].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(kinds(&closed), ["pid", "ipc", "uts", "mount", "network"]);
        let asked = ContainerCheck { http: Some("/".into()), ..ContainerCheck::default() };
        assert_eq!(kinds(&bundle(&json!({}), &rootfs, &asked).unwrap()), ["pid", "ipc", "uts", "mount"]);
        let has = |key: &str, path: &str| closed["linux"][key].as_array().unwrap().contains(&json!(path));
        assert!(has("readonlyPaths", "/proc/sys") && has("readonlyPaths", "/proc/sysrq-trigger"));
        assert!(has("maskedPaths", "/proc/kcore") && has("maskedPaths", "/proc/keys"));
        assert_eq!(closed["linux"]["resources"]["devices"], json!([{ "allow": false, "access": "rwm" }]));
        assert_eq!(closed["process"]["noNewPrivileges"], json!(true));
        let capabilities = closed["process"]["capabilities"].as_object().unwrap();
        assert!(capabilities.values().all(|set| *set == json!(CAPABILITIES)));
    }
}
