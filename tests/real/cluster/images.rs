//! What the images of the objects stand for on this machine, where nothing can be pulled.

use crate::kept::kept;
use crate::mesh::Release;
use std::path::{Path, PathBuf};

/// What an image runs.
pub(super) enum Image {
    /// A program, with files of its own.
    Program {
        /// What it starts where the container does not say.
        entrypoint: Vec<String>,
        /// Files of this machine, and where they are in the image.
        files: Vec<(PathBuf, String)>,
        /// Who it runs as where the pod does not say.
        user: i64,
    },
    /// The application: it runs in the test itself.
    Application,
    /// Something that runs outside the cluster here, or is not there at all.
    Elsewhere,
}

/// The images of a cluster.
pub(super) struct Images {
    agent: PathBuf,
    envoy: PathBuf,
    bootstrap: PathBuf,
    oauth2_proxy: PathBuf,
    trusted: PathBuf,
}

impl Images {
    /// All of them, with this Istio and this Envoy, if their parts are there; the programs in them trust the authorities in that file.
    pub(super) fn find(istio: Release, envoy: &str, trusted: &Path) -> Option<Self> {
        let path = |part: &str| {
            let part = kept(part)?;
            part.is_used();
            Some(part.path().to_owned())
        };
        // It is on PATH in every container.
        path("redis-server")?;
        Some(Self {
            agent: path(istio.agent)?,
            envoy: path(envoy)?,
            bootstrap: path(istio.files)?.with_file_name("envoy_bootstrap.json"),
            oauth2_proxy: path("oauth2-proxy")?,
            trusted: trusted.to_owned(),
        })
    }

    /// What an image runs.
    pub(super) fn image(&self, name: &str) -> Image {
        let program = |entrypoint: &str, files: &[(&PathBuf, &str)], user| Image::Program {
            entrypoint: vec![entrypoint.to_owned()],
            files: files.iter().map(|(from, to)| ((*from).clone(), (*to).to_owned())).collect(),
            user,
        };
        if name.contains("/proxyv2:") {
            let agent = "/usr/local/bin/pilot-agent";
            let files = [
                (&self.agent, agent),
                (&self.envoy, "/usr/local/bin/envoy"),
                (&self.bootstrap, "/var/lib/istio/envoy/envoy_bootstrap_tmpl.json"),
            ];
            program(agent, &files, 1337)
        } else if name.contains("/oauth2-proxy:") {
            let proxy = "/bin/oauth2-proxy";
            let files = [(&self.oauth2_proxy, proxy), (&self.trusted, "/etc/ssl/certs/ca-certificates.crt")];
            program(proxy, &files, 65_532)
        } else if name.contains("/valkey:") || name.contains("/redis:") {
            program("redis-server", &[], 999)
        } else if name.contains("/idle:") {
            Image::Program {
                entrypoint: vec!["sleep".to_owned(), "infinity".to_owned()],
                files: Vec::new(),
                user: 1000,
            }
        } else if name.contains("/myapp:") {
            Image::Application
        } else {
            Image::Elsewhere
        }
    }
}
