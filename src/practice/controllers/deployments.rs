//! Deployments: the ReplicaSets of their templates, and the rolling step from the old ones to the new one.

use super::{Controllers, belongs_to, hash, injection, is_going, now, owned_by, random};
use crate::practice::edge::objects::{Objects, items, map, name, namespace, number, text};
use serde_json::{Value, json};
use std::time::Duration;

const CONTROLLER: &str = "kube-controller-manager";
const DEPLOYMENT: (&str, &str) = ("apps", "Deployment");
const REPLICA_SET: (&str, &str) = ("apps", "ReplicaSet");
/// How long a rollout may stand still before its Deployment says so; ten minutes in a real cluster.
const PATIENCE: Duration = Duration::from_secs(120);

/// A ReplicaSet with its pods.
struct Set {
    object: Value,
    pods: Vec<Value>,
}

impl Set {
    fn wanted(&self) -> usize {
        count(&self.object, "/spec/replicas").unwrap_or(1)
    }

    fn ready(&self) -> usize {
        self.pods.iter().filter(|pod| is_ready(pod)).count()
    }
}

impl Controllers {
    pub(super) fn deployments(&mut self) {
        for deployment in self.cluster.list("apps", "Deployment", None) {
            if !is_going(&deployment) {
                self.deployment(&deployment);
            }
        }
        for set in self.cluster.list("apps", "ReplicaSet", None) {
            if !is_going(&set) {
                self.replica_set(&set);
            }
        }
    }

    fn deployment(&mut self, deployment: &Value) {
        let wanted = count(deployment, "/spec/replicas").unwrap_or(1);
        let own_hash = hash(&deployment["spec"]["template"].to_string(), 10);
        let current = format!("{}-{own_hash}", name(deployment));
        let (new, old): (Vec<Set>, Vec<Set>) =
            self.sets(deployment).into_iter().partition(|set| name(&set.object) == current);
        let Some(new) = new.into_iter().next() else {
            let revision = old.iter().filter_map(|set| revision(&set.object)).max().unwrap_or(0) + 1;
            self.new_set(deployment, &own_hash, revision);
            return;
        };
        self.mark_revision(deployment, &new.object);
        if !paused(deployment) {
            self.roll(deployment, wanted, &new, &old);
        }
        self.deployment_status(deployment, wanted, &new, &old);
    }

    fn sets(&self, deployment: &Value) -> Vec<Set> {
        let place = Some(namespace(deployment));
        let pods = self.cluster.list("", "Pod", place);
        self.cluster
            .list("apps", "ReplicaSet", place)
            .into_iter()
            .filter(|set| belongs_to(set, deployment))
            .map(|object| {
                let pods = pods.iter().filter(|pod| belongs_to(pod, &object) && !is_going(pod)).cloned().collect();
                Set { object, pods }
            })
            .collect()
    }

    fn new_set(&self, deployment: &Value, own_hash: &str, revision: u64) {
        let mut template = deployment["spec"]["template"].clone();
        template["metadata"]["labels"]["pod-template-hash"] = Value::from(own_hash);
        let mut selector = deployment["spec"]["selector"].clone();
        selector["matchLabels"]["pod-template-hash"] = Value::from(own_hash);
        let set = json!({
            "apiVersion": "apps/v1", "kind": "ReplicaSet",
            "metadata": {
                "name": format!("{}-{own_hash}", name(deployment)), "namespace": namespace(deployment),
                "labels": template["metadata"]["labels"],
                "annotations": {"deployment.kubernetes.io/revision": revision.to_string()},
                "ownerReferences": owned_by(deployment),
            },
            "spec": {"replicas": 0, "selector": selector, "template": template},
        });
        self.put(CONTROLLER, set);
    }

    fn mark_revision(&self, deployment: &Value, set: &Value) {
        let key = "deployment.kubernetes.io/revision";
        let told = set.pointer("/metadata/annotations").and_then(|annotations| annotations.get(key));
        if deployment.pointer("/metadata/annotations").and_then(|annotations| annotations.get(key)) != told {
            self.patch(CONTROLLER, DEPLOYMENT, deployment, &json!({"metadata": {"annotations": {key: told}}}));
        }
    }

