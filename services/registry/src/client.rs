//! A repository of a registry over HTTP (OCI distribution specification 1.1, and the tokens of Docker's registries).

use crate::address::Distance;
use crate::auth::{self, Challenge};
use crate::documents::{ACCEPT, MAX_DOCUMENT, RawManifest};
use crate::error::RegistryError;
use crate::name::Repository;
use crate::settings::Credentials;
use crate::transport::{Answer, Ask, Payload, Transport};
use bytes::Bytes;
use casement_layers::Digest;
use hyper::header::{ACCEPT as ACCEPT_HEADER, AUTHORIZATION, CONTENT_TYPE, HeaderMap, LOCATION, RANGE};
use hyper::{Method, StatusCode};
use serde::Deserialize;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use url::Url;

/// Most redirects of one request.
const MAX_REDIRECTS: usize = 5;
/// Largest error that is read, in bytes.
const MAX_ERROR: usize = 64 << 10;
/// Most tags of a repository that are listed.
const MAX_TAGS: usize = 10_000;

/// What is going to be done with a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Only read.
    Pull,
    /// Read and write.
    Push,
}

/// A repository that answers.
#[derive(Debug)]
pub struct Client {
    transport: Transport,
    repository: Repository,
    access: Access,
    credentials: Credentials,
    base: Url,
    distance: Distance,
    authorization: Mutex<Option<String>>,
}

/// An error as registries write them.
#[derive(Debug, Default, Deserialize)]
struct ErrorBody {
    #[serde(default)]
    errors: Vec<ErrorItem>,
}

#[derive(Debug, Default, Deserialize)]
struct ErrorItem {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
}

impl Client {
    /// Finds out how the registry is spoken with, and shows it the credentials if it asks for any.
    ///
    /// # Errors
    /// [`RegistryError::Request`] when it cannot be reached or does not let anyone in.
    pub fn open(
        transport: &Transport,
        repository: Repository,
        access: Access,
        credentials: Credentials,
    ) -> Result<Self, RegistryError> {
        let (answer, base) = ping(transport, &repository.host)?;
        let client = Self {
            transport: transport.clone(),
            repository,
            access,
            credentials,
            base,
            distance: answer.distance,
            authorization: Mutex::new(None),
        };
        // Nothing is sent without need: the first request that is refused brings the challenge again.
        if answer.status == StatusCode::UNAUTHORIZED {
            client.authorize(&answer.headers)?;
        }
        Ok(client)
    }

    /// The repository.
    pub fn repository(&self) -> &Repository {
        &self.repository
    }

    /// Whether the registry takes the account.
    ///
    /// # Errors
    /// [`RegistryError::Login`], or that the registry cannot be reached.
    pub fn login(transport: &Transport, host: &str, credentials: Credentials) -> Result<(), RegistryError> {
        let repository = Repository { host: host.to_owned(), path: String::new(), familiar: String::new() };
        let url = ping(transport, host)?.1;
        let refused = |status: StatusCode| RegistryError::Login {
            url: url.to_string(),
            status: format!("{} {}", status.as_u16(), status.canonical_reason().unwrap_or_default()),
        };
        let client = match Self::open(transport, repository, Access::Pull, credentials) {
            Ok(client) => client,
            Err(RegistryError::Request { why, .. }) if why.contains("unauthorized") => {
                return Err(refused(StatusCode::UNAUTHORIZED));
            }
            Err(other) => return Err(other),
        };
        let answer = client.plain(&client.ask(Method::GET, client.base.clone()))?;
        if answer.status.is_success() { Ok(()) } else { Err(refused(answer.status)) }
    }

