//! The pure tier: every blueprint for every supported Istio line, as reviewed snapshots, and what must hold for all of them.

#![expect(clippy::unwrap_used, reason = "these are tests, functions around the test functions included")]

mod exports;
mod identity_headers;
mod makes;
mod parts;
mod properties;
mod proxy_traps;
mod refusals;
mod snapshots;
mod traps;
mod world;
