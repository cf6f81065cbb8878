//! What may be named where: each library, clock, queue and task in its place.

use crate::source::{File, Offence};
use crate::uses::{has_word, named};

/// Words, the places that may use them (paths begin so), and why others may not.
struct Rule {
    words: &'static [&'static str],
    places: &'static [&'static str],
    why: &'static str,
    tests: Tests,
}

/// Whether a rule holds for tests too.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tests {
    Bound,
    Free,
}

const LIBRARIES: &[Rule] = &[
    Rule {
        words: &["bollard"],
        places: &["daemon/src/engine/"],
        why: "the engine is spoken to in daemon/src/engine alone",
        tests: Tests::Bound,
    },
    Rule {
        words: &["russh"],
        places: &["daemon/src/link/"],
        why: "hosts are connected to in daemon/src/link alone",
        tests: Tests::Bound,
    },
    Rule {
        words: &["sled"],
        places: &["daemon/src/store/"],
        why: "records are stored in daemon/src/store alone",
        tests: Tests::Bound,
    },
    Rule {
        words: &["tarpc"],
        places: &["daemon/src/rpc/", "protocol/", "tui/src/client.rs", "tui/src/client/"],
        why: "calls are sent and served in protocol, daemon/src/rpc and tui/src/client alone",
        tests: Tests::Free,
    },
    Rule {
        words: &["tarpc::server"],
        places: &["daemon/src/rpc/", "protocol/"],
        why: "only the daemon serves calls",
        tests: Tests::Free,
    },
    Rule {
        words: &["tarpc::client"],
        places: &["tui/src/client.rs", "tui/src/client/", "protocol/"],
        why: "only the client makes calls",
        tests: Tests::Free,
    },
    Rule {
        words: &["crossterm::event"],
        places: &["tui/src/terminal", "tui/src/app", "tui/src/keymap", "tui/src/attach"],
        why: "keys are read where the terminal is owned",
        tests: Tests::Free,
    },
];

/// The core takes time, randomness and files as values.
const CORE: &[&str] = &[
    "tokio",
    "futures",
    "std::fs",
    "std::io",
    "std::net::Tcp",
    "std::net::Udp",
    "std::os",
    "std::process",
    "std::env",
    "std::thread",
    "std::sync",
    "SystemTime",
    "Instant",
    "getrandom",
    "async",
    "println!",
    "eprintln!",
    "print!",
    "eprint!",
];

const QUEUES: &[Rule] = &[
    Rule {
        words: &["unbounded_channel", "UnboundedSender", "UnboundedReceiver", "mpsc::unbounded"],
        places: &[],
        why: "every queue has a bound, and reaching it is seen",
        tests: Tests::Bound,
    },
    Rule {
        words: &["std::sync::mpsc::channel"],
        places: &[],
        why: "it has no bound: use sync_channel",
        tests: Tests::Free,
    },
];

/// Who may start something that runs beside it, and who ends that.
const TASKS: &[Rule] = &[
    Rule {
        words: &["JoinSet"],
        places: &[
            "daemon/src/lib.rs",      // the daemon's tasks; they end with it
            "daemon/src/effects.rs",  // one task for each effect, each ending in an event
            "daemon/src/rpc/mod.rs",  // one task for each connection
            "tui/src/app/effects.rs", // what the full screen asked for; ends with it
            "tui/src/attach.rs",      // what is typed, on its way to the pod
        ],
        why: "tasks are started in few places: have the owner poll it, or add it there with a reason",
        tests: Tests::Free,
    },
    Rule {
        words: &["tokio::spawn", "task::spawn", "spawn_local"],
        places: &[
            "daemon/src/engine/docker/mod.rs", // ends with the channels of its exec or build
            "daemon/src/engine/docker/isolation.rs", // one check that all who ask wait for
            "daemon/src/testing/calls.rs",     // the same for the scripted engine
            "tui/src/client.rs",               // the dispatch of calls ends with its connection
            "tui/src/cli.rs",                  // signals are listened for until the process ends
        ],
        why: "a task nobody owns outlives what started it: use a JoinSet that its owner drops",
        tests: Tests::Free,
    },
    Rule {
        words: &["thread::spawn", "thread::Builder", "thread::scope"],
        places: &[
            "daemon/src/journal/", // files are written, and flushed, by threads of their own
            "daemon/src/store/actor.rs", // the database blocks
            "tui/src/output/reader.rs", // waits for the end of who reads our output
            "tui/src/stdin.rs",    // standard input blocks, and cannot be given up
            "tui/src/terminal.rs", // waits for the terminal's end until the process ends
        ],
        why: "threads are for what blocks for good; else use spawn_blocking and await it",
        tests: Tests::Free,
    },
];