    /// The manifest or index with this tag or digest.
    ///
    /// # Errors
    /// [`RegistryError::ManifestUnknown`] and its kin in Docker's words; also when it is not what its digest says.
    pub fn manifest(&self, reference: &str) -> Result<RawManifest, RegistryError> {
        let ask = self.ask(Method::GET, self.url(&format!("manifests/{reference}"))?).header(ACCEPT_HEADER, ACCEPT);
        let mut answer = self.send(ask.clone())?;
        if !answer.status.is_success() {
            return Err(self.refusal(&ask, answer, reference));
        }
        let media_type = answer.header(CONTENT_TYPE).map(str::to_owned);
        let announced = answer.header("docker-content-digest").and_then(|text| Digest::parse(text).ok());
        let bytes = answer.whole(MAX_DOCUMENT).map_err(|error| ask.failed(error))?;
        let manifest = RawManifest::new(media_type.as_deref(), bytes)?;
        let wanted = Digest::parse(reference).ok().or(announced);
        if let Some(wanted) = wanted.filter(|wanted| *wanted != manifest.digest) {
            let why = format!("manifest verification failed for digest {wanted}");
            return Err(RegistryError::refused(format!("manifest {}", manifest.digest), why));
        }
        Ok(manifest)
    }

    /// The tags of the repository.
    ///
    /// # Errors
    /// When the registry does not tell.
    pub fn tags(&self) -> Result<Vec<String>, RegistryError> {
        #[derive(Deserialize)]
        struct Tags {
            tags: Option<Vec<String>>,
        }
        let ask = self.ask(Method::GET, self.url(&format!("tags/list?n={MAX_TAGS}"))?);
        let mut answer = self.send(ask.clone())?;
        if !answer.status.is_success() {
            return Err(self.refusal(&ask, answer, ""));
        }
        let bytes = answer.whole(MAX_DOCUMENT).map_err(|error| ask.failed(error))?;
        let tags: Tags = serde_json::from_slice(&bytes).map_err(|error| ask.failed(error))?;
        let mut tags = tags.tags.unwrap_or_default();
        tags.truncate(MAX_TAGS);
        Ok(tags)
    }

    /// A blob from `offset` on. The answer is 200 when the registry begins at the start all the same.
    ///
    /// # Errors
    /// When the registry has none, or leads elsewhere.
    pub fn blob(&self, digest: &Digest, offset: u64) -> Result<Answer, RegistryError> {
        let mut ask = self.ask(Method::GET, self.url(&format!("blobs/{digest}"))?);
        if offset > 0 {
            ask = ask.header(RANGE, &format!("bytes={offset}-"));
        }
        let answer = self.send(ask.clone())?;
        match answer.status {
            StatusCode::OK | StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE => Ok(answer),
            _ => Err(self.refusal(&ask, answer, &digest.to_string())),
        }
    }

    /// Whether the repository has the blob.
    ///
    /// # Errors
    /// When the registry does not say.
    pub fn has_blob(&self, digest: &Digest) -> Result<bool, RegistryError> {
        let ask = self.ask(Method::HEAD, self.url(&format!("blobs/{digest}"))?);
        let answer = self.send(ask.clone())?;
        match answer.status {
            StatusCode::OK => Ok(true),
            StatusCode::NOT_FOUND => Ok(false),
            _ => Err(self.refusal(&ask, answer, "")),
        }
    }

    /// Takes over a blob of another repository of the same registry; false when the registry wants an upload.
    ///
    /// # Errors
    /// When the registry refuses.
    pub fn mount(&self, digest: &Digest, from: &str) -> Result<bool, RegistryError> {
        let mut url = self.url("blobs/uploads/")?;
        url.query_pairs_mut().append_pair("mount", &digest.to_string()).append_pair("from", from);
        let ask = self.ask(Method::POST, url);
        let answer = self.send(ask.clone())?;
        match answer.status {
            StatusCode::CREATED => Ok(true),
            StatusCode::ACCEPTED => Ok(false),
            _ => Err(self.refusal(&ask, answer, "")),
        }
    }

