//! The second lock: a request needs a valid token of ours, wherever it came from. The sign-in proxy puts a person's token
//! on each request that it lets in; an application brings its own.

use super::{
    APP_ROLE,
    context::{Context, custom_part},
    hook,
    istio::{
        Action, AuthorizationPolicySpec, Condition, From, JwtHeader, JwtRule, RequestAuthenticationSpec, Rule, Source,
        To, WorkloadSelector,
    },
    object::{Part, Wave},
};
use crate::answers::EmailClaim;

/// The header in which a gateway finds the token. Not `authorization`: there the check would be about the tokens of every
/// other host of the gateway too, and refuse those of other issuers and audiences.
pub(super) const GATEWAY_TOKEN_HEADER: &str = "x-gatewright-token";

pub(super) fn parts(context: &Context<'_>) -> Vec<Part> {
    let mut parts = vec![validation(context), refusal(context)];
    // At a gateway an ALLOW policy would shut out every other host: what no ALLOW policy matches is refused.
    if !context.at_gateway() {
        parts.push(demand(context));
    }
    parts
}

fn validation(context: &Context<'_>) -> Part {
    let (namespace, labels) = context.lock_place();
    let tenant = &context.facts.tenant;
    // The header is named in both cases: left to itself Istio would also take a parameter `access_token`, which lands in logs
    // and may be the application's own.
    let (header, forward_original_token) =
        if context.at_gateway() { (GATEWAY_TOKEN_HEADER, None) } else { ("Authorization", Some(true)) };
    custom_part(
        Wave::Locks,
        (&context.versions.request_authentication, "RequestAuthentication"),
        context.metadata_in(namespace, &validation_name(context), "token-lock"),
        RequestAuthenticationSpec {
            selector: WorkloadSelector::new(labels),
            jwt_rules: vec![JwtRule {
                issuer: context.issuer(),
                jwks_uri: tenant.cloud.signing_keys(&tenant.id),
                audiences: vec![context.client_id()],
                from_headers: vec![JwtHeader { name: header, prefix: "Bearer " }],
                forward_original_token,
            }],
        },
        "Has Istio check each token itself: signed by this tenant, for this application, not expired.",
    )
    .because("/spec/jwtRules/0/issuer", "to the letter as in tokens of version 2, with no slash at its end")
    .because("/spec/jwtRules/0/jwksUri", "the tenant's own keys, and not those of everybody's")
    .because("/spec/jwtRules/0/audiences/0", "the bare client id, as tokens of version 2 have it")
    .because("/spec/jwtRules/0/fromHeaders/0/name", "named, or a token in the address would do too")
    .because("/spec/jwtRules/0/forwardOriginalToken", "the application may read it")
}

/// Who is let in: each group of conditions is enough.
fn admitted(context: &Context<'_>) -> Vec<(String, Vec<String>)> {
    let access = &context.answers.access;
    let claim = match access.email_claim {
        EmailClaim::Email => "email",
        EmailClaim::PreferredUsername => "preferred_username",
    };
    // Without a list of domains the claim must still be there: every person's token has it, and no application's
    // (domain.md 2.3), so applications get in by their role alone.
    let addresses = if access.email_domains.is_empty() {
        vec!["*".to_owned()]
    } else {
        access.email_domains.iter().map(|domain| format!("*@{domain}")).collect()
    };
    let mut admitted = vec![(format!("request.auth.claims[{claim}]"), addresses)];
    if access.machines {
        admitted.push(("request.auth.claims[roles]".to_owned(), vec![APP_ROLE.to_owned()]));
    }
    admitted
}

fn demand(context: &Context<'_>) -> Part {
    let (namespace, labels) = context.lock_place();
    let rules = admitted(context)
        .into_iter()
        .map(|(key, values)| Rule {
            from: vec![From {
                source: Source { request_principals: vec![any_principal(context)], ..Source::default() },
            }],
            when: vec![Condition { key, values, not_values: Vec::new() }],
            ..Rule::default()
        })
        .collect();
    custom_part(
        Wave::Locks,
        (&context.versions.authorization_policy, "AuthorizationPolicy"),
        context.metadata_in(namespace, &demand_name(context), "token-lock"),
        AuthorizationPolicySpec {
            selector: WorkloadSelector::new(labels),
            action: Action::Allow,
            provider: None,
            rules,
        },
        "Lets in whoever has a valid token and is meant to get in; the check above alone lets requests without a token pass.",
    )
    .because("/spec/rules/0/from/0/source/requestPrincipals/0", "there only where the token was found valid")
}

fn refusal(context: &Context<'_>) -> Part {
    let (namespace, labels) = context.lock_place();
    let scope: Vec<To> =
        context.at_gateway().then(|| To { operation: hook::guarded_at_gateway(context) }).into_iter().collect();
    let rules = vec![
        Rule {
            from: vec![From {
                source: Source { not_request_principals: vec![any_principal(context)], ..Source::default() },
            }],
            to: scope.clone(),
            when: Vec::new(),
        },
        Rule {
            from: Vec::new(),
            to: scope,
            when: admitted(context)
                .into_iter()
                .map(|(key, not_values)| Condition { key, values: Vec::new(), not_values })
                .collect(),
        },
    ];
    custom_part(
        Wave::Locks,
        (&context.versions.authorization_policy, "AuthorizationPolicy"),
        context.metadata_in(namespace, &refusal_name(context), "token-lock"),
        AuthorizationPolicySpec {
            selector: WorkloadSelector::new(labels),
            action: Action::Deny,
            provider: None,
            rules,
        },
        if context.at_gateway() {
            "Refuses requests for this host without a valid token, and people and applications who are not meant to get in; \
             other hosts of the gateway are not touched."
        } else {
            "Refuses the same strangers whatever other policies allow: any other ALLOW policy on these pods would let them in."
        },
    )
    .because("/spec/action", "comes before every ALLOW, whoever made it")
    .because("/spec/rules/0/from/0/source/notRequestPrincipals/0", "no valid token of this tenant")
}

/// Every principal of our issuer: `ISSUER/SUBJECT`.
fn any_principal(context: &Context<'_>) -> String {
    format!("{}/*", context.issuer())
}

pub(super) fn validation_name(context: &Context<'_>) -> String {
    context.lock_name("token")
}

pub(super) fn demand_name(context: &Context<'_>) -> String {
    context.lock_name("token")
}

pub(super) fn refusal_name(context: &Context<'_>) -> String {
    context.lock_name("no-token")
}
