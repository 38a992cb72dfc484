//! A screen as cells, and what of it is another one at every run.

use regex::Regex;
use std::sync::LazyLock;

/// What of a screen is another at every run, though nothing has changed: compared as one and the same.
static VOLATILE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(concat!(
        // how long something took, or has taken so far
        r" *\b\d+\.\d s\b| *\b\d+:\d\d\b",
        // until when something is good
        r"|\b\d{4}-\d\d-\d\d\b|\b\d+ days\b",
        // identifiers
        r"|\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b|\b[0-9a-f]{8}(?:-[0-9a-f]{4}){0,3}[-0-9a-f]*…",
        // the name of a pod, and how often it was started
        r"|\b[a-z0-9-]+-[a-z0-9]{8,11}-[a-z0-9]{5}\b|\(\d+ *$|\(\d+ restarts",
        // what turns while something runs
        r"|[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏]",
    ))
    .unwrap()
});

/// Stands for what is another one at every run.
const MASK: &str = "\u{fffd}";

/// What a cell is painted with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Paint {
    /// The colour of text.
    #[default]
    Text,
    /// The colour of what is behind it.
    Ground,
    /// One of the sixteen.
    Colour(u8),
}

/// How a cell looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Style {
    pub(super) foreground: Paint,
    pub(super) background: Paint,
    pub(super) bold: bool,
    pub(super) dim: bool,
    pub(super) underlined: bool,
}

impl Style {
    pub(super) const PLAIN: Self =
        Self { foreground: Paint::Text, background: Paint::Ground, bold: false, dim: false, underlined: false };
}

/// A cell. The second half of a wide character has no text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cell {
    pub(super) text: String,
    pub(super) style: Style,
}

impl Cell {
    pub(super) fn blank() -> Self {
        Self { text: " ".to_owned(), style: Style::PLAIN }
    }

    pub(super) fn is_blank(&self) -> bool {
        self.text == " " && !self.style.underlined
    }

    /// Of a blank nothing is seen but what is behind it.
    pub(super) fn new(text: &str, style: Style) -> Self {
        let cell = Self { text: text.to_owned(), style };
        let seen = Style { background: style.background, ..Style::PLAIN };
        if cell.is_blank() { Self { style: seen, ..cell } } else { cell }
    }
}

/// A screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Picture {
    pub(super) rows: Vec<Vec<Cell>>,
}

impl Picture {
    pub(super) fn of(screen: &vt100::Screen) -> Self {
        let (rows, columns) = screen.size();
        let row = |row| {
            let mut cells: Vec<Cell> = Vec::new();
            for cell in (0..columns.get()).map(|column| screen.cell(row, column)) {
                // The second half of a wide character looks like the first.
                let second = cells.last().filter(|_| cell.is_some_and(vt100::Cell::is_wide_continuation));
                let second = second.map(|first| Cell { text: String::new(), style: first.style });
                cells.push(second.or_else(|| cell.map(cell_of)).unwrap_or_else(Cell::blank));
            }
            cells
        };
        Self { rows: (0..rows.get()).map(row).collect() }
    }

    /// Its text, a line a row.
    pub(super) fn text(&self) -> String {
        self.rows.iter().map(|row| text(row).trim_end().to_owned() + "\n").collect()
    }

    /// The same, without what is another one at every run.
    pub(super) fn masked(&self) -> Self {
        Self { rows: self.rows.iter().map(|row| masked(row)).collect() }
    }
}

fn text(row: &[Cell]) -> String {
    row.iter().map(|cell| cell.text.as_str()).collect()
}

/// A time that is longer moves what stands behind it: blanks count as one in a row with something volatile in it.
fn masked(row: &[Cell]) -> Vec<Cell> {
    let line = text(row);
    let spans: Vec<_> = VOLATILE.find_iter(&line).map(|found| found.range()).collect();
    if spans.is_empty() {
        return row.to_vec();
    }
    let mut kept: Vec<Cell> = Vec::new();
    let mut at = 0;
    for cell in row {
        let is_volatile = spans.iter().any(|span| span.contains(&at));
        at += cell.text.len();
        let cell = if is_volatile { Cell { text: MASK.to_owned(), ..cell.clone() } } else { cell.clone() };
        let goes_on = |last: &Cell| last.text == cell.text && (cell.text == MASK || last.is_blank());
        match kept.last_mut() {
            Some(last) if goes_on(last) => *last = cell,
            _ => kept.push(cell),
        }
    }
    kept
}

fn cell_of(cell: &vt100::Cell) -> Cell {
    let (mut foreground, mut background) = (paint(cell.fgcolor(), Paint::Text), paint(cell.bgcolor(), Paint::Ground));
    if cell.inverse() {
        std::mem::swap(&mut foreground, &mut background);
    }
    let style = Style { foreground, background, bold: cell.bold(), dim: cell.dim(), underlined: cell.underline() };
    Cell::new(if cell.has_contents() { cell.contents() } else { " " }, style)
}

fn paint(colour: vt100::Color, default: Paint) -> Paint {
    match colour {
        vt100::Color::Default => default,
        vt100::Color::Idx(index @ 0..16) => Paint::Colour(index),
        other => panic!("the screens have sixteen colours, and {other:?} is none of them"),
    }
}

#[test]
fn given_other_times_and_identifiers_then_it_is_the_same_picture_and_with_another_word_or_colour_it_is_not() {
    let shown = |screen: &str| {
        let mut parser = vt100::Parser::new(crate::terminal::size_of(1), crate::terminal::size_of(60), 0);
        parser.process(screen.as_bytes());
        Picture::of(parser.screen()).masked()
    };
    let first = shown("│ ⠋ \u{1b}[32mSecret\u{1b}[m     9.8 s  4ac4f223-1abb-532c-a4cd-d3ff34177969 │");
    assert_eq!(first, shown("│ ⠏ \u{1b}[32mSecret\u{1b}[m    12.0 s  ffffffff-1abb-532c-a4cd-d3ff34177969 │"));
    assert_ne!(first, shown("│ ⠋ \u{1b}[32mSecrat\u{1b}[m     9.8 s  4ac4f223-1abb-532c-a4cd-d3ff34177969 │"));
    assert_ne!(first, shown("│ ⠋ \u{1b}[31mSecret\u{1b}[m     9.8 s  4ac4f223-1abb-532c-a4cd-d3ff34177969 │"));
}
