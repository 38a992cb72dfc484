//! A YAML text as a tree in which every key and value knows its line.
//!
//! serde would stop at the first mistake and read `1.10` as a number; here every scalar stays the text that was written.

use super::writer::Value;
use granit_parser::{ErrorKind, Event, Options, Parser, ScalarStyle, Span};
use std::{collections::BTreeMap, rc::Rc};

/// Longest file in bytes; answers with every comment need a fiftieth.
const LENGTH_MAX: usize = 256 * 1024;
/// Deepest nesting; answers need four.
const DEPTH_MAX: usize = 16;

/// Where something stands in a text: line and column, both from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) line: usize,
    pub(super) column: usize,
}

impl Place {
    /// The very beginning.
    pub(super) const START: Self = Self { line: 1, column: 1 };

    fn of(span: Span) -> Self {
        Self { line: span.start.line(), column: span.start.col() + 1 }
    }
}

/// A value.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) place: Place,
    pub(super) content: Content,
}

/// What a value is.
#[derive(Debug)]
pub(super) enum Content {
    /// One value; `quoted` when it stood in quotes or as a block.
    Text { text: String, quoted: bool },
    /// A list.
    List(Vec<Rc<Node>>),
    /// Keys with values, in the order of the file, duplicates and all.
    Section(Vec<Entry>),
}

/// A key and its value.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) place: Place,
    pub(super) value: Rc<Node>,
}

impl Node {
    /// Nothing was written: an empty value, `~` or `null`, all without quotes.
    pub(super) fn is_empty(&self) -> bool {
        matches!(&self.content, Content::Text { text, quoted: false } if ["", "~", "null", "Null", "NULL"].contains(&text.as_str()))
    }
}

/// The tree of these keys and values, as if they had been written below each other.
pub(super) fn tree(entries: &[(&str, Value)]) -> Vec<Entry> {
    let mut root = Vec::new();
    for (index, (path, value)) in entries.iter().enumerate() {
        let place = Place { line: index + 1, column: 1 };
        let text = |text: &String, quoted| Content::Text { text: text.clone(), quoted };
        let content = match value {
            Value::Text(written) => text(written, true),
            Value::Bare(written) => text(written, false),
            Value::List(items) => {
                Content::List(items.iter().map(|item| Rc::new(Node { place, content: text(item, true) })).collect())
            }
        };
        put(&mut root, path, place, Rc::new(Node { place, content }));
    }
    root
}

fn put(entries: &mut Vec<Entry>, path: &str, place: Place, value: Rc<Node>) {
    let Some((section, rest)) = path.split_once('.') else {
        entries.push(Entry { key: path.to_owned(), place, value });
        return;
    };
    let inside = entries.iter_mut().find(|entry| entry.key == section).and_then(|entry| Rc::get_mut(&mut entry.value));
    if let Some(Node { content: Content::Section(inside), .. }) = inside {
        put(inside, rest, place, value);
        return;
    }
    let mut inside = Vec::new();
    put(&mut inside, rest, place, value);
    let value = Rc::new(Node { place, content: Content::Section(inside) });
    entries.push(Entry { key: section.to_owned(), place, value });
}

/// Why a text is not YAML, or not YAML as answers use it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unreadable {
    pub(super) place: Place,
    pub(super) wrong: String,
    pub(super) right: String,
}

impl Unreadable {
    fn new(place: Place, wrong: impl Into<String>, right: impl Into<String>) -> Self {
        Self { place, wrong: wrong.into(), right: right.into() }
    }
}

/// A list or section that is still being read.
struct Open {
    place: Place,
    anchor: usize,
    filling: Filling,
}

enum Filling {
    List(Vec<Rc<Node>>),
    Section { entries: Vec<Entry>, key: Option<(String, Place)> },
}

/// Reads `text`; `None` when there is nothing in it but comments.
pub(super) fn read(text: &str) -> Result<Option<Rc<Node>>, Unreadable> {
    if text.len() > LENGTH_MAX {
        let wrong = format!("the file has {} bytes, far more than answers need", text.len());
        return Err(Unreadable::new(Place::START, wrong, "name the answers file, `gatewright.yaml`"));
    }
    let mut options = Options::default();
    options.set_emit_comments(false);
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut tree = Tree::default();
    for event in Parser::new_from_str_with_options(text, options) {
        let (event, span) = event.map_err(|error| unreadable(text, &error))?;
        tree.take(event, Place::of(span))?;
    }
    Ok(tree.root)
}

#[derive(Default)]
struct Tree {
    root: Option<Rc<Node>>,
    open: Vec<Open>,
    anchors: BTreeMap<usize, Rc<Node>>,
    documents: usize,
}

