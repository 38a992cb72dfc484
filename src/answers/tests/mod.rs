//! Tests of the answers file as a whole.

mod documentation;
mod mistakes;
mod round_trip;
