//! TLS with certificates on both sides.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio_rustls::TlsAcceptor;

use crate::error::{Error, Result};

/// What accepts connections of clients whose certificates come from `client_authority`.
///
/// # Errors
/// [`Error::InvalidParameter`] when a file cannot be read or is not what it should be.
pub(super) fn acceptor(certificate: &Path, key: &Path, client_authority: &Path) -> Result<TlsAcceptor> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    for authority in certificates(client_authority)? {
        roots.add(authority).map_err(|error| bad(client_authority, &error))?;
    }
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone())
        .build()
        .map_err(|error| bad(client_authority, &error))?;
    let chain = certificates(certificate)?;
    let private = PrivateKeyDer::from_pem_file(key).map_err(|error| bad(key, &error))?;
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| bad(certificate, &error))?
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, private)
        .map_err(|error| bad(certificate, &error))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let read = CertificateDer::pem_file_iter(path).map_err(|error| bad(path, &error))?;
    let found = read.collect::<Result<Vec<_>, _>>().map_err(|error| bad(path, &error))?;
    if found.is_empty() { Err(bad(path, &"it holds no certificate")) } else { Ok(found) }
}

fn bad(path: &Path, why: &dyn std::fmt::Display) -> Error {
    Error::InvalidParameter(format!("tcp: {}: {why}", path.display()))
}
