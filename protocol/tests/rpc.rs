//! Calls: good ones, bad ones, late ones, many.

use crate::samples;
use crate::stub::Peer;
use pinacle_protocol::wire::{CALLS, MAX_IN_FLIGHT, MAX_LINE};
use serde_json::{Value, json};
use std::time::Duration;

const WAIT: &str = r#""message":{"OperationWait":{"id":"op0123456789abcd","wait_ms":0}}"#;

#[tokio::test]
async fn both_forms_of_a_call_are_answered_in_kind() {
    let mut peer = Peer::rpc().await;
    let answer = peer.ask(r#"{"Request":{"id":1,"message":{"ServerInfo":{}}}}"#).await;
    let info = serde_json::to_value(samples::server_info()).expect("JSON");
    assert_eq!(answer, json!({"request_id": 1, "message": {"Ok": {"ServerInfo": {"Ok": info}}}}));
    let answer = peer.ask(r#"{"id":2,"call":"server_info"}"#).await;
    assert_eq!(answer, json!({"id": 2, "ok": info}));
    let answer = peer.ask(r#"{"call":"pod","args":{"pod":"x"},"later":1}"#).await;
    let error = json!({"kind": "not_found", "message": "there is no pod `x`"});
    assert_eq!(answer, json!({"id": null, "error": error}));
    let answer = peer.ask(r#"{"id":"e","call":"shutdown"}"#).await;
    assert_eq!(answer, json!({"id": "e", "ok": null}));
}

#[tokio::test]
async fn every_call_is_answered_in_the_plain_form() {
    let mut peer = Peer::rpc().await;
    for (name, request, _) in samples::calls() {
        let request = serde_json::to_value(request).expect("JSON");
        let args = request.as_object().expect("an object").values().next();
        let line = json!({"id": name, "call": name, "args": args, "timeout_ms": 50});
        let answer = peer.ask(&line.to_string()).await;
        assert_eq!(answer["id"], name);
        assert!(answer.get("ok").is_some() != answer.get("error").is_some(), "{answer}");
    }
    assert_eq!(samples::calls().len(), CALLS.len());
}

#[tokio::test]
async fn what_cannot_be_understood_is_answered_and_the_connection_lives() {
    let mut peer = Peer::rpc().await;
    let library = [
        (r#"{"Request":{"id":5,"message":{"Nope":{}}}}"#, "unknown variant `Nope`"),
        (r#"{"Request":{"id":5,"message":{"Pod":{}}}}"#, "missing field `pod`"),
        (r#"{"Request":{"id":5,"message":{"Pod":{"pod":5}}}}"#, "expected a string"),
        (r#"{"Request":{"id":5,"context":5,"message":{"ServerInfo":{}}}}"#, "`context`"),
        (r#"{"Request":{"id":5,"message":{"Pod"#, "not a line of JSON"),
    ];
    for (line, reason) in library {
        let answer = peer.ask(line).await;
        assert_eq!(
            (&answer["request_id"], &answer["message"]["Err"]["kind"]),
            (&json!(5), &json!(12))
        );
        let detail = answer["message"]["Err"]["detail"].as_str().expect("text");
        assert!(detail.contains(reason), "{line}: {detail}");
    }
    let unknown = ["GET / HTTP/1.1", "\u{1}\u{2}", "[]", "{}", "5", "\"{\"", "{\"Request\":{}}"];
    for line in unknown {
        let answer = peer.ask(line).await;
        assert_eq!(
            (&answer["id"], &answer["error"]["kind"]),
            (&Value::Null, &json!("invalid_request"))
        );
    }
    peer.send_bytes(b"\xff\xfe\n").await;
    assert_eq!(peer.receive().await["error"]["kind"], "invalid_request");
    let deep = "[".repeat(100_000);
    assert_eq!(peer.ask(&deep).await["error"]["kind"], "invalid_request");
    peer.send_bytes(b"\n\r\n   \n").await;
    peer.check_alive().await;
}

#[tokio::test]
async fn a_deadline_of_years_harms_nothing() {
    let mut peer = Peer::rpc().await;
    let years = 800_u64 * 86_400;
    let deadlines = [
        json!({"secs": years, "nanos": 0}),
        json!([years, 0]),
        json!({"secs": 1_u64 << 63, "nanos": 0}),
        json!({"secs": u64::MAX, "nanos": 999_999_999}),
        Value::Null,
    ];
    for deadline in deadlines {
        let request =
            json!({"id": 1, "context": {"deadline": deadline}, "message": {"ServerInfo": {}}});
        let answer = peer.ask(&json!({ "Request": request }).to_string()).await;
        assert_eq!(answer["message"]["Ok"]["ServerInfo"]["Ok"]["pid"], 4242, "{deadline}");
    }
    for deadline in [
        json!({"secs": -1, "nanos": 0}),
        json!("soon"),
        json!({"secs": u64::MAX, "nanos": u32::MAX}),
    ] {
        let request =
            json!({"id": 1, "context": {"deadline": deadline}, "message": {"ServerInfo": {}}});
        let answer = peer.ask(&json!({ "Request": request }).to_string()).await;
        assert_eq!(answer["message"]["Err"]["kind"], 12, "{deadline}");
    }
    let answer =
        peer.ask(r#"{"id":1,"call":"server_info","timeout_ms":18446744073709551615}"#).await;
    assert_eq!(answer["ok"]["pid"], 4242);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_runs_out_of_time_is_answered_so() {
    let mut peer = Peer::rpc().await;
    let answer = peer.ask(&format!(r#"{{"Request":{{"id":3,{WAIT}}}}}"#)).await;
    assert_eq!((&answer["request_id"], &answer["message"]["Err"]["kind"]), (&json!(3), &json!(13)));
    let args = json!({"id": "op0123456789abcd", "wait_ms": 0});
    for timeout in [0, 1, 30_000] {
        let line =
            json!({"id": timeout, "call": "operation_wait", "args": args, "timeout_ms": timeout});
        let answer = peer.ask(&line.to_string()).await;
        assert_eq!(
            (&answer["id"], &answer["error"]["kind"]),
            (&json!(timeout), &json!("cancelled"))
        );
    }
    peer.check_alive().await;
}

#[tokio::test]
async fn the_work_of_a_call_ends_with_its_time() {
    let mut peer = Peer::rpc().await;
    let line = format!(r#"{{"Request":{{"id":3,"context":{{"deadline":[0,300000000]}},{WAIT}}}}}"#);
    peer.send(&line).await;
    peer.wait_for(1).await;
    assert_eq!(peer.receive().await["message"]["Err"]["kind"], 13);
    peer.wait_for(0).await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_closes_its_side_still_gets_every_answer() {
    let mut peer = Peer::rpc().await;
    peer.send(r#"{"id":1,"call":"operation_wait","args":{"id":"op0123456789abcd","wait_ms":0}}"#)
        .await;
    peer.send_bytes(br#"{"id":2,"call":"server_info"}"#).await;
    peer.finish().await;
    assert_eq!(peer.receive().await["id"], 2);
    assert_eq!(peer.receive().await["error"]["kind"], "cancelled");
    assert!(peer.try_receive().await.is_none());
}

#[tokio::test]
async fn the_same_id_twice_gets_two_answers() {
    let mut peer = Peer::rpc().await;
    for _ in 0..2 {
        peer.send(&format!(
            r#"{{"Request":{{"id":9,"context":{{"deadline":[0,50000000]}},{WAIT}}}}}"#
        ))
        .await;
    }
    peer.send(r#"{"Request":{"id":9,"message":{"ServerInfo":{}}}}"#).await;
    let mut ok = 0;
    for _ in 0..3 {
        let answer = peer.receive().await;
        assert_eq!(answer["request_id"], 9);
        ok += usize::from(answer["message"].get("Ok").is_some());
    }
    assert_eq!(ok, 1);
    peer.check_alive().await;
}

#[tokio::test]
async fn a_cancelled_call_ends_and_is_not_answered() {
    let mut peer = Peer::rpc().await;
    peer.send(&format!(r#"{{"Request":{{"id":9,{WAIT}}}}}"#)).await;
    peer.wait_for(1).await;
    peer.send(r#"{"Cancel":{"request_id":9}}"#).await;
    peer.wait_for(0).await;
    peer.send(r#"{"Cancel":{"request_id":9}}"#).await;
    peer.send(r#"{"Cancel":{"request_id":10}}"#).await;
    peer.check_alive().await;
}

#[tokio::test]
async fn too_many_calls_at_once_are_refused_as_busy() {
    let mut peer = Peer::rpc().await;
    for id in 0..MAX_IN_FLIGHT {
        peer.send(&format!(r#"{{"Request":{{"id":{id},{WAIT}}}}}"#)).await;
    }
    let answer = peer.ask(r#"{"id":"more","call":"server_info"}"#).await;
    assert_eq!((&answer["id"], &answer["error"]["kind"]), (&json!("more"), &json!("busy")));
    let answer = peer.ask(r#"{"Request":{"id":100,"message":{"ServerInfo":{}}}}"#).await;
    assert_eq!(
        (&answer["request_id"], &answer["message"]["Err"]["kind"]),
        (&json!(100), &json!(10))
    );
    peer.wait_for(MAX_IN_FLIGHT).await;
    // With all places taken, cancelling still works and makes room.
    peer.send(r#"{"Cancel":{"request_id":5}}"#).await;
    peer.check_alive().await;
}

#[tokio::test]
async fn a_line_without_end_is_thrown_away_up_to_its_end() {
    let mut peer = Peer::rpc().await;
    let piece = vec![b'x'; 1 << 20];
    for _ in 0..(MAX_LINE >> 20) + 3 {
        peer.send_bytes(&piece).await;
    }
    peer.send_bytes(b"\n").await;
    let answer = peer.receive().await;
    assert_eq!(
        (&answer["id"], &answer["error"]["kind"]),
        (&Value::Null, &json!("invalid_request"))
    );
    peer.check_alive().await;
    let text = "#".repeat(MAX_LINE - 60);
    let line = json!({"id": 1, "call": "config_check", "args": {"spec_text": text}}).to_string();
    assert!(line.len() <= MAX_LINE);
    let answer = peer.ask(&line).await;
    assert_eq!(answer["ok"]["effective"], format!("# {} bytes", text.len()));
}

#[tokio::test]
async fn an_answer_too_long_for_a_line_is_replaced_by_an_error() {
    let mut peer = Peer::rpc().await;
    let answer = peer.ask(r#"{"id":1,"call":"pod","args":{"pod":"huge"}}"#).await;
    assert_eq!((&answer["id"], &answer["error"]["kind"]), (&json!(1), &json!("invalid_request")));
    let answer = peer.ask(r#"{"Request":{"id":2,"message":{"Pod":{"pod":"huge"}}}}"#).await;
    assert_eq!((&answer["request_id"], &answer["message"]["Err"]["kind"]), (&json!(2), &json!(12)));
    peer.check_alive().await;
}

#[tokio::test(start_paused = true)]
async fn half_a_line_waits_for_the_other_half() {
    let mut peer = Peer::rpc().await;
    peer.send_bytes(br#"{"id":1,"call":"#).await;
    tokio::time::sleep(Duration::from_secs(86_400)).await;
    peer.send_bytes(br#""server_info"}"#).await;
    peer.send_bytes(b"\n").await;
    assert_eq!(peer.receive().await["ok"]["pid"], 4242);
}

#[tokio::test]
async fn a_client_that_reads_nothing_is_not_read_from_for_ever() {
    let mut peer = Peer::rpc().await;
    let flood = async {
        // More than both directions can hold.
        for _ in 0..100_000 {
            peer.send_bytes(b"nonsense\n").await;
        }
    };
    let flooded = tokio::time::timeout(Duration::from_millis(300), flood).await;
    assert!(flooded.is_err(), "the daemon took it all");
    // Once it reads, every line it got rid of has its answer; the last may be cut.
    let mut answers = 0;
    while answers < 100 {
        assert_eq!(peer.receive().await["error"]["kind"], "invalid_request");
        answers += 1;
    }
}
