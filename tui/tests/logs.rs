//! `logs`.

use crate::support::views::{begin, end, output};
use crate::support::{World, Written, eventually, views};
use pinacle_protocol::*;
use std::ffi::OsString;
use std::io::{self, Write};
use std::time::Duration;
use tokio::io::AsyncReadExt;

fn world() -> World {
    let world = World::new();
    world.fake.add("web", PodPhase::Running);
    world.fake.state().journal = vec![
        begin(1, "Install", "npm ci"),
        output(2, 1, "\u{1b}[32mdone\u{1b}[0m\u{1b}]0;title\u{7}\n"),
        end(3, 1, Some(0)),
        begin(4, "Test", "npm test"),
        end(5, 4, Some(2)),
    ];
    world
}

#[tokio::test]
async fn the_journal_reads_like_a_terminal() {
    let world = world();
    let expected = "Install\n$ npm ci\ndone\n\nTest\n$ npm test\nExit code: 2 (after 1.5s)\n";
    assert_eq!(world.run("logs web").await.ok(), expected);
    assert!(world.run("logs web --raw").await.ok().contains("\u{1b}]0;title\u{7}"));
    insta::assert_snapshot!(world.run("logs web --json").await.ok());
    world.run("logs wbe").await.exits(4);
}

#[tokio::test]
async fn colours_are_kept_on_a_terminal_only() {
    let mut world = world();
    world.terminals.stdout = true;
    let out = world.run("logs web").await.ok();
    assert!(out.contains("\u{1b}[32mdone\u{1b}[0m\n"), "{out:?}");
    assert!(!out.contains("title"), "{out:?}");
    assert!(!world.run("logs web --no-color").await.ok().contains('\u{1b}'));
    world.set_env("NO_COLOR", "1");
    assert!(!world.run("logs web").await.ok().contains('\u{1b}'));
}

#[tokio::test]
async fn since_start_leaves_out_what_was_before() {
    let world = world();
    world.fake.change("web", |d| {
        let id = d.pod.id.clone();
        let mut op = views::operation(1, &id, OperationKind::Start, OperationStatus::Succeeded);
        op.created_at = Timestamp(views::T0 + 4);
        d.operations.push(op);
    });
    let out = world.run("logs web --since-start").await.ok();
    assert_eq!(out, "Test\n$ npm test\nExit code: 2 (after 1.5s)\n");
}

#[tokio::test]
async fn following_ends_with_ctrl_c() {
    let world = world();
    let interrupt = world.interrupt.clone();
    let (out, err) = (Written::default(), Written::default());
    let surroundings = world.surroundings(Box::new(out.clone()), err);
    let words = ["pinacle-tui", "logs", "-f", "web"].map(OsString::from);
    let running = tokio::spawn(pinacle_tui::run(words, surroundings));
    eventually("all is printed", || out.text().contains("Exit code: 2")).await;
    interrupt.raise();
    assert_eq!(running.await.expect("no panic"), 130);
}

/// Has the daemon end in order.
async fn end_daemon(world: &World) {
    world.fake.stopped.notify_one();
    eventually("nobody listens", || !world.socket().exists()).await;
    world.fake.ends.notify_waiters();
}

#[tokio::test]
async fn following_goes_on_with_the_next_daemon_and_says_so() {
    let mut world = world();
    let (out, err) = (Written::default(), Written::default());
    let surroundings = world.surroundings(Box::new(out.clone()), err.clone());
    let words = ["pinacle-tui", "logs", "-f", "web"].map(OsString::from);
    let running = tokio::spawn(pinacle_tui::run(words, surroundings));
    eventually("all is printed", || out.text().contains("Exit code: 2")).await;
    let before = out.text();
    end_daemon(&world).await;
    eventually("it is said", || err.text().contains("the daemon ended; waiting")).await;
    let seq = world.fake.state().journal.last().expect("a record").seq;
    let more = [begin(seq + 1, "More", "echo more"), end(seq + 2, seq + 1, Some(0))];
    world.fake.state().journal.extend(more);
    world.serve();
    eventually("it goes on", || out.text().contains("echo more")).await;
    assert_eq!(out.text().matches("Exit code: 2").count(), 1, "nothing twice");
    assert!(out.text().starts_with(&before));
    assert!(err.text().contains("the daemon is back"), "{}", err.text());
    // The end of the pod is the end of its journal.
    world.fake.state().pods.clear();
    world.fake.ends.notify_waiters();
    assert_eq!(running.await.expect("no panic"), 0);
}

