//! The two forms of a call, and their answers.
//!
//! The library's form is what the Rust client speaks; the plain form
//! `{"id":1,"call":"pod","args":{…}}` is for scripts, answered by `{"id":1,"ok":…}` or
//! `{"id":1,"error":{…}}`. Both become the same request. A line that is neither, or
//! whose id cannot be told, is answered in the plain form with the id `null`.

use super::{DEFAULT_DEADLINE, MAX_DEADLINE};
use crate::{ApiError, ErrorKind, PinacleRequest, PinacleResponse};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::time::Duration;
use tarpc::{Response, context::Context};
use tokio::time::Instant;

/// Every call by its name in the plain form, which is its method's.
pub const CALLS: [&str; 23] = [
    "server_info",
    "inventory",
    "pod",
    "pod_create",
    "pod_start",
    "pod_stop",
    "pod_restart",
    "pod_delete",
    "pod_adopt",
    "pod_usage",
    "pod_processes",
    "process_log",
    "pod_ticket",
    "config_check",
    "config_plan",
    "config_apply",
    "operation",
    "operation_wait",
    "events_since",
    "journal",
    "journal_until",
    "host_check",
    "shutdown",
];

/// Calls whose one argument is `request`: its fields may stand in `args` themselves.
const ONE_REQUEST: [&str; 7] = [
    "pod_create",
    "pod_start",
    "pod_stop",
    "pod_restart",
    "pod_delete",
    "pod_adopt",
    "config_apply",
];

/// Longest id in the plain form, in bytes; it comes back with the answer.
const MAX_ID: usize = 128;
/// Longest explanation taken over from the JSON reader, in characters: it may quote
/// what was sent.
const MAX_DETAIL: usize = 300;

/// What a line asks for.
#[derive(Debug)]
pub(super) enum Incoming {
    /// A call.
    Call(Box<Call>),
    /// The end of a call of the library's form.
    Cancel {
        /// Its id.
        id: u64,
    },
}

/// A call that was understood.
#[derive(Debug)]
pub(super) struct Call {
    /// Who gets the answer.
    pub(super) caller: Caller,
    /// How long it may take.
    pub(super) timeout: Duration,
    /// Deadline and trace.
    pub(super) context: Context,
    /// The call itself.
    pub(super) request: PinacleRequest,
}

/// How the answer to a call finds the one who asked.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Caller {
    /// In the library's form, by this number.
    Library(u64),
    /// In the plain form, by whatever was given as id.
    Plain(Id),
}

/// An id of the plain form, as the JSON that stood there: read and written again, a number
/// of many digits would be another one.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Id(String);

impl From<Value> for Id {
    fn from(value: Value) -> Self {
        Self(value.to_string())
    }
}

impl Id {
    /// Takes the id of a line; `None` when it may be none.
    fn of(line: &[u8], value: Value) -> Option<Self> {
        match &value {
            Value::Array(_) | Value::Object(_) => None,
            Value::String(text) if text.len() > MAX_ID => None,
            Value::Number(_) => {
                // The text of another member would come of a key that is written in escapes,
                // or there twice.
                let text = super::recover::number_text(line)
                    .filter(|text| serde_json::from_str::<Value>(text).is_ok_and(|v| v == value));
                let text = text.map_or_else(|| value.to_string(), str::to_owned);
                (text.len() <= MAX_ID).then_some(Self(text))
            }
            _ => Some(value.into()),
        }
    }
}

/// A line that cannot be carried out.
#[derive(Debug)]
pub(super) struct Refused {
    /// Who is told.
    pub(super) caller: Caller,
    /// Why.
    pub(super) error: Box<ApiError>,
}

impl Refused {
    fn new(caller: Caller, error: ApiError) -> Self {
        Self { caller, error: Box::new(error) }
    }
}

impl Caller {
    /// The one whose id is not known.
    pub(super) fn unknown() -> Self {
        Self::Plain(Id::from(Value::Null))
    }

