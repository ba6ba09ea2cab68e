//! Core metadata, the `METADATA` of a wheel and the `PKG-INFO` of an sdist: fields in order, then a description.
//!
//! <https://packaging.python.org/specifications/core-metadata/>

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CoreMetadata {
    /// Field names as written and their values, in order; continuation lines joined with `\n`.
    pub fields: Vec<(String, String)>,
    /// The body, or the field `Description` of older files.
    pub description: String,
}

impl CoreMetadata {
    /// Reads the text of a file.
    ///
    /// # Errors
    /// The line that is not a field.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut found = Self::default();
        let mut lines = text.split('\n');
        for line in lines.by_ref() {
            let line = line.strip_suffix('\r').unwrap_or(line);
            if line.is_empty() {
                break;
            }
            if line.starts_with([' ', '\t']) {
                let Some((_, value)) = found.fields.last_mut() else {
                    return Err(format!("starts with a continuation line: `{}`", line.trim()));
                };
                value.push('\n');
                // Older tools put `|` before each line of a description.
                value.push_str(line.trim_start_matches(' ').trim_start_matches('|'));
                continue;
            }
            let (name, value) =
                line.split_once(':').ok_or_else(|| format!("has a line that is not a field: `{line}`"))?;
            found.fields.push((name.trim().to_owned(), value.trim().to_owned()));
        }
        found.description = lines.collect::<Vec<_>>().join("\n");
        if found.description.is_empty()
            && let Some(at) = found.fields.iter().position(|(name, _)| name.eq_ignore_ascii_case("description"))
        {
            found.description = found.fields.remove(at).1;
        }
        Ok(found)
    }

    /// The first value of a field.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub fn all<'m>(&'m self, name: &'m str) -> impl Iterator<Item = &'m str> {
        self.fields.iter().filter(move |(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_and_description() {
        let text = "Metadata-Version: 2.4\nName: a\nClassifier: X\nClassifier: Y\nLicense: one\n        two\n\n# A\n\ntext: no field\n";
        let metadata = CoreMetadata::parse(text).unwrap();
        assert_eq!(metadata.get("name"), Some("a"));
        assert_eq!(metadata.all("Classifier").collect::<Vec<_>>(), ["X", "Y"]);
        assert_eq!(metadata.get("License"), Some("one\ntwo"));
        assert_eq!(metadata.description, "# A\n\ntext: no field\n");
        assert!(CoreMetadata::parse("Name").is_err() && CoreMetadata::parse(" x").is_err());
    }
}
