//! gVisor runtimes, good and bad. The engine must have `runsc` (sockets of the
//! pod's own network namespace), `runsc-netstack` (gVisor's own network stack)
//! and `runsc-overlay` (a build that loses the root filesystem at a stop).

use crate::{PROGRAMS, id, port};
use pinacle_tests::daemon::Daemon;
use pinacle_tests::engine;
use pinacle_tests::http;
use pinacle_tests::wait::eventually;

/// Sends a question to the pod's name server and prints the number of its answer,
/// whatever the answer is: names of the world are none of a test's business.
const ASK_NAME_SERVER: &str = r"
import socket
lines = open('/etc/resolv.conf').read().splitlines()
server = next(l.split()[1] for l in lines if l.startswith('nameserver'))
question = bytes.fromhex('abcd01000001000000000000') + b'\x04test\x00\x00\x01\x00\x01'
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(10)
s.sendto(question, (server, 53))
print(s.recv(512)[:2].hex())
";

fn with_runtime(runtime: &str) -> Daemon {
    Daemon::start_with(PROGRAMS, &format!("[engine]\ngvisor_runtime = \"{runtime}\"\n"))
}

fn keeps_its_files_and_answers(runtime: &str) {
    let daemon = with_runtime(runtime);
    let spec = "processes:\n  - name: app\n    url: http://localhost:3000\n    startCommand: \
                exec python3 -m http.server 3000 -d /etc/pinacle\n    healthCheck: curl -fsS localhost:3000\n";
    let shown = daemon.create("boxed", spec);
    assert_eq!(shown["pod"]["isolation"], "gvisor", "{shown:#}");
    let name = format!("pinacle-pod-{}", id(&shown));
    assert_eq!(engine::docker(&["inspect", "-f", "{{.HostConfig.Runtime}}", &name]), runtime);
    let write = "echo kept > /root/file; echo kept > /opt/file";
    daemon.ok(&["exec", "boxed", "--", "sh", "-c", write]);
    let answer = daemon.ok(&["exec", "boxed", "--", "python3", "-c", ASK_NAME_SERVER]).stdout;
    assert_eq!(answer, "abcd\n", "the name server answers");
    daemon.ok(&["stop", "boxed"]);
    daemon.ok(&["start", "boxed"]);
    let read = daemon.ok(&["exec", "boxed", "--", "sh", "-c", "cat /root/file /opt/file"]).stdout;
    assert_eq!(read, "kept\nkept\n");
    eventually("the app is back", || {
        match http::get(port(&shown), "localhost-3000.pod-boxed.localhost", "/") {
            Ok(answer) if answer.status == 200 => Ok(()),
            other => Err(other),
        }
    });
    daemon.ok(&["rm", "boxed", "--yes"]);
}

#[test]
fn files_survive_a_stop_under_runsc() {
    keeps_its_files_and_answers("runsc");
}

#[test]
fn files_survive_a_stop_under_runsc_with_its_own_network_stack() {
    keeps_its_files_and_answers("runsc-netstack");
}

#[test]
fn a_runtime_that_loses_files_at_a_stop_is_refused_with_the_mend() {
    let daemon = with_runtime("runsc-overlay");
    let dir = daemon.project("lossy", "name: lossy\n");
    let ran = daemon.run(&["create", dir.to_str().expect("UTF-8"), "--json"]);
    assert_eq!(ran.code, 6, "{ran:#?}");
    let said = ran.stderr;
    assert!(said.contains("runsc-overlay") && said.contains("--overlay2=none"), "{said}");
    let shown = daemon.wait_phase("lossy", "failed");
    assert_eq!(engine::leftovers(&id(&shown)), Vec::<String>::new());
}
