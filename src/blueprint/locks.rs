//! What must be seen in the live configuration of the pods that carry the locks before a route may be made (design.md, law 1).

use super::{
    context::Context,
    hook,
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
    /// The parts that are the first lock.
    pub hook_parts: Vec<PartId>,
    /// The parts that are the second lock.
    pub token_parts: Vec<PartId>,
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
        hook_parts: ids(hook::lock_parts(&context)),
        token_parts: ids(token_validation::parts(&context)),
    })
}
