//! azure.
