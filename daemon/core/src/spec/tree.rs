//! From text to a tree of values with positions.
//!
//! Anchors, aliases and `<<` merges are resolved here, so that the readers see
//! plain lists and mappings. Shared values are shared in memory too, and the
//! size a file would have with its aliases written out is bounded.

mod mapping;

use std::collections::HashMap;
use std::rc::Rc;

use pinacle_protocol::diagnostic::Span;
use saphyr_parser::{Event, Parser, ScalarStyle, Tag};

use super::MAX_SPEC_BYTES;
use super::report::{Report, WHOLE_FILE};
use super::scalar::{ScalarKind, kind_of};
use super::syntax;
use mapping::{OpenMap, Pending};
pub(super) use mapping::{join, quoted_key};

/// The deepest nesting, in lists and mappings. A spec needs four levels; the
/// bound keeps the recursion of dropping a tree far from the stack's end.
const MAX_DEPTH: usize = 32;

/// What all aliases written out may amount to, in bytes of text plus nodes.
const MAX_EXPANDED: usize = 4 * MAX_SPEC_BYTES;

/// A value and where it stands. An alias has the position of its anchor.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) span: Span,
    pub(super) value: Value,
    /// Levels of lists and mappings, 0 for a scalar.
    height: usize,
    /// Nodes and bytes of text below, with aliases counted each time.
    weight: usize,
}

#[derive(Debug)]
pub(super) enum Value {
    Scalar(Scalar),
    List(Vec<Rc<Node>>),
    Map(Vec<Entry>),
}

#[derive(Debug)]
pub(super) struct Scalar {
    pub(super) text: String,
    pub(super) kind: ScalarKind,
}

/// One key of a mapping; keys are unique.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) key_span: Span,
    pub(super) value: Rc<Node>,
}

/// Reads the one document of a text; `None` when it was refused as a whole.
pub(super) fn load(text: &str, report: &mut Report<'_>) -> Option<Rc<Node>> {
    let mut loader = Loader::default();
    let mut documents = 0;
    for event in Parser::new_from_str(text) {
        let (event, span) = match event {
            Ok(event) => event,
            Err(error) => {
                syntax::explain(&error, loader.open_bracket(), report);
                report.cut_short();
                return loader.close_all(report);
            }
        };
        let span = from_parser(span);
        if matches!(event, Event::DocumentStart(_)) {
            documents += 1;
            if documents == 2 {
                report.error(
                    span,
                    "",
                    "a second document starts here",
                    "keep one pod per file: remove the `---` and what follows it",
                );
                break;
            }
        }
        if loader.take(event, span, report).is_err() {
            return None;
        }
    }
    let root = loader.root.filter(|root| !root.is_null());
    if root.is_none() {
        report.error(
            WHOLE_FILE,
            "",
            "the file is empty",
            "start with two lines: `version: \"1.0\"` and `services: [web-terminal]`",
        );
    }
    root
}

fn from_parser(span: saphyr_parser::Span) -> Span {
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX - 1);
    Span {
        line: number(span.start.line()),
        column: number(span.start.col()) + 1,
        end_line: number(span.end.line()),
        end_column: number(span.end.col()) + 1,
    }
}

impl Node {
    pub(super) fn is_null(&self) -> bool {
        matches!(&self.value, Value::Scalar(scalar) if scalar.kind == ScalarKind::Null)
    }

    /// Says what kind of value this is, as in "but it is a list".
    pub(super) fn described(&self) -> &'static str {
        match &self.value {
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
            Value::Scalar(scalar) => match scalar.kind {
                ScalarKind::Null => "empty",
                ScalarKind::Bool => "true or false",
                ScalarKind::Number => "a number",
                ScalarKind::Text => "text",
            },
        }
    }
}

/// The loader met a bound and has reported it.
struct Refused;

#[derive(Default)]
struct Loader {
    stack: Vec<Frame>,
    anchors: HashMap<usize, Rc<Node>>,
    /// The weight of all merges so far: unlike aliases they copy keys.
    merged: usize,
    root: Option<Rc<Node>>,
}

/// A list or mapping that is still being read.
struct Frame {
    span: Span,
    anchor: usize,
    in_brackets: bool,
    content: Content,
}

enum Content {
    List(Vec<Rc<Node>>),
    Map(OpenMap),
}

