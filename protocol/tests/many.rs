//! Many calls on one connection, sent without waiting for an answer.

use crate::stub::Peer;
use serde_json::json;
use std::collections::BTreeMap;
use std::fmt::Write;

const CALLS: u64 = 2_000;

#[tokio::test(start_paused = true)]
async fn each_call_gets_its_own_answer_and_no_other() {
    let mut sent = "{\"pinacle\":1,\"mode\":\"rpc\"}\n".to_owned();
    for id in 0..CALLS {
        let length = usize::try_from(id * 37 % 5_000).expect("small");
        let args = json!({"spec_text": "#".repeat(length)});
        let line = json!({"id": id, "call": "config_check", "args": args});
        writeln!(sent, "{line}").expect("there is room");
    }
    let answers = Peer::silent().converse(sent.as_bytes()).await;
    let mut by_id = BTreeMap::new();
    for answer in &answers[1..] {
        let id = answer["id"].as_u64().expect("an id that was sent");
        assert!(by_id.insert(id, answer).is_none(), "{id} was answered twice");
    }
    assert_eq!(by_id.len() as u64, CALLS);
    let mut carried_out = 0;
    for (id, answer) in by_id {
        match answer["ok"]["effective"].as_str() {
            Some(text) => {
                assert_eq!(text, format!("# {} bytes", id * 37 % 5_000));
                carried_out += 1;
            }
            None => assert_eq!(answer["error"]["kind"], "busy", "{answer}"),
        }
    }
    assert!(carried_out > 0);
}
