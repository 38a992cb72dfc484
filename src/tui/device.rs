//! The terminal that is drawn on: standard error where it is a terminal, else the one that controls us. Standard output is for
//! results alone.

use std::{
    fs::File,
    io::{self, IsTerminal as _, Write},
    sync::Arc,
};

/// Where the screen is drawn. Cheap to clone; clones write to the same terminal.
#[derive(Clone, Debug)]
pub enum Device {
    /// Standard error.
    StandardError,
    /// The terminal that controls this process.
    Controlling(Arc<File>),
}

impl Device {
    /// Finds the terminal; an error where there is none.
    pub fn find() -> io::Result<Self> {
        if io::stderr().is_terminal() {
            return Ok(Self::StandardError);
        }
        let file = File::options().read(true).write(true).open("/dev/tty")?;
        Ok(Self::Controlling(Arc::new(file)))
    }
}

impl Write for Device {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::StandardError => io::stderr().write(bytes),
            Self::Controlling(file) => (&**file).write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::StandardError => io::stderr().flush(),
            Self::Controlling(file) => (&**file).flush(),
        }
    }
}
