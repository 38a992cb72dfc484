//! Whether the terminal's background is light. It is asked once the first frame is drawn, and never waited for: the answer changes
//! the colours when it comes, if it comes (docs/decisions/background.md).

use super::theme::Side;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use std::time::{Duration, Instant};

/// The question for the colour behind the text: OSC 11.
pub(super) const QUESTION: &str = "\u{1b}]11;?\u{1b}\\";
/// How every answer begins.
const BEGINNING: &str = "\u{1b}]11;";
/// A colour's name is shorter than this.
const LONGEST: usize = 40;
/// Whoever answers at all has begun to by now; from then on an Escape is a key, and nothing else.
const SOON: Duration = Duration::from_secs(3);
/// For how long an Escape may still turn out to be the beginning of the answer, torn off by the network.
pub(super) const TORN: Duration = Duration::from_millis(30);

/// Whether it is worth asking: not where colours are not wanted, where the person or the terminal has said which they are, or where
/// the terminal is known not to understand.
pub(super) fn is_worth_asking(variable: impl Fn(&str) -> Option<String>) -> bool {
    let set = |name: &str| variable(name).filter(|value| !value.is_empty());
    let known = ["NO_COLOR", "GATEWRIGHT_THEME", "COLORFGBG"].into_iter().any(|name| set(name).is_some());
    !known && set("TERM").is_some_and(|term| !["dumb", "linux"].contains(&term.as_str()))
}

/// Takes the answer out of the keys. crossterm does not know it: it reads ESC ] as Alt and ], and the rest as keys.
#[derive(Debug)]
pub(super) struct Sieve {
    asked: Option<Instant>,
    held: Vec<KeyEvent>,
    text: String,
}

/// What came out of a key.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Sifted {
    /// What was really pressed.
    pub(super) keys: Vec<KeyEvent>,
    /// What the answer was, once it is complete.
    pub(super) answer: Option<Answer>,
}

/// What the terminal has answered: a side, unless nobody understands it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Answer(pub(super) Option<Side>);

/// What the text that is held may be.
enum Verdict {
    NoAnswer,
    Begun,
    Complete(Answer),
}

impl Sieve {
    /// A sieve for the answer to the question that was `asked`, if it was.
    pub(super) fn new(asked: Option<Instant>) -> Self {
        Self { asked, held: Vec::new(), text: String::new() }
    }

    /// Takes in a key.
    pub(super) fn sift(&mut self, key: KeyEvent) -> Sifted {
        let Some(asked) = self.asked else { return Sifted { keys: vec![key], answer: None } };
        let is_late = asked.elapsed() > SOON;
        let is_held = match spelt(&key) {
            Some(text) if !(is_late && self.held.is_empty() && key.code == KeyCode::Esc) => {
                self.held.push(key);
                self.text.push_str(&text);
                true
            }
            _ => false,
        };
        match verdict(&self.text) {
            Verdict::Begun if is_held => Sifted::default(),
            Verdict::Complete(answer) if is_held => {
                self.asked = None;
                self.release();
                Sifted { keys: Vec::new(), answer: Some(answer) }
            }
            _ => {
                let mut keys = self.release();
                if !is_held {
                    keys.push(key);
                } else if keys.len() > 1 {
                    // What ends one text may begin another.
                    let last = keys.pop();
                    let rest = last.map(|last| self.sift(last)).unwrap_or_default();
                    keys.extend(rest.keys);
                    return Sifted { keys, answer: rest.answer };
                }
                Sifted { keys, answer: None }
            }
        }
    }

    /// Whether all that is held is an Escape, which somebody may have pressed.
    pub(super) fn holds_an_escape(&self) -> bool {
        self.text == "\u{1b}"
    }

    /// What was held after all is keys.
    pub(super) fn release(&mut self) -> Vec<KeyEvent> {
        self.text.clear();
        std::mem::take(&mut self.held)
    }
}

