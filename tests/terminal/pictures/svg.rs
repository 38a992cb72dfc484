//! A picture as SVG, drawn cell by cell, and read back. Lines and blocks are shapes, so that they join whatever font there is; their
//! characters are there too, unseen.

use super::picture::{Cell, Paint, Picture, Style};
use roxmltree::{Document, Node};
use std::{collections::BTreeMap, fmt::Write as _};

/// A cell's size, for a font size of 15.
const CELL: (usize, usize) = (9, 19);
const BASELINE: usize = 14;
const MARGIN: usize = 10;

/// The frame's line makes it whole on a light page as on a dark one.
const SHEET: &str = "\
text,rect{fill:currentColor}path{fill:none;stroke:currentColor}.frame{stroke:#3d444d}.text{color:#d0d4da}.ground{color:#16181d}\
.b{font-weight:bold}.d{opacity:.65}.u{text-decoration:underline}text.line{fill:none}\
.heavy{stroke-width:3}.full{stroke-width:19}.shade{stroke-width:19;stroke-opacity:.35}";

const COLOURS: [&str; 16] = [
    "#16181d", "#e06c75", "#98c379", "#e5c07b", "#61afef", "#c678dd", "#56b6c2", "#d0d4da", "#5c6370", "#ff7b86",
    "#b5e890", "#ffd68a", "#7cc0ff", "#d99bf0", "#7fdbe6", "#ffffff",
];

/// The shapes of lines and blocks, by their stroke.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stroke {
    Thin,
    Heavy,
    Full,
    Shade,
}

impl Stroke {
    fn class(self) -> &'static str {
        match self {
            Self::Thin => "",
            Self::Heavy => " heavy",
            Self::Full => " full",
            Self::Shade => " shade",
        }
    }
}

/// With which stroke a character is drawn, and along which path from its left upper corner; `None` for what is written.
fn shape(text: &str) -> Option<(Stroke, &'static str)> {
    Some(match text {
        "─" => (Stroke::Thin, "m0 9.5h9"),
        "│" => (Stroke::Thin, "m4.5 0v19"),
        "╭" => (Stroke::Thin, "m4.5 19v-5q0-4.5 4.5-4.5"),
        "╮" => (Stroke::Thin, "m0 9.5q4.5 0 4.5 4.5v5"),
        "╰" => (Stroke::Thin, "m4.5 0v5q0 4.5 4.5 4.5"),
        "╯" => (Stroke::Thin, "m0 9.5q4.5 0 4.5-4.5v-5"),
        "┃" => (Stroke::Heavy, "m4.5 0v19"),
        "█" => (Stroke::Full, "m0 9.5h9"),
        "░" => (Stroke::Shade, "m0 9.5h9"),
        _ => return None,
    })
}

pub(super) fn draw(picture: &Picture) -> String {
    let columns = picture.rows.first().map_or(0, Vec::len);
    let (width, height) = (columns * CELL.0 + 2 * MARGIN, picture.rows.len() * CELL.1 + 2 * MARGIN);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
         font-family=\"DejaVu Sans Mono,Menlo,Consolas,monospace\" font-size=\"15\">\n<style>{SHEET}"
    );
    for (index, colour) in COLOURS.iter().enumerate() {
        put(&mut svg, format_args!(".c{index}{{color:{colour}}}"));
    }
    let (inner_width, inner_height) = (width - 1, height - 1);
    put(
        &mut svg,
        format_args!(
            "</style>\n<rect class=\"ground frame\" x=\".5\" y=\".5\" width=\"{inner_width}\" height=\"{inner_height}\" rx=\"8\"/>\n"
        ),
    );
    for (row, cells) in picture.rows.iter().enumerate() {
        draw_grounds(&mut svg, cells, row);
    }
    draw_shapes(&mut svg, picture);
    for (row, cells) in picture.rows.iter().enumerate() {
        draw_text(&mut svg, cells, row);
    }
    svg.push_str("</svg>\n");
    svg
}

fn put(svg: &mut String, what: std::fmt::Arguments) {
    svg.write_fmt(what).unwrap();
}

fn left(column: usize) -> usize {
    MARGIN + column * CELL.0
}

fn top(row: usize) -> usize {
    MARGIN + row * CELL.1
}

fn draw_grounds(svg: &mut String, cells: &[Cell], row: usize) {
    let mut column = 0;
    for run in cells.chunk_by(|one, next| one.style.background == next.style.background) {
        let background = run[0].style.background;
        if background != Paint::Ground {
            let (class, x, y) = (class_of_paint(background), left(column), top(row));
            let (width, height) = (run.len() * CELL.0, CELL.1);
            put(
                svg,
                format_args!("<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\"/>\n"),
            );
        }
        column += run.len();
    }
}

/// One path for all shapes of a style.
fn draw_shapes(svg: &mut String, picture: &Picture) {
    let mut paths: BTreeMap<(Style, Stroke), String> = BTreeMap::new();
    for (row, cells) in picture.rows.iter().enumerate() {
        let mut column = 0;
        for run in cells.chunk_by(|one, next| one == next) {
            if let Some((stroke, along)) = shape(&run[0].text) {
                let path = paths.entry((run[0].style, stroke)).or_default();
                if let Some(start) = along.strip_suffix("h9") {
                    let length = run.len() * CELL.0;
                    put(path, format_args!("M{} {}{start}h{length}", left(column), top(row)));
                } else {
                    for at in column..column + run.len() {
                        put(path, format_args!("M{} {}{along}", left(at), top(row)));
                    }
                }
            }
            column += run.len();
        }
    }
    for ((style, stroke), path) in paths {
        put(svg, format_args!("<path class=\"{}{}\" d=\"{path}\"/>\n", class_of(style), stroke.class()));
    }
}

