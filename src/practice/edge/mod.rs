//! The practice ground's edge.
