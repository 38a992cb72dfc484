//! What a container has when it starts: its environment, its arguments and its mounted files, read once from the cluster.

use super::{
    gateway::decoded,
    objects::{Objects, items, map, namespace, text, truth},
};
use serde_json::Value;
use std::collections::BTreeMap;

/// What a container had when it started. A Secret or ConfigMap that changes later changes nothing here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Start {
    /// The image.
    pub image: String,
    /// The environment.
    pub environment: BTreeMap<String, String>,
    /// Command and arguments, with `$(NAME)` filled in.
    pub arguments: Vec<String>,
    /// The mounted files, by their whole path.
    pub files: BTreeMap<String, String>,
}

/// Why the kubelet does not start a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoStart {
    /// Waiting with the reason `CreateContainerConfigError`.
    Configuration(String),
    /// Waiting with the reason `ContainerCreating`, and an event `FailedMount`.
    Mount(String),
}

/// Reads what a container of a pod starts with.
pub fn start(objects: &dyn Objects, pod: &Value, container: &Value) -> Result<Start, NoStart> {
    let files = files(objects, pod, container)?;
    let environment = environment(objects, pod, container)?;
    let arguments = ["/command", "/args"]
        .iter()
        .flat_map(|list| items(container, list))
        .filter_map(Value::as_str)
        .map(|argument| expand(argument, &environment))
        .collect();
    Ok(Start { image: text(container, "/image").to_owned(), environment, arguments, files })
}

fn environment(objects: &dyn Objects, pod: &Value, container: &Value) -> Result<BTreeMap<String, String>, NoStart> {
    let place = namespace(pod);
    let mut environment = BTreeMap::new();
    for source in items(container, "/envFrom") {
        let prefix = text(source, "/prefix");
        for (kind, key) in [("Secret", "secretRef"), ("ConfigMap", "configMapRef")] {
            let Some(reference) = source.get(key) else { continue };
            let wanted = text(reference, "/name");
            match objects.get("", kind, Some(place), wanted) {
                Some(object) => environment
                    .extend(values(&object).into_iter().map(|(key, value)| (format!("{prefix}{key}"), value))),
                None if truth(reference, "/optional") => {}
                None => return Err(NoStart::Configuration(not_found(kind, wanted))),
            }
        }
    }
    for variable in items(container, "/env") {
        let value = match variable.get("valueFrom") {
            None => Some(expand(text(variable, "/value"), &environment)),
            Some(source) => from_reference(objects, pod, source)?,
        };
        if let Some(value) = value {
            environment.insert(text(variable, "/name").to_owned(), value);
        }
    }
    Ok(environment)
}

fn from_reference(objects: &dyn Objects, pod: &Value, source: &Value) -> Result<Option<String>, NoStart> {
    if let Some(field) = source.pointer("/fieldRef/fieldPath").and_then(Value::as_str) {
        let pointer = format!("/{}", field.replace('.', "/"));
        return Ok(Some(text(pod, &pointer).to_owned()));
    }
    for (kind, key) in [("Secret", "secretKeyRef"), ("ConfigMap", "configMapKeyRef")] {
        let Some(reference) = source.get(key) else { continue };
        let (place, wanted, key) = (namespace(pod), text(reference, "/name"), text(reference, "/key"));
        let object = objects.get("", kind, Some(place), wanted);
        let missing = match &object {
            None => not_found(kind, wanted),
            Some(object) => match values(object).remove(key) {
                Some(value) => return Ok(Some(value)),
                None => format!("couldn't find key {key} in {kind} {place}/{wanted}"),
            },
        };
        return if truth(reference, "/optional") { Ok(None) } else { Err(NoStart::Configuration(missing)) };
    }
    Ok(None)
}

fn not_found(kind: &str, name: &str) -> String {
    format!("{} \"{name}\" not found", kind.to_ascii_lowercase())
}

/// The values of a Secret or a ConfigMap.
fn values(object: &Value) -> BTreeMap<String, String> {
    let secret = text(object, "/kind") == "Secret";
    map(object, "/data")
        .into_iter()
        .flatten()
        .filter_map(|(key, value)| {
            let value = if secret { decoded(object, key)? } else { value.as_str()?.to_owned() };
            Some((key.clone(), value))
        })
        .collect()
}