/// The bytes that crossterm has made this key of, where they can belong to an answer.
fn spelt(key: &KeyEvent) -> Option<String> {
    let (alt, control) = (key.modifiers.contains(KeyModifiers::ALT), key.modifiers.contains(KeyModifiers::CONTROL));
    match key.code {
        KeyCode::Esc => Some("\u{1b}".to_owned()),
        KeyCode::Char(letter) if alt => Some(format!("\u{1b}{letter}")),
        KeyCode::Char('g') if control => Some("\u{7}".to_owned()),
        KeyCode::Char(letter) if !control => Some(letter.to_string()),
        _ => None,
    }
}

fn verdict(text: &str) -> Verdict {
    let Some(colour) = text.strip_prefix(BEGINNING) else {
        return if BEGINNING.starts_with(text) { Verdict::Begun } else { Verdict::NoAnswer };
    };
    if let Some(colour) = colour.strip_suffix('\u{7}').or_else(|| colour.strip_suffix("\u{1b}\\")) {
        return Verdict::Complete(Answer(side(colour)));
    }
    let begun = colour.strip_suffix('\u{1b}').unwrap_or(colour);
    let belongs = |letter: char| letter.is_ascii_alphanumeric() || [':', '/', '#'].contains(&letter);
    if begun.len() < LONGEST && begun.chars().all(belongs) { Verdict::Begun } else { Verdict::NoAnswer }
}

/// Which side a colour such as `rgb:ffff/ffff/dddd` is on.
fn side(colour: &str) -> Option<Side> {
    let lightness = xterm_color::Color::parse(colour.as_bytes()).ok()?.perceived_lightness();
    Some(if lightness > 0.5 { Side::Light } else { Side::Dark })
}

#[cfg(test)]
mod tests {
    use super::{Answer, QUESTION, SOON, Sieve, is_worth_asking, side};
    use crate::tui::theme::Side;
    use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
    use std::time::Instant;

    const LIGHT: &str = "\u{1b}]11;rgb:FFFF/ffff/dddd\u{1b}\\";

    /// The keys that crossterm makes of these bytes; `|` is where the network tears them apart.
    fn keys(bytes: &str) -> Vec<KeyEvent> {
        let mut keys = Vec::new();
        for piece in bytes.split('|') {
            let mut letters = piece.chars().peekable();
            while let Some(letter) = letters.next() {
                let code = |letter: char| match letter {
                    '\u{7}' => (KeyCode::Char('g'), KeyModifiers::CONTROL),
                    letter if letter.is_uppercase() => (KeyCode::Char(letter), KeyModifiers::SHIFT),
                    letter => (KeyCode::Char(letter), KeyModifiers::NONE),
                };
                keys.push(match (letter, letters.peek()) {
                    ('\u{1b}', None) => KeyEvent::new(KeyCode::Esc, KeyModifiers::NONE),
                    ('\u{1b}', Some(_)) => {
                        let (code, modifiers) = code(letters.next().unwrap());
                        KeyEvent::new(code, modifiers | KeyModifiers::ALT)
                    }
                    (letter, _) => {
                        let (code, modifiers) = code(letter);
                        KeyEvent::new(code, modifiers)
                    }
                });
            }
        }
        keys
    }

    fn sifted(sieve: &mut Sieve, bytes: &str) -> (Vec<KeyEvent>, Option<Answer>) {
        let (mut left, mut answer) = (Vec::new(), None);
        for key in keys(bytes) {
            let sifted = sieve.sift(key);
            left.extend(sifted.keys);
            answer = answer.or(sifted.answer);
        }
        (left, answer)
    }

    fn asked() -> Sieve {
        Sieve::new(Some(Instant::now()))
    }

