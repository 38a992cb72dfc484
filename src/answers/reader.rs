//! Reads a [`document`](super::document) by the table of [`keys`], and gathers every mistake on the way.

use super::{
    document::{Content, Entry, Node, Place},
    keys::{self, Absence, Key, Shape},
    mistakes::Mistake,
    names::Unusable,
    spelling::quoted,
    strangers,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
    str::FromStr,
};

/// A usable answer and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Spot<T> {
    pub(super) value: T,
    pub(super) place: Place,
    /// Whether the file says so, and not the default.
    pub(super) given: bool,
}

/// An answer cannot be used, and a mistake that says why has been noted already.
#[derive(Clone, Copy, Debug)]
pub(super) struct Noted;

/// What a file says, by path, and what is wrong with it.
pub(super) struct Reader {
    leaves: BTreeMap<String, Rc<Node>>,
    sections: BTreeMap<String, Place>,
    wrong: BTreeSet<String>,
    mistakes: Vec<Mistake>,
}

impl Reader {
    /// Holds the file's keys and shapes against the table.
    pub(super) fn new(entries: &[Entry]) -> Self {
        let mut reader = Self {
            leaves: BTreeMap::new(),
            sections: BTreeMap::from([(String::new(), Place::START)]),
            wrong: BTreeSet::new(),
            mistakes: Vec::new(),
        };
        reader.read_section("", entries);
        reader.note_missing_sections();
        reader
    }

    /// Every mistake so far.
    pub(super) fn into_mistakes(self) -> Vec<Mistake> {
        self.mistakes
    }

    /// Notes that what stands at `place` breaks a rule.
    pub(super) fn note(&mut self, place: Place, path: &str, reason: Unusable) -> Noted {
        self.mistakes.push(Mistake::unusable(place, path, reason));
        Noted
    }

    /// Whether the file has this section, and where.
    pub(super) fn section(&self, path: &str) -> Option<Place> {
        self.sections.get(path).copied()
    }

    /// Where the file says a usable value for this key, if it does.
    pub(super) fn place(&self, path: &str) -> Option<Place> {
        self.leaves.get(path).map(|node| node.place)
    }

    /// Whether a mistake about `path`, or about a section it is in, has been noted.
    pub(super) fn is_wrong(&self, path: &str) -> bool {
        let mut path = path;
        while !path.is_empty() {
            if self.wrong.contains(path) {
                return true;
            }
            path = keys::parent(path);
        }
        false
    }

    fn read_section(&mut self, section: &str, entries: &[Entry]) {
        let mut first_lines: BTreeMap<&str, usize> = BTreeMap::new();
        for entry in entries {
            let path = keys::join(section, &entry.key);
            if let Some(line) = first_lines.insert(&entry.key, entry.place.line) {
                first_lines.insert(&entry.key, line);
                self.mistakes.push(Mistake::new(
                    entry.place,
                    path,
                    format!("is there twice, the first time on line {line}"),
                    "keep one of the two",
                ));
                continue;
            }
            match keys::at(&path) {
                Some(key) => self.read_value(key, entry),
                None => self.read_stranger(section, entry, entries),
            }
        }
    }

    fn read_stranger(&mut self, section: &str, entry: &Entry, around: &[Entry]) {
        let stranger = strangers::judge(section, &entry.key);
        self.note(entry.place, &keys::join(section, &strangers::shown(&entry.key)), stranger.reason);
        let Some(meant) = stranger.meant else { return };
        let is_there = around.iter().any(|other| other.key == keys::last_part(meant));
        match keys::at(meant) {
            // Misspelt: what is wrong behind it is told in the same run.
            Some(key) if keys::parent(meant) == section && !is_there => self.read_value(key, entry),
            _ => {
                self.wrong.insert(meant.to_owned());
            }
        }
    }

    fn read_value(&mut self, key: &Key, entry: &Entry) {
        let node = &entry.value;
        let problem = match (key.shape, &node.content) {
            (Shape::Section, Content::Section(entries)) => {
                self.sections.insert(key.path.to_owned(), entry.place);
                self.read_section(key.path, entries);
                return;
            }
            (Shape::Section, _) if node.is_empty() => {
                self.sections.insert(key.path.to_owned(), entry.place);
                return;
            }
            (_, Content::Text { text, .. }) if strangers::looks_secret(text) => {
                Some((node.place, strangers::secret_value()))
            }
            (Shape::List, Content::List(items)) => self.list_problem(key, items),
            (Shape::Text | Shape::YesNo | Shape::Choice(_), Content::Text { .. }) if !node.is_empty() => None,
            _ if node.is_empty() => Some((entry.place, no_value(key))),
            (_, content) => Some((node.place, wrong_shape(key, content))),
        };
        match problem {
            None => {
                self.leaves.insert(key.path.to_owned(), Rc::clone(node));
            }
            Some((place, reason)) => {
                self.wrong.insert(key.path.to_owned());
                self.note(place, key.path, reason);
            }
        }
    }

