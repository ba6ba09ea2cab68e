//! The berths of a harbor as a Python module.

#[cfg(feature = "server")]
mod server;

use harbor_core::{Berth, Harbor};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// All berths, in the order they were added.
#[pyclass(name = "Harbor")]
#[derive(Default)]
struct PyHarbor(Harbor);

#[pymethods]
impl PyHarbor {
    #[new]
    fn new() -> Self {
        Self::default()
    }

    #[staticmethod]
    fn from_json(text: &str) -> PyResult<Self> {
        Harbor::from_json(text).map(Self).map_err(PyValueError::new_err)
    }

    fn to_json(&self) -> String {
        self.0.to_json()
    }

    #[pyo3(signature = (name, length, ship=None))]
    fn add(&mut self, name: String, length: u32, ship: Option<String>) -> PyResult<()> {
        self.0.add(Berth { name, length, ship }).map_err(|refused| PyValueError::new_err(refused.to_string()))
    }

    fn __len__(&self) -> usize {
        self.0.berths().len()
    }

    fn __str__(&self) -> String {
        self.0.to_string()
    }
}

/// Whether this distribution was built with the server.
#[pyfunction]
fn has_server() -> bool {
    cfg!(feature = "server")
}

/// What stands in its place where it is not.
#[cfg(not(feature = "server"))]
#[pyclass(name = "Server")]
struct NoServer;

#[cfg(not(feature = "server"))]
#[pymethods]
impl NoServer {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs))]
    fn new(
        _args: &Bound<'_, pyo3::types::PyTuple>,
        _kwargs: Option<&Bound<'_, pyo3::types::PyDict>>,
    ) -> PyResult<Self> {
        let text = "this is harbor-berths-client, which has no server; install harbor-berths";
        Err(pyo3::exceptions::PyRuntimeError::new_err(text))
    }
}

#[pymodule]
fn _harbor(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<PyHarbor>()?;
    module.add_function(wrap_pyfunction!(has_server, module)?)?;
    #[cfg(feature = "server")]
    module.add_class::<server::PyServer>()?;
    #[cfg(not(feature = "server"))]
    module.add_class::<NoServer>()?;
    Ok(())
}
