//! The mesh configuration: a YAML document inside a ConfigMap that is somebody else's.
//!
//! Only our own entry of `extensionProviders` is ever added, replaced or removed; every other byte, comments included,
//! stays as it is. Each edit is proven by reading the result again: whatever else it says must be unchanged, or the edit is
//! refused (domain.md 4.2: a broken document can stop istiod on its next start).

use super::fields::Fields;
use crate::facts::OutboundPolicy;
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// The list's name in protobuf's JSON form, and in its original form, which Istio reads just as well.
const LIST_KEYS: [&str; 2] = ["extensionProviders", "extension_providers"];

/// Why the mesh configuration was left alone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MeshEditError {
    /// It is not YAML, or no mapping.
    #[error(
        "the mesh configuration is no readable YAML mapping ({0}); repair it first: istiod does not start with a broken one"
    )]
    Unreadable(String),
    /// It is YAML, but not written in a way that can be edited without touching what is others'.
    #[error(
        "the mesh configuration cannot be edited safely ({0}); add the entry to extensionProviders by hand, then run again"
    )]
    Unsure(&'static str),
    /// Our entry has no name.
    #[error("an extension provider without a name; this is a mistake in Gatewright, please report it")]
    Nameless,
}

/// What we need to know of a mesh configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MeshSettings {
    /// The names of the extension providers.
    pub providers: BTreeSet<String>,
    /// Whether traffic may leave the mesh unannounced; `None` when it does not say.
    pub outbound: Option<OutboundPolicy>,
    /// The root namespace, when it is chosen.
    pub root_namespace: Option<String>,
    /// The trust domain, when it is chosen.
    pub trust_domain: Option<String>,
}

/// Reads the settings that matter to us.
pub fn settings(text: &str) -> Result<MeshSettings, MeshEditError> {
    let mesh = Value::Object(read(text)?);
    let providers = LIST_KEYS.iter().flat_map(|key| mesh.entries(&format!("/{key}")));
    Ok(MeshSettings {
        providers: providers.filter_map(|entry| Some(entry.text("/name")?.to_owned())).collect(),
        outbound: mesh.text("/outboundTrafficPolicy/mode").map(outbound_policy),
        root_namespace: mesh.text("/rootNamespace").map(str::to_owned),
        trust_domain: mesh.text("/trustDomain").map(str::to_owned),
    })
}

pub(super) fn outbound_policy(mode: &str) -> OutboundPolicy {
    if mode == "REGISTRY_ONLY" { OutboundPolicy::RegistryOnly } else { OutboundPolicy::AllowAny }
}

/// The extension provider of this name.
pub fn provider(text: &str, name: &str) -> Result<Option<Value>, MeshEditError> {
    let mesh = Value::Object(read(text)?);
    let mut entries = LIST_KEYS.iter().flat_map(|key| mesh.entries(&format!("/{key}")));
    Ok(entries.find(|entry| entry.text("/name") == Some(name)).cloned())
}

/// The document with `entry` in its `extensionProviders`: appended, or in the place of the one of the same name.
pub fn insert_provider(text: &str, entry: &Value) -> Result<String, MeshEditError> {
    let name = entry.text("/name").ok_or(MeshEditError::Nameless)?;
    if provider(text, name)?.as_ref() == Some(entry) {
        return Ok(text.to_owned());
    }
    let before = read(text)?;
    let document = Document::new(text, &before)?;
    let mut after = before.clone();
    let list = document.list_in(&mut after)?;
    match list.iter_mut().find(|other| other.text("/name") == Some(name)) {
        Some(same) => *same = entry.clone(),
        None => list.push(entry.clone()),
    }
    let candidates = document.with_entry(name, entry)?;
    proven(candidates, &after)
}