    /// Notes every item that is no text, and returns the last.
    fn list_problem(&mut self, key: &Key, items: &[Rc<Node>]) -> Option<(Place, Unusable)> {
        let mut problems: Vec<(Place, Unusable)> = items
            .iter()
            .filter_map(|item| match &item.content {
                Content::Text { text, .. } if strangers::looks_secret(text) => {
                    Some((item.place, strangers::secret_value()))
                }
                Content::Text { .. } if !item.is_empty() => None,
                _ => Some((
                    item.place,
                    reason(
                        "has an item that is not one value",
                        format!("write a list like `{}: {}`", keys::last_part(key.path), key.example),
                    ),
                )),
            })
            .collect();
        let last = problems.pop();
        for (place, reason) in problems {
            self.note(place, key.path, reason);
        }
        last
    }

    fn find(&self, path: &str) -> Option<Rc<Node>> {
        self.leaves.get(path).cloned()
    }

    /// The answer at `path` as `read` takes it; `None` when the file does not say.
    fn look<T>(
        &mut self,
        path: &str,
        read: impl FnOnce(&str) -> Result<T, Unusable>,
    ) -> Result<Option<Spot<T>>, Noted> {
        let Some(node) = self.find(path) else {
            return if self.is_wrong(path) { Err(Noted) } else { Ok(None) };
        };
        let Content::Text { text, .. } = &node.content else { return Err(Noted) };
        match read(text) {
            Ok(value) => Ok(Some(Spot { value, place: node.place, given: true })),
            Err(reason) => {
                self.wrong.insert(path.to_owned());
                Err(self.note(node.place, path, reason))
            }
        }
    }

    /// The answer at `path`, which must be there.
    pub(super) fn required<T: FromStr<Err = Unusable>>(&mut self, path: &str) -> Result<Spot<T>, Noted> {
        match self.look(path, T::from_str)? {
            Some(spot) => Ok(spot),
            None => Err(self.note_missing(path)),
        }
    }

    /// The answer at `path`; `None` when the file does not say.
    pub(super) fn optional<T: FromStr<Err = Unusable>>(&mut self, path: &str) -> Result<Option<T>, Noted> {
        Ok(self.look(path, T::from_str)?.map(|spot| spot.value))
    }

    /// The answer at `path`, or `default` when the file does not say.
    pub(super) fn or<T: FromStr<Err = Unusable>>(&mut self, path: &str, default: &str) -> Result<Spot<T>, Noted> {
        if let Some(spot) = self.look(path, T::from_str)? {
            return Ok(spot);
        }
        let value = default.parse().map_err(|_| Noted)?;
        Ok(Spot { value, place: self.nearest_place(path), given: false })
    }

    /// The word at `path`, as what it stands for; the first of `words` when the file does not say.
    pub(super) fn choice<T: Copy>(&mut self, path: &str, words: &[(&'static str, T)], default: T) -> Result<T, Noted> {
        Ok(self.look(path, |text| strangers::choose(path, words, text))?.map_or(default, |spot| spot.value))
    }

    /// The `true` or `false` at `path`; `false` when the file does not say.
    pub(super) fn yes_or_no(&mut self, path: &str) -> Result<bool, Noted> {
        Ok(self.look(path, yes_or_no)?.is_some_and(|spot| spot.value))
    }

    /// The list at `path`, each item read on its own; `None` when the file does not say.
    pub(super) fn list<T: FromStr<Err = Unusable> + PartialEq>(
        &mut self,
        path: &str,
    ) -> Result<Option<Spot<Vec<T>>>, Noted> {
        let Some(node) = self.find(path) else {
            return if self.is_wrong(path) { Err(Noted) } else { Ok(None) };
        };
        let Content::List(items) = &node.content else { return Err(Noted) };
        let mut values = Vec::with_capacity(items.len());
        for item in items {
            let Content::Text { text, .. } = &item.content else { continue };
            let problem = match text.parse::<T>() {
                Ok(value) if values.contains(&value) => reason(format!("lists {} twice", quoted(text)), "keep it once"),
                Ok(value) => {
                    values.push(value);
                    continue;
                }
                Err(reason) => reason,
            };
            self.wrong.insert(path.to_owned());
            self.note(item.place, path, problem);
        }
        if self.is_wrong(path) { Err(Noted) } else { Ok(Some(Spot { value: values, place: node.place, given: true })) }
    }

    /// Where the innermost section around `path` that the file has begins.
    fn nearest_place(&self, path: &str) -> Place {
        self.section(self.nearest_section(path)).unwrap_or(Place::START)
    }

    fn nearest_section<'path>(&self, path: &'path str) -> &'path str {
        let mut section = keys::parent(path);
        while !section.is_empty() && !self.sections.contains_key(section) {
            section = keys::parent(section);
        }
        section
    }