impl Tree {
    fn take(&mut self, event: Event<'_>, place: Place) -> Result<(), Unreadable> {
        match event {
            Event::DocumentStart(..) => {
                self.documents += 1;
                if self.documents > 1 {
                    return Err(Unreadable::new(
                        place,
                        "a second document starts here (`---`)",
                        "keep one application's answers in one file, and each application in a file of its own",
                    ));
                }
                Ok(())
            }
            Event::Scalar(text, style, anchor, _) => self.scalar(&text, style, anchor, place),
            Event::SequenceStart(_, anchor, _) => self.start(place, anchor, Filling::List(Vec::new())),
            Event::MappingStart(_, anchor, _) => {
                self.start(place, anchor, Filling::Section { entries: Vec::new(), key: None })
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(),
            Event::Alias(anchor) => self.alias(anchor, place),
            _ => Ok(()),
        }
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, anchor: usize, place: Place) -> Result<(), Unreadable> {
        if let Some(Open { filling: Filling::Section { key: key @ None, .. }, .. }) = self.open.last_mut() {
            *key = Some((text.to_owned(), place));
            return Ok(());
        }
        let quoted = style != ScalarStyle::Plain;
        let node = Rc::new(Node { place, content: Content::Text { text: text.to_owned(), quoted } });
        self.put(node, anchor)
    }

    fn start(&mut self, place: Place, anchor: usize, filling: Filling) -> Result<(), Unreadable> {
        if let Some(Open { filling: Filling::Section { key: None, .. }, .. }) = self.open.last() {
            return Err(Unreadable::new(place, "a list or section stands where a key should", "write `key: value`"));
        }
        if self.open.len() >= DEPTH_MAX {
            return Err(Unreadable::new(
                place,
                "this is nested far deeper than answers are",
                "write the keys as documented",
            ));
        }
        self.open.push(Open { place, anchor, filling });
        Ok(())
    }

    fn end(&mut self) -> Result<(), Unreadable> {
        let Some(Open { place, anchor, filling }) = self.open.pop() else { return Ok(()) };
        let content = match filling {
            Filling::List(items) => Content::List(items),
            Filling::Section { entries, .. } => Content::Section(merged(entries)),
        };
        self.put(Rc::new(Node { place, content }), anchor)
    }

    fn alias(&mut self, anchor: usize, place: Place) -> Result<(), Unreadable> {
        if let Some(Open { filling: Filling::Section { key: None, .. }, .. }) = self.open.last() {
            return Err(Unreadable::new(place, "an alias stands where a key should", "write the key itself"));
        }
        let Some(node) = self.anchors.get(&anchor).cloned() else {
            return Err(Unreadable::new(place, "this alias stands for something around it", "write the value itself"));
        };
        self.put(node, 0)
    }

    /// Puts a finished value where it belongs.
    fn put(&mut self, node: Rc<Node>, anchor: usize) -> Result<(), Unreadable> {
        if anchor > 0 {
            self.anchors.insert(anchor, Rc::clone(&node));
        }
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some(Open { filling: Filling::List(items), .. }) => items.push(node),
            Some(Open { filling: Filling::Section { entries, key }, .. }) => match key.take() {
                Some((key, place)) => entries.push(Entry { key, place, value: node }),
                None => return Err(Unreadable::new(node.place, "a value has no key", "write `key: value`")),
            },
        }
        Ok(())
    }
}

/// Carries out YAML's merge key: what `<<` brings in gives way to what stands beside it.
fn merged(entries: Vec<Entry>) -> Vec<Entry> {
    let (merges, mut own): (Vec<_>, Vec<_>) = entries.into_iter().partition(|entry| entry.key == "<<");
    for merge in merges {
        let sources = match &merge.value.content {
            Content::List(items) => items.clone(),
            _ => vec![Rc::clone(&merge.value)],
        };
        for source in sources {
            let Content::Section(brought) = &source.content else {
                // Kept, so that it is named as the unknown key it is.
                own.push(merge.clone());
                continue;
            };
            for entry in brought {
                if !own.iter().any(|there| there.key == entry.key) {
                    own.push(entry.clone());
                }
            }
        }
    }
    own
}

/// What the parser says, in words for somebody who edits one small file.
fn unreadable(text: &str, error: &granit_parser::ScanError) -> Unreadable {
    let place = Place { line: error.marker().line(), column: error.marker().col() + 1 };
    let line_there = text.lines().nth(place.line.saturating_sub(1)).unwrap_or_default();
    let indented_by_tab = line_there.chars().take_while(|c| c.is_whitespace()).any(|c| c == '\t');
    if indented_by_tab || matches!(error.kind(), ErrorKind::TabNotAllowed | ErrorKind::TabInBlockIndentation) {
        return Unreadable::new(
            place,
            "a tab indents this line, and YAML allows none there",
            "indent with two spaces a level",
        );
    }
    let (wrong, right) = match error.kind() {
        ErrorKind::UnknownAnchor => {
            ("a value starts with `*`, which YAML takes for something else", "put it in quotes")
        }
        ErrorKind::UnexpectedCharacter { .. } => {
            ("a value starts with a character that YAML keeps for itself", "put the value in quotes")
        }
        ErrorKind::UnexpectedEofFlowSequence
        | ErrorKind::UnexpectedEofFlowMapping
        | ErrorKind::ExpectedFlowSequenceSeparator
        | ErrorKind::ExpectedFlowMappingSeparator
        | ErrorKind::InvalidColonPlacement
        | ErrorKind::UnclosedFlowCollection { .. } => {
            ("a `[` or `{` before this is not closed", "close it with `]` or `}`, and put commas between its values")
        }
        ErrorKind::MappingValueNotAllowed => (
            "a `:` stands where no key can be",
            "put a value that has a `:` in quotes; begin a key in the same column as the keys beside it",
        ),
        ErrorKind::InvalidIndentation | ErrorKind::ExpectedBlockMappingKey => {
            ("this is not in line with what stands above it", "begin a key in the same column as the keys beside it")
        }
        ErrorKind::InvalidTrailingSingleQuotedScalar
        | ErrorKind::InvalidTrailingDoubleQuotedScalar
        | ErrorKind::UnclosedQuotedScalar => {
            ("a quotation mark before this is not closed, or is closed too early", "put one at each end of the value")
        }
        ErrorKind::SimpleKeyExpected | ErrorKind::InvalidSimpleKey => {
            ("this line is not a key with a value", "write `key: value`, with a space after the colon")
        }
        kind => {
            let wrong = format!("this cannot be read as YAML: {kind}");
            return Unreadable::new(
                place,
                wrong,
                "compare it with the documented example; quotes help with odd values",
            );
        }
    };
    Unreadable::new(place, wrong, right)
}
