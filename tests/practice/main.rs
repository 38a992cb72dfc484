//! The whole program over HTTP against the practice ground: the real binary, the real clients, every request counted.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on must stop")]
#![expect(clippy::case_sensitive_file_extension_comparisons, reason = "these are names of our own making")]

mod adopt;
mod at_a_glance;
mod bad_world;
mod behind_its_back;
mod consent;
mod door;
mod existing;
mod export;
mod gateway;
mod history;
mod killed;
mod knock;
mod new_issuer;
mod redis;
mod rotate;
mod rotate_killed;
mod rotate_password;
mod secrets;
mod setup;
mod sign_in;
mod streams;
mod teardown;
mod teardown_killed;
mod teardown_obstacles;
mod traffic;
mod try_it;
mod world;
