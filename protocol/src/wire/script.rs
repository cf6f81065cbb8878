//! The plain form of a call, for scripts: `{"id":1,"call":"pod","args":{…}}`,
//! answered by `{"id":1,"ok":…}` or `{"id":1,"error":{…}}`. It is turned into the
//! form the RPC library reads, and its answer back.

use crate::{ApiError, ErrorKind};
use serde_json::{Map, Value, json};

/// Returns the library's form of a plain call.
pub(super) fn to_request(mut call: Map<String, Value>) -> Result<Value, ApiError> {
    let name = call.get("call").and_then(Value::as_str).unwrap_or_default();
    let variant = variant(name);
    let args = call.remove("args").unwrap_or_else(|| json!({}));
    if !args.is_object() {
        let message = "`args` must be an object of named arguments";
        return Err(ApiError::new(ErrorKind::InvalidRequest, message));
    }
    let mut request = json!({ "id": call.remove("id"), "message": { variant: args } });
    if let Some(seconds) = call.remove("timeout_s") {
        request["context"] = json!({ "deadline": { "secs": seconds, "nanos": 0 } });
    }
    Ok(json!({ "Request": request }))
}

/// `pod_create` becomes `PodCreate`.
fn variant(name: &str) -> String {
    let capital = |word: &str| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_ascii_uppercase().to_string() + letters.as_str())
    };
    name.split('_').filter_map(capital).collect()
}

/// Returns the plain form of an answer: the library's `{"Variant":{"Ok":…}}` inside
/// `Ok`, or its own error inside `Err`.
pub(super) fn to_answer(id: u64, message: Value) -> Value {
    let part = |value: &Value, key: &str| value.get(key).cloned();
    if let Some(error) = part(&message, "Err") {
        let text = error.get("detail").and_then(Value::as_str).unwrap_or("the call failed");
        return json!({ "id": id, "error": ApiError::new(ErrorKind::Internal, text) });
    }
    let inner = message.get("Ok").and_then(Value::as_object).and_then(|o| o.values().next());
    let inner = inner.cloned().unwrap_or(Value::Null);
    match (part(&inner, "Ok"), part(&inner, "Err")) {
        (Some(ok), _) => json!({ "id": id, "ok": ok }),
        (None, Some(error)) => json!({ "id": id, "error": error }),
        (None, None) => json!({ "id": id, "ok": Value::Null }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_call_becomes_the_librarys() {
        let Value::Object(call) = json!({"id": 3, "call": "pod_create", "args": {"a": 1}}) else {
            unreachable!("an object");
        };
        let request = to_request(call).expect("a request");
        assert_eq!(request, json!({"Request": {"id": 3, "message": {"PodCreate": {"a": 1}}}}));
    }

    #[test]
    fn answers_become_plain() {
        let answer = |message| to_answer(1, message);
        assert_eq!(answer(json!({"Ok": {"Pod": {"Ok": 5}}})), json!({"id": 1, "ok": 5}));
        assert_eq!(answer(json!({"Ok": {"Pod": {"Err": {"kind": "busy"}}}})), json!({"id": 1, "error": {"kind": "busy"}}));
        assert_eq!(answer(json!({"Err": {"kind": 1, "detail": "x"}}))["error"]["message"], "x");
    }
}
