//! What a pod finds in its folders and its environment.

use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::{
    ConfigMap, Container, DownwardAPIVolumeFile, EnvVarSource, Pod, Secret, ServiceAccount, Volume,
};
use kube::api::{Api, PostParams};
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// Files by name, of which one may not be there.
type Files = BTreeMap<String, Vec<u8>>;

/// What a pod may read.
pub(super) struct Sources<'a> {
    pub(super) client: &'a kube::Client,
    pub(super) pod: &'a Pod,
    pub(super) address: String,
}

impl Sources<'_> {
    fn namespace(&self) -> &str {
        self.pod.metadata.namespace.as_deref().unwrap_or_default()
    }

    /// Makes the folder of a volume.
    pub(super) async fn volume(&self, volume: &Volume, folder: &Path) -> Result<PathBuf, String> {
        let place = folder.join("volumes").join(&volume.name);
        std::fs::create_dir_all(&place).unwrap();
        // Whoever the containers run as, they write into it.
        std::fs::set_permissions(&place, std::fs::Permissions::from_mode(0o777)).unwrap();
        let mut files = Files::new();
        if let Some(source) = &volume.config_map {
            files = self.config_map(&source.name, source.optional).await?;
        } else if let Some(source) = &volume.secret {
            files = self.secret(source.secret_name.as_deref().unwrap_or_default(), source.optional).await?;
        } else if let Some(source) = &volume.downward_api {
            files = self.downward(source.items.iter().flatten());
        } else if let Some(projected) = &volume.projected {
            for source in projected.sources.iter().flatten() {
                if let Some(token) = &source.service_account_token {
                    files.insert(token.path.clone(), self.token(token.audience.as_deref()).await?.into_bytes());
                }
                if let Some(config_map) = &source.config_map {
                    files.extend(self.config_map(&config_map.name, config_map.optional).await?);
                }
                if let Some(secret) = &source.secret {
                    files.extend(self.secret(&secret.name, secret.optional).await?);
                }
                if let Some(downward) = &source.downward_api {
                    files.extend(self.downward(downward.items.iter().flatten()));
                }
            }
        }
        for (name, content) in files {
            std::fs::write(place.join(name), content).unwrap();
        }
        Ok(place)
    }

    async fn config_map(&self, name: &str, optional: Option<bool>) -> Result<Files, String> {
        let found = Api::<ConfigMap>::namespaced(self.client.clone(), self.namespace()).get_opt(name).await;
        match found.map_err(|error| error.to_string())? {
            Some(found) => {
                Ok(found.data.unwrap_or_default().into_iter().map(|(name, text)| (name, text.into_bytes())).collect())
            }
            None if optional == Some(true) => Ok(Files::new()),
            None => Err(format!("configmap {name:?} not found")),
        }
    }

    async fn secret(&self, name: &str, optional: Option<bool>) -> Result<Files, String> {
        let found = Api::<Secret>::namespaced(self.client.clone(), self.namespace()).get_opt(name).await;
        match found.map_err(|error| error.to_string())? {
            Some(found) => Ok(found.data.unwrap_or_default().into_iter().map(|(name, data)| (name, data.0)).collect()),
            None if optional == Some(true) => Ok(Files::new()),
            None => Err(format!("secret {name:?} not found")),
        }
    }

    async fn token(&self, audience: Option<&str>) -> Result<String, String> {
        let account = self.account();
        let accounts: Api<ServiceAccount> = Api::namespaced(self.client.clone(), self.namespace());
        let audiences = audience.map(str::to_owned).into_iter().collect();
        let request = TokenRequest {
            spec: TokenRequestSpec { audiences, ..TokenRequestSpec::default() },
            ..TokenRequest::default()
        };
        let answer = accounts.create_token_request(account, &PostParams::default(), &request).await;
        Ok(answer.map_err(|error| error.to_string())?.status.map(|status| status.token).unwrap_or_default())
    }

    fn account(&self) -> &str {
        let spec = self.pod.spec.as_ref().unwrap();
        spec.service_account_name.as_deref().unwrap_or("default")
    }

    fn downward<'b>(&self, items: impl Iterator<Item = &'b DownwardAPIVolumeFile>) -> Files {
        let file = |item: &DownwardAPIVolumeFile| {
            let field = item.field_ref.as_ref().map(|field| self.field(&field.field_path)).unwrap_or_default();
            (item.path.clone(), field.into_bytes())
        };
        items.map(file).collect()
    }

    fn field(&self, path: &str) -> String {
        let listed = |map: &Option<BTreeMap<String, String>>| {
            map.iter().flatten().map(|(key, value)| format!("{key}={value:?}\n")).collect::<Vec<_>>().concat()
        };
        let metadata = &self.pod.metadata;
        match path {
            "metadata.name" => metadata.name.clone().unwrap_or_default(),
            "metadata.namespace" => self.namespace().to_owned(),
            "metadata.labels" => listed(&metadata.labels),
            "metadata.annotations" => listed(&metadata.annotations),
            "status.podIP" => self.address.clone(),
            "status.hostIP" => super::NODE_ADDRESS.to_owned(),
            "spec.nodeName" => super::NODE.to_owned(),
            "spec.serviceAccountName" => self.account().to_owned(),
            other => panic!("nobody said what {other} of a pod is"),
        }
    }

    async fn value(&self, from: &EnvVarSource) -> Result<Option<String>, String> {
        if let Some(field) = &from.field_ref {
            return Ok(Some(self.field(&field.field_path)));
        }
        if let Some(key) = &from.secret_key_ref {
            let files = self.secret(&key.name, key.optional).await?;
            return self.one(files, &key.name, &key.key, key.optional);
        }
        if let Some(key) = &from.config_map_key_ref {
            let files = self.config_map(&key.name, key.optional).await?;
            return self.one(files, &key.name, &key.key, key.optional);
        }
        // As large as anything here needs.
        let resource = from.resource_field_ref.as_ref().map(|resource| resource.resource.as_str());
        Ok(resource.map(|resource| if resource.ends_with("memory") { "1073741824" } else { "2" }.to_owned()))
    }

    fn one(&self, mut files: Files, object: &str, key: &str, optional: Option<bool>) -> Result<Option<String>, String> {
        match files.remove(key) {
            Some(content) => Ok(Some(String::from_utf8(content).unwrap())),
            None if optional == Some(true) => Ok(None),
            None => Err(format!("couldn't find key {key} in {}/{object}", self.namespace())),
        }
    }

    /// What a container finds in its environment.
    pub(super) async fn environment(&self, container: &Container) -> Result<BTreeMap<String, String>, String> {
        let mut environment = BTreeMap::new();
        for variable in container.env.iter().flatten() {
            let value = match &variable.value_from {
                Some(from) => self.value(from).await?,
                None => Some(expanded(variable.value.as_deref().unwrap_or_default(), &environment)),
            };
            environment.extend(value.map(|value| (variable.name.clone(), value)));
        }
        Ok(environment)
    }
}

/// `$(NAME)` replaced as Kubernetes does.
pub(super) fn expanded(text: &str, environment: &BTreeMap<String, String>) -> String {
    let mut text = text.to_owned();
    for (name, value) in environment {
        text = text.replace(&format!("$({name})"), value);
    }
    text
}
