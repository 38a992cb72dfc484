//! Whatever the window's size, and whatever is in the texts: no panic, and no broken frame.

use crate::{
    pictures::{ASCII, COLOURS, cells, rows},
    sample::{SCREENS, happens, review},
};
use gatewright::tui::happening::Happening;

#[test]
fn given_any_size_from_1x1_on_then_every_screen_is_drawn() {
    let mut sizes: Vec<(u16, u16)> = (1..=6).flat_map(|columns| (1..=6).map(move |rows| (columns, rows))).collect();
    sizes.extend([(79, 24), (80, 23), (80, 1), (1, 24), (200, 1), (1, 200), (40, 12), (80, 24), (81, 25), (300, 100)]);
    for (name, screen) in SCREENS {
        let whole = screen((80, 24));
        for size in &sizes {
            let state = happens(whole.clone(), 0.1, Happening::Resized(size.0, size.1));
            for abilities in [COLOURS, ASCII] {
                let picture = cells(&state, abilities, *size);
                assert_eq!(picture.content.len(), usize::from(size.0) * usize::from(size.1), "{name} at {size:?}");
            }
        }
    }
}

#[test]
fn given_a_window_that_is_too_small_then_it_is_said_kindly_and_leaving_works() {
    let state = happens(review((80, 24)), 0.1, Happening::Resized(60, 10));
    let text = rows(&cells(&state, COLOURS, (60, 10))).join("\n");
    assert!(text.contains("A little small"), "{text}");
    assert!(text.contains("80x24"), "{text}");
    assert!(text.contains("q leaves"), "{text}");
}

#[test]
fn given_wide_long_and_hostile_texts_then_the_frame_stays_whole() {
    let mut state = review((80, 24));
    for (index, item) in state.review.items.iter_mut().enumerate() {
        let name = match index % 3 {
            0 => "日本語の名前".repeat(20),
            1 => "👩‍👩‍👧‍👦🏳️‍🌈".repeat(10),
            _ => "a\u{1b}[31m\u{7}\r\n\tb".repeat(30),
        };
        item.summary.title.name.clone_from(&name);
        item.summary.why.clone_from(&name);
        item.summary.diff = format!("+{name}\n-{name}");
        item.document = format!("# {name}\n{name}: {name}\n");
    }
    for chosen in 0..state.review.items.len() {
        state.review.chosen = chosen;
        let picture = cells(&state, COLOURS, (80, 24));
        for row in 2..=20 {
            assert_eq!(picture[(0, row)].symbol(), "│", "{:#?}", rows(&picture));
            assert!(["│", "┃"].contains(&picture[(79, row)].symbol()), "{:#?}", rows(&picture));
        }
        assert!(picture.content.iter().all(|cell| !cell.symbol().contains(char::is_control)), "{:#?}", rows(&picture));
    }
}
