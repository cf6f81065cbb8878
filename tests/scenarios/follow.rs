//! Following on the command line, across a daemon that ends in order and comes back.

use crate::{PLAIN, daemon};
use pinacle_tests::daemon::Daemon;
use pinacle_tests::wait::eventually;
use serde_json::Value;
use std::fs::{File, read_to_string};
use std::path::PathBuf;
use std::process::{Child, Command};

/// A follower with what it prints in files; ended when dropped.
struct Following {
    child: Child,
    out: PathBuf,
    err: PathBuf,
}

impl Following {
    fn start(daemon: &Daemon, args: &[&str]) -> Self {
        let path = |kind: &str| daemon.dir().join(format!("{}.{kind}", args[0]));
        let (out, err) = (path("out"), path("err"));
        let file = |path: &PathBuf| File::create(path).expect("a file");
        let mut command: Command = daemon.client();
        let child = command.args(args).stdout(file(&out)).stderr(file(&err)).spawn();
        Self { child: child.expect("it starts"), out, err }
    }

    /// Returns what it printed once that holds the words so many times.
    fn prints(&self, words: &str, times: usize) -> String {
        eventually(&format!("{words:?} is printed {times} times"), || {
            let text = read_to_string(&self.out).expect("text");
            if text.matches(words).count() == times { Ok(text) } else { Err(text) }
        })
    }

    fn says(&self, words: &str) {
        eventually(&format!("{words:?} is said"), || {
            let text = read_to_string(&self.err).expect("text");
            if text.contains(words) { Ok(()) } else { Err(text) }
        });
    }

    fn ends(&mut self) -> Option<i32> {
        eventually("it ends", || self.child.try_wait().expect("a child").ok_or("it runs")).code()
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        // One that has ended need not be told.
        self.child.kill().unwrap_or_default();
        self.child.wait().map(drop).unwrap_or_default();
    }
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

#[test]
fn followers_go_on_after_an_orderly_restart_without_loss_or_repetition() {
    let mut daemon = daemon();
    daemon.create("followed", PLAIN);
    let mut logs = Following::start(&daemon, &["logs", "-f", "followed", "--json"]);
    let mut events = Following::start(&daemon, &["events", "-f", "--json"]);
    daemon.ok(&["exec", "followed", "--", "echo", "before"]);
    logs.prints("\"container_line\":\"echo before\"", 1);
    // Before that it is not known to follow at all.
    eventually("the creation is told of", || {
        let text = read_to_string(&events.out).expect("text");
        if text.contains("\"followed\"") { Ok(()) } else { Err(text) }
    });

    assert_eq!(daemon.terminate(), Some(0));
    for following in [&logs, &events] {
        following.says("waiting for it to come back");
    }
    daemon.spawn();
    daemon.wait_until_up();
    daemon.ok(&["exec", "followed", "--", "echo", "after"]);
    let text = logs.prints("\"container_line\":\"echo after\"", 1);
    daemon.ok(&["stop", "followed"]);
    eventually("the stop is told of", || {
        let text = read_to_string(&events.out).expect("text");
        let told = text
            .lines()
            .skip_while(|line| !line.contains("\"gap\""))
            .any(|l| l.contains("stopped"));
        if told { Ok(()) } else { Err(text) }
    });

    // What came is what the journal has, each once and in order.
    let seqs: Vec<u64> = lines(&text).iter().filter_map(|r| r["seq"].as_u64()).collect();
    let whole = daemon.ok(&["logs", "followed", "--json"]).stdout;
    let whole: Vec<u64> = lines(&whole).iter().filter_map(|r| r["seq"].as_u64()).collect();
    assert_eq!(seqs, whole[..seqs.len()], "{text}");
    assert!(!text.contains("\"gap\""), "{text}");

    // The end of the pod is the end of its journal, and no failure.
    daemon.ok(&["rm", "followed", "--yes"]);
    assert_eq!(logs.ends(), Some(0));
    assert_eq!(events.child.try_wait().expect("a child"), None);
}
