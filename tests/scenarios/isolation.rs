//! What a program in a pod reaches beside its own pod.

use crate::{daemon, id, port};
use pinacle_tests::engine;
use pinacle_tests::wait::eventually;
use std::io::Write;
use std::net::TcpListener;

/// Something on every port of the pod that is asked for below, on all addresses.
fn spec(isolation: &str) -> String {
    format!(
        "isolation: {isolation}\nservices: [web-terminal]\nprocesses:\n  - name: app\n    url: http://localhost:3000\n    \
         startCommand: exec python3 -m http.server 3000 --bind 0.0.0.0\n    healthCheck: bash -c '</dev/tcp/127.0.0.1/3000'\n"
    )
}

/// Tries a connection and says `open` when somebody there says something, or takes it.
const TRY: &str = "import socket, sys\ntry:\n    socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=3).close()\n    print('open')\n\
                   except OSError:\n    print('closed')";

fn address(container: &str, field: &str) -> String {
    let format = format!("{{{{range .NetworkSettings.Networks}}}}{{{{.{field}}}}}{{{{end}}}}");
    engine::docker(&["inspect", "-f", &format, container])
}

fn check(isolation: &str, settings: &str) {
    let daemon = if settings.is_empty() {
        daemon()
    } else {
        pinacle_tests::daemon::Daemon::start_with(crate::PROGRAMS, settings)
    };
    let (a, b) = (daemon.create("one", &spec(isolation)), daemon.create("two", &spec(isolation)));
    let (from, to) = (format!("pinacle-pod-{}", id(&a)), format!("pinacle-pod-{}", id(&b)));
    let look = |host: &str, port: u16| {
        engine::docker(&["exec", &from, "python3", "-c", TRY, host, &port.to_string()])
    };
    // What a sandbox answers is only worth something if it can say `open`.
    assert_eq!(look("127.0.0.1", 3000), "open");

    let (own_gateway, its_gateway) = (address(&from, "Gateway"), address(&to, "Gateway"));
    let its_address = address(&to, "IPAddress");
    let private = TcpListener::bind("127.0.0.1:0").expect("bound");
    let private = private.local_addr().expect("an address").port();
    let closed = [
        (its_address.as_str(), 80, "another pod's router"),
        (&its_address, 3000, "another pod's app"),
        (&its_address, 7681, "another pod's terminal"),
        (&own_gateway, port(&b), "another pod's published port, by the own gateway"),
        (&its_gateway, port(&b), "another pod's published port, by its gateway"),
        (&own_gateway, port(&a), "the own published port, by the gateway"),
        (&own_gateway, private, "a service on the host's loopback"),
        (&own_gateway, 2375, "the engine"),
        (&own_gateway, 2376, "the engine"),
    ];
    for (host, port, what) in closed {
        // Docker 20.10 takes the jump to its isolation rules out of FORWARD and puts it back whenever a network is
        // made beside us: 12 of 186 looks at the chain during 15 creations found none.
        eventually(&format!("closed: {what} at {host}:{port}"), || match look(host, port) {
            answer if answer == "closed" => Ok(()),
            answer => Err(answer),
        });
    }
    for path in ["/var/run/docker.sock", "/run/docker.sock", "/run/containerd/containerd.sock"] {
        let inside = engine::try_docker(&["exec", &from, "test", "-e", path]);
        assert!(inside.is_err(), "{path} is in the pod");
    }
    // The names of other pods mean nothing to its resolver.
    let names = ["exec", &from, "getent", "hosts", &to];
    assert!(engine::try_docker(&names).is_err(), "{to} is known in another pod");
    std::io::stdout().flush().expect("flushed");
}

#[test]
fn a_plain_pod_reaches_no_other_pod_no_engine_and_no_loopback() {
    check("runc", "");
}

#[test]
fn a_gvisor_pod_reaches_no_other_pod_no_engine_and_no_loopback() {
    check("gvisor", "[engine]\ngvisor_runtime = \"runsc\"\n");
}

#[test]
fn a_gvisor_pod_with_its_own_network_stack_does_not_either() {
    check("gvisor", "[engine]\ngvisor_runtime = \"runsc-netstack\"\n");
}