fn files(objects: &dyn Objects, pod: &Value, container: &Value) -> Result<BTreeMap<String, String>, NoStart> {
    let mut files = BTreeMap::new();
    // Every volume of a pod is mounted before any of its containers starts.
    let mut volumes = BTreeMap::new();
    for volume in items(pod, "/spec/volumes") {
        volumes.insert(name_of(volume), volume_files(objects, namespace(pod), volume)?);
    }
    for mount in items(container, "/volumeMounts") {
        let folder = text(mount, "/mountPath").trim_end_matches('/');
        for (file, content) in volumes.get(name_of(mount)).into_iter().flatten() {
            match text(mount, "/subPath") {
                "" => files.insert(format!("{folder}/{file}"), content.clone()),
                only if only == file => files.insert(folder.to_owned(), content.clone()),
                _ => None,
            };
        }
    }
    Ok(files)
}

fn name_of(part: &Value) -> &str {
    text(part, "/name")
}

fn volume_files(objects: &dyn Objects, place: &str, volume: &Value) -> Result<BTreeMap<String, String>, NoStart> {
    let mut files = BTreeMap::new();
    let projected = items(volume, "/projected/sources");
    let sources = projected.iter().chain(std::iter::once(volume));
    for source in sources {
        for (kind, key, name_key) in [
            ("ConfigMap", "configMap", "/name"),
            ("Secret", "secret", if source == volume { "/secretName" } else { "/name" }),
        ] {
            let Some(reference) = source.get(key) else { continue };
            let wanted = text(reference, name_key);
            let Some(object) = objects.get("", kind, Some(place), wanted) else {
                if truth(reference, "/optional") {
                    continue;
                }
                let what = not_found(kind, wanted);
                return Err(NoStart::Mount(format!(
                    "MountVolume.SetUp failed for volume \"{}\" : {what}",
                    name_of(volume)
                )));
            };
            let values = values(&object);
            let chosen = items(reference, "/items");
            if chosen.is_empty() {
                files.extend(values);
            } else {
                for item in chosen {
                    if let Some(value) = values.get(text(item, "/key")) {
                        files.insert(text(item, "/path").to_owned(), value.clone());
                    }
                }
            }
        }
    }
    Ok(files)
}

/// Fills in Kubernetes' `$(NAME)`; an unknown name stays as it is, and `$$` is a dollar.
fn expand(text: &str, environment: &BTreeMap<String, String>) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(position) = rest.find('$') {
        let (before, after) = rest.split_at(position);
        out.push_str(before);
        if let Some(after) = after.strip_prefix("$$") {
            out.push('$');
            rest = after;
        } else if let Some((name, remaining)) = after.strip_prefix("$(").and_then(|after| after.split_once(')')) {
            match environment.get(name) {
                Some(value) => out.push_str(value),
                None => out.extend(["$(", name, ")"]),
            }
            rest = remaining;
        } else {
            out.push('$');
            rest = after.get(1..).unwrap_or_default();
        }
    }
    out.push_str(rest);
    out
}

impl Start {
    /// The passwords that a Redis or Valkey takes, as it was told by its arguments, a script or a configuration file, with shell
    /// variables and `$(cat FILE)` filled in: the word after `requirepass`; or, where the user `default` is told of passwords that a loop
    /// over `"$A" "$B"` gathers, the words of that loop that are not empty. None: it lets anybody in.
    pub fn store_passwords(&self) -> Vec<String> {
        let scripts = self.arguments.join("\n");
        let texts = std::iter::once(scripts.as_str()).chain(self.files.values().map(String::as_str));
        for text in texts {
            if let Some((_, after)) = text.split_once("requirepass") {
                let rest = after.trim_start_matches(|character: char| character.is_whitespace() || character == '=');
                return vec![self.shell_word(rest)];
            }
            let words = text.split_once("for password in ").and_then(|(_, after)| after.split_once(';'));
            if let (true, Some((words, _))) = (text.contains("user default on $passwords "), words) {
                let words = words.split_whitespace().map(|word| self.shell_word(word));
                return words.filter(|word| !word.is_empty()).collect();
            }
        }
        Vec::new()
    }

    fn shell_word(&self, rest: &str) -> String {
        let rest = rest.trim_start_matches(['"', '\'']);
        if let Some((file, _)) = rest.strip_prefix("$(cat ").and_then(|rest| rest.split_once(')')) {
            return self
                .files
                .get(file.trim_matches(['"', '\'', ' ']))
                .map(|content| content.trim().to_owned())
                .unwrap_or_default();
        }
        // `printf 'requirepass %s' "$PASSWORD"`: the variable comes later.
        let rest = if rest.starts_with("%s") {
            rest.find('$').and_then(|at| rest.get(at..)).unwrap_or_default()
        } else {
            rest
        };
        if let Some(variable) = rest.strip_prefix('$') {
            let variable = variable.trim_start_matches('{');
            let end = variable.find(|character: char| !character.is_ascii_alphanumeric() && character != '_');
            let name = variable.get(..end.unwrap_or(variable.len())).unwrap_or_default();
            return self.environment.get(name).cloned().unwrap_or_default();
        }
        let end = rest.find(|character: char| character.is_whitespace() || "\"'".contains(character));
        rest.get(..end.unwrap_or(rest.len())).unwrap_or_default().to_owned()
    }

