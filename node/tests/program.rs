//! The program `rapnode`, run as its user runs it: two processes, their control sockets, a kill, and what it says to what is wrong.
#![cfg(feature = "cli")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

fn rapnode(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_rapnode")).args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A node in a folder of its own; killed with it.
struct Running {
    child: Child,
    config: PathBuf,
}

impl Running {
    fn start(config: &Path) -> Self {
        let child = Command::new(env!("CARGO_BIN_EXE_rapnode"))
            .args(["run".as_ref(), config.as_os_str()])
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let node = Self { child, config: config.to_owned() };
        wait(|| node.ask(&["status"]).status.success());
        node
    }

    /// A verb, with the configuration behind it.
    fn ask(&self, verb: &[&str]) -> Output {
        let mut arguments = vec![verb[0], self.config.to_str().unwrap()];
        arguments.extend(&verb[1..]);
        rapnode(&arguments)
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn wait(done: impl Fn() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < Duration::from_secs(60), "it takes too long");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn key(folder: &Path, name: &str) -> String {
    let made = rapnode(&["key", folder.join(name).to_str().unwrap()]);
    assert!(made.status.success(), "{}", text(&made.stderr));
    text(&made.stdout).trim().to_owned()
}

/// Two ports that were free a moment ago.
fn ports() -> [u16; 2] {
    let sockets = [0, 1].map(|_| std::net::UdpSocket::bind("127.0.0.1:0").unwrap());
    sockets.map(|socket| socket.local_addr().unwrap().port())
}

fn config(folder: &Path, name: &str, port: u16, peer: (&str, u16)) -> PathBuf {
    let path = folder.join(format!("{name}.toml"));
    let (id, other) = peer;
    let text = format!(
        "key = \"{name}.key\"\nlisten = \"127.0.0.1:{port}\"\nstore = \"{name}.redb\"\ncontrol = \"{name}.sock\"\n\
         [[peer]]\nid = \"{id}\"\naddress = \"127.0.0.1:{other}\"\n[protocol.reconcile]\nmethod = \"auto\"\ninterval = \"200 ms\"\n\
         [metrics]\nfile = \"{name}.csv\"\nevery = \"100 ms\"\n"
    );
    fs::write(&path, text).unwrap();
    path
}

#[test]
fn what_one_process_wrote_another_has_and_a_kill_takes_nothing_back() {
    let folder = tempfile::tempdir().unwrap();
    let ids = [key(folder.path(), "a.key"), key(folder.path(), "b.key")];
    let ports = ports();
    let a = config(folder.path(), "a", ports[0], (&ids[1], ports[1]));
    let b = config(folder.path(), "b", ports[1], (&ids[0], ports[0]));
    let (first, second) = (Running::start(&a), Running::start(&b));
    let put = first.ask(&["put", "colour", "blue"]);
    assert!(put.status.success(), "{}", text(&put.stderr));
    wait(|| text(&second.ask(&["get", "colour", "--author", &ids[0]]).stdout).contains("\"blue\""));
    let status = text(&second.ask(&["status"]).stdout);
    assert!(status.contains(&ids[1]) && status.contains("\"tuples\":1"), "{status}");
    assert_eq!(second.ask(&["get", "nothing"]).status.code(), Some(1), "a key that is not there");
    first.kill();
    let first = Running::start(&a);
    assert!(text(&first.ask(&["get", "colour"]).stdout).contains("\"blue\""), "it was acknowledged, so it is there");
    let table = fs::read_to_string(folder.path().join("a.csv")).unwrap();
    assert!(table.starts_with("time_ns,metric,group,value\n") && table.contains(",tuples,,1\n"), "{table}");
    assert!(first.ask(&["put", "colour"]).status.success());
    assert_eq!(first.ask(&["get", "colour"]).status.code(), Some(1), "a deleted key");
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let id = key(folder.path(), "a.key");
    let good = config(folder.path(), "a", 0, (&id, 1));
    let written = fs::read_to_string(&good).unwrap();
    let says = |from: &str, to: &str, what: &str| {
        let path = folder.path().join("wrong.toml");
        assert!(written.contains(from), "{from}");
        fs::write(&path, written.replace(from, to)).unwrap();
        let said = rapnode(&["run", path.to_str().unwrap()]);
        let error = text(&said.stderr);
        assert_eq!(said.status.code(), Some(2), "{error}");
        assert!(error.contains(what), "{to}: {error}");
        assert!(!error.contains("panicked"), "{error}");
    };
    says("key = \"a.key\"", "key = \"no.key\"", "rapnode key");
    says("interval", "intervall", "did you mean `interval`");
    says("\"200 ms\"", "200", "unit");
    says(&id, "abc", "64 hexadecimal digits");
    says("127.0.0.1:1\"", "somewhere\"", "peer.address");
    says("[protocol.reconcile]\nmethod = \"auto\"\ninterval = \"200 ms\"", "[protocol.sample]", "protocol");
    says("store = \"a.redb\"", "store = \"a.key\"", "is no store");
    says("control = \"a.sock\"", "control = \"a.key\"", "no socket");
    says("[metrics]", "[limits]\nqueue = 0\n[metrics]", "limits");
    says("listen", "lisen", "unknown key `lisen`");
    let again = rapnode(&["key", folder.path().join("a.key").to_str().unwrap()]);
    assert!(text(&again.stderr).contains("exists"), "a key is not overwritten");
    let alone = rapnode(&["status", good.to_str().unwrap()]);
    assert!(text(&alone.stderr).contains("rapnode run"), "{}", text(&alone.stderr));
}
