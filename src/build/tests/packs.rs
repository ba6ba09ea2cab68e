//! Archives: what lies in them, that nothing leaves them, that they are the same everywhere.

use std::fs;
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::fixture::{TIME, write};
use crate::build::pack::{self, Body, Member};
use crate::build::unpack::{self, Content};
use crate::format::Format;
use crate::world::env::Env;
use crate::world::process::{Cmd, Runner};

const FORMATS: [Format; 3] = [Format::TarGz, Format::TarZst, Format::Zip];

fn member(path: &str, body: Body) -> Member {
    Member { path: path.into(), body }
}

fn file(path: &str, from: &Path, executable: bool) -> Member {
    member(path, Body::File { from: from.to_owned(), executable })
}

fn runner() -> Runner {
    Runner::new(Env::read().for_children(&[]))
}

/// Members of every kind, in no order; among them a name too long for a tar header, and one beyond ASCII.
fn members(folder: &Path) -> Vec<Member> {
    write(&folder.join("a"), "text\n");
    write(&folder.join("b"), &"0123456789abcdef".repeat(20_000));
    write(&folder.join("empty"), "");
    let long = format!("{}/{}", "d".repeat(90), "f".repeat(90));
    vec![
        file("z/prog", &folder.join("b"), true),
        file(&long, &folder.join("a"), false),
        file("übung.txt", &folder.join("a"), false),
        member("z/link", Body::Link("prog".into())),
        member("a-link", Body::Link(long)),
        file("empty", &folder.join("empty"), false),
    ]
}

/// Path, whether executable, bytes or link.
fn read(format: Format, path: &Path) -> Vec<(String, bool, String)> {
    let mut found = Vec::new();
    unpack::each(format, path, &mut |item| {
        found.push(match item.content {
            Content::Link(link) => (item.path, false, format!("-> {link}")),
            Content::File { bytes, executable } => {
                let mut text = String::new();
                bytes.read_to_string(&mut text)?;
                (item.path, executable, text)
            }
        });
        Ok(())
    })
    .unwrap();
    found
}

#[test]
fn holds_what_was_put_in_sorted() {
    let folder = tempfile::tempdir().unwrap();
    for format in FORMATS {
        let members = members(folder.path());
        let made = pack::write(format, members.clone(), TIME, folder.path(), "made").unwrap();
        let found = read(format, &folder.path().join("made"));
        let mut expected: Vec<_> = members
            .into_iter()
            .map(|member| match member.body {
                Body::Link(link) => (member.path, false, format!("-> {link}")),
                Body::File { from, executable } => (member.path, executable, fs::read_to_string(from).unwrap()),
                other => panic!("{other:?}"),
            })
            .collect();
        expected.sort();
        assert_eq!(found, expected, "{format:?}");
        let bytes = fs::read(folder.path().join("made")).unwrap();
        assert_eq!((crate::digest::Digest::of(&bytes), bytes.len() as u64), (made.sha256, made.size));
    }
}

#[test]
fn other_programs_unpack_the_same() {
    let folder = tempfile::tempdir().unwrap();
    for (format, name, unpacker) in [
        (Format::TarGz, "made.tar.gz", "tar -xf ../made.tar.gz"),
        (Format::TarZst, "made.tar.zst", "tar --zstd -xf ../made.tar.zst"),
        (Format::Zip, "made.zip", "unzip -q ../made.zip"),
    ] {
        pack::write(format, members(folder.path()), TIME, folder.path(), name).unwrap();
        let out = folder.path().join("out");
        fs::create_dir(&out).unwrap();
        let script =
            format!("umask 022; export TZ=UTC; {unpacker}; stat -c '%a %Y %s %N' z/prog z/link übung.txt d*/f* a-link");
        let said = runner().text(&Cmd::new("bash", &out).args(["-euc", &script]).env("LC_ALL", "C.UTF-8")).unwrap();
        let lines: Vec<&str> = said.lines().collect();
        assert_eq!(lines[0], format!("755 {TIME} 320000 'z/prog'"), "{name}");
        assert!(lines[1].ends_with("'z/link' -> 'prog'"), "{said}");
        assert_eq!(lines[2], format!("644 {TIME} 5 'übung.txt'"), "{name}");
        assert!(lines[3].starts_with(&format!("644 {TIME} 5 'ddd")), "{said}");
        assert!(lines[4].contains("'a-link' -> 'ddd"), "{said}");
        fs::remove_dir_all(&out).unwrap();
    }
}

#[test]
fn bytes_depend_on_members_alone() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for format in FORMATS {
        let first = pack::write(format, members(one.path()), TIME, one.path(), "made").unwrap();
        let mut reversed = members(two.path());
        reversed.reverse();
        let script = "umask 077; chmod 600 a; chmod 777 b; touch -d 2001-01-01 a b empty";
        runner().text(&Cmd::new("bash", two.path()).args(["-c", script])).unwrap();
        let second = pack::write(format, reversed, TIME, two.path(), "made").unwrap();
        assert_eq!(first, second, "{format:?}");
    }
    // Pinned, so that a new version of a compressor cannot change what a repeated release uploads unnoticed.
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("a"), "text\n");
    let gz = pack::write(Format::TarGz, vec![file("a", &folder.path().join("a"), false)], TIME, folder.path(), "made");
    let bytes = fs::read(folder.path().join("made")).unwrap();
    assert_eq!(&bytes[..10], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]);
    assert_eq!(gz.unwrap().size, bytes.len() as u64);
}

