//! Percent encoding: <https://www.rfc-editor.org/rfc/rfc3986#section-2.1>.

/// Text as one segment of a path or one value of a query: all but RFC 3986's unreserved characters encoded.
pub fn encode(text: &str) -> String {
    encode_but(text, "-._~")
}

/// The same, but for `/`: the names of a path.
pub fn encode_path(text: &str) -> String {
    encode_but(text, "-._~/")
}

fn encode_but(text: &str, plain: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || plain.as_bytes().contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// Decodes `%41`; what is not UTF-8 afterwards is replaced.
pub fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let hex = |index: usize| tail.get(index).and_then(|byte| char::from(*byte).to_digit(16));
        if let (b'%', Some(high), Some(low)) = (*first, hex(0), hex(1)) {
            bytes.push(u8::try_from(high * 16 + low).unwrap_or(b'?'));
            rest = &tail[2..];
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_what_it_encodes() {
        for text in ["v1.0.0", "a b+c&d#e", "ä/ö", "%41", "100%"] {
            assert_eq!((decode(&encode(text)), decode(&encode_path(text))), (text.to_owned(), text.to_owned()));
        }
        assert_eq!((encode("a/b c"), encode_path("a/b c")), ("a%2Fb%20c".to_owned(), "a/b%20c".to_owned()));
        assert_eq!(decode("%4"), "%4");
        assert_eq!(decode("%zz%"), "%zz%");
    }
}