    /// One step: as many new pods as the surge allows, and as few old ones as availability allows.
    fn roll(&self, deployment: &Value, wanted: usize, new: &Set, old: &[Set]) {
        let recreate = text(deployment, "/spec/strategy/type") == "Recreate";
        let allowed = |key: &str, up: bool| {
            let value = deployment.pointer(&format!("/spec/strategy/rollingUpdate/{key}"));
            portion(value, wanted, up)
        };
        let (surge, unavailable) = (allowed("maxSurge", true), allowed("maxUnavailable", false));
        let (surge, unavailable) = if surge == 0 && unavailable == 0 { (0, 1) } else { (surge, unavailable) };
        let old_pods: usize = old.iter().map(|set| set.pods.len()).sum();
        let old_wanted: usize = old.iter().map(Set::wanted).sum();
        let room = if recreate {
            if old_pods == 0 { wanted } else { 0 }
        } else {
            (wanted + surge).saturating_sub(old_wanted).min(wanted)
        };
        let target = if new.wanted() > wanted { wanted } else { room.max(new.wanted()) };
        self.scale(&new.object, target);
        let must_serve = if recreate { 0 } else { wanted.saturating_sub(unavailable) };
        let mut spare = (new.ready() + old.iter().map(Set::ready).sum::<usize>()).saturating_sub(must_serve);
        for set in old {
            // Old pods that do not serve go first, and cost nothing.
            let idle = set.wanted().saturating_sub(set.ready());
            let gone = set.wanted().min(idle + spare);
            spare -= gone.saturating_sub(idle);
            self.scale(&set.object, if recreate { 0 } else { set.wanted() - gone });
        }
    }

    fn scale(&self, set: &Value, replicas: usize) {
        if count(set, "/spec/replicas") != Some(replicas) {
            self.patch(CONTROLLER, REPLICA_SET, set, &json!({"spec": {"replicas": replicas}}));
        }
    }

    fn deployment_status(&mut self, deployment: &Value, wanted: usize, new: &Set, old: &[Set]) {
        let replicas = new.pods.len() + old.iter().map(|set| set.pods.len()).sum::<usize>();
        let ready = new.ready() + old.iter().map(Set::ready).sum::<usize>();
        let unavailable = portion(deployment.pointer("/spec/strategy/rollingUpdate/maxUnavailable"), wanted, false);
        let done = new.ready() >= wanted && replicas == wanted;
        let set_name = name(&new.object).to_owned();
        let available = if ready >= wanted.saturating_sub(unavailable) {
            ("Available", "True", "MinimumReplicasAvailable", "Deployment has minimum availability.".to_owned())
        } else {
            (
                "Available",
                "False",
                "MinimumReplicasUnavailable",
                "Deployment does not have minimum availability.".to_owned(),
            )
        };
        let step = format!("{} rollout {set_name}", text(deployment, "/metadata/uid"));
        let progressing = if done {
            (
                "Progressing",
                "True",
                "NewReplicaSetAvailable",
                format!("ReplicaSet \"{set_name}\" has successfully progressed."),
            )
        } else if self.clock.takes_time() && self.clock.due(step, PATIENCE) {
            (
                "Progressing",
                "False",
                "ProgressDeadlineExceeded",
                format!("ReplicaSet \"{set_name}\" has timed out progressing."),
            )
        } else {
            ("Progressing", "True", "ReplicaSetUpdated", format!("ReplicaSet \"{set_name}\" is progressing."))
        };
        let mut wanted_conditions = vec![available, progressing];
        if let Some(failure) = condition(&new.object, "ReplicaFailure") {
            let message = text(failure, "/message").to_owned();
            wanted_conditions.push(("ReplicaFailure", "True", "FailedCreate", message));
        }
        let conditions = conditions(deployment, &wanted_conditions);
        let mut status = json!({
            "observedGeneration": deployment["metadata"]["generation"], "replicas": replicas,
            "updatedReplicas": new.pods.len(), "readyReplicas": ready, "availableReplicas": ready,
            "conditions": conditions,
        });
        if wanted > ready {
            status["unavailableReplicas"] = Value::from(wanted - ready);
        }
        self.replace_status(DEPLOYMENT, deployment, status);
    }

    fn replica_set(&mut self, set: &Value) {
        let pods: Vec<Value> = self
            .cluster
            .list("", "Pod", Some(namespace(set)))
            .into_iter()
            .filter(|pod| belongs_to(pod, set) && !is_going(pod))
            .collect();
        let wanted = count(set, "/spec/replicas").unwrap_or(1);
        let mut failure = None;
        for _ in pods.len()..wanted {
            failure = self.new_pod(set).err().or(failure);
        }
        // Those that serve go last.
        let mut extra: Vec<&Value> = pods.iter().collect();
        extra.sort_by_key(|pod| is_ready(pod));
        for pod in extra.into_iter().take(pods.len().saturating_sub(wanted)) {
            self.remove("", "Pod", pod);
        }
        let ready = pods.iter().filter(|pod| is_ready(pod)).count();
        let failed: Vec<_> =
            failure.into_iter().map(|message| ("ReplicaFailure", "True", "FailedCreate", message)).collect();
        let mut status = json!({
            "observedGeneration": set["metadata"]["generation"], "replicas": pods.len(),
            "fullyLabeledReplicas": pods.len(), "readyReplicas": ready, "availableReplicas": ready,
        });
        if !failed.is_empty() {
            status["conditions"] = Value::Array(conditions(set, &failed));
        }
        self.replace_status(REPLICA_SET, set, status);
    }

