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

    async fn allowed(&self, question: &AccessQuestion) -> Result<bool, Error> {
        let (resource, subresource) = question.resource.split_once('/').unwrap_or((&question.resource, ""));
        let mut attributes = json!({"verb": question.verb, "group": question.group, "resource": resource});
        if !subresource.is_empty() {
            attributes["subresource"] = subresource.into();
        }
        if let Some(namespace) = &question.namespace {
            attributes["namespace"] = namespace.as_str().into();
        }
        let review = json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
                            "spec": {"resourceAttributes": attributes}});
        let attempt = Attempt {
            verb: "create",
            group: "authorization.k8s.io".to_owned(),
            resource: "selfsubjectaccessreviews".to_owned(),
            ..Attempt::default()
        };
        let collection = kube::core::Request::new("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews");
        let request = collection.create(&kube::api::PostParams::default(), review.to_string().into_bytes());
        let answer: Value = self.send(attempt.clone(), self.built(&attempt, request)?).await?;
        Ok(answer.pointer("/status/allowed").and_then(Value::as_bool).unwrap_or(false))
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
        }
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
