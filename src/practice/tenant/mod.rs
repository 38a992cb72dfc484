//! The practice ground's tenant.
