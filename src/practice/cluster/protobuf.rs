//! The few protobuf messages that kubectl sends from 1.32 on: it does not fall back to JSON.

use super::{catalog::Kind, status::ApiError};
use serde_json::Value;

/// Reads a message as an object of `kind`.
pub(super) fn read(_body: &[u8], _kind: &Kind) -> Result<Value, ApiError> {
    Err(ApiError::plain(415, "UnsupportedMediaType", "protobuf is not read"))
}

/// Reads `DeleteOptions`.
pub(super) fn read_delete_options(_body: &[u8]) -> Result<Value, ApiError> {
    Err(ApiError::plain(415, "UnsupportedMediaType", "protobuf is not read"))
}
