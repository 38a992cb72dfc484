//! The least that a ratatui program with a list is: what the full screen is measured beside (scripts/measure-terminal).

use crossterm::event::{Event, KeyCode, KeyModifiers, read};
use ratatui::{
    style::{Modifier, Style},
    widgets::{Block, List, ListState},
};

fn main() -> std::io::Result<()> {
    let rows: Vec<String> =
        (1..=35).map(|row| format!("row {row} of a list, as long as the names of objects are")).collect();
    let mut state = ListState::default().with_selected(Some(0));
    let mut terminal = ratatui::try_init()?;
    loop {
        terminal.draw(|frame| {
            let list = List::new(rows.iter().map(String::as_str))
                .block(Block::bordered().title("baseline"))
                .highlight_style(Style::new().add_modifier(Modifier::REVERSED));
            frame.render_stateful_widget(list, frame.area(), &mut state);
        })?;
        match read()? {
            Event::Key(key) if key.code == KeyCode::Char('j') => state.select_next(),
            Event::Key(key) if key.code == KeyCode::Char('k') => state.select_previous(),
            Event::Key(key) if key.code == KeyCode::Char('q') || key.modifiers == KeyModifiers::CONTROL => break,
            _ => {}
        }
    }
    ratatui::try_restore()
}
