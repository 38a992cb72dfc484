//! What must be seen in the live configuration of the pods that carry the locks before a route may be made (design.md, law 1).

use super::{
    context::Context,
    hook, identity_headers,
    impossible::Impossible,
    object::{Existing, PartId},
    token_validation,
};
use crate::{answers::Answers, facts::Facts};
use std::collections::BTreeMap;

/// The two locks, as they are to be proven.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Locks {
    /// The namespace of the pods that carry them.
    pub namespace: String,
    /// The labels of these pods; every one of them must carry both.
    pub selector: BTreeMap<String, String>,
    /// The Service that the hook asks, by its full host name.
    pub check_host: String,
    /// The policy that puts the hook in place, in `namespace`.
    pub hook_policy: String,
    /// The issuer whose tokens are checked.
    pub issuer: String,
    /// Whom the tokens must be for: the client id.
    pub audience: String,
    /// The policies that make the check binding, in `namespace`.
    pub token_policies: Vec<String>,
    /// Where the locks need scripts beside them, which.
    pub scripts: Option<Scripts>,
    /// The parts that are the first lock.
    pub hook_parts: Vec<PartId>,
    /// The parts that are the second lock.
    pub token_parts: Vec<PartId>,
}

/// The scripts that the locks need at a gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scripts {
    /// The filter that must run before the hook: it takes away what a client says of itself.
    pub before_hook: String,
    /// The filter that must run between the hook and the check of tokens: it shows it the token.
    pub before_tokens: String,
}

/// Says what proves the locks of the blueprint for the same arguments.
pub fn locks(answers: &Answers, facts: &Facts, existing: &Existing) -> Result<Locks, Impossible> {
    let context = Context::new(answers, facts, existing)?;
    let (namespace, selector) = context.lock_place();
    let ids = |parts: Vec<super::Part>| parts.into_iter().map(|part| part.id).collect();
    let mut token_policies = vec![token_validation::refusal_name(&context)];
    if !context.at_gateway() {
        token_policies.push(token_validation::demand_name(&context));
    }
    Ok(Locks {
        namespace: namespace.to_owned(),
        selector: selector.clone(),
        check_host: context.service_host(&context.names.proxy),
        hook_policy: hook::policy_name(&context),
        issuer: context.issuer(),
        audience: context.client_id(),
        token_policies,
        scripts: context.at_gateway().then(|| Scripts {
            before_hook: identity_headers::strip_filter(&context),
            before_tokens: identity_headers::token_filter(&context),
        }),
        hook_parts: ids(hook::lock_parts(&context)),
        token_parts: ids(token_validation::parts(&context)),
    })
}
