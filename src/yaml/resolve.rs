//! What a plain word means: YAML 1.1 by the rules of `go.yaml.in/yaml/v2` (resolve.go), exactly.

use super::node::Value;

/// The value of a scalar without quotes and tag. Numbers with `:` (base 60) stay text, and so do timestamps.
pub fn resolve(word: &str) -> Value {
    if let Some(value) = named(word) {
        return value;
    }
    let number = match word.as_bytes().first() {
        Some(b'.') => float_with_underscores(word),
        Some(b'+' | b'-' | b'0'..=b'9') => number(&word.replace('_', "")),
        _ => None,
    };
    number.unwrap_or_else(|| Value::Text(word.into()))
}

fn named(word: &str) -> Option<Value> {
    Some(match word {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => Value::Bool(true),
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => Value::Bool(false),
        ".nan" | ".NaN" | ".NAN" => Value::Float(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => Value::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => Value::Float(f64::NEG_INFINITY),
        _ => return None,
    })
}

fn number(word: &str) -> Option<Value> {
    integer(word).map(Value::Int).or_else(|| float(word)).or_else(|| binary_with_sign(word).map(Value::Int))
}

/// `strconv.ParseInt(word, 0, 64)`, then `ParseUint`: `0x`, `0o`, `0b`, and `0` for octal.
fn integer(word: &str) -> Option<i128> {
    let (negative, digits) = match word.as_bytes().first()? {
        b'-' => (true, &word[1..]),
        b'+' => (false, &word[1..]),
        _ => (false, word),
    };
    let (radix, digits) = match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, &digits[2..]),
        [b'0', b'o' | b'O', ..] => (8, &digits[2..]),
        [b'0', b'b' | b'B', ..] => (2, &digits[2..]),
        [b'0', _, ..] => (8, &digits[1..]),
        _ => (10, digits),
    };
    let size = unsigned(digits, radix)?;
    let int = if negative { -size } else { size };
    let signed = word.starts_with(['+', '-']);
    let fits = i64::try_from(int).is_ok() || (!signed && u64::try_from(int).is_ok());
    fits.then_some(int)
}

/// Digits only: a second sign is refused.
fn unsigned(digits: &str, radix: u32) -> Option<i128> {
    if digits.starts_with(['+', '-']) {
        return None;
    }
    i128::from_str_radix(digits, radix).ok()
}

/// A quirk of the library: behind `0b` it tries again with what follows, a sign included.
fn binary_with_sign(word: &str) -> Option<i128> {
    let digits = match word.strip_prefix("-0b") {
        Some(digits) => format!("-{digits}"),
        None => word.strip_prefix("0b")?.to_owned(),
    };
    i64::from_str_radix(&digits, 2).ok().map(i128::from)
}

/// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`; what is too large stays text.
fn float(word: &str) -> Option<Value> {
    let unsigned = word.strip_prefix(['+', '-']).unwrap_or(word);
    let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
        Some(at) => (&unsigned[..at], Some(&unsigned[at + 1..])),
        None => (unsigned, None),
    };
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once('.').map_or((mantissa, None), |(whole, rest)| (whole, Some(rest)));
    let well_formed = digits(whole)
        && fraction.is_none_or(digits)
        && (!whole.is_empty() || fraction.is_some_and(|fraction| !fraction.is_empty()))
        && exponent.is_none_or(|exponent| {
            let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
            !exponent.is_empty() && digits(exponent)
        });
    let float: f64 = if well_formed { word.parse().ok()? } else { return None };
    float.is_finite().then_some(Value::Float(float))
}

/// `strconv.ParseFloat` of a word that starts with a point: underscores may stand between digits.
fn float_with_underscores(word: &str) -> Option<Value> {
    let bytes = word.as_bytes();
    let digit = |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_digit);
    let between = |at: usize| digit(at.checked_sub(1)) && digit(Some(at + 1));
    let fine = word.match_indices('_').all(|(at, _)| between(at));
    if fine { float(&word.replace('_', "")) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words() {
        let check = |word: &str, expected: Value| assert_eq!(resolve(word), expected, "{word}");
        let text = |word: &str| check(word, Value::Text(word.into()));
        let int = |word: &str, int: i128| check(word, Value::Int(int));
        let float = |word: &str, float: f64| check(word, Value::Float(float));
        check("", Value::Null);
        check("~", Value::Null);
        check("y", Value::Bool(true));
        check("OFF", Value::Bool(false));
        for word in [
            "yEs",
            "nULL",
            "<<",
            "=",
            "-",
            "+",
            ".",
            "_1",
            "0x",
            "0b2",
            "1e400",
            "12:30:45",
            "2024-01-01",
            "0x1p3",
            "1.4.0",
            "--1",
            "+-1",
            "1e",
            ".e1",
            "._5",
            "v1",
        ] {
            text(word);
        }
        int("010", 8);
        int("-0x1F", -31);
        int("0o17", 15);
        int("0b11", 3);
        int("0b+1", 1);
        int("-0b11", -3);
        int("1_000", 1000);
        int("0_7", 7);
        int("18446744073709551615", 18_446_744_073_709_551_615);
        float("-9223372036854775809", -9_223_372_036_854_775_809.0);
        float("08", 8.0);
        float("1e3", 1000.0);
        float("1.", 1.0);
        float(".5", 0.5);
        float(".5_0", 0.5);
        float("+12.5E-1", 1.25);
    }
}
