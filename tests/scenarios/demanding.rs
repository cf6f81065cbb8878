//! Clients that ask for too much, say too little, or do not listen: the others do not notice.

use crate::PROGRAMS;
use pinacle_tests::daemon::{Daemon, Programs};
use pinacle_tests::wait::eventually;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::time::Duration;

const RPC: &[u8] = b"{\"pinacle\":1,\"mode\":\"rpc\"}\n";
const MIB: usize = 1024 * 1024;

/// A daemon started as from a shell, whose programs get few descriptors.
fn daemon() -> Daemon {
    let dir =
        tempfile::Builder::new().prefix("pinacle-wrap-").tempdir().expect("a directory").keep();
    let path = dir.join("pinacled");
    let script = format!("#!/bin/bash\nulimit -S -n 256\nexec {} \"$@\"\n", PROGRAMS.daemon);
    std::fs::write(&path, script).expect("written");
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).expect("changed");
    let path: &'static str = path.to_str().expect("UTF-8").to_owned().leak();
    let daemon = Daemon::start(Programs { daemon: path, ..PROGRAMS });
    // It runs by now, and nobody starts it again.
    std::fs::remove_dir_all(dir).expect("removed");
    daemon
}

fn connect(daemon: &Daemon) -> UnixStream {
    let stream = UnixStream::connect(daemon.socket()).expect("connected");
    stream.set_read_timeout(Some(Duration::from_secs(90))).expect("set");
    stream.set_write_timeout(Some(Duration::from_secs(90))).expect("set");
    stream
}

/// Has `connect` said hello and been let in.
fn client(daemon: &Daemon, hello: &[u8]) -> UnixStream {
    let mut stream = connect(daemon);
    stream.write_all(hello).expect("sent");
    let welcome = line(&mut stream);
    assert!(welcome.contains("\"server\""), "{welcome}");
    stream
}

/// Reads one line, byte by byte, so that nothing after it is taken.
fn line(stream: &mut UnixStream) -> String {
    let (mut line, mut byte) = (Vec::new(), [0]);
    while stream.read(&mut byte).expect("an answer") == 1 && byte[0] != b'\n' {
        line.push(byte[0]);
    }
    String::from_utf8(line).expect("UTF-8")
}

/// Returns a figure of the daemon's, in kB or as it is.
fn status(daemon: &Daemon, name: &str) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{}/status", daemon.pid())).expect("it runs");
    let value = text.lines().find_map(|l| l.strip_prefix(name)?.strip_prefix(':'));
    value.and_then(|v| v.split_whitespace().next()?.parse().ok()).expect("a figure")
}

fn descriptors(daemon: &Daemon) -> usize {
    std::fs::read_dir(format!("/proc/{}/fd", daemon.pid())).expect("it runs").count()
}

/// Somebody else is served as if they were alone.
fn others_are_served(daemon: &Daemon) {
    let mut stream = client(daemon, RPC);
    for id in 0..20 {
        writeln!(stream, "{{\"id\":{id},\"call\":\"inventory\"}}").expect("sent");
        let answer = line(&mut stream);
        assert!(answer.starts_with(&format!("{{\"id\":{id},\"ok\":")), "{answer}");
    }
    daemon.ok(&["ls", "--json"]);
}

#[test]
fn clients_that_never_read_hold_up_nobody_and_little_memory() {
    let daemon = daemon();
    let before = status(&daemon, "VmRSS");
    let mut silent = Vec::new();
    for _ in 0..50 {
        let mut stream = client(&daemon, RPC);
        stream.set_nonblocking(true).expect("set");
        // As much as the daemon takes from somebody who does not read.
        let calls = "{\"id\":1,\"call\":\"inventory\"}\n".repeat(1_000);
        let mut rest = calls.as_bytes();
        while let Ok(sent @ 1..) = stream.write(rest) {
            rest = &rest[sent..];
        }
        silent.push(stream);
        let mut events = client(&daemon, b"{\"pinacle\":1,\"mode\":\"stream\"}\n");
        events.write_all(b"{\"stream\":\"events\"}\n").expect("sent");
        silent.push(events);
    }
    others_are_served(&daemon);
    let grown = status(&daemon, "VmRSS").saturating_sub(before);
    assert!(grown < 64 * 1024, "{grown} kB for {} clients", silent.len());
    drop(silent);
    eventually("the connections are gone", || match descriptors(&daemon) {
        few @ ..60 => Ok(few),
        many => Err(many),
    });
}