    #[test]
    fn given_an_answer_in_any_pieces_then_no_key_of_it_is_left() {
        for answer in [
            LIGHT,
            "\u{1b}]11;rgb:ffff/ffff/dddd\u{7}",
            "\u{1b}|]11;rgb:ff|ff/ffff/dddd\u{1b}|\\",
            "\u{1b}]11;rgb:ffff/ffff/dddd|\u{7}",
        ] {
            assert_eq!(sifted(&mut asked(), answer), (Vec::new(), Some(Answer(Some(Side::Light)))), "{answer:?}");
        }
        let (left, answer) = sifted(&mut asked(), "\u{1b}]11;what?\u{7}x");
        assert_eq!((left, answer), (keys("\u{1b}]11;what?\u{7}x"), None), "not the shape of an answer");
        assert_eq!(sifted(&mut asked(), "\u{1b}]11;none\u{7}"), (Vec::new(), Some(Answer(None))));
    }

    #[test]
    fn given_keys_before_after_and_in_place_of_an_answer_then_all_of_them_are_left_in_order() {
        let (left, answer) = sifted(&mut asked(), &format!("jk{LIGHT}q"));
        assert_eq!((left, answer), (keys("jkq"), Some(Answer(Some(Side::Light)))));
        for typed in ["]11;", "\u{1b}x", "\u{1b}]1x", "\u{1b}]\u{1b}]x", "\u{1b}|q"] {
            assert_eq!(sifted(&mut asked(), typed), (keys(typed), None), "{typed:?}");
        }
        let (left, answer) = sifted(&mut asked(), &format!("\u{1b}]1{LIGHT}"));
        assert_eq!((left, answer), (keys("\u{1b}]1"), Some(Answer(Some(Side::Light)))));
    }

    #[test]
    fn given_an_escape_then_it_is_held_only_while_it_may_be_a_beginning() {
        let mut sieve = asked();
        assert_eq!(sifted(&mut sieve, "\u{1b}|"), (Vec::new(), None));
        assert!(sieve.holds_an_escape());
        assert_eq!(sieve.release(), keys("\u{1b}|"));
        let mut late = Sieve::new(Instant::now().checked_sub(SOON * 2));
        assert_eq!(sifted(&mut late, "\u{1b}|"), (keys("\u{1b}|"), None));
        assert_eq!(sifted(&mut late, LIGHT), (Vec::new(), Some(Answer(Some(Side::Light)))), "a late answer is one");
        assert_eq!(sifted(&mut Sieve::new(None), LIGHT).0, keys(LIGHT), "nobody has asked");
    }

    #[test]
    fn given_colours_then_they_are_on_the_side_that_an_eye_would_say() {
        for (colour, expected) in [
            ("rgb:0000/0000/0000", Side::Dark),
            ("rgb:ffff/ffff/ffff", Side::Light),
            ("rgb:fd/f6/e3", Side::Light),
            ("rgb:00/2b/36", Side::Dark),
            ("rgba:2828/2c2c/3434/ffff", Side::Dark),
        ] {
            assert_eq!(side(colour), Some(expected), "{colour}");
        }
    }

    #[test]
    fn given_an_environment_that_knows_or_cannot_tell_then_nobody_is_asked() {
        let of = |variables: &[(&str, &str)]| {
            is_worth_asking(|name| {
                let mut found = variables.iter().filter(|(known, _)| *known == name);
                found.next().map(|(_, value)| (*value).to_owned())
            })
        };
        let xterm = ("TERM", "xterm-256color");
        assert!(of(&[xterm]) && of(&[xterm, ("NO_COLOR", "")]));
        for known in [("NO_COLOR", "1"), ("GATEWRIGHT_THEME", "dark"), ("COLORFGBG", "0;15")] {
            assert!(!of(&[xterm, known]), "{known:?}");
        }
        assert!(!of(&[]) && !of(&[("TERM", "dumb")]) && !of(&[("TERM", "linux")]));
        assert!(QUESTION.starts_with("\u{1b}]11;?"));
    }
}
