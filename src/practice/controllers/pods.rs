//! Pods: from scheduled to ready, or to the reason why not.

use super::{
    Controllers,
    containers::{self, Fate, Shown},
    is_going, now,
};
use crate::practice::edge::{
    objects::{items, name, namespace, text},
    workload::Workload,
};
use serde_json::{Value, json};
use std::{collections::HashSet, time::Duration};

const KUBELET: &str = "kubelet";
/// From a pod that is made to its containers' start: images are there already.
const TO_START: Duration = Duration::from_millis(400);
/// From a container's start to the probe that finds it ready.
const TO_READY: Duration = Duration::from_millis(800);

impl Controllers {
    pub(super) async fn pods(&mut self) {
        let pods = self.cluster.list("", "Pod", None);
        let known: HashSet<String> = pods.iter().map(|pod| text(pod, "/metadata/uid").to_owned()).collect();
        self.edge.keep_only(&known);
        for pod in pods {
            if !is_going(&pod) {
                self.pod(pod).await;
            }
        }
    }

    async fn pod(&mut self, pod: Value) {
        let uid = text(&pod, "/metadata/uid").to_owned();
        if text(&pod, "/status/podIP").is_empty() {
            self.schedule(&pod);
            return;
        }
        if !self.clock.due(format!("{uid} start"), TO_START) {
            return;
        }
        let workload = Workload { pod: pod.into() };
        let mut statuses = Vec::new();
        let mut all_ready = true;
        for container in items(&workload.pod, "/spec/containers") {
            let earlier = status_of(&workload.pod, "containerStatuses", text(container, "/name"));
            let fate = self.container(&workload, container, earlier).await;
            let ready = matches!(fate, Fate::Running { ready: true });
            all_ready &= ready;
            statuses.push(Shown { pod: &workload.pod, container, earlier, ready }.status(&fate));
        }
        let first: Vec<Value> = items(&workload.pod, "/spec/initContainers")
            .iter()
            .map(|container| {
                let earlier = status_of(&workload.pod, "initContainerStatuses", text(container, "/name"));
                let goes_on = text(container, "/restartPolicy") == "Always";
                let fate = if goes_on { Fate::Running { ready: true } } else { Fate::Completed };
                Shown { pod: &workload.pod, container, earlier, ready: true }.status(&fate)
            })
            .collect();
        self.pod_status(&workload.pod, statuses, first, all_ready);
    }

    fn schedule(&self, pod: &Value) {
        let taken: HashSet<String> =
            self.cluster.list("", "Pod", None).iter().map(|pod| text(pod, "/status/podIP").to_owned()).collect();
        let Some(address) =
            (2..=65_000_u32).map(|at| format!("10.244.{}.{}", at / 256, at % 256)).find(|ip| !taken.contains(ip))
        else {
            return;
        };
        let creating: Vec<Value> = items(pod, "/spec/containers")
            .iter()
            .map(|container| {
                let reason =
                    if items(pod, "/spec/initContainers").is_empty() { "ContainerCreating" } else { "PodInitializing" };
                let fate = Fate::Waiting { reason, message: String::new() };
                Shown { pod, container, earlier: None, ready: false }.status(&fate)
            })
            .collect();
        let status = json!({
            "phase": "Pending", "podIP": address, "podIPs": [{"ip": address}], "hostIP": "10.0.0.4",
            "startTime": now(), "qosClass": "Burstable", "containerStatuses": creating,
            "conditions": [
                {"type": "PodScheduled", "status": "True", "lastTransitionTime": now()},
                {"type": "Initialized", "status": "False", "reason": "ContainersNotInitialized", "lastTransitionTime": now()},
                {"type": "ContainersReady", "status": "False", "reason": "ContainersNotReady", "lastTransitionTime": now()},
                {"type": "Ready", "status": "False", "reason": "ContainersNotReady", "lastTransitionTime": now()},
            ],
        });
        super::noted(self.cluster.update_status(KUBELET, ("", "Pod"), Some(namespace(pod)), name(pod), status));
        let message = format!("Successfully assigned {}/{} to practice", namespace(pod), name(pod));
        self.say("default-scheduler", pod, "Normal", "Scheduled", &message);
    }

    /// What becomes of a container now.
    async fn container(&mut self, workload: &Workload, container: &Value, earlier: Option<&Value>) -> Fate {
        let (uid, own) = (workload.uid().to_owned(), text(container, "/name").to_owned());
        let runs = earlier.is_some_and(|earlier| earlier.pointer("/state/running").is_some());
        let fate = if runs {
            self.keep_running(workload, container).await
        } else {
            match self.backs_off(workload, &own, earlier) {
                Some(waiting) => waiting,
                None => self.start(workload, container).await,
            }
        };
        match fate {
            Fate::Running { ready: true } if !runs || !is_ready(earlier) => {
                Fate::Running { ready: self.clock.due(format!("{uid} {own} ready"), TO_READY) }
            }
            fate => fate,
        }
    }