const CLOCKS: &[Rule] = &[
    Rule {
        words: &["Instant::now", "SystemTime::now", ".elapsed()"],
        places: &[
            "daemon/src/clock.rs",
            "protocol/src/wire/rpc.rs", // when calls under way are given up
            "protocol/src/wire/call.rs", // a call's deadline is a time from now
            "daemon/src/rpc/service.rs", // a call's deadline comes as the system's time
            "tui/src/autostart.rs",     // how long a daemon takes to start
            "tui/src/prepare.rs",       // how long a step of the preparation takes
            "tui/src/prepare/machine.rs",
            "tui/src/client.rs", // deadlines of calls and reconnecting
            "tui/src/client/stream.rs",
            "tui/src/output/time.rs", // ages of what is shown
            "tui/src/watch.rs",       // how often progress is drawn
            "tui/src/app.rs",         // frames of the full screen, and the time in its messages
        ],
        why: "take time from the clock that was passed in, so that tests can set it",
        tests: Tests::Free,
    },
    Rule {
        words: &["getrandom", "rand", "OsRng", "fastrand"],
        places: &[
            "daemon/src/clock.rs",
            "tui/src/session.rs", // ids of requests, so that asking again is seen
        ],
        why: "take random numbers from the clock that was passed in, so that tests can set them",
        tests: Tests::Free,
    },
];

const UNFINISHED: &[Rule] = &[
    Rule {
        words: &["todo!", "unimplemented!", "dbg!"],
        places: &[],
        why: "finish it, or leave it out",
        tests: Tests::Bound,
    },
    Rule {
        words: &[".unwrap()", ".unwrap_err()"],
        places: &[],
        why: "return an error, or say with expect why it holds",
        tests: Tests::Free,
    },
    Rule {
        words: &["#[ignore", ", ignore)", ", ignore ="],
        places: &[],
        why: "a test that is not run checks nothing",
        tests: Tests::Bound,
    },
];

/// Returns each use of a rule's words outside its places.
fn out_of_place(files: &[File], rules: &[Rule]) -> Vec<Offence> {
    let mut offences = Vec::new();
    for file in files.iter().filter(|file| file.is_rust()) {
        let names = named(file);
        for rule in
            rules.iter().filter(|rule| !rule.places.iter().any(|p| file.path.starts_with(p)))
        {
            for (line, code) in &names {
                if rule.tests == Tests::Free && is_for_tests(file, *line) {
                    continue;
                }
                if let Some(word) = rule.words.iter().find(|word| has_word(code, word)) {
                    offences.push(file.offence(*line, format!("`{word}`: {}", rule.why)));
                }
            }
        }
    }
    offences.sort_by(|a, b| (&a.path, a.line).cmp(&(&b.path, b.line)));
    offences.dedup();
    offences
}

/// What is built for tests alone goes by their rules: the package `tests`, and
/// the daemon's feature `testing`.
fn is_for_tests(file: &File, line: usize) -> bool {
    file.is_test_line(line) || file.path.starts_with("daemon/src/testing/")
}

/// A file that is gone, or does no longer what it may, would be free again unseen.
fn stale_places(files: &[File], rules: &[Rule]) -> Vec<Offence> {
    let mut offences = Vec::new();
    for rule in rules {
        for place in rule.places.iter().filter(|place| place.ends_with(".rs")) {
            let uses = |file: &File| {
                named(file).iter().any(|(_, code)| rule.words.iter().any(|w| has_word(code, w)))
            };
            if !files.iter().any(|file| file.path == **place && uses(file)) {
                let why =
                    format!("{place} needs no place for `{}`: remove it", rule.words.join("`, `"));
                offences.push(Offence { path: "tests/tidy/places.rs".to_owned(), line: 0, why });
            }
        }
    }
    offences
}

fn io_in_core(files: &[File]) -> Vec<Offence> {
    let mut offences = Vec::new();
    for file in files.iter().filter(|f| f.is_rust() && f.path.starts_with("daemon/core/src/")) {
        for (line, code) in named(file) {
            if let Some(word) = CORE.iter().find(|word| has_start(&code, word)) {
                offences.push(
                    file.offence(line, format!("`{word}`: the core does no I/O and has no clock")),
                );
            }
        }
    }
    offences.dedup();
    offences
}

/// Returns whether a word of the code begins with `word`: `std::net::Tcp` bans
/// `std::net::TcpStream`.
fn has_start(code: &str, word: &str) -> bool {
    code.match_indices(word).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        let after = code[at + word.len()..].chars().next();
        let open = word.ends_with("Tcp") || word.ends_with("Udp");
        let within = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
        !within(before) && (open || word.ends_with('!') || !within(after))
    })
}

