//! What carries a mark, wherever it is; and what else is in a namespace.

use super::{Cluster, Error, MissingRight, ObjectRef, fields::Fields, objects::Selection};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use kube::{
    api::ListParams,
    core::Request,
    discovery::{Discovery, Scope, verbs},
};
use serde_json::Value;
use std::collections::BTreeMap;

/// How many lists are asked for at once.
const LISTS_AT_ONCE: usize = 8;

/// What everybody's namespace has, or what only tells of other objects.
const OF_EVERY_NAMESPACE: [(&str, &str); 4] = [
    ("ConfigMap", "kube-root-ca.crt"),
    ("ConfigMap", "istio-ca-root-cert"),
    ("ConfigMap", "openshift-service-ca.crt"),
    ("ServiceAccount", "default"),
];
const ONLY_TELLING: [&str; 3] = ["Endpoints", "EndpointSlice", "Event"];
/// On a Secret with a service account's token: whose it is.
const TOKEN_OF: &str = "kubernetes.io/service-account.name";

/// Objects that were looked for, and what may not be looked at.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Marked {
    /// The objects, each with its apiVersion and kind. No Secret has its values.
    pub objects: Vec<Value>,
    /// The rights that were lacking: there may be more where they count.
    pub unseen: Vec<MissingRight>,
}

/// An object in a namespace, as far as its metadata tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// Which it is.
    pub reference: ObjectRef,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Whether another object owns it, and takes it along.
    pub is_owned: bool,
}

/// What is in a namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// Everything but what every namespace has.
    pub objects: Vec<Content>,
    /// The kinds that could not be looked at, and why.
    pub unseen: Vec<String>,
}

impl Cluster {
    /// Everything of `kinds` (group and kind) that carries `labels`, a label selector: in the whole cluster, or in the namespaces
    /// `places` for who may not list a kind in all of it. Kinds that are not served have none.
    pub async fn marked(&self, kinds: &[(&str, &str)], labels: &str, places: &[String]) -> Result<Marked, Error> {
        let served = self.served().await?;
        let lists = kinds.iter().filter_map(|(group, kind)| {
            let version = served.version(group, kind)?;
            let api_version = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
            Some(async move { self.marked_of_kind(&api_version, kind, labels, places).await })
        });
        let found: Vec<Marked> = stream::iter(lists).buffered(LISTS_AT_ONCE).try_collect().await?;
        Ok(found.into_iter().fold(Marked::default(), |mut all, one| {
            all.objects.extend(one.objects);
            all.unseen.extend(one.unseen);
            all
        }))
    }

    async fn marked_of_kind(
        &self,
        api_version: &str,
        kind: &str,
        labels: &str,
        places: &[String],
    ) -> Result<Marked, Error> {
        let mut marked = Marked::default();
        let everywhere = Selection::labelled(labels);
        let here = places.iter().map(|place| Selection::in_namespace(place).with_labels(labels));
        match self.list(api_version, kind, &everywhere).await {
            Ok(objects) => marked.objects = objects,
            Err(Error::NotServed { .. }) => {}
            Err(Error::Forbidden(right)) if places.is_empty() => marked.unseen.push(*right),
            Err(Error::Forbidden(_)) => {
                for selection in here {
                    match self.list(api_version, kind, &selection).await {
                        Ok(objects) => marked.objects.extend(objects),
                        Err(Error::Forbidden(right)) => marked.unseen.push(*right),
                        Err(error) => return Err(error),
                    }
                }
            }
            Err(error) => return Err(error),
        }
        if kind == "Secret" {
            for secret in marked.objects.iter_mut().filter_map(Value::as_object_mut) {
                secret.remove("data");
                secret.remove("stringData");
            }
        }
        Ok(marked)
    }

