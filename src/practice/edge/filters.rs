//! The HTTP filters of one proxy, one after the other: the hook, the tokens, the policies, in Istio's order since 1.9
//! (domain.md 4.3), and what EnvoyFilters insert among them.

use super::{
    Edge,
    envoy_filter::{LuaFilter, NotImitated, insert, insertions},
    hook::{Verdict, bare_path, check, target, verdict},
    lua,
    mesh::{Mesh, Provider},
    objects::Objects,
    path,
    policy::{Action, Decision, Hook, allowed, applying, denied, hook, providers},
    rule::{Attributes, Token},
    token::{authenticate, rules},
    transport::Caller,
    travel::{Inbound, access_denied, add, attributes, authority, local, remote_address, unauthorized},
    workload::Workload,
};
use axum::body::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};

/// One filter.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Filter {
    /// One that lets everything pass here.
    Passive(&'static str),
    /// The rules of CUSTOM policies: whom to ask about this request, or that it is refused.
    Rules,
    /// Asking.
    Hook,
    /// Tokens that come are verified.
    Tokens,
    /// DENY policies.
    Deny,
    /// ALLOW policies.
    Allow,
    /// A script.
    Lua(LuaFilter),
}

impl Filter {
    /// Its name in Envoy's configuration, by which EnvoyFilters find their place.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Passive(name) => name,
            Self::Rules | Self::Deny | Self::Allow => "envoy.filters.http.rbac",
            Self::Hook => "envoy.filters.http.ext_authz",
            Self::Tokens => "envoy.filters.http.jwt_authn",
            Self::Lua(filter) => &filter.name,
        }
    }
}

/// The filters of a workload's proxy.
pub(super) fn of(objects: &dyn Objects, mesh: &Mesh, workload: &Workload) -> Result<Vec<Filter>, NotImitated> {
    let policies = |action| applying(objects, mesh, workload, action);
    let custom = policies(Action::Custom);
    let mut filters = vec![Filter::Passive("istio.metadata_exchange")];
    if !custom.is_empty() {
        match providers(objects, mesh, &custom) {
            Ok(providers) => filters.extend(providers.iter().flat_map(|_| [Filter::Rules, Filter::Hook])),
            Err(_) => filters.push(Filter::Rules),
        }
    }
    if !rules(objects, mesh, workload).is_empty() {
        filters.push(Filter::Tokens);
    }
    if !policies(Action::Deny).is_empty() {
        filters.push(Filter::Deny);
    }
    if !policies(Action::Allow).is_empty() {
        filters.push(Filter::Allow);
    }
    filters.extend(
        ["envoy.filters.http.fault", "envoy.filters.http.cors", "envoy.filters.http.router"].map(Filter::Passive),
    );
    insert(&mut filters, insertions(objects, mesh, workload)?, Filter::name, Filter::Lua);
    Ok(filters)
}

/// What filters tell those behind them about a request.
#[derive(Default)]
struct Known {
    /// Those who are still to be asked, and `None` before the rules have been looked at.
    asked: Option<std::vec::IntoIter<Provider>>,
    token: Option<Token>,
    /// What the hook adds to the final answer.
    for_client: HeaderMap,
}

type Refused = Box<Response<Bytes>>;

impl Edge {
    /// Sends a request through the filters of one proxy. `Ok` holds what the hook adds to the final answer.
    pub(super) async fn filters(
        &self,
        inbound: &Inbound<'_>,
        request: &mut Request<Bytes>,
    ) -> Result<HeaderMap, Refused> {
        let filters = of(inbound.view, inbound.mesh, inbound.workload).map_err(|why| not_imitated(&why))?;
        let mut known = Known::default();
        for filter in &filters {
            self.filter(filter, inbound, request, &mut known).await?;
        }
        Ok(known.for_client)
    }

    async fn filter(
        &self,
        filter: &Filter,
        inbound: &Inbound<'_>,
        request: &mut Request<Bytes>,
        known: &mut Known,
    ) -> Result<(), Refused> {
        match filter {
            Filter::Passive(_) => Ok(()),
            // One look at all rules, also where each of several providers has its own filter for them.
            Filter::Rules if known.asked.is_some() => Ok(()),
            Filter::Rules => {
                known.asked = Some(whom_to_ask(inbound, request)?.into_iter());
                Ok(())
            }
            Filter::Hook => match known.asked.as_mut().and_then(Iterator::next) {
                Some(provider) => {
                    let headers = self.ask(&provider, inbound, request).await?;
                    add(headers, &mut known.for_client);
                    Ok(())
                }
                None => Ok(()),
            },
            Filter::Tokens => {
                known.token = self.verified(inbound, request).await?;
                Ok(())
            }
            Filter::Deny => decided(denied, inbound, request, known),
            Filter::Allow => decided(allowed, inbound, request, known),
            Filter::Lua(filter) => lua::run(filter, request).map_err(|why| not_imitated(&why)),
        }
    }

    async fn ask(
        &self,
        provider: &Provider,
        inbound: &Inbound<'_>,
        request: &mut Request<Bytes>,
    ) -> Result<HeaderMap, Refused> {
        let caller = Caller::of(inbound.workload, inbound.mesh);
        let (host, port, check) = (&provider.service, Some(provider.port), check(provider, request));
        let asking = self.call(inbound.view, caller, host, port, check, inbound.hops + 1);
        let answer = tokio::time::timeout(provider.timeout, asking).await.ok().and_then(Result::ok);
        match verdict(provider, answer, request) {
            Verdict::Pass(headers) => Ok(headers),
            Verdict::Answer(answer) => Err(Box::new(answer)),
        }
    }

    async fn verified(&self, inbound: &Inbound<'_>, request: &mut Request<Bytes>) -> Result<Option<Token>, Refused> {
        let rules = rules(inbound.view, inbound.mesh, inbound.workload);
        let query = path::query(target(request)).map(str::to_owned);
        let authority = authority(request).to_owned();
        let token = authenticate(self.door(), &rules, query.as_deref(), request.headers_mut()).await;
        token.map_err(|bad| Box::new(unauthorized(&bad, &authority, bare_path(request))))
    }
}

type Decide = fn(&dyn Objects, &Mesh, &Workload, &Attributes<'_>) -> Decision;

fn decided(decide: Decide, inbound: &Inbound<'_>, request: &Request<Bytes>, known: &Known) -> Result<(), Refused> {
    let remote = remote_address(request, inbound.source_address);
    let attributes = attributes(inbound, request, &remote, known.token.as_ref());
    match decide(inbound.view, inbound.mesh, inbound.workload, &attributes) {
        Decision::Allowed => Ok(()),
        Decision::Refused(_) => Err(Box::new(access_denied())),
    }
}

fn whom_to_ask(inbound: &Inbound<'_>, request: &Request<Bytes>) -> Result<Vec<Provider>, Refused> {
    let remote = remote_address(request, inbound.source_address);
    match hook(inbound.view, inbound.mesh, inbound.workload, &attributes(inbound, request, &remote, None)) {
        Hook::Absent => Ok(Vec::new()),
        Hook::Ask(providers) => Ok(providers),
        Hook::Refuse(_) => Err(Box::new(access_denied())),
    }
}

/// Better no answer than one that the real proxy would not give.
fn not_imitated(why: &NotImitated) -> Refused {
    tracing::error!(origin = why.origin, "{why}; every request is refused");
    Box::new(local(StatusCode::SERVICE_UNAVAILABLE, &format!("{why}\n")))
}
