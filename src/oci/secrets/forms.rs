//! The forms in which a value may be written down.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};

use std::collections::BTreeSet;

/// Programs that write base64 break lines after 76 or 64 characters: one of two neighbouring pieces of this length is whole.
const PIECE: usize = 24;
/// What URL encoding leaves as it is besides letters and digits: RFC 3986 (2.3), forms, JavaScript, Python.
const PLAIN: [&str; 4] = ["-._~", "-._*", "-._~!'()*", "-._~/"];

/// Every form, none of them in another one's way.
pub(super) fn of(value: &str) -> BTreeSet<Vec<u8>> {
    let bytes = value.as_bytes();
    let mut all = BTreeSet::from([bytes.to_vec()]);
    for engine in [STANDARD, URL_SAFE] {
        for offset in 0..3 {
            all.extend(pieces(base64(&engine, bytes, offset)));
        }
    }
    let hex = |upper: bool| -> Vec<u8> {
        let one = |byte: &u8| if upper { format!("{byte:02X}") } else { format!("{byte:02x}") };
        bytes.iter().map(one).collect::<String>().into_bytes()
    };
    all.extend([hex(false), hex(true)]);
    for plain in PLAIN {
        for space in ["%20", "+"] {
            all.extend([false, true].map(|lower| url(bytes, plain, lower, space)));
        }
    }
    let json = serde_json::Value::from(value).to_string();
    all.insert(json.as_bytes()[1..json.len() - 1].to_vec());
    all
}

/// What base64 makes of bytes that come after so many others: only what does not depend on its neighbours.
fn base64(engine: &impl Engine, bytes: &[u8], offset: usize) -> Vec<u8> {
    let padded = [&vec![0; offset], bytes].concat();
    let text = engine.encode(&padded).into_bytes();
    let first = (offset * 8).div_ceil(6);
    let end = padded.len() * 8 / 6;
    text[first..end].to_vec()
}

fn pieces(text: Vec<u8>) -> Vec<Vec<u8>> {
    if text.len() < 2 * PIECE {
        return vec![text];
    }
    // From the middle: long values begin with words that are no secret, as `-----BEGIN` does.
    let start = (text.len() - 2 * PIECE) / 2;
    let middle = &text[start..start + 2 * PIECE];
    vec![middle[..PIECE].to_vec(), middle[PIECE..].to_vec()]
}

fn url(bytes: &[u8], plain: &str, lower: bool, space: &str) -> Vec<u8> {
    let one = |byte: &u8| match char::from(*byte) {
        c if c.is_ascii_alphanumeric() || plain.contains(c) => c.to_string(),
        ' ' => space.to_owned(),
        _ if lower => format!("%{byte:02x}"),
        _ => format!("%{byte:02X}"),
    };
    bytes.iter().map(one).collect::<String>().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_in_what_programs_write() {
        let short = "not a-real/token+4711=abc\"def";
        let long: String = (0..400).map(|at| char::from(b'!' + (at * 7 % 90) as u8)).collect();
        for value in [short, &long] {
            let forms = of(value);
            let held = |text: &str| {
                assert!(forms.iter().any(|form| memchr::memmem::find(text.as_bytes(), form).is_some()), "{text}");
            };
            for before in ["", "a", "ab", "abc", "user:"] {
                for after in ["", "x", "yz"] {
                    let whole = format!("{before}{value}{after}");
                    let plain = STANDARD.encode(&whole);
                    held(&plain);
                    held(&URL_SAFE.encode(&whole));
                    for width in [76, 64] {
                        let lines: Vec<&str> =
                            plain.as_bytes().chunks(width).map(|line| std::str::from_utf8(line).unwrap()).collect();
                        if value.len() > 100 {
                            held(&lines.join("\n"));
                        }
                    }
                }
            }
            held(&value.bytes().map(|byte| format!("{byte:02x}")).collect::<String>());
            held(&url::form_urlencoded::byte_serialize(value.as_bytes()).collect::<String>());
            held(&serde_json::to_string(value).unwrap());
        }
        assert!(of("12345678").iter().all(|form| form.len() >= 8));
    }
}
