//! EnvoyFilters, as far as they insert Lua filters among the HTTP filters of a proxy. Whatever else one asks of a proxy is not
//! imitated, and the proxy refuses all requests instead of behaving as if it had not been asked.

use super::{
    mesh::Mesh,
    objects::{Objects, items, name, namespace, oldest_first, selects, text},
    workload::Workload,
};
use serde_json::{Value, json};

/// The network filter that has HTTP filters, and its name before Istio 1.19 (domain.md 4.1).
const HTTP_MANAGER: &str = "envoy.filters.network.http_connection_manager";
const OLD_HTTP_MANAGER: (&str, u32) = ("envoy.http_connection_manager", 19);

const LUA: &str = "type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua";

/// What an object asks of a proxy and is not imitated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the practice edge does not imitate {what} (EnvoyFilter {origin})")]
pub struct NotImitated {
    /// What it asks.
    pub what: String,
    /// The object, as `NAMESPACE/NAME`.
    pub origin: String,
}

/// A Lua filter that an EnvoyFilter inserts.
#[derive(Clone, Debug, PartialEq)]
pub struct LuaFilter {
    /// The filter's name.
    pub name: String,
    /// Its code.
    pub code: String,
    /// Whether the code stands in `default_source_code`, or in the deprecated `inline_code`.
    pub by_source: bool,
    /// The object that asks for it, as `NAMESPACE/NAME`.
    pub origin: String,
}

impl LuaFilter {
    /// The filter as Envoy reports it.
    pub fn shown(&self) -> Value {
        let mut settings = json!({"@type": LUA});
        if self.by_source {
            settings["default_source_code"] = json!({"inline_string": self.code});
        } else {
            settings["inline_code"] = Value::from(self.code.as_str());
        }
        json!({"name": self.name, "typed_config": settings})
    }
}

/// Where a filter goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// Before every other.
    First,
    /// Before the first of that name; nowhere, without a word, when there is none.
    Before(String),
    /// Behind the first of that name; nowhere, without a word, when there is none.
    After(String),
}

/// A filter and its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Insertion {
    /// The place.
    pub place: Place,
    /// The filter.
    pub filter: LuaFilter,
}

/// What the EnvoyFilters for a workload insert among its HTTP filters, in the order in which Istio applies them: the root
/// namespace's before the workload's own, each by priority and then the oldest first.
pub fn insertions(objects: &dyn Objects, mesh: &Mesh, workload: &Workload) -> Result<Vec<Insertion>, NotImitated> {
    let mut places = vec![mesh.root_namespace.as_str()];
    if workload.namespace() != mesh.root_namespace {
        places.push(workload.namespace());
    }
    let mut found = Vec::new();
    for place in places {
        let mut filters = oldest_first(objects.list("networking.istio.io", "EnvoyFilter", Some(place)));
        filters.sort_by_key(|filter| filter.pointer("/spec/priority").and_then(Value::as_i64).unwrap_or_default());
        for filter in filters {
            // `targetRefs` is for gateways of the Gateway API and waypoints.
            let meant = filter.pointer("/spec/targetRefs").is_none()
                && selects(&filter, "/spec/workloadSelector/labels", workload.labels());
            if !meant {
                continue;
            }
            let origin = format!("{}/{}", namespace(&filter), name(&filter));
            for patch in items(&filter, "/spec/configPatches").iter().filter(|patch| in_context(patch, workload)) {
                let read = insertion(patch, mesh, &origin);
                found.extend(read.map_err(|what| NotImitated { what, origin: origin.clone() })?);
            }
        }
    }
    Ok(found)
}

fn in_context(patch: &Value, workload: &Workload) -> bool {
    match text(patch, "/match/context") {
        "" | "ANY" => true,
        "GATEWAY" => workload.is_gateway(),
        "SIDECAR_INBOUND" => !workload.is_gateway(),
        _ => false,
    }
}

/// `None` when the patch matches nothing and so does nothing.
fn insertion(patch: &Value, mesh: &Mesh, origin: &str) -> Result<Option<Insertion>, String> {
    let target = text(patch, "/applyTo");
    if target != "HTTP_FILTER" {
        return Err(format!("patches applied to {target}"));
    }
    for (pointer, known) in [
        ("/match", &["context", "listener"][..]),
        ("/match/listener", &["filterChain"]),
        ("/match/listener/filterChain", &["filter"]),
        ("/match/listener/filterChain/filter", &["name", "subFilter"]),
        ("/match/listener/filterChain/filter/subFilter", &["name"]),
        ("/patch", &["operation", "value"]),
    ] {
        let fields = patch.pointer(pointer).and_then(Value::as_object).into_iter().flatten();
        if let Some((unknown, _)) = fields.into_iter().find(|(key, _)| !known.contains(&key.as_str())) {
            return Err(format!("{}.{unknown} of a patch", pointer.trim_start_matches('/').replace('/', ".")));
        }
    }
    let manager = text(patch, "/match/listener/filterChain/filter/name");
    let (old_name, gone_since) = OLD_HTTP_MANAGER;
    if !(manager.is_empty() || manager == HTTP_MANAGER || (manager == old_name && mesh.minor < gone_since)) {
        return Ok(None);
    }
    let anchor = match text(patch, "/match/listener/filterChain/filter/subFilter/name") {
        "" => None,
        name => Some(name.to_owned()),
    };
    let place = match (text(patch, "/patch/operation"), anchor) {
        ("INSERT_FIRST", _) | ("INSERT_BEFORE", None) => Place::First,
        ("INSERT_BEFORE", Some(anchor)) => Place::Before(anchor),
        ("INSERT_AFTER", Some(anchor)) => Place::After(anchor),
        (operation, None) => return Err(format!("the operation {operation} on HTTP filters without an anchor")),
        (operation, Some(_)) => return Err(format!("the operation {operation} on HTTP filters")),
    };
    let value = patch.pointer("/patch/value").unwrap_or(&Value::Null);
    Ok(Some(Insertion { place, filter: lua_filter(value, origin)? }))
}

