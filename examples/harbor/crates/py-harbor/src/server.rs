//! The server in a thread of its own, with its berths in SQLite.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use harbor_core::{Berth, Harbor};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use rusqlite::Connection;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// Serves until it is stopped, and keeps what was added then.
#[pyclass(name = "Server")]
pub struct PyServer {
    #[pyo3(get)]
    url: String,
    database: String,
    harbor: Arc<Mutex<Harbor>>,
    running: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
}

#[pymethods]
impl PyServer {
    #[new]
    #[pyo3(signature = (database=":memory:".to_owned(), address="127.0.0.1:0".to_owned()))]
    fn new(database: String, address: String) -> PyResult<Self> {
        let harbor = Arc::new(Mutex::new(read(&database).map_err(failed)?));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let listener = runtime.block_on(TcpListener::bind(&address)).map_err(failed)?;
        let url = format!("http://{}", listener.local_addr().map_err(failed)?);
        let (stop, stopped) = oneshot::channel::<()>();
        let router = harbor_server::router(Arc::clone(&harbor));
        let thread = std::thread::spawn(move || {
            runtime.block_on(async {
                let stopped = async { drop(stopped.await) };
                // An error here ends the server, as `stop` does.
                let _ = axum::serve(listener, router).with_graceful_shutdown(stopped).await;
            });
        });
        Ok(Self { url, database, harbor, running: Some((stop, thread)) })
    }

    /// Stops it and writes the berths down.
    fn stop(&mut self, py: Python<'_>) -> PyResult<()> {
        let Some((stop, thread)) = self.running.take() else { return Ok(()) };
        drop(stop);
        py.detach(|| thread.join()).map_err(|_| PyRuntimeError::new_err("the server broke down"))?;
        let harbor = self.harbor.lock().unwrap_or_else(PoisonError::into_inner);
        write(&self.database, &harbor).map_err(failed)
    }

    fn __enter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    #[pyo3(signature = (*_args))]
    fn __exit__(&mut self, py: Python<'_>, _args: &Bound<'_, pyo3::types::PyTuple>) -> PyResult<()> {
        self.stop(py)
    }
}

fn failed(error: impl std::fmt::Display) -> PyErr {
    PyRuntimeError::new_err(error.to_string())
}

fn open(database: &str) -> rusqlite::Result<Connection> {
    let connection = Connection::open(database)?;
    connection.execute_batch("CREATE TABLE IF NOT EXISTS berth (name TEXT PRIMARY KEY, length INTEGER, ship TEXT)")?;
    Ok(connection)
}

fn read(database: &str) -> Result<Harbor, Box<dyn std::error::Error>> {
    let connection = open(database)?;
    let mut statement = connection.prepare("SELECT name, length, ship FROM berth ORDER BY rowid")?;
    let berths = statement.query_map([], |row| {
        Ok(Berth { name: row.get(0)?, length: row.get(1)?, ship: row.get(2)? })
    })?;
    let mut harbor = Harbor::default();
    for berth in berths {
        harbor.add(berth?)?;
    }
    Ok(harbor)
}

fn write(database: &str, harbor: &Harbor) -> rusqlite::Result<()> {
    let mut connection = open(database)?;
    let transaction = connection.transaction()?;
    transaction.execute("DELETE FROM berth", [])?;
    for berth in harbor.berths() {
        let values = (&berth.name, berth.length, &berth.ship);
        transaction.execute("INSERT INTO berth VALUES (?1, ?2, ?3)", values)?;
    }
    transaction.commit()
}
