//! The state of one of our files in a release.

use super::model::Asset;
use crate::artifact::File;
use crate::digest::Digest;

/// The state of what an upload that broke left behind.
const BROKEN: &str = "starter";

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    Missing,
    /// An upload broke and left this behind; the server says that it may be deleted.
    Incomplete(Asset),
    /// The server is not done with it.
    Pending(Asset),
    /// Its bytes are there, says the server's digest.
    Equal(Asset),
    /// Its size is right; the server has no digest.
    Unknown(Asset),
    /// Other bytes have its name.
    Different(Asset),
}

impl Standing {
    /// Whether it is still to be uploaded.
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Missing | Self::Incomplete(_))
    }

    /// The asset with its bytes, as far as the server says.
    pub fn right(self) -> Option<Asset> {
        match self {
            Self::Equal(asset) | Self::Unknown(asset) => Some(asset),
            _ => None,
        }
    }
}

/// Whether a file of this name is still to be uploaded.
pub fn is_absent(name: &str, assets: &[Asset]) -> bool {
    let there = assets.iter().find(|asset| asset.name == name);
    there.is_none_or(|asset| asset.state == BROKEN)
}

/// Where a file stands among the files of a release. Names are compared as the server returns them.
pub fn standing(file: &File, assets: &[Asset]) -> Standing {
    let Some(asset) = assets.iter().find(|asset| asset.name == file.name) else { return Standing::Missing };
    let asset = asset.clone();
    match asset.state.as_str() {
        BROKEN => return Standing::Incomplete(asset),
        "uploaded" => {}
        _ => return Standing::Pending(asset),
    }
    match asset.digest.as_deref().map(str::parse::<Digest>) {
        _ if asset.size != file.size => Standing::Different(asset),
        Some(Ok(digest)) if digest == file.sha256 => Standing::Equal(asset),
        Some(Ok(_)) => Standing::Different(asset),
        // A digest of a kind we do not know says nothing.
        Some(Err(_)) | None => Standing::Unknown(asset),
    }
}