    /// Returns the line that answers with an error which is not the call's own.
    pub(super) fn refusal(&self, error: &ApiError) -> String {
        match self {
            Self::Plain(Id(id)) => format!("{{\"id\":{id},\"error\":{}}}", json!(error)),
            Self::Library(id) => {
                let hint = error.hint.as_ref().map(|hint| format!(" ({hint})"));
                let detail = error.chain() + &hint.unwrap_or_default();
                let error = json!({ "kind": library_kind(error.kind), "detail": detail });
                json!({ "request_id": id, "message": { "Err": error } }).to_string()
            }
        }
    }

    /// Returns the line that answers with a call's result.
    pub(super) fn answer(&self, response: Response<PinacleResponse>) -> String {
        let made = match (self, response.message) {
            (Self::Library(id), message) => {
                serde_json::to_string(&Response { request_id: *id, message })
            }
            (Self::Plain(id), Ok(message)) => {
                serde_json::to_string(&message).map(|text| plain_answer(id, &text))
            }
            (Self::Plain(_), Err(error)) => {
                Ok(self.refusal(&ApiError::new(ErrorKind::Internal, error.to_string())))
            }
        };
        made.unwrap_or_else(|error| {
            self.refusal(&ApiError::from_error(ErrorKind::Internal, &error))
        })
    }
}

/// `{"Pod":{"Ok":…}}` becomes `{"id":1,"ok":…}`. Done on the text, so that a long
/// answer keeps its fields' order and is not built up a second time.
fn plain_answer(id: &Id, text: &str) -> String {
    let inner = text.split_once(":{\"").and_then(|(_, rest)| rest.strip_suffix("}}"));
    let found = inner.and_then(|inner| inner.split_once("\":"));
    let Id(shown) = id;
    match found {
        Some(("Ok", result)) => format!("{{\"id\":{shown},\"ok\":{result}}}"),
        Some(("Err", error)) => format!("{{\"id\":{shown},\"error\":{error}}}"),
        _ => {
            let error = ApiError::new(ErrorKind::Internal, "the answer has no known form");
            Caller::Plain(id.clone()).refusal(&error)
        }
    }
}

/// Returns the library's number for a sort of error: of `std::io::ErrorKind`, as it
/// counts them.
fn library_kind(kind: ErrorKind) -> u32 {
    match kind {
        ErrorKind::InvalidRequest => 12,
        ErrorKind::Busy => 10,
        ErrorKind::Cancelled => 13,
        _ => 16,
    }
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new(ErrorKind::InvalidRequest, message)
}

fn detail(error: &serde_json::Error) -> String {
    error.to_string().chars().take(MAX_DETAIL).collect()
}

/// A call in the library's form that needs no repair, which is what the Rust client
/// sends: read without building its JSON up first.
#[derive(Deserialize)]
struct AsSent {
    #[serde(rename = "Request")]
    request: SentRequest,
}

#[derive(Deserialize)]
struct SentRequest {
    context: SentContext,
    id: u64,
    message: PinacleRequest,
}

#[derive(Deserialize)]
struct SentContext {
    deadline: Duration,
    trace_context: tarpc::trace::Context,
}

/// Reads such a line; `None` for every other.
fn read_as_sent(line: &[u8]) -> Option<Call> {
    if !line.starts_with(b"{\"Request\":") {
        return None;
    }
    let AsSent { request: SentRequest { context: given, id, message } } =
        serde_json::from_slice(line).ok()?;
    let timeout = given.deadline.min(MAX_DEADLINE);
    let mut context = tarpc::context::current();
    context.deadline = (Instant::now() + timeout).into_std();
    context.trace_context = given.trace_context;
    Some(Call { caller: Caller::Library(id), timeout, context, request: message })
}

/// Reads a line.
pub(super) fn parse(line: &[u8]) -> Result<Incoming, Refused> {
    if let Some(call) = read_as_sent(line) {
        return Ok(Incoming::Call(Box::new(call)));
    }
    let value = serde_json::from_slice(line).map_err(|error| {
        let error = invalid(format!("not a line of JSON: {}", detail(&error)));
        Refused::new(super::recover::caller(line), error)
    })?;
    let Value::Object(mut members) = value else {
        let error = invalid("a line must be a JSON object").hint(EXAMPLE);
        return Err(Refused::new(Caller::unknown(), error));
    };
    if members.contains_key("call") {
        return plain(line, members).map(|call| Incoming::Call(Box::new(call)));
    }
    if let Some(request) = members.remove("Request") {
        return library(request).map(|call| Incoming::Call(Box::new(call)));
    }
    if let Some(id) = members.get("Cancel").and_then(|c| c.get("request_id")?.as_u64()) {
        return Ok(Incoming::Cancel { id });
    }
    let caller = plain_id(line, members.remove("id")).unwrap_or(Caller::unknown());
    Err(Refused::new(caller, invalid("the line has no `call`").hint(EXAMPLE)))
}