    /// Uploads a file of `size` bytes.
    ///
    /// # Errors
    /// When the registry refuses, or takes something else for the blob.
    pub fn upload(
        &self,
        digest: &Digest,
        file: &Path,
        size: u64,
        watch: &mut dyn FnMut(u64) -> bool,
    ) -> Result<(), RegistryError> {
        let start = self.ask(Method::POST, self.url("blobs/uploads/")?);
        let answer = self.send(start.clone())?;
        if answer.status != StatusCode::ACCEPTED {
            return Err(self.refusal(&start, answer, ""));
        }
        let mut patch = self.ask(Method::PATCH, self.location(&start, &answer)?);
        patch = patch.header(CONTENT_TYPE, "application/octet-stream");
        patch.payload = Payload::File(file.to_owned(), size);
        let answer = self.authorized(&patch, watch)?;
        if !matches!(answer.status, StatusCode::ACCEPTED | StatusCode::NO_CONTENT) {
            return Err(self.refusal(&patch, answer, ""));
        }
        let mut url = self.location(&patch, &answer)?;
        url.query_pairs_mut().append_pair("digest", &digest.to_string());
        let end = self.ask(Method::PUT, url);
        let answer = self.send(end.clone())?;
        match answer.status {
            StatusCode::CREATED | StatusCode::NO_CONTENT => Ok(()),
            _ => Err(self.refusal(&end, answer, "")),
        }
    }

    /// Gives a manifest a tag.
    ///
    /// # Errors
    /// When the registry refuses.
    pub fn put_manifest(&self, reference: &str, media_type: &str, bytes: Vec<u8>) -> Result<(), RegistryError> {
        let mut ask = self.ask(Method::PUT, self.url(&format!("manifests/{reference}"))?);
        ask = ask.header(CONTENT_TYPE, media_type);
        ask.payload = Payload::Bytes(Bytes::from(bytes));
        let answer = self.send(ask.clone())?;
        if answer.status.is_success() { Ok(()) } else { Err(self.refusal(&ask, answer, reference)) }
    }

    fn ask(&self, method: Method, url: Url) -> Ask {
        Ask::new(method, url, self.reach())
    }

    /// How far inward the registry may lead: no further than it is itself.
    fn reach(&self) -> Distance {
        self.distance.max(Distance::Public)
    }

    fn url(&self, rest: &str) -> Result<Url, RegistryError> {
        let path = format!("{}/{rest}", self.repository.path);
        self.base.join(&path).map_err(|error| RegistryError::BadName(format!("{path}: {error}")))
    }

    /// Where an upload goes on.
    fn location(&self, ask: &Ask, answer: &Answer) -> Result<Url, RegistryError> {
        let text = answer.header(LOCATION).ok_or_else(|| ask.failed("the registry does not say where to upload"))?;
        let url = ask.url.join(text).map_err(|error| ask.failed(error))?;
        self.may_follow(ask, &url)?;
        Ok(url)
    }

    fn may_follow(&self, ask: &Ask, url: &Url) -> Result<(), RegistryError> {
        let safe = url.scheme() == "https" || (url.scheme() == "http" && self.base.scheme() == "http");
        if safe {
            Ok(())
        } else {
            Err(RegistryError::refused(ask.url.to_string(), format!("refusing to be led to {url}")))
        }
    }

    fn send(&self, ask: Ask) -> Result<Answer, RegistryError> {
        let mut ask = ask;
        for _ in 0..MAX_REDIRECTS {
            let answer = self.authorized(&ask, &mut |_| true)?;
            let redirect = answer.status.is_redirection() && matches!(ask.method, Method::GET | Method::HEAD);
            let Some(text) = answer.header(LOCATION).filter(|_| redirect) else { return Ok(answer) };
            let url = ask.url.join(text).map_err(|error| ask.failed(error))?;
            self.may_follow(&ask, &url)?;
            ask.url = url;
        }
        Err(RegistryError::refused(ask.url.to_string(), format!("stopped after {MAX_REDIRECTS} redirects")))
    }

