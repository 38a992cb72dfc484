//! The full screen: the engine's plan and events, drawn with ratatui, and the person's decisions.
//!
//! Everything that happens is one enum on one channel ([`happening`]); it changes the [`state`], which [`draw`](draw::draw)
//! only reads; which keys do what is a table ([`keymap`]) that dispatch and hints share. The [`stage`] alone touches the
//! terminal. Nothing here knows of Entra or the cluster.

mod background;
mod clipboard;
pub mod device;
pub mod draw;
pub mod guard;
pub mod happening;
pub mod keymap;
pub mod layout;
mod sources;
pub mod stage;
pub mod state;
pub mod theme;

pub use happening::Conversation;
pub use stage::{Decision, Dialogue, Performed, Stage};
pub use state::{Ending, Fate, Item, Opening, Rotating, Rotation, Standing, TakingAway};
