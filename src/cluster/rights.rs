//! What the caller may do, asked before anything is tried.

use super::{Attempt, Cluster, Error};
use futures::{StreamExt as _, TryStreamExt as _};
use serde_json::{Value, json};

/// How many questions are asked side by side.
const QUESTIONS_AT_ONCE: usize = 8;

/// "May I?"
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccessQuestion {
    /// The verb, such as `patch`.
    pub verb: String,
    /// The API group; empty for the core group.
    pub group: String,
    /// The resource's plural, with a subresource after a slash, such as `pods/portforward`.
    pub resource: String,
    /// The namespace; `None` for cluster-wide kinds, or for all namespaces.
    pub namespace: Option<String>,
    /// The one object it is about, for a right that may be given for it alone (`resourceNames` of RBAC); `None` for any.
    pub name: Option<String>,
}

impl AccessQuestion {
    /// The same about one object.
    #[must_use]
    pub fn of(self, name: &str) -> Self {
        Self { name: Some(name.to_owned()), ..self }
    }
}

impl Cluster {
    /// Those of the questions that the cluster answers with no. Nothing is written: an access review is not stored.
    pub async fn may(&self, questions: &[AccessQuestion]) -> Result<Vec<AccessQuestion>, Error> {
        let answers = futures::stream::iter(questions).map(|question| async move {
            let allowed = self.allowed(question).await?;
            Ok::<_, Error>((!allowed).then(|| question.clone()))
        });
        let denied: Vec<_> = answers.buffered(QUESTIONS_AT_ONCE).try_collect().await?;
        Ok(denied.into_iter().flatten().collect())
    }

    /// The name that the cluster knows us by; `None` where it gives none. Nothing is written: a review is not stored.
    pub async fn who_we_are(&self) -> Result<Option<String>, Error> {
        let review = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"});
        let answer = self.review("authentication.k8s.io", "selfsubjectreviews", &review).await?;
        let name = answer.pointer("/status/userInfo/username").and_then(Value::as_str);
        Ok(name.filter(|name| !name.is_empty()).map(str::to_owned))
    }

    async fn allowed(&self, question: &AccessQuestion) -> Result<bool, Error> {
        let (resource, subresource) = question.resource.split_once('/').unwrap_or((&question.resource, ""));
        let mut attributes = json!({"verb": question.verb, "group": question.group, "resource": resource});
        if !subresource.is_empty() {
            attributes["subresource"] = subresource.into();
        }
        if let Some(namespace) = &question.namespace {
            attributes["namespace"] = namespace.as_str().into();
        }
        if let Some(name) = &question.name {
            attributes["name"] = name.as_str().into();
        }
        let review = json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
                            "spec": {"resourceAttributes": attributes}});
        let answer = self.review("authorization.k8s.io", "selfsubjectaccessreviews", &review).await?;
        Ok(answer.pointer("/status/allowed").and_then(Value::as_bool).unwrap_or(false))
    }

    /// A question to the cluster about ourselves.
    async fn review(&self, group: &str, resource: &str, review: &Value) -> Result<Value, Error> {
        let attempt =
            Attempt { verb: "create", group: group.to_owned(), resource: resource.to_owned(), ..Attempt::default() };
        let collection = kube::core::Request::new(format!("/apis/{group}/v1/{resource}"));
        let request = collection.create(&kube::api::PostParams::default(), review.to_string().into_bytes());
        self.send(attempt.clone(), self.built(&attempt, request)?).await
    }
}

#[cfg(test)]
mod tests {
    use super::AccessQuestion;
    use crate::cluster::test_server::TestServer;
    use serde_json::json;

    fn question(resource: &str, namespace: Option<&str>) -> AccessQuestion {
        AccessQuestion {
            verb: "create".to_owned(),
            group: String::new(),
            resource: resource.to_owned(),
            namespace: namespace.map(str::to_owned),
            name: None,
        }
    }

    #[tokio::test]
    async fn given_a_right_to_one_object_alone_then_it_is_asked_for_by_name() {
        let review = "POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
        let (cluster, _) = TestServer::default()
            .answer_by(review, |seen| {
                let attributes = &seen.body["spec"]["resourceAttributes"];
                (201, json!({"status": {"allowed": attributes["name"] == "istio"}}))
            })
            .connect()
            .await;
        let any = question("configmaps", Some("istio-system"));
        let denied = cluster.may(&[any.clone(), any.clone().of("istio")]).await.unwrap();
        assert_eq!(denied, [any]);
    }

    #[tokio::test]
    async fn given_a_server_that_tells_who_we_are_then_its_name_is_ours_and_one_that_does_not_is_an_error() {
        let review = "POST /apis/authentication.k8s.io/v1/selfsubjectreviews";
        let told = json!({"status": {"userInfo": {"username": "anna", "groups": ["a"]}}});
        let (cluster, _) = TestServer::default().answer(review, 201, told).connect().await;
        assert_eq!(cluster.who_we_are().await.unwrap().as_deref(), Some("anna"));
        let (cluster, _) = TestServer::default().connect().await;
        assert!(cluster.who_we_are().await.is_err());
    }

    #[tokio::test]
    async fn given_questions_then_only_the_denied_come_back_in_order() {
        let review = "POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
        let (cluster, server) = TestServer::default()
            .answer_by(review, |seen| {
                let attributes = &seen.body["spec"]["resourceAttributes"];
                (201, json!({"status": {"allowed": attributes["resource"] == "services"}}))
            })
            .connect()
            .await;
        let questions =
            [question("secrets", Some("a")), question("services", None), question("pods/portforward", Some("b"))];
        let denied = cluster.may(&questions).await.unwrap();
        assert_eq!(denied, [questions[0].clone(), questions[2].clone()]);
        let asked: Vec<_> = server.seen().into_iter().filter(|seen| seen.method == "POST").collect();
        assert!(asked.iter().any(|seen| seen.body["spec"]["resourceAttributes"]["subresource"] == "portforward"));
        assert!(asked.iter().any(|seen| seen.body["spec"]["resourceAttributes"].get("namespace").is_none()));
    }
}