    /// A container that crashed is started again after a pause that grows.
    fn backs_off(&mut self, workload: &Workload, own: &str, earlier: Option<&Value>) -> Option<Fate> {
        let earlier = earlier.filter(|earlier| text(earlier, "/state/waiting/reason") == "CrashLoopBackOff")?;
        let restarts = earlier.get("restartCount").and_then(Value::as_u64).unwrap_or_default();
        let pause = containers::pause(restarts, self.clock.takes_time());
        let due = self.clock.due_in(format!("{} {own} restart {restarts}", workload.uid()), pause);
        (!due).then(|| Fate::BacksOff { message: text(earlier, "/state/waiting/message").to_owned() })
    }

    async fn start(&mut self, workload: &Workload, container: &Value) -> Fate {
        let fate = containers::start(&self.edge, &self.images, workload, container).await;
        let pod = &workload.pod;
        let own = text(container, "/name");
        match &fate {
            Fate::Running { .. } => self.say(KUBELET, pod, "Normal", "Started", &format!("Started container {own}")),
            Fate::Waiting {
                reason: "ImagePullBackOff" | "CreateContainerConfigError" | "InvalidImageName",
                message,
            } => {
                self.say(KUBELET, pod, "Warning", "Failed", &format!("Error: {message}"));
            }
            Fate::Waiting { message, .. } if !message.is_empty() => {
                self.say(KUBELET, pod, "Warning", "FailedMount", message);
            }
            Fate::Crashed { .. } => {
                let message = format!(
                    "Back-off restarting failed container {own} in pod {}_{}({})",
                    name(pod),
                    namespace(pod),
                    workload.uid()
                );
                self.say(KUBELET, pod, "Warning", "BackOff", &message);
            }
            _ => {}
        }
        fate
    }

    async fn keep_running(&self, workload: &Workload, container: &Value) -> Fate {
        if let Ok(start) = self.edge.start_of(workload, container) {
            // A ground that has just been started again learns what its containers run with.
            self.edge.started(workload, text(container, "/name"), start.as_ref().clone());
        }
        Fate::Running { ready: containers::is_ready(&self.edge, workload, container).await }
    }

    fn pod_status(&self, pod: &Value, statuses: Vec<Value>, first: Vec<Value>, ready: bool) {
        let mut status = pod.get("status").cloned().unwrap_or_default();
        let pending = statuses.iter().all(|status| {
            status.pointer("/state/waiting").is_some() && status.pointer("/lastState/terminated").is_none()
        });
        status["phase"] = Value::from(if pending { "Pending" } else { "Running" });
        let unready: Vec<&str> =
            statuses.iter().filter(|status| status["ready"] != true).map(|status| text(status, "/name")).collect();
        let message = format!("containers with unready status: [{}]", unready.join(" "));
        let truth = |truth: bool| if truth { "True" } else { "False" };
        status["conditions"] = ["PodScheduled", "Initialized", "ContainersReady", "Ready"]
            .into_iter()
            .map(|kind| {
                let holds = ready || matches!(kind, "PodScheduled" | "Initialized");
                let earlier = items(pod, "/status/conditions")
                    .iter()
                    .find(|condition| text(condition, "/type") == kind && text(condition, "/status") == truth(holds));
                let since = earlier.map_or_else(now, |earlier| text(earlier, "/lastTransitionTime").to_owned());
                let mut condition = json!({"type": kind, "status": truth(holds), "lastTransitionTime": since});
                if !holds {
                    condition["reason"] = Value::from("ContainersNotReady");
                    condition["message"] = Value::from(message.as_str());
                }
                condition
            })
            .collect();
        status["containerStatuses"] = Value::Array(statuses);
        if !first.is_empty() {
            status["initContainerStatuses"] = Value::Array(first);
        }
        if pod.get("status") != Some(&status) {
            super::noted(self.cluster.update_status(KUBELET, ("", "Pod"), Some(namespace(pod)), name(pod), status));
        }
    }
}

fn is_ready(status: Option<&Value>) -> bool {
    status.is_some_and(|status| status["ready"] == true)
}

fn status_of<'a>(pod: &'a Value, list: &str, name: &str) -> Option<&'a Value> {
    items(pod, &format!("/status/{list}")).iter().find(|status| text(status, "/name") == name)
}
