//! One event a line, for pipelines.

use super::Face;
use crate::engine::event::Envelope;
use std::io::{self, Write};

/// Writes one JSON object a line.
pub struct Json<W>(pub W);

impl<W: Write + Send> Face for Json<W> {
    fn show(&mut self, envelope: &Envelope) -> io::Result<()> {
        serde_json::to_writer(&mut self.0, envelope)?;
        self.0.write_all(b"\n")?;
        self.0.flush()
    }
}