fn lua_filter(value: &Value, origin: &str) -> Result<LuaFilter, String> {
    // Both spellings of a field are JSON of the same protobuf message.
    let field = |of: &Value, names: [&str; 2]| names.iter().find_map(|name| of.get(*name)).cloned();
    let settings = field(value, ["typed_config", "typedConfig"]).unwrap_or_default();
    let kind = text(&settings, "/@type");
    if kind != LUA {
        return Err(format!("HTTP filters of type {kind:?}"));
    }
    let known = ["@type", "inline_code", "inlineCode", "default_source_code", "defaultSourceCode"];
    if let Some(unknown) =
        settings.as_object().and_then(|settings| settings.keys().find(|key| !known.contains(&key.as_str())))
    {
        return Err(format!("the field {unknown} of Lua filters"));
    }
    let inline = field(&settings, ["inline_code", "inlineCode"]);
    let source = field(&settings, ["default_source_code", "defaultSourceCode"]);
    let code = match (&inline, &source) {
        (Some(_), Some(_)) => return Err("Lua filters with two codes, which Envoy refuses,".to_owned()),
        (Some(code), None) => Some(code.clone()),
        (None, Some(source)) => field(source, ["inline_string", "inlineString"]),
        (None, None) => None,
    };
    let Some(Value::String(code)) = code else { return Err("Lua filters without code in the object".to_owned()) };
    Ok(LuaFilter {
        name: text(value, "/name").to_owned(),
        code,
        by_source: source.is_some(),
        origin: origin.to_owned(),
    })
}

