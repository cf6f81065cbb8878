//! The JSON of everything that crosses the socket, as files. A changed file is a
//! change of the protocol; `UPDATE_GOLDEN=1` writes them anew.

use crate::samples::*;
use pinacle_protocol::wire::{CALLS, PtyCodec, PtyFrame};
use pinacle_protocol::*;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use std::fmt::Debug;
use std::path::PathBuf;
use tokio_util::codec::Encoder;

/// The named values of one file.
#[derive(Default)]
struct Golden(Map<String, Value>);

impl Golden {
    /// Adds a value, and checks that it survives the wire, and that a newer peer's
    /// additions do not matter.
    fn value<T: Serialize + DeserializeOwned + PartialEq + Debug>(&mut self, name: &str, value: T) {
        let json = serde_json::to_value(&value).expect("it serialises");
        let read: T =
            serde_json::from_value(json.clone()).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(read, value, "{name}");
        let read: T =
            serde_json::from_value(with_additions(&json)).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(read, value, "{name}");
        self.json(name, json);
    }

    /// Adds what cannot be compared as a value.
    fn message<T: Serialize + DeserializeOwned>(&mut self, name: &str, value: &T) {
        let json = serde_json::to_value(value).expect("it serialises");
        let read: T =
            serde_json::from_value(json.clone()).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(serde_json::to_value(read).expect("it serialises"), json, "{name}");
        self.json(name, json);
    }

    fn json(&mut self, name: &str, json: Value) {
        assert!(self.0.insert(name.to_owned(), json).is_none(), "{name} is there twice");
    }

    fn check(self, file: &str) {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(file);
        let text = format!("{:#}\n", Value::Object(self.0));
        if std::env::var_os("UPDATE_GOLDEN").is_some_and(|set| set == "1") {
            std::fs::write(&path, text).expect("the file can be written");
            return;
        }
        let kept = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{file}: {e}"));
        assert!(kept == text, "{file} would change the protocol; it would become\n{text}");
    }
}

/// Adds a member to every object.
fn with_additions(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(with_additions).collect(),
        Value::Object(members) => {
            let mut members: Map<_, _> =
                members.iter().map(|(name, value)| (name.clone(), with_additions(value))).collect();
            members.insert("from_a_newer_version".to_owned(), json!([{}]));
            Value::Object(members)
        }
        other => other.clone(),
    }
}

/// The words of an enum; fails to compile when one is missing.
macro_rules! words {
    ($golden:ident, $type:ident: $($variant:ident),+) => {{
        #[expect(dead_code, reason = "only ever compiled")]
        fn complete(value: $type) {
            match value { $($type::$variant => (),)+ }
        }
        $golden.message(stringify!($type), &vec![$($type::$variant),+]);
    }};
}

#[test]
fn words_and_exit_codes_are_as_they_were() {
    use pinacle_protocol::diagnostic::Severity;
    let mut golden = Golden::default();
    words!(golden, ErrorKind: InvalidRequest, InvalidSpec, NotFound, Conflict, WrongPhase,
        HostUnreachable, HostUnfit, Exhausted, Engine, CommandFailed, Busy, VersionMismatch,
        DaemonUnreachable, Storage, Cancelled, Internal);
    words!(golden, Mode: Rpc, Stream, Pty);
    words!(golden, PodPhase: Pending, Provisioning, Starting, Running, Stopping, Stopped, Failed, Terminating);
    words!(golden, Desired: Running, Stopped, Gone);
    words!(golden, Isolation: Gvisor, Runc);
    words!(golden, ProcessState: Starting, Running, Restarting, Failed, Stopped);
    words!(golden, HostStatus: Connecting, Up, Down);
    words!(golden, CheckStatus: Ok, Skipped, Warning, Failed);
    words!(golden, OperationKind: Create, Start, Stop, Restart, Delete, Reconfigure, Recreate);
    words!(golden, OperationStatus: Queued, Running, Undoing, Succeeded, Failed, Cancelled);
    words!(golden, StepStatus: Planned, Started, Succeeded, Failed, Undone, Skipped);
    words!(golden, OutputStream: Stdout, Stderr);
    words!(golden, Severity: Warning, Error);
    let kinds: Vec<ErrorKind> =
        serde_json::from_value(golden.0["ErrorKind"].clone()).expect("the kinds");
    let mut codes = Golden::default();
    for kind in kinds {
        let word = serde_json::to_value(kind).expect("a word");
        codes.json(word.as_str().expect("text"), json!(kind.exit_code()));
    }
    golden.check("words.json");
    codes.check("exit_codes.json");
}

#[test]
fn hellos_are_as_they_were() {
    let mut golden = Golden::default();
    let client = |mode, client: Option<&str>| ClientHello {
        pinacle: PROTOCOL_VERSION,
        mode,
        client: client.map(str::to_owned),
    };
    golden.value("client", client(Mode::Rpc, Some("0.1.0")));
    golden.value("client_minimal", client(Mode::Stream, None));
    let (server, features) = ("0.1.0".to_owned(), vec!["a_later_thing".to_owned()]);
    golden.value("welcome", ServerHello::Welcome { pinacle: PROTOCOL_VERSION, server, features });
    let error = ApiError::new(ErrorKind::VersionMismatch, "the client speaks protocol version 2")
        .hint("`pinacle-tui daemon restart`");
    golden.value("refused", ServerHello::Refused { error, supported: vec![PROTOCOL_VERSION] });
    golden.check("hello.json");
}