    /// Everything in `namespace`, of whatever kind the cluster serves: only the metadata is asked for. What every namespace has is
    /// left out, and so is what only tells of other objects.
    pub async fn contents(&self, namespace: &str) -> Result<Contents, Error> {
        let discovered = || Discovery::new(self.inner.client.clone());
        let discovery = match self.within("/apis", || discovered().run_aggregated()).await {
            Ok(discovery) if discovery.has_group("") && discovery.has_group("apps") => discovery,
            Err(error @ (Error::Unreachable { .. } | Error::TimedOut { .. } | Error::Unauthorized { .. })) => {
                return Err(error);
            }
            _ => self.within("/apis", || discovered().run()).await?,
        };
        let kinds = discovery.groups().flat_map(kube::discovery::ApiGroup::recommended_resources);
        let mut kinds: Vec<_> = kinds
            .filter(|(kind, can)| {
                can.scope == Scope::Namespaced
                    // What can't be deleted is computed, such as a pod's load.
                    && can.supports_operation(verbs::LIST)
                    && can.supports_operation(verbs::DELETE)
                    && !ONLY_TELLING.contains(&kind.kind.as_str())
            })
            .map(|(kind, _)| kind)
            .collect();
        // Discovery keeps groups in no order, and what is told of a namespace is to be the same each time.
        kinds.sort_by(|one, other| (&one.group, &one.kind).cmp(&(&other.group, &other.kind)));
        let lists = kinds
            .iter()
            .map(|kind| async move { (kind, self.metadata_in(&kind.api_version, &kind.kind, namespace).await) });
        let mut lists = stream::iter(lists).buffered(LISTS_AT_ONCE);
        let mut contents = Contents::default();
        while let Some((kind, list)) = lists.next().await {
            match list {
                Ok(objects) => contents.objects.extend(
                    objects.iter().filter_map(|object| content(object, &kind.api_version, &kind.kind, namespace)),
                ),
                Err(Error::NotServed { .. }) => {}
                Err(error) if error.lacks_right().is_some() || !error.may_pass() => {
                    contents.unseen.push(format!("{}: {error}", kind.kind));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(contents)
    }

    async fn metadata_in(&self, api_version: &str, kind: &str, namespace: &str) -> Result<Vec<Value>, Error> {
        let resource = self.resource(api_version, kind).await?;
        let attempt = resource.attempt("list", Some(namespace), None);
        let mut params = ListParams::default().limit(500);
        let mut found = Vec::new();
        loop {
            let request = Request::new(resource.path(Some(namespace))).list_metadata(&params);
            let mut page = self.send::<Value>(attempt.clone(), self.built(&attempt, request)?).await?;
            found.extend(page.get_mut("items").and_then(Value::as_array_mut).map(std::mem::take).unwrap_or_default());
            match page.text("/metadata/continue") {
                Some(token) => params.continue_token = Some(token.to_owned()),
                None => return Ok(found),
            }
        }
    }
}

fn content(object: &Value, api_version: &str, kind: &str, namespace: &str) -> Option<Content> {
    let name = object.name();
    let of_a_token = object.pointer("/metadata/annotations").is_some_and(|all| all.get(TOKEN_OF).is_some());
    if OF_EVERY_NAMESPACE.contains(&(kind, name)) || (kind == "Secret" && of_a_token) {
        return None;
    }
    Some(Content {
        reference: ObjectRef::namespaced(api_version, kind, namespace, name),
        labels: object.texts("/metadata/labels"),
        is_owned: !object.entries("/metadata/ownerReferences").is_empty(),
    })
}

#[cfg(test)]
mod tests {
    use crate::cluster::test_server::{TestServer, failure};
    use serde_json::{Value, json};

    fn groups(server: TestServer) -> TestServer {
        let core = json!({"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []});
        let apps = json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": [{"name": "apps",
            "versions": [{"groupVersion": "apps/v1", "version": "v1"}],
            "preferredVersion": {"groupVersion": "apps/v1", "version": "v1"}}]});
        let kinds: &[(&str, &str, bool)] = &[
            ("ConfigMap", "configmaps", true),
            ("Event", "events", true),
            ("Secret", "secrets", true),
            ("Namespace", "namespaces", false),
        ];
        server
            .answer("GET /api", 200, core)
            .answer("GET /apis", 200, apps)
            .serving("v1", kinds)
            .serving("apps/v1", &[("Deployment", "deployments", true)])
    }

    fn forbidden(resource: &str, place: &str) -> Value {
        let message = format!(
            "{resource} is forbidden: User \"u\" cannot list resource \"{resource}\" in API group \"\" {place}"
        );
        failure(403, "Forbidden", &message, &json!({}))
    }

    #[tokio::test]
    async fn given_who_may_list_in_one_namespace_alone_then_it_is_looked_at_and_no_secret_has_its_values() {
        let secret = json!({"metadata": {"name": "a", "namespace": "here"}, "data": {"password": "Y2FuYXJ5"}});
        let server = groups(TestServer::default())
            .answer("GET /api/v1/secrets", 403, forbidden("secrets", "at the cluster scope"))
            .list("/api/v1/namespaces/here/secrets", &[secret])
            .answer("GET /api/v1/namespaces/there/secrets", 403, forbidden("secrets", "in the namespace \"there\""));
        let (cluster, asked) = server.connect().await;
        let places = ["here".to_owned(), "there".to_owned()];
        let marked = cluster.marked(&[("", "Secret"), ("gone.example", "Kind")], "a=b", &places).await.unwrap();
        assert_eq!(marked.objects.len(), 1, "{marked:?}");
        assert_eq!((&marked.objects[0]["kind"], marked.objects[0].get("data")), (&json!("Secret"), None));
        assert_eq!(marked.unseen.len(), 1);
        assert_eq!(marked.unseen[0].namespace.as_deref(), Some("there"));
        assert!(asked.seen().iter().filter(|one| one.path.ends_with("secrets")).all(|one| one.query.contains("a%3Db")));
    }

    #[tokio::test]
    async fn given_a_namespace_then_all_that_is_somebodys_is_told_and_what_may_not_be_seen_as_well() {
        let named = |name: &str| json!({"metadata": {"name": name, "namespace": "here", "labels": {"x": "y"}}});
        let owned = json!({"metadata": {"name": "owned", "ownerReferences": [{"uid": "1"}]}});
        let server = groups(TestServer::default())
            .list("/api/v1/namespaces/here/configmaps", &[named("kube-root-ca.crt"), named("theirs")])
            .list("/apis/apps/v1/namespaces/here/deployments", &[owned])
            .answer("GET /api/v1/namespaces/here/secrets", 403, forbidden("secrets", "in the namespace \"here\""));
        let (cluster, _) = server.connect().await;
        let contents = cluster.contents("here").await.unwrap();
        let found: Vec<_> = contents.objects.iter().map(|one| (one.reference.name.as_str(), one.is_owned)).collect();
        assert_eq!(found, [("theirs", false), ("owned", true)]);
        assert_eq!(contents.objects[0].labels["x"], "y");
        assert!(contents.unseen.len() == 1 && contents.unseen[0].starts_with("Secret: "), "{:?}", contents.unseen);
    }
}
