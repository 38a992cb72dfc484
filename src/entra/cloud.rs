//! Where a cloud's endpoints are: the three that Microsoft runs (domain.md 2.4), or those of a file.

use crate::facts::CloudEndpoints;
use std::path::{Path, PathBuf};
use url::Url;

/// The clouds that go by a name.
pub const NAMES: [&str; 3] = ["public", "usgov", "china"];

/// Why a cloud cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CloudError {
    /// The file cannot be read.
    #[error(
        "the cloud `{}` is none of {} and cannot be read as a file: {cause}; give one of the names, or a file that names \
         the endpoints",
        path.display(), NAMES.join(", ")
    )]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: std::io::Error,
    },
    /// The file does not say what it should.
    #[error(
        "{}: {cause}; a cloud file holds name, signIn, graph, resourceManager and, where a certificate authority of its \
         own signs them, certificateAuthority",
        path.display()
    )]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and where.
        cause: String,
    },
    /// An endpoint is not HTTPS.
    #[error("the cloud `{cloud}` names {url} as its {endpoint} endpoint; tokens are only ever sent over https")]
    NotHttps {
        /// The cloud.
        cloud: String,
        /// Which endpoint.
        endpoint: &'static str,
        /// What it says.
        url: String,
    },
}

/// The cloud that goes by `name`: `public`, `usgov` or `china`.
pub fn named(name: &str) -> Option<CloudEndpoints> {
    let (sign_in, graph, resource_manager) = match name {
        "public" => ("login.microsoftonline.com", "graph.microsoft.com", "management.azure.com"),
        "usgov" => ("login.microsoftonline.us", "graph.microsoft.us", "management.usgovcloudapi.net"),
        "china" => {
            ("login.partner.microsoftonline.cn", "microsoftgraph.chinacloudapi.cn", "management.chinacloudapi.cn")
        }
        _ => return None,
    };
    let url = |host: &str| Url::parse(&format!("https://{host}")).ok();
    Some(CloudEndpoints {
        name: name.to_owned(),
        sign_in: url(sign_in)?,
        graph: url(graph)?,
        resource_manager: url(resource_manager)?,
        certificate_authority: None,
    })
}

/// The cloud that `path` describes. A relative `certificateAuthority` is looked for beside the file.
pub fn from_file(path: &Path) -> Result<CloudEndpoints, CloudError> {
    let text =
        std::fs::read_to_string(path).map_err(|cause| CloudError::Unreadable { path: path.to_owned(), cause })?;
    let mut cloud: CloudEndpoints = serde_saphyr::from_str(&text)
        .map_err(|cause| CloudError::Malformed { path: path.to_owned(), cause: cause.to_string() })?;
    if let (Some(authority), Some(folder)) = (&cloud.certificate_authority, path.parent()) {
        cloud.certificate_authority = Some(folder.join(authority));
    }
    for (endpoint, url) in
        [("signIn", &cloud.sign_in), ("graph", &cloud.graph), ("resourceManager", &cloud.resource_manager)]
    {
        if url.scheme() != "https" {
            return Err(CloudError::NotHttps { cloud: cloud.name.clone(), endpoint, url: url.to_string() });
        }
    }
    Ok(cloud)
}

/// What `--cloud` takes: a name, or a file.
pub fn of_argument(argument: &str) -> Result<CloudEndpoints, CloudError> {
    named(argument).map_or_else(|| from_file(Path::new(argument)), Ok)
}

#[cfg(test)]
mod tests {
    use super::{CloudError, NAMES, from_file, named, of_argument};

    const FILE: &str = "name: practice\nsignIn: https://localhost:1\ngraph: https://localhost:2\n\
                        resourceManager: https://localhost:3\ncertificateAuthority: ca.pem\n";

    #[test]
    fn given_each_name_then_its_issuer_is_what_tokens_of_that_cloud_say() {
        let issuers = NAMES.map(|name| named(name).unwrap().issuer("TENANT"));
        assert_eq!(
            issuers,
            [
                "https://login.microsoftonline.com/TENANT/v2.0",
                "https://login.microsoftonline.us/TENANT/v2.0",
                "https://login.partner.microsoftonline.cn/TENANT/v2.0"
            ]
        );
    }

    #[test]
    fn given_a_file_with_a_relative_authority_when_it_is_read_then_the_authority_is_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cloud.yaml");
        std::fs::write(&path, FILE).unwrap();
        let cloud = from_file(&path).unwrap();
        assert_eq!(cloud.certificate_authority.unwrap(), folder.path().join("ca.pem"));
        assert_eq!(cloud.graph.as_str(), "https://localhost:2/");
    }

    #[test]
    fn given_a_file_that_sends_tokens_in_the_clear_when_it_is_read_then_it_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cloud.yaml");
        std::fs::write(&path, FILE.replace("https://localhost:2", "http://localhost:2")).unwrap();
        assert!(matches!(from_file(&path), Err(CloudError::NotHttps { endpoint: "graph", .. })));
    }

    #[test]
    fn given_a_misspelt_name_then_the_message_names_the_right_ones() {
        let message = of_argument("publc").unwrap_err().to_string();
        assert!(message.contains("public, usgov, china"), "{message}");
    }

    #[test]
    fn given_a_file_with_an_unknown_key_then_the_message_says_which_and_where() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cloud.yaml");
        std::fs::write(&path, format!("{FILE}grahp: https://localhost\n")).unwrap();
        let message = from_file(&path).unwrap_err().to_string();
        assert!(message.contains("grahp"), "{message}");
    }
}
