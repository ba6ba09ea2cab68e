//! Lists in what servers answer, with a limit of entries: a short text may be a great many of them.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};

/// A list of at most so many entries; `null` is an empty one. For `#[serde(deserialize_with = "few::<MOST, _, _>")]`.
///
/// # Errors
/// If there are more, or one cannot be read.
pub fn few<'de, const MOST: usize, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Vec<T>, D::Error> {
    from.deserialize_any(Few::<MOST, T>(PhantomData))
}

/// A document that is such a list.
#[derive(Debug)]
pub struct List<const MOST: usize, T>(pub Vec<T>);

impl<'de, const MOST: usize, T: Deserialize<'de>> Deserialize<'de> for List<MOST, T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_seq(Few::<MOST, T>(PhantomData)).map(Self)
    }
}

/// Whether a text could not be read because a list in it has too many entries; then it says how many are read.
pub fn is_over(error: &serde_json::Error) -> Option<String> {
    let text = error.to_string();
    let (_, rest) = text.split_once("a list has ")?;
    let end = rest.find(" entries")?;
    Some(format!("{} entries", &rest["more than ".len()..end]))
}

struct Few<const MOST: usize, T>(PhantomData<T>);

impl<'de, const MOST: usize, T: Deserialize<'de>> Visitor<'de> for Few<MOST, T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a list of at most {MOST} entries")
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Vec::new())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut all = Vec::new();
        while let Some(item) = items.next_element()? {
            if all.len() == MOST {
                return Err(A::Error::custom(format_args!("a list has more than {MOST} entries")));
            }
            all.push(item);
        }
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    struct Page {
        #[serde(deserialize_with = "few::<2, _, _>")]
        tags: Vec<String>,
    }

    #[test]
    fn lists_have_an_end() {
        let error = serde_json::from_str::<Page>(r#"{"tags":["a","b","c"]}"#).unwrap_err();
        assert_eq!(is_over(&error).as_deref(), Some("2 entries"));
        assert_eq!(is_over(&serde_json::from_str::<Page>("{}").unwrap_err()), None);
        let page =
            |text: &str| serde_json::from_str::<Page>(text).map(|page| page.tags.len()).map_err(|e| e.to_string());
        assert_eq!(page(r#"{"tags":["a","b"],"x":[1,2,3]}"#), Ok(2));
        assert_eq!(page(r#"{"tags":null}"#), Ok(0));
        assert!(page(r#"{"tags":["a","b","c"]}"#).unwrap_err().contains("more than 2 entries"));
        assert!(page(r#"{"tags":[{"":0}]}"#).is_err() && page("{}").is_err() && page(r#"{"tags":{}}"#).is_err());
        let list = |text: &str| serde_json::from_str::<List<2, u8>>(text).map(|list| list.0.len()).ok();
        assert_eq!((list("[1,2]"), list("[1,2,3]"), list("null"), list("{}")), (Some(2), None, None, None));
    }
}