/// Puts what `insertions` say among `filters`, one after the other, as istiod does.
pub fn insert<T>(
    filters: &mut Vec<T>,
    insertions: Vec<Insertion>,
    name: impl Fn(&T) -> &str,
    make: impl Fn(LuaFilter) -> T,
) {
    for Insertion { place, filter } in insertions {
        let of = |wanted: &str| filters.iter().position(|filter| name(filter) == wanted);
        let position = match &place {
            Place::First => Some(0),
            Place::Before(anchor) => of(anchor),
            Place::After(anchor) => of(anchor).map(|position| position + 1),
        };
        if let Some(position) = position {
            filters.insert(position, make(filter));
        } else {
            let origin = &filter.origin;
            tracing::warn!(
                ?place,
                origin,
                "an EnvoyFilter's anchor is not there: its filter is left out, as istiod does"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{LuaFilter, NotImitated, insert, insertions};
    use crate::practice::edge::{mesh::Mesh, objects::Fixture, workload::Workload};
    use serde_json::{Value, json};

    const ONE: &str = r#"
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: one, namespace: istio-system}
spec:
  workloadSelector: {labels: {istio: ingressgateway}}
  configPatches:
  - applyTo: HTTP_FILTER
    match:
      context: GATEWAY
      listener: {filterChain: {filter: {name: envoy.filters.network.http_connection_manager, subFilter: {name: b}}}}
    patch:
      operation: INSERT_BEFORE
      value:
        name: lua.one
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua
          default_source_code: {inline_string: "-- nothing"}
"#;

    fn pod(namespace: &str, labels: &Value, container_args: &[&str]) -> Workload {
        let pod = json!({
            "metadata": {"name": "pod", "namespace": namespace, "labels": labels},
            "spec": {"containers": [{"name": "istio-proxy", "args": container_args}]},
        });
        Workload { pod: pod.into() }
    }

    fn gateway() -> Workload {
        pod("istio-system", &json!({"istio": "ingressgateway"}), &["proxy", "router"])
    }

    fn names(world: &Fixture, workload: &Workload) -> Result<Vec<String>, NotImitated> {
        let insertions = insertions(world, &Mesh::read(world), workload)?;
        let mut filters: Vec<String> = ["a", "b", "c"].map(str::to_owned).to_vec();
        insert(&mut filters, insertions, String::as_str, |filter: LuaFilter| filter.name);
        Ok(filters)
    }

    #[test]
    fn given_an_anchor_then_the_filter_goes_before_it_and_without_it_nowhere() {
        assert_eq!(names(&Fixture::yaml(ONE), &gateway()).unwrap(), ["a", "lua.one", "b", "c"]);
        let missing = Fixture::yaml(&ONE.replace("subFilter: {name: b}", "subFilter: {name: x}"));
        assert_eq!(names(&missing, &gateway()).unwrap(), ["a", "b", "c"]);
        let after = Fixture::yaml(&ONE.replace("INSERT_BEFORE", "INSERT_AFTER"));
        assert_eq!(names(&after, &gateway()).unwrap(), ["a", "b", "lua.one", "c"]);
        let first = Fixture::yaml(&ONE.replace("INSERT_BEFORE", "INSERT_FIRST"));
        assert_eq!(names(&first, &gateway()).unwrap(), ["lua.one", "a", "b", "c"]);
    }

    #[test]
    fn given_several_then_priority_comes_before_age_and_the_later_of_two_firsts_is_first() {
        let with = |name: &str, priority: i32, day: u8| {
            let head = format!("metadata: {{name: {name}, creationTimestamp: '2026-11-0{day}T00:00:00Z', namespace");
            ONE.replace("metadata: {name: one, namespace", &head)
                .replace("lua.one", name)
                .replace("INSERT_BEFORE", "INSERT_FIRST")
                .replace("spec:\n", &format!("spec:\n  priority: {priority}\n"))
        };
        let world = Fixture::yaml(&with("old", 0, 1)).and(&with("new", 0, 2)).and(&with("early", -1, 3));
        assert_eq!(names(&world, &gateway()).unwrap(), ["new", "old", "early", "a", "b", "c"]);
    }

    #[test]
    fn given_another_pod_or_context_then_the_filter_is_not_for_it() {
        let other = pod("istio-system", &json!({"istio": "egressgateway"}), &["proxy", "router"]);
        assert_eq!(names(&Fixture::yaml(ONE), &other).unwrap().len(), 3);
        let sidecar = pod("myapp", &json!({"istio": "ingressgateway"}), &["proxy", "sidecar"]);
        assert_eq!(names(&Fixture::yaml(ONE), &sidecar).unwrap().len(), 3, "the context is GATEWAY");
        let inbound = Fixture::yaml(&ONE.replace("GATEWAY", "SIDECAR_INBOUND"));
        assert_eq!(names(&inbound, &sidecar).unwrap().len(), 4, "the root namespace's are for all");
        let elsewhere = Fixture::yaml(&ONE.replace("GATEWAY", "ANY").replace("istio-system", "other"));
        assert_eq!(names(&elsewhere, &sidecar).unwrap().len(), 3, "another namespace's are not");
    }

    #[test]
    fn given_the_old_name_of_the_http_filters_place_then_it_matches_before_1_19_only() {
        let world = Fixture::yaml(
            &ONE.replace("envoy.filters.network.http_connection_manager", "envoy.http_connection_manager"),
        );
        let mut mesh = Mesh::read(&world);
        assert!(insertions(&world, &mesh, &gateway()).unwrap().is_empty());
        mesh.minor = 18;
        assert_eq!(insertions(&world, &mesh, &gateway()).unwrap().len(), 1);
    }

    #[test]
    fn given_what_is_not_imitated_then_it_is_named() {
        for (from, to, named) in [
            ("HTTP_FILTER", "CLUSTER", "CLUSTER"),
            ("INSERT_BEFORE", "REPLACE", "REPLACE"),
            ("listener: {", "listener: {portNumber: 8443, ", "match.listener.portNumber"),
            ("filterChain: {", "filterChain: {sni: x, ", "match.listener.filterChain.sni"),
            ("filters.http.lua.v3.Lua", "filters.http.wasm.v3.Wasm", "wasm.v3.Wasm"),
            ("default_source_code:", "source_codes:", "source_codes"),
            ("{inline_string: \"-- nothing\"}", "{filename: /x.lua}", "without code"),
        ] {
            let world = Fixture::yaml(&ONE.replace(from, to));
            let error = names(&world, &gateway()).unwrap_err().to_string();
            assert!(error.contains(named) && error.contains("istio-system/one"), "{error}");
        }
    }

    #[test]
    fn given_either_form_of_the_code_then_envoys_own_spelling_is_reported() {
        let world =
            Fixture::yaml(&ONE.replace("typed_config", "typedConfig").replace("{inline_string", "{inlineString"));
        let found = insertions(&world, &Mesh::read(&world), &gateway()).unwrap();
        assert_eq!(found[0].filter.shown()["typed_config"]["default_source_code"]["inline_string"], "-- nothing");
        let old =
            Fixture::yaml(&ONE.replace("default_source_code: {inline_string: \"-- nothing\"}", "inlineCode: x = 1"));
        let found = insertions(&old, &Mesh::read(&old), &gateway()).unwrap();
        assert_eq!(found[0].filter.shown()["typed_config"]["inline_code"], "x = 1");
    }
}
