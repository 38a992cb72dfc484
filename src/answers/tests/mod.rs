//! Tests of the answers file as a whole.

mod round_trip;
