//! What is wrong with a wheel or an sdist, and what is wrong with any file.

use crate::portable;
use crate::target::Os;
use crate::verify::content::Listing;

/// What PyPI takes unless a project was granted more: <https://docs.pypi.org/project-management/storage-limits/>.
pub const INDEX_LIMIT: u64 = 100 << 20;
/// Something wrong with a file, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flaw {
    /// A stable word, the heading under which the documentation explains it.
    pub code: &'static str,
    /// What is wrong, to follow the name of the file.
    pub text: String,
    pub hint: String,
}

pub fn flaw(code: &'static str, text: impl Into<String>, hint: impl Into<String>) -> Flaw {
    Flaw { code, text: text.into(), hint: hint.into() }
}

pub fn unportable(listing: &Listing, os: Os) -> impl Iterator<Item = Flaw> {
    let texts = portable::flaws(listing.keys().map(String::as_str), os).into_iter().take(10);
    texts.map(|text| {
        flaw("unportable-name", format!("contains a file that cannot be unpacked: {text}"), "rename the file")
    })
}

/// What makes an archive unreadable, and what our archives may not contain.
pub fn damage(damage: Option<&str>, listed: &[String]) -> Vec<Flaw> {
    let hint = "it was truncated or changed in transit, or is not such a file: build it again";
    let cut = damage.map(|why| flaw("dist-damaged", format!("cannot be read completely: {why}"), hint));
    let unsafe_names = listed.iter().map(|text| {
        flaw("dist-damaged", text.clone(), "unpacking it would write elsewhere or lose a file: build it again")
    });
    cut.into_iter().chain(unsafe_names).collect()
}

/// Whether it is larger than it may be.
pub fn too_large(size: u64, most: Option<u64>) -> Option<Flaw> {
    let limit = most.unwrap_or(INDEX_LIMIT);
    let hint = match most {
        Some(_) => "strip its libraries (`strip = true` in the cargo profile), or raise `max-size:`",
        None => {
            "strip its libraries (`strip = true` in the cargo profile), or ask PyPI for a higher limit and write `max-size:`"
        }
    };
    let text = format!("has {size} bytes; the limit is {limit}");
    (size > limit).then(|| flaw("dist-too-large", text, hint))
}