/// The document without the extension provider of this name; the text itself when it has none.
pub fn remove_provider(text: &str, name: &str) -> Result<String, MeshEditError> {
    if provider(text, name)?.is_none() {
        return Ok(text.to_owned());
    }
    let before = read(text)?;
    let document = Document::new(text, &before)?;
    let mut after = before.clone();
    let list = document.list_in(&mut after)?;
    list.retain(|entry| entry.text("/name") != Some(name));
    let emptied = list.is_empty();
    let candidates = document.without_entry(name, emptied)?;
    if emptied {
        let mut without_key = after.clone();
        without_key.remove(document.key);
        if let Ok(shorter) = proven(candidates.clone(), &without_key) {
            return Ok(shorter);
        }
    }
    proven(candidates, &after)
}

/// The first candidate that reads exactly as it should.
fn proven(candidates: Vec<String>, expected: &Map<String, Value>) -> Result<String, MeshEditError> {
    candidates
        .into_iter()
        .find(|candidate| read(candidate).as_ref() == Ok(expected))
        .ok_or(MeshEditError::Unsure("an edit would have changed more than our own entry"))
}

fn read(text: &str) -> Result<Map<String, Value>, MeshEditError> {
    match serde_saphyr::from_str::<Option<Value>>(text) {
        Ok(None) => Ok(Map::new()),
        Ok(Some(Value::Object(mesh))) => Ok(mesh),
        Ok(Some(_)) => Err(MeshEditError::Unreadable("it is no mapping".to_owned())),
        Err(error) => Err(MeshEditError::Unreadable(error.to_string().lines().next().unwrap_or_default().to_owned())),
    }
}

/// The document as lines, each with its line end, and where its list of extension providers is.
struct Document<'a> {
    lines: Vec<&'a str>,
    line_end: &'static str,
    key: &'static str,
    /// How deep the document's own keys are indented.
    indent: usize,
    place: Place,
}

/// Where the list is.
enum Place {
    /// There is none.
    Nowhere,
    /// The key has no value, or `[]`.
    Empty { key_line: usize },
    /// A list in block style.
    Block { key_line: usize, items: Vec<usize>, end: usize },
}

impl<'a> Document<'a> {
    fn new(text: &'a str, mesh: &Map<String, Value>) -> Result<Self, MeshEditError> {
        let present: Vec<_> = LIST_KEYS.into_iter().filter(|key| mesh.contains_key(*key)).collect();
        let key = match present.as_slice() {
            [] => LIST_KEYS[0],
            [key] => *key,
            _ => return Err(MeshEditError::Unsure("it has extensionProviders and extension_providers")),
        };
        let lines: Vec<_> = text.split_inclusive('\n').collect();
        let indent = lines.iter().find(|line| is_content(line)).map_or(0, |line| indent_of(line));
        let line_end = if text.contains("\r\n") { "\r\n" } else { "\n" };
        let mut document = Self { lines, line_end, key, indent, place: Place::Nowhere };
        if let Some(list) = mesh.get(key) {
            document.place = document.find(list)?;
        }
        Ok(document)
    }

    fn find(&self, list: &Value) -> Result<Place, MeshEditError> {
        let found: Vec<_> =
            self.lines.iter().enumerate().filter(|(_, line)| self.value_of_key(line).is_some()).collect();
        let [(key_line, line)] = found.as_slice() else {
            return Err(MeshEditError::Unsure("the key extensionProviders is not on a line of its own"));
        };
        let value = without_comment(self.value_of_key(line).unwrap_or_default());
        match (list, value) {
            (Value::Null, "" | "~" | "null") => Ok(Place::Empty { key_line: *key_line }),
            (Value::Array(entries), "[]") if entries.is_empty() => Ok(Place::Empty { key_line: *key_line }),
            (Value::Array(entries), "") => self.block(*key_line, entries.len()),
            (Value::Array(_), flow) if flow.starts_with('[') => {
                Err(MeshEditError::Unsure("extensionProviders is written in flow style, `[…]`"))
            }
            _ => Err(MeshEditError::Unsure("the value of extensionProviders is no plain list")),
        }
    }

