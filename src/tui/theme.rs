//! How things look: sixteen colours, for a light and a dark background, or none; glyphs, or plain ASCII. Meaning is never
//! carried by colour alone.

use ratatui::{
    style::{Color, Modifier, Style},
    symbols::border,
};

/// Whether the terminal's background is light or dark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Dark text on a light background.
    Light,
    /// Light text on a dark background.
    Dark,
}

/// What the terminal can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Abilities {
    /// `None`: no colours at all.
    pub colours: Option<Side>,
    /// Whether characters beyond ASCII come out right.
    pub unicode: bool,
    /// Whether clicks are wanted.
    pub mouse: bool,
}

impl Abilities {
    /// What the environment says: NO_COLOR, COLORFGBG, GATEWRIGHT_THEME, GATEWRIGHT_MOUSE, TERM and the locale.
    pub fn of_environment(variable: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let side = match set("GATEWRIGHT_THEME").as_deref() {
            Some("light") => Side::Light,
            Some("dark") => Side::Dark,
            _ => set("COLORFGBG").map_or(Side::Dark, |colours| background(&colours)),
        };
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(set).unwrap_or_default().to_lowercase();
        let console = set("TERM").is_some_and(|term| term == "linux");
        Self {
            colours: set("NO_COLOR").is_none().then_some(side),
            unicode: !console && (locale.contains("utf-8") || locale.contains("utf8")),
            mouse: !set("GATEWRIGHT_MOUSE").is_some_and(|mouse| ["0", "off", "no"].contains(&mouse.as_str())),
        }
    }

    /// The same, with the terminal's own word for its background.
    #[must_use]
    pub fn on(self, side: Option<Side>) -> Self {
        Self { colours: self.colours.map(|guessed| side.unwrap_or(guessed)), ..self }
    }
}

/// COLORFGBG is `foreground;background`, in the sixteen colours.
fn background(colours: &str) -> Side {
    match colours.rsplit(';').next() {
        Some("7" | "15") => Side::Light,
        _ => Side::Dark,
    }
}

/// Every style and glyph that the screens use.
#[derive(Clone, Copy, Debug)]
pub struct Theme {
    /// What the eye should find first.
    pub accent: Style,
    /// What matters less.
    pub faint: Style,
    /// What is done, or would be made.
    pub good: Style,
    /// What failed, or would be removed.
    pub bad: Style,
    /// What wants care.
    pub care: Style,
    /// Headings.
    pub strong: Style,
    /// The row that is chosen.
    pub chosen: Style,
    /// The word PRACTICE.
    pub banner: Style,
    /// Keys of YAML.
    pub key: Style,
    /// Strings of YAML.
    pub string: Style,
    /// Numbers and truth values of YAML.
    pub number: Style,
    /// Comments of YAML.
    pub comment: Style,
    /// What a search found.
    pub found: Style,
    /// Borders.
    pub border: Style,
    /// The glyphs.
    pub glyphs: &'static Glyphs,
}

/// The glyphs.
#[derive(Debug)]
pub struct Glyphs {
    /// Done.
    pub done: &'static str,
    /// Failed.
    pub failed: &'static str,
    /// Not begun.
    pub waiting: &'static str,
    /// The step one is at.
    pub here: &'static str,
    /// A step that is still to come.
    pub open: &'static str,
    /// For somebody else to do.
    pub handed_over: &'static str,
    /// Before the chosen row.
    pub chosen: &'static str,
    /// Between items.
    pub dot: &'static str,
    /// In place of what does not fit.
    pub ellipsis: &'static str,
    /// A bar's full cell.
    pub full: &'static str,
    /// A bar's empty cell.
    pub empty: &'static str,
    /// What turns while something runs, one frame every 100 ms.
    pub spinner: &'static [&'static str],
    /// Borders.
    pub border: border::Set<'static>,
    /// Whether it is ASCII alone.
    pub ascii: bool,
}

static UNICODE: Glyphs = Glyphs {
    done: "✔",
    failed: "✗",
    waiting: "·",
    here: "●",
    open: "○",
    handed_over: "→",
    chosen: "▸",
    dot: "·",
    ellipsis: "…",
    full: "█",
    empty: "░",
    spinner: &["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"],
    border: border::ROUNDED,
    ascii: false,
};

