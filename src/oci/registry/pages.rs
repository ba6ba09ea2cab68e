//! What registries list, page by page.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::world::few::few;

/// How many entries of a list are read at most, all its pages together.
pub const MOST_ENTRIES: usize = 500_000;
/// And of a page of referrers.
const MOST_REFERRERS: usize = 10_000;
/// How many bytes of a whole list are read at most, and of a page of referrers.
pub const LONGEST_LIST: usize = 64 << 20;
const LONGEST_REFERRERS: usize = 4 << 20;

/// A page of a list. `null` is what some write for an empty one; without its key it is none.
pub trait Page: DeserializeOwned {
    type Item;
    /// What reading it is called, for "cannot …".
    const DOING: &str;
    /// Most bytes of one page.
    const LARGEST: usize;

    fn items(self) -> Vec<Self::Item>;
}

#[derive(Deserialize)]
pub struct Tags {
    #[serde(deserialize_with = "few::<MOST_ENTRIES, _, _>")]
    tags: Vec<String>,
}

impl Page for Tags {
    type Item = String;
    const DOING: &str = "list tags";
    const LARGEST: usize = LONGEST_LIST;

    fn items(self) -> Vec<String> {
        self.tags
    }
}

#[derive(Deserialize)]
pub struct Referrers {
    #[serde(deserialize_with = "few::<MOST_REFERRERS, _, _>")]
    manifests: Vec<Value>,
}

impl Page for Referrers {
    type Item = Value;
    const DOING: &str = "list referrers";
    const LARGEST: usize = LONGEST_REFERRERS;

    fn items(self) -> Vec<Value> {
        self.manifests
    }
}

/// What says that bytes are a manifest.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Marks {
    /// 2 as a rule.
    pub schema_version: Option<u64>,
    /// Its own name for what it is.
    pub media_type: Option<String>,
}
