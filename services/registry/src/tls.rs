//! Whom a registry's certificate has to convince.

use crate::address::Distance;
use crate::settings::RegistrySettings;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use tokio_rustls::TlsConnector;
use url::Url;

/// Decides for each host how TLS is spoken with it.
#[derive(Debug)]
pub struct Tls {
    provider: Arc<CryptoProvider>,
    roots: OnceLock<Arc<RootCertStore>>,
    insecure: Vec<String>,
    certificates: PathBuf,
}

impl Tls {
    /// TLS by these settings.
    pub fn new(settings: &RegistrySettings) -> Self {
        Self {
            provider: Arc::new(rustls::crypto::ring::default_provider()),
            roots: OnceLock::new(),
            insecure: settings.insecure.clone(),
            certificates: settings.certificates.clone(),
        }
    }

    /// Whether the certificate of `host` (`host` or `host:port`) is not checked: it is named as insecure, or it is on this host and
    /// has no authority of its own.
    pub fn is_insecure(&self, host: &str) -> bool {
        if self.insecure.iter().any(|known| known == host) {
            return true;
        }
        let name = host.rsplit_once(':').filter(|(_, port)| port.bytes().all(|b| b.is_ascii_digit()));
        let name = name.map_or(host, |(name, _)| name).trim_start_matches('[').trim_end_matches(']');
        let here = name == "localhost"
            || name.parse::<IpAddr>().is_ok_and(|address| Distance::of(address) == Distance::Loopback);
        here && self.files(host, "crt").is_empty()
    }

    /// What speaks TLS with the host of `url`, and the name that its certificate has to carry.
    pub fn connector(&self, url: &Url) -> Result<(TlsConnector, ServerName<'static>), String> {
        let bare = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']').to_owned();
        let name = ServerName::try_from(bare).map_err(|error| error.to_string())?;
        let host = authority(url);
        let builder = ClientConfig::builder_with_provider(self.provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?;
        let builder = match self.is_insecure(&host) {
            true => builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(AnyCertificate { provider: self.provider.clone() })),
            false => builder.with_root_certificates(self.roots_for(&host)?),
        };
        let mut config = match self.client_certificate(&host)? {
            Some((chain, key)) => builder.with_client_auth_cert(chain, key).map_err(|error| error.to_string())?,
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok((TlsConnector::from(Arc::new(config)), name))
    }

    fn roots_for(&self, host: &str) -> Result<Arc<RootCertStore>, String> {
        let system = self.roots.get_or_init(|| {
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            Arc::new(roots)
        });
        let own = self.files(host, "crt");
        if own.is_empty() {
            return Ok(system.clone());
        }
        let mut roots = RootCertStore::clone(system);
        for path in own {
            for authority in certificates(&path)? {
                roots.add(authority).map_err(|error| format!("{}: {error}", path.display()))?;
            }
        }
        Ok(Arc::new(roots))
    }

    fn client_certificate(
        &self,
        host: &str,
    ) -> Result<Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>, String> {
        let Some(path) = self.files(host, "cert").into_iter().next() else { return Ok(None) };
        let key = path.with_extension("key");
        let private = PrivateKeyDer::from_pem_file(&key).map_err(|error| format!("{}: {error}", key.display()))?;
        Ok(Some((certificates(&path)?, private)))
    }

    /// The files for a host with this extension, in order.
    fn files(&self, host: &str, extension: &str) -> Vec<PathBuf> {
        if host.contains('/') || host.starts_with('.') {
            return Vec::new();
        }
        let entries = std::fs::read_dir(self.certificates.join(host)).into_iter().flatten().flatten();
        let mut files: Vec<PathBuf> =
            entries.map(|e| e.path()).filter(|path| path.extension().is_some_and(|e| e == extension)).collect();
        files.sort();
        files
    }
}

/// `host`, or `host:port` when the port is not the usual one.
pub fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let bad = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let read = CertificateDer::pem_file_iter(path).map_err(|error| bad(&error))?;
    read.collect::<Result<Vec<_>, _>>().map_err(|error| bad(&error))
}

/// A failed handshake, in Go's words for those that Go has.
pub fn reason(error: &std::io::Error) -> String {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    let what = match inner {
        // An authority of the same name with another key is another authority.
        Some(rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::BadSignature)) => {
            "tls: failed to verify certificate: x509: certificate signed by unknown authority"
        }
        Some(rustls::Error::InvalidCertificate(
            CertificateError::Expired | CertificateError::ExpiredContext { .. },
        )) => "tls: failed to verify certificate: x509: certificate has expired or is not yet valid",
        Some(rustls::Error::InvalidMessage(_)) => "http: server gave HTTP response to HTTPS client",
        _ => return format!("tls: {error}"),
    };
    what.to_owned()
}

/// Takes every certificate; only for hosts that are named as insecure or are this one.
#[derive(Debug)]
struct AnyCertificate {
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