    /// A section that must be there and is not is one mistake, not one for each of its keys.
    fn note_missing_sections(&mut self) {
        let missing = |key: &&Key| key.shape == Shape::Section && key.absence == Absence::Refused;
        for key in keys::under("").filter(missing) {
            if self.section(key.path).is_some() || self.is_wrong(key.path) {
                continue;
            }
            let example = keys::section_example(key.path);
            self.wrong.insert(key.path.to_owned());
            self.note(
                Place::START,
                key.path,
                reason("is missing", format!("add it, such as `{}: {example}`", key.path)),
            );
        }
    }

    fn note_missing(&mut self, path: &str) -> Noted {
        let section = self.nearest_section(path).to_owned();
        let example = keys::at(path).map_or("…", |key| key.example);
        let rest = path.strip_prefix(&section).unwrap_or(path).trim_start_matches('.');
        let mut parts = rest.rsplit('.');
        let mut addition = format!("{}: {example}", parts.next().unwrap_or(rest));
        for part in parts {
            addition = format!("{part}: {{{addition}}}");
        }
        let right = if section.is_empty() {
            format!("add a line like `{addition}`")
        } else {
            format!("add a line like `{addition}` under `{section}`")
        };
        self.wrong.insert(path.to_owned());
        self.note(self.nearest_place(path), path, reason("is missing", right))
    }
}

fn reason(wrong: impl Into<String>, right: impl Into<String>) -> Unusable {
    Unusable { wrong: wrong.into(), right: right.into() }
}

fn yes_or_no(text: &str) -> Result<bool, Unusable> {
    match text {
        "true" | "True" | "TRUE" => Ok(true),
        "false" | "False" | "FALSE" => Ok(false),
        _ => {
            let right = match text.to_ascii_lowercase().as_str() {
                "yes" | "y" | "on" | "1" => "write `true`",
                "no" | "n" | "off" | "0" => "write `false`",
                _ => "write `true` or `false`",
            };
            Err(reason(format!("{} is neither true nor false", quoted(text)), right))
        }
    }
}

fn no_value(key: &Key) -> Unusable {
    let example = format!("`{}: {}`", keys::last_part(key.path), key.example);
    match key.absence {
        Absence::Refused => reason("has no value", format!("write one, such as {example}")),
        Absence::Means(default) => reason(
            "has no value",
            format!("write one, such as {example}, or take the line out for the default: {default}"),
        ),
    }
}

fn wrong_shape(key: &Key, content: &Content) -> Unusable {
    let name = keys::last_part(key.path);
    let written = match content {
        Content::Text { .. } => "is one value",
        Content::List(_) => "is a list",
        Content::Section(_) => "is a section",
    };
    match (key.shape, content) {
        (Shape::List, Content::Text { text, .. }) => {
            reason("is one value and should be a list", format!("write {}", quoted(&format!("{name}: [\"{text}\"]"))))
        }
        (Shape::Section, _) => {
            let inside: Vec<String> =
                keys::under(key.path).map(|key| format!("`{}`", keys::last_part(key.path))).collect();
            reason(
                format!("{written} and should be a section"),
                format!("put its keys under it: {}", inside.join(", ")),
            )
        }
        _ => {
            let kind = if key.shape == Shape::List { "a list" } else { "one value" };
            reason(format!("{written} and should be {kind}"), format!("write it like `{name}: {}`", key.example))
        }
    }
}
