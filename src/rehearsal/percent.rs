//! Percent encoding, in paths and queries.

/// Decodes `%41`; what is not UTF-8 afterwards is replaced.
pub(super) fn decode(text: &str) -> String {
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

/// Encodes a path segment; `/` stays, as tags may hold one.
pub(super) fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// A parameter of a query, decoded; `+` is a space, as in forms.
pub(super) fn query(query: &str, name: &str) -> Option<String> {
    queries(query, name).next()
}

/// All values of a parameter that may come more than once.
pub(super) fn queries<'a>(query: &'a str, name: &'a str) -> impl Iterator<Item = String> + 'a {
    let pairs = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    pairs.filter(move |(key, _)| *key == name).map(|(_, value)| decode(&value.replace('+', " ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_what_it_encodes() {
        for text in ["v1.0.0", "a b+c&d#e", "ä/ö", "%41", "100%"] {
            assert_eq!(decode(&encode(text)), text);
        }
        assert_eq!(decode("%4"), "%4");
        assert_eq!(decode("%zz%"), "%zz%");
    }
}
