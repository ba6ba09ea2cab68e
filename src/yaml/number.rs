//! Numbers as Go prints them.

/// `strconv.FormatFloat(x, 'g', -1, 32)`: how sigs.k8s.io/yaml turns a number into a key or a text field.
pub fn short(float: f64) -> String {
    // Rounding to the nearest `float32` is what Go does here.
    #[allow(clippy::cast_possible_truncation)]
    let float = float as f32;
    match float {
        _ if float.is_nan() => ".nan".into(),
        f32::INFINITY => ".inf".into(),
        f32::NEG_INFINITY => "-.inf".into(),
        _ => general(&format!("{float:e}")),
    }
}

/// `strconv.FormatFloat(x, 'g', -1, 64)`: how a template prints a number.
pub fn long(float: f64) -> String {
    general(&format!("{float:e}"))
}

/// The nearest `float64`.
pub fn float(int: i128) -> f64 {
    #[allow(clippy::cast_precision_loss)]
    let float = int as f64;
    float
}

/// Go's `%g` from Rust's shortest `-1.25e-7`: an exponent below -4 or above 5 is written, with a sign and two digits.
fn general(scientific: &str) -> String {
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let (sign, mantissa) = mantissa.strip_prefix('-').map_or(("", mantissa), |rest| ("-", rest));
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    if !(-4..6).contains(&exponent) {
        let sign_of = if exponent < 0 { '-' } else { '+' };
        return format!("{sign}{mantissa}e{sign_of}{:02}", exponent.unsigned_abs());
    }
    if exponent < 0 {
        let zeros = "0".repeat(exponent.unsigned_abs() as usize - 1);
        return format!("{sign}0.{zeros}{digits}");
    }
    let whole = exponent.unsigned_abs() as usize + 1;
    if digits.len() <= whole {
        return format!("{sign}{digits}{}", "0".repeat(whole - digits.len()));
    }
    format!("{sign}{}.{}", &digits[..whole], &digits[whole..])
}

#[cfg(test)]
mod tests {
    #[test]
    fn go_prints() {
        let check = |float: f64, expected: &str| assert_eq!(super::long(float), expected);
        check(0.0, "0");
        check(-0.0, "-0");
        check(1.1, "1.1");
        check(100_000.0, "100000");
        check(1e6, "1e+06");
        check(1_234_567.5, "1.2345675e+06");
        check(0.0001, "0.0001");
        check(-0.000_012, "-1.2e-05");
        check(20_190_612_073_634.0, "2.0190612073634e+13");
        check(1e100, "1e+100");
        assert_eq!(super::short(16_777_217.0), "1.6777216e+07");
        assert_eq!(super::short(f64::NAN), ".nan");
    }
}
