//! Bytes of a file that may be damaged: read within limits, and worded for people.

use std::cell::Cell;
use std::ops::Range;

use object::read::ReadRef;

/// What one read costs at least, so that a table that points at itself comes to an end soon.
const READ_COST: u64 = 64;

pub type Res<T> = Result<T, String>;

/// Bytes with a limit on how many of them are read.
pub struct Metered<'a, R> {
    pub inner: R,
    pub left: &'a Cell<u64>,
}

impl<R: Copy> Clone for Metered<'_, R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R: Copy> Copy for Metered<'_, R> {}

impl<R> Metered<'_, R> {
    fn spend(&self, size: u64) -> Result<(), ()> {
        let left = self.left.get().checked_sub(size.max(READ_COST));
        self.left.set(left.unwrap_or(0));
        left.map(|_| ()).ok_or(())
    }
}

impl<'a, R: ReadRef<'a>> ReadRef<'a> for Metered<'a, R> {
    fn len(self) -> Result<u64, ()> {
        self.inner.len()
    }

    fn read_bytes_at(self, offset: u64, size: u64) -> Result<&'a [u8], ()> {
        self.spend(size)?;
        self.inner.read_bytes_at(offset, size)
    }

    fn read_bytes_at_until(self, range: Range<u64>, delimiter: u8) -> Result<&'a [u8], ()> {
        let bytes = self.inner.read_bytes_at_until(range, delimiter)?;
        self.spend(bytes.len() as u64)?;
        Ok(bytes)
    }
}

pub fn damaged(what: impl std::fmt::Display) -> String {
    format!("is damaged: {what}")
}

/// A name out of a file: no control character reaches a terminal or a log.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// Every part that is loaded must lie in the file; else it was cut off.
pub fn inside<'a>(data: impl ReadRef<'a>, offset: u64, size: u64) -> Res<()> {
    let length = data.len().map_err(|()| "cannot be read".to_owned())?;
    match offset.checked_add(size) {
        Some(end) if end <= length => Ok(()),
        _ => Err(damaged(format_args!("is truncated: it has {length} bytes, but describes more"))),
    }
}
