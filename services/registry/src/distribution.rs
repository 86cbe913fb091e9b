//! The ways of images in and out, for one store.

use crate::download::Downloads;
use crate::error::RegistryError;
use crate::foreign::Foreign;
use crate::platform::HostBuild;
use crate::progress::{Event, Reporter, tell};
use crate::settings::{BasePolicy, Credentials, RegistrySettings};
use crate::tls::Tls;
use crate::transport::Transport;
use casement_layers::{BaseBuilder, Flavour, Image, Store};
use casement_nt::{Runtime, WindowsBuild};
use tokio::runtime::Handle;

/// Where the base images come from that take the place of Microsoft's.
pub trait BaseSource: Send + Sync {
    /// The base image, which may have to be made.
    ///
    /// # Errors
    /// [`RegistryError::Base`] that says what is missing.
    fn base(&self, flavour: Flavour, build: WindowsBuild, reporter: &dyn Reporter) -> Result<Image, RegistryError>;
}

/// Base images made from the runtime of this host.
#[derive(Debug)]
pub struct BuiltBases {
    store: Store,
}

impl BuiltBases {
    /// Bases in this store.
    pub fn new(store: Store) -> Self {
        Self { store }
    }
}

impl BaseSource for BuiltBases {
    fn base(&self, flavour: Flavour, build: WindowsBuild, reporter: &dyn Reporter) -> Result<Image, RegistryError> {
        let tag = build.tags()[0];
        let name = format!("{flavour}:{tag}");
        if let Ok(image) = self.store.resolve(&name) {
            return Ok(image);
        }
        let missing = |why: String| {
            RegistryError::Base(format!(
                "base image {name} is not here and cannot be made: {why}; make it with `casement base build {flavour} --tag {tag}`"
            ))
        };
        let runtime = Runtime::current(self.store.root()).map_err(|error| missing(error.to_string()))?;
        tell(reporter, Event::message(format!("Making base image {name}")))?;
        let builder = BaseBuilder::new(&self.store, runtime, flavour, tag);
        builder.build(&|_: &str, _: f64| {}).map_err(|error| missing(error.to_string()))
    }
}

/// Pulls, pushes and asks registries.
pub struct Distribution {
    pub(crate) store: Store,
    pub(crate) transport: Transport,
    pub(crate) downloads: Downloads,
    pub(crate) foreign: Foreign,
    pub(crate) mirrors: Vec<String>,
    pub(crate) bases: Box<dyn BaseSource>,
    pub(crate) policy: BasePolicy,
    pub(crate) host: HostBuild,
}

impl Distribution {
    /// The ways in and out of `store`. `runtime` drives connections; everything here blocks and is to be called outside of its threads.
    ///
    /// # Errors
    /// When the directory for what is on its way cannot be made.
    pub fn new(
        store: Store,
        runtime: Handle,
        settings: &RegistrySettings,
        bases: Box<dyn BaseSource>,
        policy: BasePolicy,
        host: HostBuild,
    ) -> Result<Self, RegistryError> {
        let transport = Transport::new(runtime, Tls::new(settings));
        let mirror = |text: &String| crate::name::server_host(text);
        Ok(Self {
            downloads: Downloads::new(store.partial_directory()?, store.content().clone()),
            foreign: Foreign::new(transport.clone(), settings.foreign_hosts.clone()),
            mirrors: settings.mirrors.iter().map(mirror).collect(),
            store,
            transport,
            bases,
            policy,
            host,
        })
    }

    /// Whether a registry takes an account.
    ///
    /// # Errors
    /// [`RegistryError::Login`], or that the registry cannot be reached.
    pub fn login(&self, server: &str, credentials: &Credentials) -> Result<(), RegistryError> {
        crate::client::Client::login(&self.transport, &crate::name::server_host(server), credentials.clone())
    }

    /// What becomes of Microsoft's bases when nobody says.
    pub fn policy(&self) -> BasePolicy {
        self.policy
    }

    /// The Windows build that the host stands for.
    pub fn host(&self) -> HostBuild {
        self.host
    }
}
