//! The one TLS provider of the process.

/// Installs aws-lc-rs as the process-wide TLS provider; a second call changes nothing.
///
/// kube refuses to guess when two providers are linked, so this runs before any client is built.
pub fn install_provider() {
    // The only error is "already installed", which is what is wanted.
    let _already_installed = rustls::crypto::aws_lc_rs::default_provider().install_default();
}
