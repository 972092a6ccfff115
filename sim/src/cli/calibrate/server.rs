//! A Redis server of our own: started on a free port of the loopback, in a folder of its own, without writing to disk, and stopped when it
//! goes out of scope.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::Ordering;
use std::thread::sleep;
use std::time::Duration;

use redis::{Connection, RedisError};

use crate::cli::execute::interrupt_flag;

/// A reply that takes longer does not come.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often the server is asked whether it is up, and how long in between.
const TRIES: u32 = 200;
const PAUSE: Duration = Duration::from_millis(50);

/// Why nothing was measured.
#[derive(Debug)]
pub(super) enum Fault {
    /// What went wrong.
    Failed(String),
    /// A signal came.
    Interrupted,
}

/// A running server.
#[derive(Debug)]
pub(super) struct Server {
    child: Child,
    port: u16,
    folder: PathBuf,
}

impl Server {
    /// Starts a server and waits until it answers.
    pub(super) fn start(program: &Path) -> Result<Self, Fault> {
        let interrupted = interrupt_flag();
        let failed = |what: &str, error: &dyn std::fmt::Display| Fault::Failed(format!("{what}: {error}"));
        let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).map(|address| address.port());
        let port = port.map_err(|error| failed("no port is free on the loopback", &error))?;
        let folder = std::env::temp_dir().join(format!("rapsim-calibrate-{}", std::process::id()));
        fs::create_dir_all(&folder).map_err(|error| failed("cannot create a folder for the server", &error))?;
        let child = Command::new(program)
            .args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--save", "", "--appendonly", "no"])
            .args(["--daemonize", "no", "--dir"])
            .arg(&folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let child = child.map_err(|error| {
            let _ = fs::remove_dir_all(&folder);
            let program = program.display();
            failed(&format!("cannot start `{program}` (install redis-server, or name it with --server)"), &error)
        })?;
        let mut server = Self { child, port, folder };
        for _ in 0..TRIES {
            if interrupted.load(Ordering::Relaxed) {
                return Err(Fault::Interrupted);
            }
            if let Some(status) = server.child.try_wait().ok().flatten() {
                return Err(Fault::Failed(format!("`{}` ended at once: {status}", program.display())));
            }
            let mut answers = server.connect().ok();
            let pong = answers.as_mut().map(|connection| redis::cmd("PING").query::<String>(connection));
            match pong {
                Some(Ok(pong)) if pong == "PONG" => return Ok(server),
                Some(Ok(other)) => return Err(Fault::Failed(format!("the server answers {other:?} to PING"))),
                _ => sleep(PAUSE),
            }
        }
        Err(Fault::Failed(format!("`{}` does not answer on its port", program.display())))
    }

    /// A connection to it.
    pub(super) fn connect(&self) -> Result<Connection, RedisError> {
        let client = redis::Client::open(format!("redis://127.0.0.1:{}/", self.port))?;
        let connection = client.get_connection_with_timeout(PATIENCE)?;
        connection.set_read_timeout(Some(PATIENCE))?;
        connection.set_write_timeout(Some(PATIENCE))?;
        Ok(connection)
    }

    /// What an error while measuring `what` means: the server has ended, or it has answered with an error.
    pub(super) fn explain(&mut self, what: &str, error: &RedisError) -> Fault {
        if interrupt_flag().load(Ordering::Relaxed) {
            return Fault::Interrupted;
        }
        // A process that was killed a moment ago is not always known to be gone.
        sleep(PAUSE);
        match self.child.try_wait().ok().flatten() {
            Some(status) => Fault::Failed(format!("the server ended in the middle of {what}: {status}")),
            None if error.is_io_error() => Fault::Failed(format!("the server does not answer to {what}: {error}")),
            None => Fault::Failed(format!("the server answers to {what} with an error: {error}")),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}
