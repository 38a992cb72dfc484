//! The pictures, as reviewed snapshots.

use crate::sample::SCREENS;
use gatewright::tui::{
    draw::draw,
    state::State,
    theme::{Abilities, Side, Theme},
};
use ratatui::{
    Terminal,
    backend::TestBackend,
    buffer::{Buffer, Cell},
    style::Color,
};
use std::fmt::Write as _;

pub(crate) const COLOURS: Abilities = Abilities { colours: Some(Side::Dark), unicode: true, mouse: true };
pub(crate) const LIGHT: Abilities = Abilities { colours: Some(Side::Light), unicode: true, mouse: true };
pub(crate) const NO_COLOURS: Abilities = Abilities { colours: None, unicode: true, mouse: true };
pub(crate) const ASCII: Abilities = Abilities { colours: None, unicode: false, mouse: true };

/// The cells that are drawn.
pub(crate) fn cells(state: &State, abilities: Abilities, (columns, rows): (u16, u16)) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(columns, rows)).unwrap();
    let theme = Theme::of(abilities);
    terminal.draw(|frame| draw(state, &theme, frame)).unwrap();
    terminal.backend().buffer().clone()
}

/// The rows of a picture as text.
pub(crate) fn rows(buffer: &Buffer) -> Vec<String> {
    let width = usize::from(buffer.area.width);
    buffer
        .content
        .chunks(width)
        .map(|row| row.iter().map(Cell::symbol).collect::<String>().trim_end().to_owned())
        .collect()
}

fn text(buffer: &Buffer) -> String {
    rows(buffer).join("\n")
}

/// The styles of a picture: a letter a cell, and what each letter stands for.
fn styles(buffer: &Buffer) -> String {
    let mut known: Vec<String> = Vec::new();
    let mut grid = String::new();
    for row in buffer.content.chunks(usize::from(buffer.area.width)) {
        let letters = row.iter().map(|cell| {
            let style = format!("{:?} on {:?} {:?}", cell.fg, cell.bg, cell.modifier);
            if (cell.fg, cell.bg, cell.modifier.is_empty()) == (Color::Reset, Color::Reset, true) {
                return '.';
            }
            let index = known.iter().position(|other| *other == style).unwrap_or_else(|| {
                known.push(style);
                known.len() - 1
            });
            char::from(b'a' + u8::try_from(index).unwrap())
        });
        let line: String = letters.collect();
        let _infallible = writeln!(grid, "{}", line.trim_end_matches('.'));
    }
    for (index, style) in known.iter().enumerate() {
        let _infallible = writeln!(grid, "{}: {style}", char::from(b'a' + u8::try_from(index).unwrap()));
    }
    grid
}

#[test]
fn given_every_screen_when_drawn_at_both_sizes_then_it_is_as_it_was_reviewed() {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    // Times are shown in the local zone.
    settings.add_filter(r"\d\d:\d\d:\d\d", "HH:MM:SS");
    settings.add_filter(r"until \d\d:\d\d", "until HH:MM");
    settings.bind(|| {
        for (name, screen) in SCREENS {
            for size in [(80, 24), (140, 40)] {
                let state = screen(size);
                let coloured = cells(&state, COLOURS, size);
                let picture = format!(
                    "{}\n\n== styles\n{}\n== light\n{}\n== without colours\n{}\n== ASCII\n{}\n",
                    text(&coloured),
                    styles(&coloured),
                    legend(&cells(&state, LIGHT, size)),
                    legend(&cells(&state, NO_COLOURS, size)),
                    text(&cells(&state, ASCII, size))
                );
                insta::assert_snapshot!(format!("{name}-{}x{}", size.0, size.1), picture);
            }
        }
    });
}

/// Which styles a picture has.
fn legend(buffer: &Buffer) -> String {
    let styles = styles(buffer);
    let named: Vec<&str> = styles.lines().filter(|line| line.get(1..3) == Some(": ")).collect();
    named.join("\n") + "\n"
}

#[test]
fn given_no_colours_then_no_cell_has_one_and_the_text_is_the_same() {
    for (name, screen) in SCREENS {
        let state = screen((80, 24));
        let plain = cells(&state, NO_COLOURS, (80, 24));
        let coloured = cells(&state, COLOURS, (80, 24));
        assert!(plain.content.iter().all(|cell| cell.fg == Color::Reset && cell.bg == Color::Reset), "{name}");
        assert_eq!(rows(&plain), rows(&coloured), "{name}");
    }
}

#[test]
fn given_an_ascii_locale_then_nothing_else_is_drawn() {
    for (name, screen) in SCREENS {
        let picture = cells(&screen((80, 24)), ASCII, (80, 24));
        for cell in &picture.content {
            assert!(cell.symbol().is_ascii(), "{name}: {:?}", cell.symbol());
        }
    }
}

#[test]
fn given_sixteen_colours_then_no_other_is_used() {
    for abilities in [COLOURS, LIGHT] {
        for (name, screen) in SCREENS {
            for cell in &cells(&screen((140, 40)), abilities, (140, 40)).content {
                for colour in [cell.fg, cell.bg] {
                    assert!(!matches!(colour, Color::Rgb(..) | Color::Indexed(_)), "{name}: {colour:?}");
                }
            }
        }
    }
}
