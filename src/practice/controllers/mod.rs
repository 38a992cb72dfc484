//! The practice ground's controllers.
