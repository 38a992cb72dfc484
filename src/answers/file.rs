//! The answers file, `gatewright.yaml`.

use super::Answers;

/// Writes the answers as a commented file that reads back as the same answers.
pub fn render(_answers: &Answers) -> String {
    String::new()
}