const EXAMPLE: &str = "for example {\"id\":1,\"call\":\"server_info\"}; see protocol/README.md";

fn plain_id(line: &[u8], id: Option<Value>) -> Option<Caller> {
    Id::of(line, id.unwrap_or_default()).map(Caller::Plain)
}

fn plain(line: &[u8], mut members: Map<String, Value>) -> Result<Call, Refused> {
    let Some(caller) = plain_id(line, members.remove("id")) else {
        let message = format!("`id` must be a number or a text of at most {MAX_ID} bytes");
        return Err(Refused::new(Caller::unknown(), invalid(message)));
    };
    let (request, timeout) = match plain_request(members) {
        Ok(understood) => understood,
        Err(error) => return Err(Refused::new(caller, error)),
    };
    finish(caller, request, timeout, trace())
}

fn plain_request(mut line: Map<String, Value>) -> Result<(PinacleRequest, Duration), ApiError> {
    let Some(Value::String(name)) = line.remove("call") else {
        return Err(invalid("`call` must be the name of a call").hint(EXAMPLE));
    };
    let Some(name) = CALLS.into_iter().find(|call| *call == name) else {
        let name: String = name.chars().take(60).collect();
        return Err(invalid(format!("there is no call {name:?}"))
            .hint(format!("the calls are {}", CALLS.join(", "))));
    };
    let mut args = match line.remove("args").unwrap_or_default() {
        Value::Object(args) => args,
        Value::Null => Map::new(),
        _ => return Err(invalid("`args` must be an object of named arguments")),
    };
    // Who waits for 25 s need not say besides that the call may take that long.
    let waits = args.get("wait_ms").and_then(Value::as_u64).unwrap_or(0);
    let timeout = match line.remove("timeout_ms") {
        None | Some(Value::Null) => DEFAULT_DEADLINE.saturating_add(Duration::from_millis(waits)),
        Some(value) => match value.as_u64() {
            Some(ms) => Duration::from_millis(ms),
            None => return Err(invalid("`timeout_ms` must be a whole number of milliseconds")),
        },
    };
    if ONE_REQUEST.contains(&name) && !args.contains_key("request") {
        args = Map::from_iter([("request".to_owned(), Value::Object(args))]);
    }
    let request = serde_json::from_value(json!({ variant(name): args })).map_err(|error| {
        invalid(format!("cannot read the arguments of `{name}`: {}", detail(&error)))
            .hint("protocol/README.md lists them")
    })?;
    Ok((request, timeout))
}

/// `pod_create` becomes `PodCreate`.
fn variant(name: &str) -> String {
    let capital = |word: &str| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_ascii_uppercase().to_string() + letters.as_str())
    };
    name.split('_').filter_map(capital).collect()
}

fn library(request: Value) -> Result<Call, Refused> {
    let id = request.get("id").and_then(Value::as_u64);
    let caller = id.map_or(Caller::unknown(), Caller::Library);
    let (Value::Object(mut request), Some(_)) = (request, id) else {
        let error = invalid("`Request` must be an object with a number as its `id`").hint(EXAMPLE);
        return Err(Refused::new(caller, error));
    };
    let mut context = match request.remove("context").unwrap_or_default() {
        Value::Object(context) => context,
        Value::Null => Map::new(),
        _ => return Err(Refused::new(caller, invalid("`context` must be an object"))),
    };
    let timeout = match context.remove("deadline").unwrap_or_default() {
        Value::Null => Ok(DEFAULT_DEADLINE),
        deadline => serde_json::from_value(deadline),
    };
    let timeout = match timeout {
        Ok(timeout) => timeout,
        Err(error) => {
            let error = invalid(format!("cannot read the deadline: {}", detail(&error)));
            return Err(Refused::new(caller, error));
        }
    };
    let trace = context.remove("trace_context").unwrap_or_else(trace);
    match serde_json::from_value(request.remove("message").unwrap_or_default()) {
        Ok(request) => finish(caller, request, timeout, trace),
        Err(error) => {
            let error = invalid(format!("not a call: {}", detail(&error)));
            Err(Refused::new(caller, error.hint("protocol/README.md lists the calls")))
        }
    }
}

