//! The control socket: a local one, of which only the node's user may make use. A request is a line of JSON, and so is an answer; `watch` is
//! answered until either side ends.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::ExitCode;

use rapprochement_core::store::Tuple;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::hex;

/// The longest request, in bytes.
pub(super) const REQUEST_MAX: u64 = 1 << 20;

/// What a verb asks of a running node.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Request {
    /// What it is doing.
    Status,
    /// Set or delete a key.
    Put {
        /// The key.
        key: String,
        /// Deleted where there is none.
        value: Option<String>,
    },
    /// The value of a key.
    Get {
        /// The node itself where there is none.
        author: Option<String>,
        /// The key.
        key: String,
    },
    /// New tuples.
    Watch,
}

/// A tuple as JSON. Keys and values that are no text are in hexadecimal digits, under another name.
pub(super) fn told(tuple: &Tuple) -> Value {
    let mut object = json!({ "author": hex(&tuple.author().0), "version": tuple.version() });
    let mut put = |name: &str, bytes: &[u8]| match std::str::from_utf8(bytes) {
        Ok(text) => object[name] = text.into(),
        Err(_) => object[format!("{name}_hex")] = hex(bytes).into(),
    };
    put("key", tuple.key());
    match tuple.value() {
        Some(value) => put("value", value),
        None => object["deleted"] = true.into(),
    }
    object
}

/// Asks a running node, and prints what it says.
pub(super) fn ask(socket: &Path, request: &Request) -> Result<ExitCode, String> {
    let name = socket.display();
    let failed = |error: std::io::Error| format!("the node at {name} does not answer: {error}");
    let mut stream = UnixStream::connect(socket)
        .map_err(|error| format!("no node listens on {name} ({error}); `rapnode run` starts it"))?;
    let line = serde_json::to_string(request).map_err(|error| error.to_string())?;
    writeln!(stream, "{line}").map_err(failed)?;
    let mut code = ExitCode::SUCCESS;
    for line in BufReader::new(stream).lines() {
        let line = line.map_err(failed)?;
        let answer: Value = serde_json::from_str(&line).map_err(|error| format!("{name}: {error}"))?;
        if let Some(message) = answer.get("error").and_then(Value::as_str) {
            return Err(message.to_owned());
        }
        if answer.is_null() {
            code = ExitCode::from(1);
        }
        if writeln!(std::io::stdout(), "{line}").is_err() {
            break;
        }
    }
    Ok(code)
}
