//! The files that point other programs at the practice ground.

use super::state::{Ports, StateError, replace};
use serde::Serialize;
use serde_json::json;
use std::path::{Path, PathBuf};

/// The name under which kubeconfig, cloud file and the Azure CLI know the ground.
pub const NAME: &str = "gatewright-practice";

/// Where the ground's servers are and how a program signs in to them with nobody at the keyboard.
pub(super) struct Pointers {
    pub(super) ports: Ports,
    pub(super) certificate_authority: String,
    pub(super) kubernetes_token: String,
    pub(super) tenant_id: String,
    pub(super) client_id: String,
    pub(super) client_secret: String,
}

/// A cloud as `--cloud FILE` takes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Cloud {
    /// Its name.
    pub name: String,
    /// Sign-in, without a final slash.
    pub sign_in: String,
    /// Microsoft Graph, without a final slash.
    pub graph: String,
    /// The resource manager, without a final slash.
    pub resource_manager: String,
    /// The file with the certificate to trust for these servers alone.
    pub certificate_authority: PathBuf,
}

impl Pointers {
    pub(super) fn cloud(&self, directory: &Path) -> Cloud {
        Cloud {
            name: NAME.to_owned(),
            sign_in: local(self.ports.sign_in),
            graph: local(self.ports.graph),
            resource_manager: local(self.ports.resource_manager),
            certificate_authority: directory.join("ca.pem"),
        }
    }

    fn kubeconfig(&self) -> serde_json::Value {
        use base64::{Engine as _, engine::general_purpose::STANDARD};
        json!({
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": NAME,
            "clusters": [{"name": NAME, "cluster": {
                "server": format!("https://127.0.0.1:{}", self.ports.kubernetes),
                "certificate-authority-data": STANDARD.encode(&self.certificate_authority),
            }}],
            "contexts": [{"name": NAME, "context": {"cluster": NAME, "user": NAME}}],
            "users": [{"name": NAME, "user": {"token": self.kubernetes_token}}],
        })
    }

    /// What a process needs in its environment to use the ground.
    pub(super) fn environment(&self, directory: &Path) -> Vec<(&'static str, String)> {
        let file = |name: &str| directory.join(name).display().to_string();
        vec![
            ("KUBECONFIG", file("kubeconfig")),
            ("GATEWRIGHT_CLOUD", file("cloud.yaml")),
            ("GATEWRIGHT_TRY_AT", format!("127.0.0.1:{}", self.ports.edge)),
            ("AZURE_TENANT_ID", self.tenant_id.clone()),
            ("AZURE_CLIENT_ID", self.client_id.clone()),
            ("AZURE_CLIENT_SECRET", self.client_secret.clone()),
            ("AZURE_CONFIG_DIR", file("azure")),
            // Without this the Azure CLI asks the public cloud whether it knows this one.
            ("AZURE_CORE_INSTANCE_DISCOVERY", "false".to_owned()),
            ("AZURE_CORE_COLLECT_TELEMETRY", "false".to_owned()),
            ("REQUESTS_CA_BUNDLE", file("ca.pem")),
        ]
    }

    /// Writes everything into `directory`, which is made if need be. Each file is replaced in one step.
    pub(super) fn write(&self, directory: &Path) -> Result<(), StateError> {
        let azure = directory.join("azure");
        std::fs::create_dir_all(&azure).map_err(|cause| StateError::Io {
            what: "make",
            path: azure.display().to_string(),
            cause,
        })?;
        replace(&directory.join("ca.pem"), self.certificate_authority.as_bytes())?;
        replace(&directory.join("kubeconfig"), yaml(&self.kubeconfig(), "kubeconfig")?.as_bytes())?;
        replace(&directory.join("cloud.yaml"), yaml(&self.cloud(directory), "cloud.yaml")?.as_bytes())?;
        replace(&azure.join("clouds.config"), self.azure_clouds(directory).as_bytes())?;
        replace(&azure.join("config"), format!("[cloud]\nname = {NAME}\n").as_bytes())?;
        // Last, for whoever waits for this file may use all the others.
        replace(&directory.join("environment"), self.shell(directory).as_bytes())
    }