    /// With the credentials, which only the registry itself is shown; asked for anew once if they have gone stale.
    fn authorized(&self, ask: &Ask, watch: &mut dyn FnMut(u64) -> bool) -> Result<Answer, RegistryError> {
        let own = ask.url.origin() == self.base.origin();
        let with = |ask: &Ask| match self.authorization().filter(|_| own) {
            Some(authorization) => ask.clone().header(AUTHORIZATION, &authorization),
            None => ask.clone(),
        };
        let shown = self.authorization().is_some();
        let answer = self.transport.send(&with(ask), watch)?;
        if answer.status != StatusCode::UNAUTHORIZED || !own {
            return Ok(answer);
        }
        if shown && !auth::challenges(&answer.headers).iter().any(|c| matches!(c, Challenge::Bearer(_))) {
            return Ok(answer);
        }
        self.authorize(&answer.headers)?;
        self.transport.send(&with(ask), watch)
    }

    fn plain(&self, ask: &Ask) -> Result<Answer, RegistryError> {
        self.authorized(ask, &mut |_| true)
    }

    fn authorization(&self) -> Option<String> {
        self.authorization.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Answers a challenge, as far as the credentials do.
    fn authorize(&self, headers: &HeaderMap) -> Result<(), RegistryError> {
        let scope = match (self.repository.path.as_str(), self.access) {
            ("", _) => String::new(),
            (path, Access::Pull) => format!("repository:{path}:pull"),
            (path, Access::Push) => format!("repository:{path}:pull,push"),
        };
        let seeker = auth::Seeker {
            transport: &self.transport,
            credentials: &self.credentials,
            reach: self.reach(),
            base: &self.base,
        };
        let found = seeker.answer(&auth::challenges(headers), &scope)?;
        *self.authorization.lock().unwrap_or_else(PoisonError::into_inner) = found;
        Ok(())
    }

    /// What a refused request means, in Docker's words.
    fn refusal(&self, ask: &Ask, mut answer: Answer, reference: &str) -> RegistryError {
        let bytes = answer.whole(MAX_ERROR).unwrap_or_default();
        let body: ErrorBody = serde_json::from_slice(&bytes).unwrap_or_default();
        let first = body.errors.into_iter().next().unwrap_or_default();
        let name = self.repository.familiar.clone();
        let separator = if reference.contains(':') { '@' } else { ':' };
        match (answer.status.as_u16(), first.code.as_str()) {
            (_, "MANIFEST_UNKNOWN") => RegistryError::ManifestUnknown(format!("{name}{separator}{reference}")),
            (404, "") if ask.url.path().contains("/manifests/") => {
                RegistryError::ManifestUnknown(format!("{name}{separator}{reference}"))
            }
            (_, "NAME_UNKNOWN") => RegistryError::NameUnknown(name),
            (_, "DENIED") | (403, "") if self.access == Access::Push => RegistryError::PushDenied,
            (_, "DENIED") | (403, "") => RegistryError::PullDenied(name),
            (401, _) => match self.authorization() {
                None => ask.failed("no basic auth credentials"),
                Some(_) => ask.failed("unauthorized: authentication required"),
            },
            (_, "") => ask.failed(format!("received unexpected HTTP status: {}", answer.status)),
            (_, code) => {
                let code = code.to_lowercase().replace('_', " ");
                let message: String = first.message.chars().filter(|c| !c.is_control()).take(500).collect();
                ask.failed(format!("{code}: {message}"))
            }
        }
    }
}

/// Asks the registry whether it is one: with TLS, and without only where that is allowed.
fn ping(transport: &Transport, host: &str) -> Result<(Answer, Url), RegistryError> {
    let at = |scheme: &str| {
        Url::parse(&format!("{scheme}://{host}/v2/"))
            .map_err(|_| RegistryError::BadName("invalid reference format".to_owned()))
    };
    let try_it = |url: Url| {
        let ask = Ask::new(Method::GET, url.clone(), Distance::Forbidden);
        transport.send(&ask, &mut |_| true).map(|answer| (answer, url))
    };
    match try_it(at("https")?) {
        Err(RegistryError::Request { .. }) if transport.is_insecure(host) => try_it(at("http")?),
        other => other,
    }
}
