//! Which hostname leads where: the pod's own router against a model of what its page of
//! documentation says, over saved names and thousands made from them.

use crate::{daemon, id};
use pinacle_daemon::testing::Chance;
use pinacle_tests::engine;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

const SLUG: &str = "maps";
const EXTRA: &str = "maps.example.com";
/// Names made in a run; the sequence is the same each time.
const MADE: usize = 6_000;

/// What the router makes of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Route {
    /// The default port.
    Default,
    /// This one.
    Port(u16),
    /// One of ours that names no port, or the router's own.
    Bad,
    /// Not ours.
    Other,
}

/// What the documentation says of a `Host` header.
fn model(host: &str) -> Route {
    let host = host.trim_matches(' ').to_ascii_lowercase();
    let name = match host.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            // Nginx reads no further, and no browser sends more there than a port.
            Some((inside, _)) => {
                return if inside == "::1" { Route::Default } else { Route::Other };
            }
            None => return Route::Other,
        },
        None => host.split(':').next().unwrap_or_default(),
    };
    // The root of all names may be written out.
    let name = name.strip_suffix('.').unwrap_or(name);
    let own = format!("pod-{SLUG}.localhost");
    if ["localhost", "127.0.0.1", &own, EXTRA].contains(&name) {
        return Route::Default;
    }
    let Some(rest) = name.strip_prefix("localhost-") else { return Route::Other };
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let (number, rest) = rest.split_at(digits);
    let base = rest.strip_prefix(['.', '-']);
    if number.is_empty() || !base.is_some_and(|base| base == own || base == EXTRA) {
        return Route::Other;
    }
    match number.parse::<u16>() {
        Ok(0 | 80) | Err(_) => Route::Bad,
        Ok(_) if number.starts_with('0') => Route::Bad,
        Ok(port) => Route::Port(port),
    }
}

/// Changes a name in one to four places.
fn changed(name: &str, chance: &mut Chance, pieces: &[&str]) -> String {
    let mut name = name.to_owned();
    for _ in 0..=chance.index(4) {
        let at = chance.index(name.len() + 1);
        let end = (at + chance.index(4)).min(name.len());
        let piece = pieces[chance.index(pieces.len())];
        match chance.index(4) {
            0 => name.insert_str(at, piece),
            1 => name.replace_range(at..end, piece),
            2 => name.replace_range(at..end, ""),
            _ => {
                let part = name[at..end].to_owned();
                name.push_str(&part);
            }
        }
    }
    name
}

/// A second Nginx in the pod that says what its maps make of a name, and who asks it.
const ASK: &str = r#"
import json, os, socket, subprocess, sys, time
names = json.load(sys.stdin)
conf = '''user root; worker_processes 1; daemon off; pid /tmp/maps.pid; error_log stderr crit; events { worker_connections 64; }
http { access_log off; map_hash_bucket_size 128; map_hash_max_size 8192; keepalive_requests 1000000;
client_body_temp_path /tmp/maps-a; proxy_temp_path /tmp/maps-b; fastcgi_temp_path /tmp/maps-c; uwsgi_temp_path /tmp/maps-d; scgi_temp_path /tmp/maps-e;
include /etc/pinacle/nginx/access.conf;
server { listen unix:/tmp/maps.sock default_server; server_name _; default_type text/plain; return 200 "$pinacle_asked|$pinacle_port"; } }'''
open('/tmp/maps.conf', 'w').write(conf)
nginx = subprocess.Popen(['nginx', '-c', '/tmp/maps.conf'])
def connect():
    for _ in range(600):
        link = socket.socket(socket.AF_UNIX)
        try:
            link.connect('/tmp/maps.sock')
            return link.makefile('rwb')
        except OSError:
            time.sleep(0.05)
    sys.exit('the second Nginx does not come up')
