//! The example clients of `protocol/examples`, as a reader would run them.

use crate::{PLAIN, daemon};
use std::path::PathBuf;
use std::process::{Command, Output};

fn example(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../protocol/examples")).join(name)
}

fn said(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    format!("{}{}", text(&output.stdout), text(&output.stderr))
}

#[test]
fn the_example_clients_list_the_pods() {
    let daemon = daemon();
    daemon.create("example", PLAIN);
    for (program, script) in [("python3", "client.py"), ("bash", "client.sh")] {
        let output = Command::new(program)
            .arg(example(script))
            .arg("list")
            .env("PINACLE_SOCKET", daemon.socket())
            .output()
            .expect("it starts");
        assert!(output.status.success(), "{script}: {}", said(&output));
        assert!(said(&output).contains("example"), "{script}: {}", said(&output));
    }
}
