//! The practice ground's world.