#[test]
fn views_are_as_they_were() {
    let mut golden = Golden::default();
    golden.value("server_info", server_info());
    golden.value("pod_minimal", pod_minimal());
    golden.value("pod_full", pod_full());
    golden.value("pod_detail", pod_detail());
    golden.value("process", process());
    golden.value("host_up", host_up());
    golden.value("host_down", host_down());
    golden.value("host_report", host_report());
    golden.value("inventory", inventory());
    golden.value("operation", operation());
    golden.value("accepted", accepted());
    golden.value("config_report", config_report());
    golden.value("config_plan", config_plan());
    golden.value("usage", usage());
    golden.value("error", error());
    golden.value("error_minimal", ApiError::new(ErrorKind::Busy, "try later"));
    golden.check("views.json");
}

#[test]
fn events_and_journal_are_as_they_were() {
    let mut golden = Golden::default();
    for (name, event) in ["pod_changed", "host_changed", "operation_changed", "pod_removed"]
        .into_iter()
        .zip(events())
    {
        golden.value(name, event);
    }
    for (name, record) in
        ["begin", "output", "end", "end_unknown", "note"].into_iter().zip(journal())
    {
        golden.value(name, record);
    }
    golden.value("page", journal_page());
    golden.check("records.json");
}

#[test]
fn calls_and_answers_are_as_they_were() {
    let mut golden = Golden::default();
    let mut named = Vec::new();
    for (name, request, response) in calls() {
        golden.message(&format!("{name}.request"), &request);
        golden.message(&format!("{name}.response"), &response);
        named.push(name);
    }
    assert_eq!(named, CALLS);
    golden.check("calls.json");
}

#[test]
fn stream_lines_are_as_they_were() {
    let mut golden = Golden::default();
    golden.value("events", StreamRequest::Events { after: None });
    golden.value("events_after", StreamRequest::Events { after: Some(cursor(3)) });
    let journal =
        |after, infra, follow| StreamRequest::Journal { pod: pod_ref(), after, infra, follow };
    golden.value("journal", journal(Some(cursor(3)), true, true));
    let short = json!({"stream": "journal", "pod": "blog"});
    assert_eq!(
        serde_json::from_value::<StreamRequest>(short).expect("a request"),
        journal(None, false, false)
    );
    let event = events().remove(3);
    golden.value("frame_event", StreamFrame::Event(Box::new(event)));
    let records = crate::samples::journal();
    golden.value("frame_journal", StreamFrame::Journal { cursor: cursor(5), records });
    golden.value("frame_gap", StreamFrame::Gap { resume: cursor(9), missed: Some(4) });
    golden.value("frame_gap_unknown", StreamFrame::Gap { resume: cursor(9), missed: None });
    golden.value("frame_caught_up", StreamFrame::CaughtUp { cursor: cursor(5) });
    golden.value("frame_end", StreamFrame::End);
    golden.value("frame_error", StreamFrame::Error(error()));
    golden.check("stream.json");
}

#[test]
fn pty_lines_and_frames_are_as_they_were() {
    let mut golden = Golden::default();
    let request = PtyRequest {
        pod: pod_ref(),
        command: vec!["npm".to_owned(), "test".to_owned()],
        tty: true,
        size: Some(TerminalSize { columns: 120, rows: 40 }),
        env: vec![("CI".to_owned(), "1".to_owned())],
        working_dir: Some("/workspace".to_owned()),
        user: Some("root".to_owned()),
    };
    assert!(!format!("{request:?}").contains("npm"));
    golden.message("request", &request);
    let short: PtyRequest =
        serde_json::from_value(json!({"pod": "blog", "tty": false})).expect("a request");
    golden.message("request_shell", &short);
    golden.value("reply_started", PtyReply::Started);
    golden.value("reply_error", PtyReply::Error(error()));
    let frames = [
        ("stdin", PtyFrame::new(PtyFrameKind::Stdin, "ls\n")),
        ("stdout", PtyFrame::new(PtyFrameKind::Stdout, "a\n")),
        ("stderr", PtyFrame::new(PtyFrameKind::Stderr, "b\n")),
        ("stdin_end", PtyFrame::new(PtyFrameKind::StdinEnd, "")),
        ("resize", PtyFrame::resize(TerminalSize { columns: 120, rows: 40 })),
        ("exit", PtyFrame::exit(-1)),
        ("error", PtyFrame::new(PtyFrameKind::Error, "{}")),
        ("detach", PtyFrame::new(PtyFrameKind::Detach, "")),
    ];
    for (name, frame) in frames {
        let mut bytes = bytes::BytesMut::new();
        PtyCodec.encode(frame, &mut bytes).expect("it fits");
        let hex: Vec<_> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        golden.json(&format!("frame_{name}"), json!(hex.join(" ")));
    }
    golden.check("pty.json");
}