    fn block(&self, key_line: usize, count: usize) -> Result<Place, MeshEditError> {
        let unsure = MeshEditError::Unsure("the entries of extensionProviders could not be told apart");
        let after_key = key_line + 1;
        let following = || self.lines.iter().enumerate().skip(after_key);
        let Some((_, first)) = following().find(|(_, line)| is_content(line)) else { return Err(unsure) };
        let depth = indent_of(first);
        if depth < self.indent || !is_item(first) {
            return Err(unsure);
        }
        let ends = |line: &str| {
            is_content(line)
                && (indent_of(line) < depth || (indent_of(line) == depth && !is_item(line)) || is_marker(line))
        };
        let end = following().find(|(_, line)| ends(line)).map_or(self.lines.len(), |(index, _)| index);
        let items: Vec<_> = following()
            .take(end - after_key)
            .filter(|(_, line)| is_content(line) && indent_of(line) == depth)
            .map(|(index, _)| index)
            .collect();
        if items.len() == count { Ok(Place::Block { key_line, items, end }) } else { Err(unsure) }
    }

    /// What stands behind `extensionProviders:` on a line of the document's own depth.
    fn value_of_key<'l>(&self, line: &'l str) -> Option<&'l str> {
        if indent_of(line) != self.indent {
            return None;
        }
        let line = line.trim();
        let quoted = |quote: char| line.strip_prefix(quote)?.strip_prefix(self.key)?.strip_prefix(quote);
        let rest = line.strip_prefix(self.key).or_else(|| quoted('"')).or_else(|| quoted('\''))?;
        let value = rest.trim_start().strip_prefix(':')?;
        (value.is_empty() || value.starts_with([' ', '\t'])).then_some(value.trim())
    }

    /// The list in the parsed document, made where there is none.
    fn list_in<'m>(&self, mesh: &'m mut Map<String, Value>) -> Result<&'m mut Vec<Value>, MeshEditError> {
        let list = mesh.entry(self.key).or_insert(Value::Null);
        if list.is_null() {
            *list = Value::Array(Vec::new());
        }
        list.as_array_mut().ok_or(MeshEditError::Unsure("extensionProviders is no list"))
    }

    fn with_entry(&self, name: &str, entry: &Value) -> Result<Vec<String>, MeshEditError> {
        match &self.place {
            Place::Nowhere => {
                let key = format!("{}{}:{}", " ".repeat(self.indent), self.key, self.line_end);
                let added = key + &self.render(entry, self.indent)?;
                let end =
                    self.lines.iter().rposition(|line| is_content(line) && !is_marker(line)).map_or(0, |last| last + 1);
                Ok(vec![self.spliced(self.lines.len(), 0, &added), self.spliced(end, 0, &added)])
            }
            Place::Empty { key_line } => {
                let key = self.key_line_with(*key_line, "");
                Ok(vec![self.spliced(*key_line, 1, &(key + &self.render(entry, self.indent)?))])
            }
            Place::Block { items, end, .. } => {
                let depth =
                    items.first().and_then(|first| self.lines.get(*first)).map_or(self.indent, |line| indent_of(line));
                let added = self.render(entry, depth)?;
                let last = items.last().copied().unwrap_or_default();
                match self.item_of(name, items, *end) {
                    Some((from, to)) => {
                        Ok(self.ends(from, to).map(|end| self.spliced(from, end - from, &added)).collect())
                    }
                    None => Ok(self.ends(last, *end).map(|end| self.spliced(end, 0, &added)).collect()),
                }
            }
        }
    }

    fn without_entry(&self, name: &str, emptied: bool) -> Result<Vec<String>, MeshEditError> {
        let Place::Block { key_line, items, end } = &self.place else {
            return Err(MeshEditError::Unsure("the entries of extensionProviders could not be told apart"));
        };
        let (from, to) = self
            .item_of(name, items, *end)
            .ok_or(MeshEditError::Unsure("our entry of extensionProviders could not be told apart"))?;
        let mut candidates = Vec::new();
        for item_end in self.ends(from, to) {
            if !emptied {
                candidates.push(self.spliced(from, item_end - from, ""));
                continue;
            }
            let between = self.lines.get(key_line + 1..from).unwrap_or_default();
            let key_is_bare = self.lines.get(*key_line).is_some_and(|line| self.value_of_key(line) == Some(""));
            if key_is_bare && between.is_empty() {
                candidates.push(self.spliced(*key_line, item_end - key_line, ""));
            }
            let kept = self.key_line_with(*key_line, " []") + &between.concat();
            candidates.push(self.spliced(*key_line, item_end - key_line, &kept));
        }
        Ok(candidates)
    }

    /// The lines of the item with this name, from its dash to the next item or the list's end.
    fn item_of(&self, name: &str, items: &[usize], end: usize) -> Option<(usize, usize)> {
        let bounds = items.iter().copied().zip(items.iter().skip(1).copied().chain([end]));
        bounds.into_iter().find(|(from, to)| {
            let text = self.lines.get(*from..*to).unwrap_or_default().concat();
            let parsed = serde_saphyr::from_str::<Vec<Value>>(&text);
            parsed.is_ok_and(|entries| entries.first().is_some_and(|entry| entry.text("/name") == Some(name)))
        })
    }

    /// Where an item may end: after its last line with content, so that comments and blank lines before what follows stay
    /// with that; or at the very end, when those "comments" are the tail of a text block.
    fn ends(&self, from: usize, to: usize) -> impl Iterator<Item = usize> {
        let lines = self.lines.get(from..to).unwrap_or_default();
        let content = lines.iter().rposition(|line| is_content(line)).map_or(from, |last| from + last + 1);
        [content, to].into_iter()
    }

    /// The line of the key with another value, its comment kept.
    fn key_line_with(&self, key_line: usize, value: &str) -> String {
        let line = self.lines.get(key_line).copied().unwrap_or_default();
        let key_end = line.find(':').map_or(line.len(), |colon| colon + 1);
        let (key, rest) = line.split_at(key_end);
        let comment = rest.find(" #").map_or("", |comment| rest.get(comment..).unwrap_or_default().trim_end());
        format!("{key}{value}{comment}{}", self.line_end)
    }

    fn render(&self, entry: &Value, depth: usize) -> Result<String, MeshEditError> {
        let mut yaml = String::new();
        let options = serde_saphyr::ser_options! { folded_wrap_chars: 100_000 };
        serde_saphyr::to_fmt_writer_with_options(&mut yaml, &[entry], options)
            .map_err(|_| MeshEditError::Unsure("our entry could not be written as YAML"))?;
        let margin = " ".repeat(depth);
        Ok(yaml.lines().flat_map(|line| [margin.as_str(), line, self.line_end]).collect())
    }

    /// The document with `count` lines from `at` on replaced by `added`. It ends as it ended, with a line end or without:
    /// Helm writes mesh configurations without.
    fn spliced(&self, at: usize, count: usize, added: &str) -> String {
        let ended = self.lines.last().is_none_or(|line| line.ends_with('\n'));
        let mut text = self.lines.get(..at).unwrap_or_default().concat();
        if !added.is_empty() && !text.is_empty() && !text.ends_with('\n') {
            text.push_str(self.line_end);
        }
        text.push_str(added);
        text.push_str(&self.lines.get(at + count..).unwrap_or_default().concat());
        if !ended && let Some(shorter) = text.strip_suffix(self.line_end) {
            text.truncate(shorter.len());
        }
        text
    }
}

fn indent_of(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

fn is_content(line: &str) -> bool {
    let line = line.trim();
    !line.is_empty() && !line.starts_with('#') && !line.starts_with("---") && !line.starts_with('%')
}

fn is_item(line: &str) -> bool {
    line.trim_start_matches(' ')
        .strip_prefix('-')
        .is_some_and(|rest| rest.starts_with([' ', '\t', '\r', '\n']) || rest.is_empty())
}

/// The end of a document, `...`; what starts one is handled by `is_content`.
fn is_marker(line: &str) -> bool {
    line.trim_end() == "..."
}

fn without_comment(value: &str) -> &str {
    if value.starts_with('#') {
        return "";
    }
    value.find(" #").map_or(value, |comment| value.get(..comment).unwrap_or_default()).trim()
}

#[cfg(test)]
mod tests;
