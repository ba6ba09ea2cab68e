//! How programs end, in words.

use std::process::ExitStatus;

/// How a program ended, with what Windows means by a number that programs do not choose.
pub fn described(status: ExitStatus) -> String {
    match status.code().and_then(meaning) {
        Some(meaning) => format!("{status} ({meaning})"),
        None => status.to_string(),
    }
}

/// <https://learn.microsoft.com/openspecs/windows_protocols/ms-erref/596a1078-e883-4972-9bbc-49e60bebca55>
pub fn meaning(code: i32) -> Option<&'static str> {
    Some(match code.cast_unsigned() {
        0xC000_0005 => "access violation",
        0xC000_007B => "it or a DLL it needs is of another architecture",
        0xC000_00FD => "stack overflow",
        0xC000_0135 => "a DLL it needs is missing",
        0xC000_0139 => "a DLL it needs lacks a function",
        0xC000_013A => "interrupted with Ctrl-C",
        0xC000_0142 => "a DLL it needs failed to initialize",
        _ => return None,
    })
}