found, link = [], connect()
for name in names:
    link.write(b'GET / HTTP/1.1\r\nHost: ' + name.encode() + b'\r\n\r\n')
    link.flush()
    status, length, closes = link.readline().split()[1].decode(), 0, False
    while line := link.readline().strip().lower():
        if line.startswith(b'content-length:'):
            length = int(line.split(b':')[1])
        closes = closes or line == b'connection: close'
    body = link.read(length).decode()
    found.append(body if status == '200' else status)
    if closes:
        link = connect()
nginx.terminate()
nginx.wait()
json.dump(found, sys.stdout)
"#;

fn ask(container: &str, names: &[String]) -> Vec<String> {
    let mut child = Command::new("docker")
        .args(["exec", "-i", container, "python3", "-c", ASK])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("docker runs");
    let text = serde_json::to_vec(names).expect("JSON");
    child.stdin.take().expect("piped").write_all(&text).expect("taken");
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// The saved names with those made from them behind, and how many are saved.
fn names() -> (Vec<String>, usize) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/hostile/hostnames.txt");
    let corpus = std::fs::read_to_string(corpus).expect("the saved names");
    let mut names: Vec<String> = corpus.lines().map(str::to_owned).collect();
    assert!(names.len() > 40, "the corpus is gone");
    let pieces = [
        ".",
        "-",
        ":",
        "[",
        "]",
        "0",
        "9",
        "80",
        "65535",
        "65536",
        "localhost",
        "localhost-",
        "pod-",
        SLUG,
        ".localhost",
        EXTRA,
        "::1",
        "127.0.0.1",
        "evil",
        "A",
        "_",
        "%",
        "/",
        "\\",
        "@",
        " ",
        "x",
        "",
    ];
    let mut chance = Chance::new(0x9e37_79b9_7f4a_7c15);
    let saved = names.len();
    for _ in 0..MADE {
        let from = chance.index(saved);
        let mut made = changed(&names[from], &mut chance, &pieces);
        // Now and then a letter of several bytes, at the end, where nothing cuts it.
        if chance.index(40) == 0 {
            made.push('\u{130}');
        }
        names.push(made);
    }
    (names, saved)
}

fn agrees(name: &str, answer: &str, wanted: &Route) -> bool {
    match (answer.split_once('|'), wanted) {
        // Not even a hostname, or one with something behind it that no port has.
        (None, Route::Other) => answer == "400",
        // Nginx refuses two dots side by side wherever they are.
        (None, _) => {
            let odd = name.contains(['/', '\\', ' ', '@', '%', '\u{130}']);
            answer == "400" && (odd || name.contains(".."))
        }
        (Some(("other", "other")), Route::Other) => true,
        (Some(("", "3000")), Route::Default) => true,
        (Some((_, "bad")), Route::Bad) => true,
        (Some((asked, port)), Route::Port(number)) => asked == port && *port == number.to_string(),
        _ => false,
    }
}

#[test]
fn the_router_agrees_with_what_is_written_about_names() {
    let (names, saved) = names();
    let daemon = daemon();
    let spec = format!("isolation: runc\nhosts: [{EXTRA}]\nports: [3000]\n");
    let container = format!("pinacle-pod-{}", id(&daemon.create(SLUG, &spec)));
    let answers = ask(&container, &names);
    assert_eq!(answers.len(), names.len());
    let mut wrong = Vec::new();
    let mut ours = 0;
    for (name, answer) in names.iter().zip(&answers) {
        let wanted = model(name);
        ours += usize::from(wanted != Route::Other);
        if !agrees(name, answer, &wanted) {
            wrong.push(format!("{name:?} is {wanted:?}, and the router says {answer}"));
        }
    }
    assert!(wrong.is_empty(), "save these in hostnames.txt:\n{}", wrong.join("\n"));
    assert!(ours > saved, "only {ours} of {} names were ever ours", names.len());
    engine::docker(&["exec", &container, "test", "!", "-e", "/tmp/maps.pid"]);
}