impl Loader {
    fn take(
        &mut self,
        event: Event<'_>,
        span: Span,
        report: &mut Report<'_>,
    ) -> Result<(), Refused> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain && !is_string_tag(tag.as_deref());
                self.check_tag(tag.as_deref(), span, report);
                let kind = if plain { kind_of(&text) } else { ScalarKind::Text };
                let weight = 1 + text.len();
                let value = Value::Scalar(Scalar { text: text.into_owned(), kind });
                self.add(Rc::new(Node { span, value, height: 0, weight }), anchor, plain, report)
            }
            Event::SequenceStart(anchor, tag) => {
                self.check_tag(tag.as_deref(), span, report);
                self.open(Content::List(Vec::new()), span, anchor, report)
            }
            Event::MappingStart(anchor, tag) => {
                self.check_tag(tag.as_deref(), span, report);
                self.open(Content::Map(OpenMap::default()), span, anchor, report)
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(report),
            Event::Alias(anchor) => {
                report.saw_alias();
                if let Some(node) = self.anchors.get(&anchor).cloned() {
                    return self.add(node, 0, false, report);
                }
                report.error(
                    span,
                    &self.path(),
                    "this alias stands inside the value it names",
                    "write the value out",
                );
                Err(Refused)
            }
            _ => Ok(()),
        }
    }

    fn check_tag(&self, tag: Option<&Tag>, span: Span, report: &mut Report<'_>) {
        if tag.is_some_and(|tag| !tag.is_yaml_core_schema()) {
            report.error(
                span,
                &self.path(),
                "YAML tags such as `!name` mean nothing here",
                "remove the tag, or put a value that starts with `!` in quotes",
            );
        }
    }

    fn open(
        &mut self,
        content: Content,
        span: Span,
        anchor: usize,
        report: &mut Report<'_>,
    ) -> Result<(), Refused> {
        if self.stack.len() == MAX_DEPTH {
            too_deep(span, report);
            return Err(Refused);
        }
        let in_brackets = (span.line, span.column) != (span.end_line, span.end_column);
        self.stack.push(Frame { span, anchor, in_brackets, content });
        Ok(())
    }

    fn close(&mut self, report: &mut Report<'_>) -> Result<(), Refused> {
        let Some(frame) = self.stack.pop() else {
            return Ok(());
        };
        let mut span = frame.span;
        let value = match frame.content {
            Content::List(items) => Value::List(items),
            Content::Map(map) => {
                self.merged = map.merges.iter().fold(self.merged, |sum, m| sum + m.weight);
                if self.merged > MAX_EXPANDED {
                    too_much(span, report);
                    return Err(Refused);
                }
                Value::Map(map.finish(report))
            }
        };
        let (height, weight) = measure(&value);
        if !frame.in_brackets {
            // A block has no mark of its own: point at its first key or dash.
            span = match &value {
                Value::Map(entries) => entries.first().map_or(span, |entry| entry.key_span),
                _ => Span { end_column: span.column + 1, ..span },
            };
        }
        if weight > MAX_EXPANDED {
            too_much(span, report);
            return Err(Refused);
        }
        if height + self.stack.len() > MAX_DEPTH {
            too_deep(span, report);
            return Err(Refused);
        }
        self.add(Rc::new(Node { span, value, height, weight }), frame.anchor, false, report)
    }

    /// Puts a finished value into what is open. `plain`: an unquoted scalar.
    fn add(
        &mut self,
        node: Rc<Node>,
        anchor: usize,
        plain: bool,
        report: &mut Report<'_>,
    ) -> Result<(), Refused> {
        if anchor != 0 {
            self.anchors.insert(anchor, Rc::clone(&node));
        }
        let path = self.path_of_duplicate(&node);
        match self.stack.last_mut().map(|frame| &mut frame.content) {
            None => self.root = Some(node),
            Some(Content::List(items)) => items.push(node),
            Some(Content::Map(map)) => map.add(node, plain, path, report),
        }
        Ok(())
    }

    /// Returns where the innermost open value stands.
    fn path(&self) -> String {
        let mut path = String::new();
        for frame in &self.stack {
            match &frame.content {
                Content::List(items) => path.push_str(&format!("[{}]", items.len())),
                Content::Map(map) => match &map.pending {
                    Some(Pending::Keep(key, _)) => path = join(&path, key),
                    _ => break,
                },
            }
        }
        path
    }

    /// Returns the path of the innermost mapping when `node` repeats one of its keys.
    fn path_of_duplicate(&self, node: &Node) -> Option<String> {
        let Content::Map(map) = &self.stack.last()?.content else {
            return None;
        };
        let Value::Scalar(scalar) = &node.value else {
            return None;
        };
        (map.pending.is_none() && map.lines.contains_key(&scalar.text)).then(|| self.path())
    }

    /// Returns the innermost open bracket, and whether it is a brace.
    fn open_bracket(&self) -> Option<(Span, bool)> {
        let frame = self.stack.last().filter(|frame| frame.in_brackets)?;
        Some((frame.span, matches!(frame.content, Content::Map(_))))
    }

    /// Closes everything after a syntax error, without the key that has no value yet.
    fn close_all(mut self, report: &mut Report<'_>) -> Option<Rc<Node>> {
        while let Some(frame) = self.stack.last_mut() {
            if let Content::Map(map) = &mut frame.content {
                map.pending = None;
            }
            self.close(report).ok()?;
        }
        self.root.filter(|root| !root.is_null())
    }
}

fn measure(value: &Value) -> (usize, usize) {
    match value {
        Value::Scalar(_) => (0, 1),
        Value::List(items) => items.iter().fold((1, 1), |(height, weight), item| {
            (height.max(item.height + 1), weight.saturating_add(item.weight))
        }),
        Value::Map(entries) => entries.iter().fold((1, 1), |(height, weight), entry| {
            let own = entry.value.weight.saturating_add(1 + entry.key.len());
            (height.max(entry.value.height + 1), weight.saturating_add(own))
        }),
    }
}

fn too_deep(span: Span, report: &mut Report<'_>) {
    report.error(
        span,
        "",
        format!("the file is nested more than {MAX_DEPTH} levels deep"),
        "a spec needs four levels; remove brackets that are not meant",
    );
}

fn too_much(span: Span, report: &mut Report<'_>) {
    report.error(
        span,
        "",
        "the aliases in here repeat too much when written out",
        "use fewer aliases",
    );
}

fn is_string_tag(tag: Option<&Tag>) -> bool {
    tag.is_some_and(|tag| tag.is_yaml_core_schema() && tag.suffix == "str")
}
