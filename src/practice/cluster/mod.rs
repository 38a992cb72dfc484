//! The practice ground's cluster.