fn trace() -> Value {
    serde_json::to_value(tarpc::trace::Context::default()).unwrap_or_default()
}

/// Makes the context. The library's timers panic on deadlines of years, so it never
/// sees one above [`MAX_DEADLINE`].
fn finish(
    caller: Caller,
    request: PinacleRequest,
    timeout: Duration,
    trace: Value,
) -> Result<Call, Refused> {
    let timeout = timeout.min(MAX_DEADLINE);
    let context = json!({ "deadline": timeout, "trace_context": trace });
    match serde_json::from_value(context) {
        Ok(context) => Ok(Call { caller, timeout, context, request }),
        Err(error) => {
            let error = invalid(format!("cannot read the trace context: {}", detail(&error)));
            Err(Refused::new(caller, error))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(line: Value) -> Call {
        match parse(line.to_string().as_bytes()) {
            Ok(Incoming::Call(call)) => *call,
            other => unreachable!("not a call: {other:?}"),
        }
    }

    fn refused(line: &str) -> (Caller, String) {
        let Err(Refused { caller, error }) = parse(line.as_bytes()) else {
            unreachable!("{line} was understood")
        };
        assert_eq!(error.kind, ErrorKind::InvalidRequest);
        (caller, error.chain())
    }

    fn plain(id: impl Into<Value>) -> Caller {
        Caller::Plain(id.into().into())
    }

    #[test]
    fn the_calls_are_those_of_the_service() {
        let error = serde_json::from_str::<PinacleRequest>("{\"Nope\":{}}").expect_err("no call");
        let known: Vec<_> = CALLS.iter().map(|name| format!("`{}`", variant(name))).collect();
        assert!(
            error.to_string().contains(&format!("expected one of {}", known.join(", "))),
            "{error}"
        );
        for name in CALLS {
            let message = json!({ variant(name): {} });
            let takes_request = serde_json::from_value::<PinacleRequest>(message)
                .is_err_and(|error| error.to_string().contains("missing field `request`"));
            assert_eq!(takes_request, ONE_REQUEST.contains(&name), "{name}");
        }
    }

    #[test]
    fn a_request_may_stand_in_the_arguments_themselves() {
        let action = json!({"request_id": "r", "pod": "blog"});
        for args in [action.clone(), json!({ "request": action })] {
            let call = call(json!({"id": "a", "call": "pod_stop", "args": args}));
            assert!(
                matches!(call.request, PinacleRequest::PodStop { request } if request.pod.0 == "blog")
            );
            assert_eq!(call.caller, plain("a"));
        }
    }

    #[test]
    fn an_id_comes_back_as_it_was_sent() {
        let long = "9".repeat(MAX_ID);
        for id in [
            "123456789012345678901234567890",
            "-0",
            "0.30000000000000004",
            "1.50",
            "1E+3",
            "18446744073709551615",
            "\"a\\\"b\"",
            "null",
            "true",
            &long,
        ] {
            let answered = format!("{{\"id\":{id},\"error\":");
            for line in [
                format!("{{\"id\":{id},\"call\":\"nope\"}}"),
                format!(" {{ \"args\" : {{\"id\":1}}, \"call\":\"nope\", \"id\" :  {id} }}"),
            ] {
                let (caller, _) = refused(&line);
                let told = caller.refusal(&invalid("x"));
                assert!(told.starts_with(&answered), "{line}: {told}");
                assert!(serde_json::from_str::<Value>(&told).is_ok(), "{told}");
            }
        }
        // A key that is found only once it was read gives what was read.
        for line in [r#"{"\u0069d":7,"call":"nope"}"#, r#"{"id":1,"id":7,"call":"nope"}"#] {
            assert_eq!(refused(line).0, plain(7), "{line}");
        }
        let (caller, text) = refused(&format!("{{\"id\":1{long},\"call\":\"pod\"}}"));
        assert_eq!(caller, Caller::unknown());
        assert!(text.contains("at most 128 bytes"), "{text}");
    }

    #[test]
    fn a_call_may_take_as_long_as_it_says_and_never_for_ever() {
        let wait = |line| call(line).timeout;
        let second = Duration::from_secs(1);
        assert_eq!(wait(json!({"call": "inventory"})), DEFAULT_DEADLINE);
        assert_eq!(wait(json!({"call": "inventory", "timeout_ms": 1000})), second);
        assert_eq!(wait(json!({"call": "inventory", "timeout_ms": u64::MAX})), MAX_DEADLINE);
        let args = json!({"id": "abcdefgh01234567", "wait_ms": 25_000});
        assert_eq!(wait(json!({"call": "operation_wait", "args": args})), 35 * second);
        let deadlines = [
            (json!(null), DEFAULT_DEADLINE),
            (json!({"secs": 1, "nanos": 0}), second),
            (json!([1, 0]), second),
            (json!({"secs": 800 * 86_400, "nanos": 0}), MAX_DEADLINE),
            (json!([u64::MAX, 0]), MAX_DEADLINE),
            (json!({"secs": 1_u64 << 63, "nanos": 999_999_999}), MAX_DEADLINE),
        ];
        for (deadline, expected) in deadlines {
            let request =
                json!({"id": 1, "context": {"deadline": deadline}, "message": {"Inventory": {}}});
            assert_eq!(wait(json!({ "Request": request })), expected);
        }
    }

    #[test]
    fn what_is_no_call_is_refused_by_its_id() {
        let cases = [
            (r#"{"id":7,"call":"nope"}"#, plain(7), "there is no call \"nope\""),
            (r#"{"id":7,"call":"pod","args":{}}"#, plain(7), "missing field `pod`"),
            (r#"{"id":7,"call":"pod","args":[]}"#, plain(7), "`args` must be"),
            (r#"{"id":7,"call":5}"#, plain(7), "`call` must be"),
            (r#"{"id":7}"#, plain(7), "no `call`"),
            (r#"{"id":[7],"call":"pod"}"#, Caller::unknown(), "`id` must be"),
            (r#"[1]"#, Caller::unknown(), "a JSON object"),
            (r#"GET / HTTP/1.1"#, Caller::unknown(), "not a line of JSON"),
            (r#"{"id":7,"call":"pod","args":{"#, plain(7), "not a line of JSON"),
            (
                r#"{"Request":{"id":7,"message":{"Nope":{}}}}"#,
                Caller::Library(7),
                "unknown variant `Nope`",
            ),
            (
                r#"{"Request":{"id":7,"message":{"Pod":{}}}}"#,
                Caller::Library(7),
                "missing field `pod`",
            ),
            (r#"{"Request":{"id":7}}"#, Caller::Library(7), "not a call"),
            (r#"{"Request":{"id":7,"message":"#, Caller::Library(7), "not a line of JSON"),
            (
                r#"{"Request":{"id":7,"context":[[9e18,0]],"message":{"Inventory":{}}}}"#,
                Caller::Library(7),
                "`context`",
            ),
            (
                r#"{"Request":{"id":7,"context":{"deadline":-1},"message":{"Inventory":{}}}}"#,
                Caller::Library(7),
                "deadline",
            ),
            (
                r#"{"Request":{"id":-7,"message":{"Inventory":{}}}}"#,
                Caller::unknown(),
                "`Request` must be",
            ),
            (r#"{"Request":[{},1,{"Inventory":{}}]}"#, Caller::unknown(), "`Request` must be"),
            (r#"{"Cancel":{"id":7}}"#, Caller::unknown(), "no `call`"),
        ];
        for (line, caller, message) in cases {
            let (told, text) = refused(line);
            assert_eq!(told, caller, "{line}");
            assert!(text.contains(message), "{line}: {text}");
        }
    }

    #[test]
    fn an_explanation_repeats_little_of_what_was_sent() {
        let long = "s".repeat(100_000);
        let (_, text) =
            refused(&json!({"id": 1, "call": "pod_usage", "args": {"pods": long}}).to_string());
        assert!(text.len() < 500, "{} bytes", text.len());
    }
}
