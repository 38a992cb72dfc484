//! Copying through the terminal itself (OSC 52), which works over SSH: the terminal that one sits at holds the clipboard.

use crossterm::{Command as _, clipboard::CopyToClipboard};

/// What has the terminal copy `text`. tmux passes on what is wrapped for it, where `allow-passthrough` lets it, and takes what is
/// not, where `set-clipboard` is on: it gets both, for neither does harm.
pub(super) fn sequence(text: &str, inside_tmux: bool) -> String {
    let mut plain = String::new();
    let _infallible = CopyToClipboard::to_clipboard_from(text).write_ansi(&mut plain);
    if !inside_tmux {
        return plain;
    }
    let wrapped = plain.replace('\u{1b}', "\u{1b}\u{1b}");
    format!("\u{1b}Ptmux;{wrapped}\u{1b}\\{plain}")
}

#[cfg(test)]
mod tests {
    use super::sequence;

    #[test]
    fn given_a_text_then_the_terminal_is_told_to_copy_it_and_tmux_to_pass_that_on() {
        assert_eq!(sequence("a: b\n", false), "\u{1b}]52;c;YTogYgo=\u{1b}\\");
        assert_eq!(
            sequence("a: b\n", true),
            "\u{1b}Ptmux;\u{1b}\u{1b}]52;c;YTogYgo=\u{1b}\u{1b}\\\u{1b}\\\u{1b}]52;c;YTogYgo=\u{1b}\\"
        );
    }
}
