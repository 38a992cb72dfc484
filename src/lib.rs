//! Gatewright puts Microsoft Entra ID sign-in in front of one application behind an Istio gateway.
//!
//! Data flows one way: [`answers`] and [`facts`] make a [`blueprint`]; the [`engine`] holds it against what is live,
//! carries the difference out and tells of it as events; a [`face`] shows those events to a person or a machine.

pub mod answers;
pub mod azure;
pub mod blueprint;
pub mod cli;
pub mod cluster;
pub mod engine;
pub mod entra;
pub mod face;
pub mod facts;
#[cfg(feature = "practice")]
pub mod practice;
pub mod prompts;
pub mod redis;
pub mod secret;
pub mod tls;
pub mod tui;
pub mod wizard;
