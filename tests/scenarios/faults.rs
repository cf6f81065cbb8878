//! Hosts that do not work: one sentence, and the next step.

use crate::{PLAIN, PROGRAMS};
use pinacle_tests::daemon::Daemon;

fn refused(settings: &str) -> serde_json::Value {
    let daemon = Daemon::start_with(PROGRAMS, settings);
    let dir = daemon.project("nowhere", PLAIN);
    let ran = pinacle_tests::wait::eventually("the host is known to be down", || {
        let ran = daemon.run(&["doctor", "--json"]);
        if ran.stdout.contains("\"failed\"") { Ok(ran) } else { Err(ran) }
    });
    assert!(ran.stdout.contains("\"engine\""), "{ran:#?}");
    let ran = daemon.run(&["create", dir.to_str().expect("UTF-8"), "--json"]);
    assert_eq!(ran.code, 6, "{ran:#?}");
    assert!(ran.error()["hint"].is_string(), "{ran:#?}");
    ran.error()
}

#[test]
fn no_engine_is_said_with_the_next_step() {
    let error = refused("[engine]\nsocket = \"/nonexistent/docker.sock\"\n");
    assert!(error.to_string().contains("/nonexistent/docker.sock"), "{error:#}");
}

#[test]
fn something_that_is_no_engine_is_said() {
    let dir = tempfile::tempdir().expect("a directory");
    let socket = dir.path().join("docker.sock");
    let listener = std::os::unix::net::UnixListener::bind(&socket).expect("bound");
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten().take(1_000) {
            use std::io::Write;
            let mut stream = stream;
            // The other end may be gone already.
            let _ = stream.write_all(b"220 mail.example ESMTP\r\n");
        }
    });
    let error = refused(&format!("[engine]\nsocket = \"{}\"\n", socket.display()));
    assert!(error.to_string().contains("docker.sock"), "{error:#}");
}
