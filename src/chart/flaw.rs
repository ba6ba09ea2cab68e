//! A mistake in a chart: a stable code, a message, a hint, and where it stands.

use std::ops::Range;

use crate::yaml;

/// One mistake, or a warning: the list that holds it says which.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flaw {
    pub code: &'static str,
    /// Lower case, no full stop, names in backticks.
    pub text: String,
    pub hint: Option<String>,
    pub place: Option<Place>,
}

/// What a check found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// Nothing is released with one of these.
    pub flaws: Vec<Flaw>,
    pub warnings: Vec<Flaw>,
}

/// A place in a file of the chart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Relative to the chart's folder, `/` only.
    pub file: String,
    /// Bytes of that file, counted behind its byte order mark; none: the file as a whole.
    pub span: Option<Range<usize>>,
}

impl Findings {
    pub fn add(&mut self, other: Self) {
        self.flaws.extend(other.flaws);
        self.warnings.extend(other.warnings);
    }
}

impl Flaw {
    pub fn new(code: &'static str, text: impl Into<String>) -> Self {
        Self { code, text: text.into(), hint: None, place: None }
    }

    /// What the YAML reader refuses in a file of the chart.
    pub fn of_yaml(file: &str, flaw: yaml::Flaw) -> Self {
        Self { hint: flaw.hint, ..Self::new("chart-yaml", flaw.text) }.at(file, flaw.span)
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same, about a file as a whole.
    #[must_use]
    pub fn about(mut self, file: impl Into<String>) -> Self {
        self.place = Some(Place { file: file.into(), span: None });
        self
    }

    /// The same, at these bytes of a file.
    #[must_use]
    pub fn at(mut self, file: impl Into<String>, span: Range<usize>) -> Self {
        self.place = Some(Place { file: file.into(), span: Some(span) });
        self
    }

    /// The same, for a subchart: its files are seen from the chart that holds it.
    #[must_use]
    pub fn below(mut self, folder: &str) -> Self {
        if let Some(place) = &mut self.place {
            place.file = format!("{folder}/{}", place.file);
        }
        self
    }
}
