//! OData's query options: what is selected, filtered, counted and paged.

use super::error::GraphError;
use super::filter::Filter;
use super::shape::Shape;
use super::{Request, entity};
use crate::practice::tenant::directory::Properties;
use crate::practice::tenant::reply::Reply;
use crate::practice::tenant::{Call, Core};
use serde_json::{Value, json};

/// How many objects a page has when nobody says.
const PAGE: usize = 100;
const KNOWN: &[&str] = &["$select", "$filter", "$top", "$count", "$orderby", "$skiptoken"];

/// Refuses query options nobody knows.
pub(super) fn check(call: &Call) -> Result<(), GraphError> {
    let unknown = call.query.iter().find(|(name, _)| name.starts_with('$') && !KNOWN.contains(&name.as_str()));
    match unknown {
        Some((name, _)) => {
            Err(GraphError::malformed(format!("The query parameter '{name}' is not supported by the practice tenant.")))
        }
        None => Ok(()),
    }
}

/// Keeps the properties asked for.
pub(super) fn select(call: &Call, shape: &Shape, object: Properties) -> Result<Properties, GraphError> {
    let Some(asked) = call.query("$select") else { return Ok(object) };
    let names: Vec<&str> = asked.split(',').map(str::trim).collect();
    if let Some(unknown) = names.iter().find(|name| shape.property(name).is_none()) {
        let message = format!("Could not find a property named '{unknown}' on type 'microsoft.graph.{}'.", shape.name);
        return Err(GraphError::malformed(message));
    }
    Ok(object.into_iter().filter(|(name, _)| names.contains(&name.as_str())).collect())
}

/// One page of the objects that pass the filter.
pub(super) fn list(
    core: &Core,
    request: &Request<'_>,
    collection: &str,
    shape: &'static Shape,
    objects: Vec<Properties>,
) -> Result<Reply, GraphError> {
    let call = request.call;
    let filter = call.query("$filter").map(|text| Filter::parse(text, shape)).transpose()?;
    if filter.as_ref().is_some_and(Filter::is_advanced) && !asks_for_advanced(call) {
        return Err(GraphError::unsupported_query(
            "Unsupported Query. This query needs the header 'ConsistencyLevel: eventual' and '$count=true'.",
        ));
    }
    let passing: Vec<Properties> =
        objects.into_iter().filter(|object| filter.as_ref().is_none_or(|filter| filter.passes(object))).collect();
    let total = passing.len();
    let skip: usize = call.query("$skiptoken").and_then(|token| token.parse().ok()).unwrap_or(0);
    let top = match call.query("$top").map(str::parse::<usize>) {
        Some(Ok(top)) if (1..=999).contains(&top) => top,
        Some(_) => return Err(GraphError::malformed("Invalid page size specified. It must be between 1 and 999.")),
        None => PAGE,
    };
    let page: Vec<Value> = passing
        .into_iter()
        .skip(skip)
        .take(top)
        .map(|object| select(call, shape, object).map(Value::Object))
        .collect::<Result<_, _>>()?;
    let next = (skip + page.len() < total).then(|| next_link(core, call, skip + page.len()));
    Ok(page_reply(core, collection, page, call.query("$count").is_some_and(|it| it == "true").then_some(total), next))
}

fn asks_for_advanced(call: &Call) -> bool {
    let eventual = call.header("consistencylevel").is_some_and(|level| level.eq_ignore_ascii_case("eventual"));
    eventual && call.query("$count").is_some_and(|count| count == "true")
}

fn next_link(core: &Core, call: &Call, skip: usize) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(call.query.iter().filter(|(name, _)| name != "$skiptoken"));
    query.append_pair("$skiptoken", &skip.to_string());
    format!("{}{}?{}", core.addresses.graph, call.path, query.finish())
}

fn page_reply(core: &Core, collection: &str, page: Vec<Value>, count: Option<usize>, next: Option<String>) -> Reply {
    let mut body = Properties::new();
    body.insert("@odata.context".into(), json!(format!("{}/v1.0/$metadata#{collection}", core.addresses.graph)));
    if let Some(count) = count {
        body.insert("@odata.count".into(), json!(count));
    }
    if let Some(next) = next {
        body.insert("@odata.nextLink".into(), json!(next));
    }
    body.insert("value".into(), Value::Array(page));
    Reply::ok(Value::Object(body))
}

/// The one object of the list that has this id.
pub(super) fn one(
    core: &Core,
    request: &Request<'_>,
    context: &str,
    shape: &'static Shape,
    objects: Vec<Properties>,
    id: &str,
) -> Result<Reply, GraphError> {
    let is_it = |object: &Properties| crate::practice::tenant::directory::text(object, "id").eq_ignore_ascii_case(id);
    let object = objects.into_iter().find(is_it).ok_or_else(|| GraphError::not_found(id))?;
    entity(core, request, context, shape, object)
}