#[tokio::test]
async fn followers_end_with_the_code_for_it_when_no_daemon_comes_back() {
    for (line, printed) in [("logs -f web", "Exit code: 2"), ("events -f", "")] {
        let world = world();
        let (out, err) = (Written::default(), Written::default());
        let surroundings = world.surroundings(Box::new(out.clone()), err.clone());
        let words = std::iter::once("pinacle-tui").chain(line.split(' ')).map(OsString::from);
        let running = tokio::spawn(pinacle_tui::run(words.collect::<Vec<_>>(), surroundings));
        eventually("it follows", || !world.fake.state().streams.is_empty()).await;
        eventually("all is printed", || out.text().contains(printed)).await;
        end_daemon(&world).await;
        eventually("it is said", || err.text().contains("waiting for it to come back")).await;
        // A minute passes at once.
        tokio::time::pause();
        assert_eq!(running.await.expect("no panic"), 10, "{line}");
        tokio::time::resume();
        assert!(err.text().contains("did not come back within 60 s"), "{}", err.text());
    }
}

#[tokio::test]
async fn a_lost_link_is_made_anew_and_nothing_is_missing_or_shown_twice() {
    let world = world();
    let whole = world.run("logs web").await.ok();
    world.fake.state().cut_streams = 2;
    assert_eq!(world.run("logs web").await.ok(), whole);
    let streams = world.fake.state().streams.clone();
    assert_eq!(streams.len(), 4, "{streams:#?}");
}

/// A reader that is gone, as `head` is after its last line.
struct Gone;

impl Write for Gone {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_reader_that_is_gone_ends_every_command_quietly() {
    let world = world();
    for line in ["logs web", "ls", "ls --json", "show web", "events", "--help", "completions bash"]
    {
        let err = Written::default();
        let surroundings = world.surroundings(Box::new(Gone), err.clone());
        let words = std::iter::once("pinacle-tui").chain(line.split(' ')).map(OsString::from);
        let code = pinacle_tui::run(words, surroundings).await;
        let expected = if line == "events" { 0 } else { 141 };
        assert_eq!((code, err.text().as_str()), (expected, ""), "{line}");
    }
}

/// Returns the program as built, following at this world's daemon.
fn following(world: &World, line: &str) -> tokio::process::Child {
    tokio::process::Command::new(env!("CARGO_BIN_EXE_pinacle-tui"))
        .args(line.split(' '))
        .env_clear()
        .envs(world.env.iter().cloned())
        .current_dir(&world.cwd)
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("the program starts")
}

#[tokio::test]
async fn a_follower_ends_when_its_reader_goes_though_nothing_more_is_said() {
    let world = world();
    let id = views::pod_id(1);
    let (cursor, time) = (Cursor { epoch: 1, seq: 1 }, Timestamp(views::T0));
    let record = EventRecord { cursor, time, event: Event::PodRemoved { id } };
    world.fake.state().events = vec![record];
    for (line, last) in [("logs -f web", "(after 1.5s)\n"), ("events -f", " removed\n")] {
        let mut program = following(&world, line);
        let mut out = program.stdout.take().expect("a pipe");
        let mut read = Vec::new();
        while !read.ends_with(last.as_bytes()) {
            read.push(out.read_u8().await.expect("it prints all there is"));
        }
        drop(out);
        let ended = tokio::time::timeout(Duration::from_secs(60), program.wait_with_output());
        let ended = ended.await.expect(line).expect("it is waited for");
        let err = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert_eq!((ended.status.code(), err.as_str()), (Some(141), ""), "{line}");
    }
}