#[cfg(test)]
mod tests {
    use super::{
        CLOCKS, LIBRARIES, QUEUES, Rule, TASKS, Tests, UNFINISHED, io_in_core, out_of_place,
        stale_places,
    };
    use crate::source::{File, accept, files};

    fn holds(rules: &[Rule]) {
        let files = files();
        accept(&out_of_place(&files, rules));
        accept(&stale_places(&files, rules));
    }

    #[test]
    fn core_does_no_io() {
        accept(&io_in_core(&files()));
    }

    #[test]
    fn libraries_stay_in_their_place() {
        holds(LIBRARIES);
    }

    #[test]
    fn no_unbounded_channels() {
        holds(QUEUES);
    }

    #[test]
    fn tasks_are_started_by_who_ends_them() {
        holds(TASKS);
    }

    #[test]
    fn time_and_randomness_come_from_the_clock() {
        holds(CLOCKS);
    }

    #[test]
    fn nothing_is_left_unfinished() {
        holds(UNFINISHED);
    }

    const NONE: [usize; 0] = [];

    fn lines(rules: &[Rule], path: &str, text: &str) -> Vec<usize> {
        out_of_place(&[File::new(path, text)], rules).iter().map(|offence| offence.line).collect()
    }

    #[test]
    fn io_in_the_core_is_found() {
        let check = |text: &str| io_in_core(&[File::new("daemon/core/src/a.rs", text)]).len();
        for bad in [
            "use tokio::time;",
            "use std::{env, fmt};",
            "use std::net::TcpStream;",
            "let now = Instant::now();",
            "std::fs::read(path)",
            "async fn a() {}",
            "println!(\"a\");",
        ] {
            assert!(check(bad) > 0, "{bad}");
        }
        assert_eq!(
            check(
                "// std::fs\nuse std::net::Ipv4Addr;\nlet instant_ms = \"tokio\";\nenum AsyncStep {}"
            ),
            0
        );
    }

    #[test]
    fn a_library_elsewhere_is_found() {
        assert_eq!(
            lines(LIBRARIES, "daemon/src/driver.rs", "use a;\nuse ::{bollard::Docker, b};\n"),
            [2]
        );
        assert_eq!(
            lines(LIBRARIES, "daemon/src/engine/a.rs", "use bollard::Docker;"),
            Vec::<usize>::new()
        );
        assert_eq!(
            lines(LIBRARIES, "daemon/src/lib.rs", "use store::SledStore; // sled"),
            Vec::<usize>::new()
        );
        assert_eq!(
            lines(LIBRARIES, "tui/src/client/a.rs", "use tarpc::{server::Channel, context};"),
            [1]
        );
        assert_eq!(lines(LIBRARIES, "tui/src/watch.rs", "use crossterm::{event, terminal};"), [1]);
    }

    #[test]
    fn queues_tasks_and_clocks_elsewhere_are_found() {
        let text = "fn a() {\n    mpsc::unbounded_channel();\n    tokio::spawn(b);\n    Instant::now();\n}\n";
        let text = format!(
            "{text}#[cfg(test)]\nmod tests {{\n    fn a() {{ tokio::spawn(b); unbounded_channel(); }}\n}}\n"
        );
        assert_eq!(lines(QUEUES, "daemon/src/driver.rs", &text), [2, 8]);
        assert_eq!(lines(TASKS, "daemon/src/driver.rs", &text), [3]);
        assert_eq!(lines(CLOCKS, "daemon/src/driver.rs", &text), [4]);
        assert_eq!(lines(CLOCKS, "daemon/src/clock.rs", &text), NONE);
    }

    #[test]
    fn what_is_unfinished_is_found() {
        let text = "fn a() { b().unwrap(); }\nfn c() { todo!() }\n#[cfg(test)]\nmod t {\n    #[ignore = \"x\"]\n    fn d() { b().unwrap(); }\n}\n";
        assert_eq!(lines(UNFINISHED, "a/src/a.rs", text), [1, 2, 5]);
    }

    #[test]
    fn a_place_that_needs_none_is_found() {
        const RULE: &[Rule] = &[Rule {
            words: &["b"],
            places: &["a.rs", "c.rs", "d/"],
            why: "",
            tests: Tests::Bound,
        }];
        let check = |text: &str| stale_places(&[File::new("a.rs", text)], RULE).len();
        assert_eq!((check("use b;\n"), check("use c; // b\n")), (1, 2));
    }
}