/// What of a row looks the same is one element, with the place of each character: so it stays in its column in every font.
fn draw_text(svg: &mut String, cells: &[Cell], row: usize) {
    let mut same: BTreeMap<(Style, bool), Vec<(usize, &str)>> = BTreeMap::new();
    for (column, cell) in cells.iter().enumerate() {
        if cell.is_blank() || cell.text.is_empty() {
            continue;
        }
        let style = Style { background: Paint::Ground, ..cell.style };
        if cell.text.chars().count() > 1 {
            write_text(svg, &class_of(style), &[(column, &cell.text)], row);
        } else {
            same.entry((style, shape(&cell.text).is_some())).or_default().push((column, &cell.text));
        }
    }
    for ((style, is_shape), characters) in same {
        let class = class_of(style) + if is_shape { " line" } else { "" };
        write_text(svg, &class, &characters, row);
    }
}

fn write_text(svg: &mut String, class: &str, characters: &[(usize, &str)], row: usize) {
    let places: Vec<String> = characters.iter().map(|(column, _)| left(*column).to_string()).collect();
    let text: String = characters.iter().map(|(_, text)| *text).collect();
    let (places, y) = (places.join(" "), top(row) + BASELINE);
    // A blank that is underlined is one that XML keeps.
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace(' ', "\u{a0}");
    put(svg, format_args!("<text class=\"{class}\" x=\"{places}\" y=\"{y}\">{text}</text>\n"));
}

fn class_of_paint(paint: Paint) -> String {
    match paint {
        Paint::Text => "text".to_owned(),
        Paint::Ground => "ground".to_owned(),
        Paint::Colour(index) => format!("c{index}"),
    }
}

fn class_of(style: Style) -> String {
    let marks = [(style.bold, " b"), (style.dim, " d"), (style.underlined, " u")];
    let marks: String = marks.iter().filter(|(is, _)| *is).map(|(_, mark)| *mark).collect();
    class_of_paint(style.foreground) + &marks
}

/// Reads what [`draw`] drew.
pub(super) fn read(svg: &str) -> Picture {
    let document = Document::parse(svg).unwrap();
    let root = document.root_element();
    let cells_in = |attribute, cell| (number(root, attribute) - 2 * MARGIN) / cell;
    let (columns, rows) = (cells_in("width", CELL.0), cells_in("height", CELL.1));
    let mut picture = Picture { rows: vec![vec![Cell::blank(); columns]; rows] };
    for node in root.children().filter(Node::is_element) {
        match node.tag_name().name() {
            "rect" if !classes(node).any(|class| class == "frame") => read_ground(&mut picture, node),
            "text" => read_text(&mut picture, node),
            _ => {}
        }
    }
    picture
}

fn number(node: Node, attribute: &str) -> usize {
    node.attribute(attribute).unwrap().parse().unwrap()
}

fn classes<'a>(node: Node<'a, '_>) -> impl Iterator<Item = &'a str> {
    node.attribute("class").unwrap().split(' ')
}

fn paint(node: Node) -> Paint {
    match classes(node).next().unwrap() {
        "text" => Paint::Text,
        "ground" => Paint::Ground,
        colour => Paint::Colour(colour.strip_prefix('c').unwrap().parse().unwrap()),
    }
}

fn read_ground(picture: &mut Picture, node: Node) {
    let (row, column) = ((number(node, "y") - MARGIN) / CELL.1, (number(node, "x") - MARGIN) / CELL.0);
    let width = number(node, "width") / CELL.0;
    for cell in &mut picture.rows[row][column..column + width] {
        cell.style.background = paint(node);
    }
}

fn read_text(picture: &mut Picture, node: Node) {
    let row = &mut picture.rows[(number(node, "y") - BASELINE - MARGIN) / CELL.1];
    let has = |mark| classes(node).any(|class| class == mark);
    let style = Style { foreground: paint(node), bold: has("b"), dim: has("d"), underlined: has("u"), ..Style::PLAIN };
    let text = node.text().unwrap_or_default().replace('\u{a0}', " ");
    let places: Vec<usize> = node.attribute("x").unwrap().split(' ').map(|place| place.parse().unwrap()).collect();
    let characters: Vec<String> = if places.len() == 1 { vec![text] } else { text.chars().map(String::from).collect() };
    assert_eq!(characters.len(), places.len(), "{characters:?}");
    for (character, place) in characters.into_iter().zip(places) {
        let column = (place - MARGIN) / CELL.0;
        let background = row[column].style.background;
        if unicode_width::UnicodeWidthStr::width(character.as_str()) == 2 {
            row[column + 1] = Cell { text: String::new(), style: Style { background, ..style } };
        }
        row[column] = Cell { text: character, style: Style { background, ..style } };
    }
}

#[test]
fn given_everything_that_a_cell_can_be_when_drawn_and_read_then_it_is_the_same() {
    let mut parser = vt100::Parser::new(crate::terminal::size_of(4), crate::terminal::size_of(20), 0);
    parser.process("╭──╮ <&> \u{1b}[7mchosen row\u{1b}[m\r\n".as_bytes());
    parser.process("\u{1b}[1;31mbold\u{1b}[m \u{1b}[2mdim\u{1b}[m \u{1b}[4mtwo words\u{1b}[m\r\n".as_bytes());
    parser.process("\u{1b}[44m日本\u{1b}[m e\u{301} \u{1b}[97;45mx  y\u{1b}[m █░┃│".as_bytes());
    let picture = Picture::of(parser.screen());
    assert!(read(&draw(&picture)) == picture, "{}", draw(&picture));
}
