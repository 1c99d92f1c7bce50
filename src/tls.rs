//! Who does the cryptography of TLS. Every client of HTTP needs it before it is made, also one that never speaks TLS.

/// Names it for this process, once; a provider that was named before stays.
pub fn provide() {
    // It fails when there is one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
