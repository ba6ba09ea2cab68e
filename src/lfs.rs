//! Pointers of Git LFS: what git keeps in place of a large file, and what lies there if nobody fetched the file.
//! <https://github.com/git-lfs/git-lfs/blob/v3.7.0/docs/spec.md>

/// A pointer is shorter than this.
pub const LONGEST: u64 = 1024;

pub const START: &[u8] = b"version https://git-lfs.github.com/spec/v1\n";

/// Whether these are all bytes of a pointer.
pub fn is_pointer_text(bytes: &[u8]) -> bool {
    let lines = || bytes.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_end);
    let has = |key: &[u8]| lines().any(|line| line.starts_with(key));
    bytes.len() as u64 <= LONGEST
        && lines().next() == Some(START.trim_ascii_end())
        && has(b"oid sha256:")
        && has(b"size ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pointers() {
        let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345678\n";
        assert!(is_pointer_text(pointer.as_bytes()));
        assert!(is_pointer_text(pointer.replace('\n', "\r\n").as_bytes()));
        assert!(!is_pointer_text(&pointer.as_bytes()[..50]));
        assert!(!is_pointer_text(format!("{pointer}{}", "x".repeat(1024)).as_bytes()));
        assert!(!is_pointer_text(b""));
    }
}
