//! Two distributions of one crate: `duo` counts words, `duo-client` does not.

use pyo3::prelude::*;

#[cfg(feature = "server")]
#[pyfunction]
fn count(text: &str) -> usize {
    regex::Regex::new(words::WORD).map_or(0, |word| word.find_iter(text).count())
}

#[pymodule]
fn _duo(module: &Bound<'_, PyModule>) -> PyResult<()> {
    #[cfg(feature = "server")]
    module.add_function(wrap_pyfunction!(count, module)?)?;
    module.add("SERVER", cfg!(feature = "server"))
}