    fn new_pod(&self, set: &Value) -> Result<(), String> {
        let place = namespace(set);
        let template = &set["spec"]["template"];
        let account = match text(template, "/spec/serviceAccountName") {
            "" => "default",
            account => account,
        };
        let own = format!("{}-{}", name(set), random(5));
        if self.cluster.get("", "ServiceAccount", Some(place), account).is_none() {
            let message = format!(
                "pods \"{}-\" is forbidden: error looking up service account {place}/{account}: serviceaccount \"{account}\" not found",
                name(set)
            );
            self.say("replicaset-controller", set, "Warning", "FailedCreate", &format!("Error creating: {message}"));
            return Err(message);
        }
        let mut pod = json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {
                "name": own, "generateName": format!("{}-", name(set)), "namespace": place,
                "labels": template["metadata"]["labels"],
                "annotations": map(template, "/metadata/annotations").cloned().unwrap_or_default(),
                "ownerReferences": owned_by(set),
            },
            "spec": template["spec"],
        });
        let home = self.cluster.get("", "Namespace", None, place).unwrap_or_default();
        if injection::wanted(&self.cluster, &home, &pod) {
            injection::inject(&self.cluster, &mut pod);
        }
        pod["spec"]["nodeName"] = Value::from("practice");
        match self.cluster.create_or_replace(CONTROLLER, pod) {
            Ok(_) => {
                self.say("replicaset-controller", set, "Normal", "SuccessfulCreate", &format!("Created pod: {own}"));
                Ok(())
            }
            Err(error) => {
                self.say("replicaset-controller", set, "Warning", "FailedCreate", &format!("Error creating: {error}"));
                Err(error.to_string())
            }
        }
    }

    /// Puts a status in the place of an object's, unless it says the same.
    pub(super) fn replace_status(&self, kind: (&str, &str), object: &Value, status: Value) {
        if object.get("status") != Some(&status) {
            let place = (!namespace(object).is_empty()).then(|| namespace(object));
            super::noted(self.cluster.update_status(CONTROLLER, kind, place, name(object), status));
        }
    }
}

fn count(object: &Value, pointer: &str) -> Option<usize> {
    number(object.pointer(pointer)).and_then(|count| usize::try_from(count).ok())
}

/// The revision of its Deployment that a pod is of.
pub(super) fn revision_of(live: &dyn Objects, pod: &Value) -> Option<u64> {
    let owner = pod.pointer("/metadata/ownerReferences/0/name")?.as_str()?;
    revision(live.get("apps", "ReplicaSet", Some(namespace(pod)), owner)?.as_ref())
}

fn revision(set: &Value) -> Option<u64> {
    set.pointer("/metadata/annotations/deployment.kubernetes.io~1revision")?.as_str()?.parse().ok()
}

fn paused(deployment: &Value) -> bool {
    deployment.pointer("/spec/paused") == Some(&Value::Bool(true))
}

fn is_ready(pod: &Value) -> bool {
    condition(pod, "Ready").is_some_and(|condition| text(condition, "/status") == "True")
}

fn condition<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    items(object, "/status/conditions").iter().find(|condition| text(condition, "/type") == kind)
}

/// A number, or a percentage of `of`; a quarter when nothing is said.
fn portion(value: Option<&Value>, of: usize, up: bool) -> usize {
    if let Some(number) = value.and_then(Value::as_u64) {
        return usize::try_from(number).unwrap_or(of);
    }
    let percent = value
        .and_then(Value::as_str)
        .and_then(|text| text.strip_suffix('%'))
        .and_then(|number| number.parse::<usize>().ok())
        .unwrap_or(25);
    if up { (of * percent).div_ceil(100) } else { of * percent / 100 }
}

/// Conditions with the time of each one's last change kept where it stays what it was.
pub(super) fn conditions(object: &Value, wanted: &[(&str, &str, &str, String)]) -> Vec<Value> {
    wanted
        .iter()
        .map(|(kind, status, reason, message)| {
            let earlier = condition(object, kind).filter(|condition| text(condition, "/status") == *status);
            let since = earlier.map_or_else(now, |earlier| text(earlier, "/lastTransitionTime").to_owned());
            json!({
                "type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": since,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::portion;
    use serde_json::json;

    #[test]
    fn given_percentages_then_surge_rounds_up_and_unavailability_down() {
        assert_eq!(portion(Some(&json!("25%")), 1, true), 1);
        assert_eq!(portion(Some(&json!("25%")), 1, false), 0);
        assert_eq!(portion(Some(&json!(2)), 1, false), 2);
        assert_eq!(portion(None, 8, false), 2);
    }
}