#[test]
fn times_before_1980_and_negative_ones() {
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("a"), "text\n");
    let list = |time: i64, name: &str, format: Format, cmd: &[&str]| {
        let members = vec![file("a", &folder.path().join("a"), false)];
        pack::write(format, members, time, folder.path(), name).unwrap();
        runner().text(&Cmd::new(cmd[0], folder.path()).args(cmd[1..].iter().copied()).env("TZ", "UTC")).unwrap()
    };
    assert!(list(0, "a.zip", Format::Zip, &["unzip", "-Zl", "a.zip"]).contains("80-Jan-01 00:00"));
    assert!(list(i64::MAX, "a.zip", Format::Zip, &["unzip", "-Zl", "a.zip"]).contains("07-Dec-31 23:59"));
    assert!(list(-5, "a.tgz", Format::TarGz, &["tar", "-tvf", "a.tgz"]).contains("1970-01-01 00:00"));
}

#[test]
fn refuses_what_leaves_or_meets() {
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("a"), "text\n");
    let check = |members: Vec<Member>, expected: &str| {
        for format in FORMATS {
            let error = pack::write(format, members.clone(), TIME, folder.path(), "made").unwrap_err();
            assert_eq!(format!("{error:#}"), expected);
            assert!(!folder.path().join("made").exists());
        }
    };
    let a = |path: &str| file(path, &folder.path().join("a"), false);
    check(vec![a("../x")], "the path `../x` leaves the archive");
    check(vec![a("/x")], "the path `/x` leaves the archive");
    check(vec![a("x\\..\\y")], "the path `x\\..\\y` leaves the archive");
    check(vec![a("x"), a("x")], "two members of the archive would become `x`");
    check(vec![a("x"), a("x-y"), a("x/y")], "`x` is a file of the archive, and `x/y` is below it");
    check(vec![member("x", Body::Link("../y".into()))], "the link `x` points outside the archive, to `../y`");
}

#[test]
fn unpacks_nothing_that_leaves() {
    let folder = tempfile::tempdir().unwrap();
    let script = r#"
import io, tarfile, zipfile
def tar(name, path, kind, link=''):
    with tarfile.open(name, 'w:gz') as t:
        i = tarfile.TarInfo(path); i.type = kind; i.linkname = link
        t.addfile(i, io.BytesIO(b''))
tar('up.tar.gz', '../x', tarfile.REGTYPE)
tar('abs.tar.gz', '/x', tarfile.REGTYPE)
tar('link.tar.gz', 'x', tarfile.SYMTYPE, '../../etc')
tar('hard.tar.gz', 'x', tarfile.LNKTYPE, '/etc/passwd')
tar('dev.tar.gz', 'x', tarfile.CHRTYPE)
zipfile.ZipFile('up.zip', 'w').writestr('../x', '')
"#;
    runner().text(&Cmd::new("python3", folder.path()).args(["-c", script])).unwrap();
    for (name, expected) in [
        ("up.tar.gz", "the path `../x` leaves the archive"),
        ("abs.tar.gz", "the path `/x` leaves the archive"),
        ("link.tar.gz", "the link `x` points outside the archive, to `../../etc`"),
        ("hard.tar.gz", "`x` is neither a file nor a link"),
        ("dev.tar.gz", "`x` is neither a file nor a link"),
        ("up.zip", "the path `../x` leaves the archive"),
    ] {
        let format = if name.ends_with("zip") { Format::Zip } else { Format::TarGz };
        let out = tempfile::tempdir().unwrap();
        let error = unpack::tree(format, &folder.path().join(name), out.path()).unwrap_err();
        assert!(format!("{error:#}").ends_with(expected), "{error:#}");
        assert_eq!(fs::read_dir(out.path()).unwrap().count(), 0);
    }
}

/// Peak memory is a process's: this test starts itself again, alone, and that child packs and looks at its own peak.
#[test]
fn large_files_in_little_memory() {
    if Env::read().get("LONGSHORE_TEST_ALONE").is_none() {
        let itself = std::env::current_exe().unwrap();
        let name = "build::tests::packs::large_files_in_little_memory";
        let cmd = Cmd::new(itself.to_str().unwrap(), Path::new("/")).args(["--exact", name, "--nocapture"]);
        let said = runner().text(&cmd.env("LONGSHORE_TEST_ALONE", "1")).unwrap();
        assert!(said.contains("1 passed"), "{said}");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let from: PathBuf = folder.path().join("big");
    let mut big = fs::File::create(&from).unwrap();
    // Incompressible at its head, so that compressors fill their tables; then a hole.
    let mut state = 1_u64;
    let mut noise = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        ((state >> 33) as u32).to_le_bytes()
    };
    for _ in 0..16 {
        let chunk: Vec<u8> = std::iter::repeat_with(&mut noise).take(1 << 18).flatten().collect();
        big.write_all(&chunk).unwrap();
    }
    let pack = |format: Format, name: &str| {
        pack::write(format, vec![file("big", &from, false)], TIME, folder.path(), name).unwrap();
        // Linux says the peak so far; other systems are taken at their word.
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        if let Some(peak) = status.lines().find_map(|line| line.strip_prefix("VmHWM:")) {
            let kilobytes: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
            assert!(kilobytes < 64 << 10, "{name}: {kilobytes} kB");
        }
    };
    big.set_len(2 << 30).unwrap();
    pack(Format::TarGz, "big.tar.gz");
    pack(Format::TarZst, "big.tar.zst");
    // A zip needs other fields beyond 4 GiB.
    big.seek(SeekFrom::Start((4 << 30) + 5)).unwrap();
    big.write_all(b"end").unwrap();
    pack(Format::Zip, "big.zip");
    let script = "import zipfile; print([(i.file_size, i.filename) for i in zipfile.ZipFile('big.zip').infolist()])";
    let said = runner().text(&Cmd::new("python3", folder.path()).args(["-c", script])).unwrap();
    assert_eq!(said, format!("[({}, 'big')]\n", (4_u64 << 30) + 8));
}
