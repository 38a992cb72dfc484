//! Real clients against the practice ground: what they accept is what the real servers would have said.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests are tests")]

mod azure_cli;
mod export;
mod kubectl;
mod parts;
mod served;