#[test]
fn a_thousand_connections_are_served_and_more_are_told_so() {
    let daemon = daemon();
    let mut clients: Vec<UnixStream> = (0..990).map(|_| client(&daemon, RPC)).collect();
    others_are_served(&daemon);
    let refused = eventually("there is a limit", || {
        let mut stream = connect(&daemon);
        stream.write_all(RPC).expect("sent");
        let answer = line(&mut stream);
        if answer.contains("\"error\"") {
            return Ok(answer);
        }
        clients.push(stream);
        Err(clients.len())
    });
    assert!(refused.contains("busy"), "{refused}");
    // Who is told so before the hello can say it all the same, and read why.
    eventually("one that is told so at once can still say its hello", || {
        let mut slow = connect(&daemon);
        slow.set_read_timeout(Some(Duration::from_secs(1))).expect("set");
        let mut byte = [0];
        if slow.read(&mut byte).is_err() {
            // A place was free after all.
            slow.set_read_timeout(Some(Duration::from_secs(90))).expect("set");
            slow.write_all(RPC).map_err(|error| error.to_string())?;
            let answer = line(&mut slow);
            clients.push(slow);
            return Err(answer);
        }
        assert_eq!(format!("{}{}", char::from(byte[0]), line(&mut slow)), refused);
        slow.write_all(RPC).map_err(|error| error.to_string())
    });
    // Engine and store are reached all the same: a call that needs both, by one who is in.
    let call =
        "{\"id\":1,\"call\":\"host_check\",\"args\":{\"host\":\"nowhere\",\"fresh\":false}}\n";
    clients[0].write_all(call.as_bytes()).expect("sent");
    let answer = line(&mut clients[0]);
    assert!(answer.contains("not_found"), "{answer}");
    let spec = "{\"id\":2,\"call\":\"pod_create\",\"args\":{\"request_id\":\"r\",\"spec_text\":\"isolation: runc\\nslug: crowd\\n\"}}\n";
    clients[1].write_all(spec.as_bytes()).expect("sent");
    let answer = line(&mut clients[1]);
    assert!(answer.contains("\"ok\""), "{answer}");
    clients.truncate(10);
    daemon.wait_phase("crowd", "running");
}

#[test]
fn half_lines_and_slow_hellos_hold_up_nobody() {
    let daemon = daemon();
    let mut halves = Vec::new();
    for half in ["{", "{\"pinacle\":1,\"mo", "{\"pinacle\":1,\"mode\":\"rpc\"}"] {
        for _ in 0..50 {
            let mut stream = connect(&daemon);
            stream.write_all(half.as_bytes()).expect("sent");
            halves.push(stream);
        }
    }
    let mut half_call = client(&daemon, RPC);
    half_call.write_all(b"{\"id\":7,\"call\":\"inven").expect("sent");
    others_are_served(&daemon);
    // One that sends a byte now and then is let go as well: the whole hello has its time.
    let mut slow = connect(&daemon);
    slow.set_read_timeout(Some(Duration::from_millis(200))).expect("set");
    eventually("a slow hello is let go", || {
        let sent = slow.write(b" ");
        let mut answer = [0; 512];
        match slow.read(&mut answer) {
            Ok(0) => Ok(()),
            Ok(_) => Ok(()),
            Err(error) if sent.is_err() => Err(format!("{error}, {sent:?}")),
            Err(error) => Err(error.to_string()),
        }
    });
    for stream in &mut halves {
        let mut text = String::new();
        // Told why, or, when the telling came to late, closed.
        let _ = stream.read_to_string(&mut text);
        assert!(text.is_empty() || text.contains("no hello"), "{text}");
    }
    half_call.write_all(b"tory\"}\n").expect("sent");
    assert!(line(&mut half_call).starts_with("{\"id\":7,\"ok\":"));
}

#[test]
fn unfinished_lines_of_many_fill_no_memory() {
    let daemon = daemon();
    let before = status(&daemon, "VmRSS");
    let piece = vec![b' '; MIB];
    let mut clients: Vec<UnixStream> = (0..40).map(|_| client(&daemon, RPC)).collect();
    for _ in 0..7 {
        for stream in &mut clients {
            stream.write_all(&piece).expect("taken");
        }
    }
    others_are_served(&daemon);
    let grown = status(&daemon, "VmRSS").saturating_sub(before) / 1024;
    assert!(grown < 160, "{grown} MiB for {} MiB of unfinished lines", 7 * clients.len());
    // Each is answered once it ends, whichever way it went.
    for stream in &mut clients {
        stream
            .write_all(
                b"{\"id\":5,\"call\":\"server_info\"}\n{\"id\":6,\"call\":\"server_info\"}\n",
            )
            .expect("sent");
        let first = line(stream);
        assert!(first.contains("\"id\":5,\"ok\"") || first.contains("invalid_request"), "{first}");
        let second = line(stream);
        assert!(second.contains("\"id\":6,\"ok\""), "{second}");
    }
    others_are_served(&daemon);
}