static ASCII: Glyphs = Glyphs {
    done: "v",
    failed: "x",
    waiting: ".",
    here: "*",
    open: "-",
    handed_over: ">",
    chosen: ">",
    dot: "-",
    ellipsis: "~",
    full: "#",
    empty: ".",
    spinner: &["|", "/", "-", "\\"],
    border: border::Set {
        top_left: "+",
        top_right: "+",
        bottom_left: "+",
        bottom_right: "+",
        vertical_left: "|",
        vertical_right: "|",
        horizontal_top: "-",
        horizontal_bottom: "-",
    },
    ascii: true,
};

impl Theme {
    /// The theme for what a terminal can show.
    pub fn of(abilities: Abilities) -> Self {
        let glyphs = if abilities.unicode { &UNICODE } else { &ASCII };
        match abilities.colours {
            None => Self::without_colours(glyphs),
            Some(Side::Dark) => Self::coloured(
                glyphs,
                [Color::Cyan, Color::Green, Color::LightRed, Color::Yellow, Color::LightBlue, Color::LightMagenta],
            ),
            Some(Side::Light) => Self::coloured(
                glyphs,
                [Color::Blue, Color::Green, Color::Red, Color::Magenta, Color::Blue, Color::Magenta],
            ),
        }
    }

    fn coloured(glyphs: &'static Glyphs, [accent, good, bad, care, key, number]: [Color; 6]) -> Self {
        let plain = Self::without_colours(glyphs);
        let bold = |colour| Style::new().fg(colour).add_modifier(Modifier::BOLD);
        Self {
            accent: bold(accent),
            good: Style::new().fg(good),
            bad: bold(bad),
            care: Style::new().fg(care),
            chosen: Style::new().fg(accent).add_modifier(Modifier::REVERSED),
            banner: Style::new().fg(care).add_modifier(Modifier::BOLD | Modifier::REVERSED),
            key: Style::new().fg(key),
            string: Style::new().fg(good),
            number: Style::new().fg(number),
            found: Style::new().fg(care).add_modifier(Modifier::REVERSED),
            ..plain
        }
    }

    fn without_colours(glyphs: &'static Glyphs) -> Self {
        let bold = Style::new().add_modifier(Modifier::BOLD);
        let reversed = Style::new().add_modifier(Modifier::REVERSED);
        // Bright black is invisible on some dark palettes: what matters less is dim instead, which may at worst be ignored.
        let faint = Style::new().add_modifier(Modifier::DIM);
        Self {
            accent: bold,
            faint,
            good: Style::new(),
            bad: bold,
            care: Style::new(),
            strong: bold,
            chosen: reversed,
            banner: bold.add_modifier(Modifier::REVERSED),
            key: Style::new(),
            string: Style::new(),
            number: Style::new(),
            comment: faint,
            found: reversed.add_modifier(Modifier::UNDERLINED),
            border: faint,
            glyphs,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Abilities, Side};

    #[test]
    fn given_an_environment_then_the_abilities_follow_it() {
        let of = |variables: &'static [(&'static str, &'static str)]| {
            Abilities::of_environment(|name| {
                variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
            })
        };
        assert_eq!(of(&[]), Abilities { colours: Some(Side::Dark), unicode: false, mouse: true });
        assert!(!of(&[("GATEWRIGHT_MOUSE", "0")]).mouse);
        assert_eq!(of(&[]).on(Some(Side::Light)).colours, Some(Side::Light));
        assert_eq!(of(&[("NO_COLOR", "1")]).on(Some(Side::Light)).colours, None);
        assert!(of(&[("LANG", "de_DE.UTF-8")]).unicode);
        assert!(!of(&[("LC_ALL", "C"), ("LANG", "de_DE.UTF-8")]).unicode);
        assert_eq!(of(&[("COLORFGBG", "0;15")]).colours, Some(Side::Light));
        assert_eq!(of(&[("COLORFGBG", "15;0"), ("GATEWRIGHT_THEME", "light")]).colours, Some(Side::Light));
        assert_eq!(of(&[("NO_COLOR", "1")]).colours, None);
        assert_eq!(of(&[("NO_COLOR", "")]).colours, Some(Side::Dark));
    }
}