    /// The cloud as the Azure CLI keeps it, as after `az cloud register` (real-parts.md 4).
    fn azure_clouds(&self, directory: &Path) -> String {
        let cloud = self.cloud(directory);
        let Cloud { sign_in, graph, resource_manager, .. } = cloud;
        format!(
            "[{NAME}]\n\
             endpoint_active_directory = {sign_in}\n\
             endpoint_active_directory_resource_id = {resource_manager}/\n\
             endpoint_resource_manager = {resource_manager}/\n\
             endpoint_management = {resource_manager}/\n\
             endpoint_microsoft_graph_resource_id = {graph}/\n"
        )
    }

    fn shell(&self, directory: &Path) -> String {
        let assignments =
            self.environment(directory).into_iter().map(|(name, value)| format!("{name}={}", quoted(&value)));
        let unproxied =
            ["NO_PROXY", "no_proxy"].map(|name| format!("{name}=\"${{{name}:+${name},}}localhost,127.0.0.1\""));
        let exports: Vec<_> = assignments.chain(unproxied).map(|assignment| format!("export {assignment}\n")).collect();
        format!(
            "# Made by `gatewright practice`: in a shell that reads this, kubectl, az and gatewright use the practice ground.\n{}",
            exports.concat()
        )
    }

    /// What a person reads once the ground answers.
    pub(super) fn for_a_person(&self, directory: &Path) -> String {
        let Ports { sign_in, graph, resource_manager, kubernetes, edge } = self.ports;
        let environment = quoted(&directory.join("environment").display().to_string());
        let authority = quoted(&directory.join("ca.pem").display().to_string());
        format!(
            "The practice ground answers. Nothing here is real, and nothing leaves this machine.\n\
             \n\
             sign-in            https://localhost:{sign_in}\n\
             Microsoft Graph    https://localhost:{graph}\n\
             resource manager   https://localhost:{resource_manager}\n\
             Kubernetes         https://127.0.0.1:{kubernetes}\n\
             ingress gateway    https://127.0.0.1:{edge}\n\
             \n\
             In another shell:\n\
             \n\
             . {environment}\n\
             kubectl get namespaces\n\
             gatewright setup --answers gatewright.yaml\n\
             az login --service-principal -u \"$AZURE_CLIENT_ID\" -p \"$AZURE_CLIENT_SECRET\" --tenant \"$AZURE_TENANT_ID\" \\\n\
             \x20   --allow-no-subscriptions\n\
             curl --cacert {authority} --connect-to ::127.0.0.1:{edge} https://myapp.cluster.example.com/\n"
        )
    }
}

fn local(port: u16) -> String {
    format!("https://localhost:{port}")
}

fn yaml(content: &impl Serialize, file: &str) -> Result<String, StateError> {
    serde_saphyr::to_string(content)
        .map_err(|cause| StateError::Damaged { path: file.to_owned(), cause: cause.to_string() })
}

/// `text` as one word of a POSIX shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::{Pointers, quoted};
    use crate::practice::state::Ports;

    fn pointers() -> Pointers {
        Pointers {
            ports: Ports { sign_in: 1, graph: 2, resource_manager: 3, kubernetes: 4, edge: 5 },
            certificate_authority: "pem".into(),
            kubernetes_token: "token".into(),
            tenant_id: "t".into(),
            client_id: "c".into(),
            client_secret: "it's ~secret".into(),
        }
    }

    #[test]
    fn given_a_secret_with_a_quote_when_written_for_the_shell_then_it_is_one_word() {
        assert_eq!(quoted("it's"), r"'it'\''s'");
        let folder = tempfile::tempdir().unwrap();
        pointers().write(folder.path()).unwrap();
        let script = format!(
            ". {}; printf %s \"$AZURE_CLIENT_SECRET\"",
            quoted(folder.path().join("environment").to_str().unwrap())
        );
        let output = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), "it's ~secret");
    }

    #[test]
    fn given_a_directory_when_written_then_the_files_that_are_promised_are_there_for_the_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        pointers().write(&folder.path().join("deep")).unwrap();
        for name in ["kubeconfig", "cloud.yaml", "ca.pem", "environment"] {
            let path = folder.path().join("deep").join(name);
            assert!(path.is_file(), "{name}");
            #[cfg(unix)]
            {
                use std::os::unix::fs::PermissionsExt as _;
                assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o077, 0, "{name}");
            }
        }
    }
}
