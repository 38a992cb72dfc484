//! Every screen, as the cells that are drawn: at two sizes, in colour, without, and in ASCII; and every key on every screen.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on must stop")]

mod answering;
mod asking;
mod beside_keys;
mod home;
mod keys;
mod pictures;
mod rotating;
mod sample;
mod sizes;
mod strange;
mod taking_away;
