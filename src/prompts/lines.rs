//! Lines to a person and from a person.

use std::io::{self, BufRead, Write};

/// Somebody who is asked, a line at a time.
pub trait Lines {
    /// Says something; a line break follows.
    fn say(&mut self, text: &str) -> io::Result<()>;

    /// Asks, and waits for one line. `None` is the end of input, which is never an answer.
    fn ask(&mut self, prompt: &str) -> io::Result<Option<String>>;
}

/// A person at a terminal. Questions go to standard error, as everything but results does. The terminal itself echoes and edits
/// the line: nothing is ever redrawn, and its settings are never touched, so there is nothing to restore
/// (docs/decisions/plain-prompts.md).
#[derive(Debug, Default)]
pub struct Terminal;

impl Lines for Terminal {
    fn say(&mut self, text: &str) -> io::Result<()> {
        let mut out = io::stderr().lock();
        writeln!(out, "{text}")
    }

    fn ask(&mut self, prompt: &str) -> io::Result<Option<String>> {
        let mut out = io::stderr().lock();
        write!(out, "{prompt} ")?;
        out.flush()?;
        drop(out);
        read_line(&mut io::stdin().lock())
    }
}

/// One line, whatever bytes are in it; `None` at the end of input. A last line that nobody ended is no answer either: the
/// terminal went away in the middle of it.
fn read_line(input: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut bytes = Vec::new();
    input.read_until(b'\n', &mut bytes)?;
    Ok(bytes.strip_suffix(b"\n").map(|line| String::from_utf8_lossy(line).trim_end_matches('\r').to_owned()))
}

#[cfg(test)]
mod tests {
    use super::read_line;

    #[test]
    fn given_bytes_when_a_line_is_read_then_only_an_ended_one_counts() {
        let mut input: &[u8] = b"myapp\r\n\n\xff\xfe\nhalf";
        assert_eq!(read_line(&mut input).unwrap().as_deref(), Some("myapp"));
        assert_eq!(read_line(&mut input).unwrap().as_deref(), Some(""));
        assert_eq!(read_line(&mut input).unwrap().as_deref(), Some("\u{fffd}\u{fffd}"));
        assert_eq!(read_line(&mut input).unwrap(), None, "half a line");
        assert_eq!(read_line(&mut input).unwrap(), None, "the end");
    }
}
