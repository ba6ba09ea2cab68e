//! Platforms as engines write them: `linux/arm/v7`.

use serde_json::Value;

/// `linux/arm/v7` of the platform of an index entry or a config.
pub fn platform_text(value: &Value) -> String {
    let text = |key: &str| value[key].as_str().unwrap_or_default();
    let variant = Some(text("variant")).filter(|variant| !variant.is_empty());
    let parts = [text("os"), text("architecture")].into_iter().chain(variant);
    parts.collect::<Vec<_>>().join("/")
}

/// Whether two texts name one platform: 64-bit Arm is v8 and 32-bit Arm is v7 where they do not say.
pub fn same(one: &str, other: &str) -> bool {
    let normal = |text: &str| match text {
        "linux/arm64/v8" => "linux/arm64".to_owned(),
        "linux/arm" => "linux/arm/v7".to_owned(),
        "linux/amd64/v1" => "linux/amd64".to_owned(),
        _ => text.to_owned(),
    };
    normal(one) == normal(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn platforms_have_several_names() {
        #[track_caller]
        fn check(one: &str, other: &str, expected: bool) {
            assert_eq!(same(one, other), expected);
        }
        check("linux/arm64", "linux/arm64/v8", true);
        check("linux/arm", "linux/arm/v7", true);
        check("linux/arm/v6", "linux/arm/v7", false);
        check("linux/amd64/v2", "linux/amd64", false);
    }
}