    /// The version in the image's tag, such as (7, 15, 3).
    pub fn version(&self) -> Option<(u16, u16, u16)> {
        let tag = self.image.rsplit('/').next()?.split('@').next()?.rsplit_once(':')?.1;
        let mut numbers = tag.trim_start_matches('v').split(['.', '-']).map(str::parse::<u16>);
        Some((numbers.next()?.ok()?, numbers.next()?.ok()?, numbers.next().and_then(Result::ok).unwrap_or(0)))
    }
}

#[cfg(test)]
mod tests {
    use super::{NoStart, Start, start};
    use crate::practice::edge::objects::Fixture;

    const POD: &str = r#"
apiVersion: v1
kind: Pod
metadata: {name: store-1, namespace: myapp}
spec:
  volumes: [{name: config, configMap: {name: config}}]
  containers:
  - name: store
    image: docker.io/valkey/valkey:8.1
    args: ["--requirepass", "$(PASSWORD)", "--port", "$$(X)"]
    env: [{name: PASSWORD, valueFrom: {secretKeyRef: {name: store, key: password}}}]
    volumeMounts: [{name: config, mountPath: /etc/store}]
"#;
    const CONFIG: &str = "
apiVersion: v1
kind: ConfigMap
metadata: {name: config, namespace: myapp}
data: {a.cfg: hello}
";
    const SECRET: &str = "
apiVersion: v1
kind: Secret
metadata: {name: store, namespace: myapp}
data: {password: czNjcmV0}
";

    fn begin(world: &Fixture) -> Result<Start, NoStart> {
        let pod = Fixture::yaml(POD).0.remove(0);
        start(world, &pod, &pod["spec"]["containers"][0])
    }

    #[test]
    fn given_secrets_and_config_maps_when_a_container_starts_then_it_has_their_values() {
        let start = begin(&Fixture::yaml(CONFIG).and(SECRET)).unwrap();
        assert_eq!(start.environment["PASSWORD"], "s3cret");
        assert_eq!(start.arguments, ["--requirepass", "s3cret", "--port", "$(X)"]);
        assert_eq!(start.files["/etc/store/a.cfg"], "hello");
        assert_eq!(start.store_passwords(), ["s3cret"]);
        assert_eq!(start.version(), Some((8, 1, 0)));
    }

    #[test]
    fn given_a_missing_secret_key_or_config_map_then_the_kubelet_says_which() {
        assert_eq!(begin(&Fixture::yaml(CONFIG)), Err(NoStart::Configuration("secret \"store\" not found".to_owned())));
        assert_eq!(
            begin(&Fixture::yaml(CONFIG).and(&SECRET.replace("password:", "other:"))),
            Err(NoStart::Configuration("couldn't find key password in Secret myapp/store".to_owned()))
        );
        assert!(matches!(begin(&Fixture::yaml(SECRET)), Err(NoStart::Mount(message)) if message.contains("config")));
    }

    #[test]
    fn given_the_ways_to_set_a_password_then_each_is_understood() {
        let with = |script: &str| {
            let mut start =
                Start { arguments: vec!["sh".to_owned(), "-c".to_owned(), script.to_owned()], ..Start::default() };
            start.environment.insert("P".to_owned(), "s3cret".to_owned());
            start.environment.insert("OTHER".to_owned(), "other".to_owned());
            start.files.insert("/run/password".to_owned(), "s3cret\n".to_owned());
            start.store_passwords()
        };
        for script in [
            "valkey-server - <<END\nrequirepass $P\nsave \"\"\nEND",
            "valkey-server --requirepass \"${P}\"",
            "printf 'requirepass %s\\n' \"$P\" > /tmp/c",
            "valkey-server --requirepass \"$(cat /run/password)\"",
            "valkey-server --requirepass s3cret --save ''",
        ] {
            assert_eq!(with(script), ["s3cret"], "{script}");
        }
        assert!(with("valkey-server").is_empty());
        let several = "for password in \"$P\" \"$NONE\" \"$OTHER\"; do :; done\nvalkey-server - <<END\nuser default on $passwords ~*\nEND";
        assert_eq!(with(several), ["s3cret", "other"]);
    }
}
