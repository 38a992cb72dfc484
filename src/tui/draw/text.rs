//! Text that fits.

use super::super::theme::Theme;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// How many columns `text` takes.
pub(super) fn width(text: &str) -> usize {
    text.width()
}

/// `text`, cut to `room` columns; what was cut is marked.
pub(super) fn fit(text: &str, room: usize, theme: &Theme) -> String {
    let text: String = text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    if width(&text) <= room {
        return text;
    }
    let mut cut = start(&text, room.saturating_sub(1)).to_owned();
    if room > 0 {
        cut.push_str(theme.glyphs.ellipsis);
    }
    cut
}

/// `text` in exactly `room` columns.
pub(super) fn column(text: &str, room: usize, theme: &Theme) -> String {
    let fitting = fit(text, room, theme);
    let missing = room.saturating_sub(width(&fitting));
    fitting + &" ".repeat(missing)
}

/// As much of the beginning of `text` as `room` columns hold.
fn start(text: &str, room: usize) -> &str {
    let mut used = 0;
    for (index, letter) in text.char_indices() {
        used += letter.width().unwrap_or_default();
        if used > room {
            return text.get(..index).unwrap_or_default();
        }
    }
    text
}

/// `text` in lines of at most `room` columns, broken between words where there are any.
pub(in crate::tui) fn wrap(text: &str, room: usize) -> Vec<String> {
    let room = room.max(1);
    let mut lines = Vec::new();
    for paragraph in text.lines() {
        let mut line = String::new();
        for word in paragraph.split_whitespace() {
            let mut word = word;
            if !line.is_empty() && width(&line) + 1 + width(word) <= room {
                line.push(' ');
            } else if !line.is_empty() {
                lines.push(std::mem::take(&mut line));
            }
            while width(word) > room {
                let head = start(word, room);
                // A character that is wider than the room has to go somewhere.
                let end = if head.is_empty() { word.chars().next().map_or(0, char::len_utf8) } else { head.len() };
                let (head, rest) = word.split_at(end);
                lines.push(head.to_owned());
                word = rest;
            }
            line.push_str(word);
        }
        lines.push(line);
    }
    lines
}

/// The first `at_most` of lines of `room` columns; where there are more of them, the last one says so.
pub(super) fn first(mut lines: Vec<String>, at_most: usize, room: usize, theme: &Theme) -> Vec<String> {
    if lines.len() > at_most {
        lines.truncate(at_most);
        if let Some(last) = lines.last_mut() {
            let kept = start(last, room.saturating_sub(1)).len();
            last.truncate(kept);
            last.push_str(theme.glyphs.ellipsis);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::{
        super::super::theme::{Abilities, Theme},
        column, first, fit, width, wrap,
    };

    #[test]
    fn given_wide_characters_then_what_fits_is_counted_in_columns() {
        let theme = Theme::of(Abilities { colours: None, unicode: true, mouse: true });
        assert_eq!(fit("日本語", 6, &theme), "日本語");
        assert_eq!(fit("日本語", 5, &theme), "日本…");
        assert_eq!(fit("日本語", 4, &theme), "日…");
        assert_eq!(width(&column("日本語", 4, &theme)), 4);
        assert_eq!(fit("a\nb\u{1b}", 9, &theme), "a b ");
        assert_eq!(fit("abc", 0, &theme), "");
    }

    #[test]
    fn given_more_lines_than_there_is_room_for_then_the_last_one_says_that_it_goes_on() {
        let theme = Theme::of(Abilities { colours: None, unicode: true, mouse: true });
        assert_eq!(first(wrap("one two six", 7), 2, 7, &theme), ["one two", "six"]);
        assert_eq!(first(wrap("one two six", 7), 1, 7, &theme), ["one tw…"]);
        assert_eq!(first(wrap("one two six", 8), 1, 8, &theme), ["one two…"]);
        assert_eq!(first(wrap("one", 7), 0, 7, &theme), [""; 0]);
    }

    #[test]
    fn given_words_longer_than_the_room_then_they_are_broken() {
        assert_eq!(wrap("a bcdef g", 3), ["a", "bcd", "ef", "g"]);
        assert_eq!(wrap("one two three", 8), ["one two", "three"]);
        assert_eq!(wrap("日本", 1), ["日", "本", ""]);
    }
}
