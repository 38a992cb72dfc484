//! Which properties Graph's types have, and of what kind their values are.
//!
//! Source: microsoft-graph-docs-contrib, `api-reference/v1.0/resources/{application,serviceprincipal,...}.md`.

use super::error::GraphError;
use crate::practice::tenant::directory::Properties;
use serde_json::Value;

/// The kind of a value.
pub(super) enum Kind {
    Text,
    Flag,
    Number,
    Guid,
    Moment,
    OneOf(&'static [&'static str]),
    List(&'static Kind),
    Complex(&'static Shape),
    Anything,
}

/// A type: its name and properties.
pub(super) struct Shape {
    pub(super) name: &'static str,
    pub(super) properties: &'static [Property],
}

/// One property of a type.
pub(super) struct Property {
    pub(super) name: &'static str,
    kind: Kind,
    writable: bool,
}

const fn property(name: &'static str, kind: Kind) -> Property {
    Property { name, kind, writable: true }
}

const fn read_only(name: &'static str, kind: Kind) -> Property {
    Property { name, kind, writable: false }
}

const TEXTS: Kind = Kind::List(&Kind::Text);

static SCOPE: Shape = Shape {
    name: "permissionScope",
    properties: &[
        property("adminConsentDescription", Kind::Text),
        property("adminConsentDisplayName", Kind::Text),
        property("id", Kind::Guid),
        property("isEnabled", Kind::Flag),
        property("origin", Kind::Text),
        property("type", Kind::OneOf(&["User", "Admin"])),
        property("userConsentDescription", Kind::Text),
        property("userConsentDisplayName", Kind::Text),
        property("value", Kind::Text),
    ],
};

static PRE_AUTHORIZED: Shape = Shape {
    name: "preAuthorizedApplication",
    properties: &[property("appId", Kind::Guid), property("delegatedPermissionIds", TEXTS)],
};

static API: Shape = Shape {
    name: "apiApplication",
    properties: &[
        property("acceptMappedClaims", Kind::Flag),
        property("knownClientApplications", Kind::List(&Kind::Guid)),
        property("requestedAccessTokenVersion", Kind::Number),
        property("oauth2PermissionScopes", Kind::List(&Kind::Complex(&SCOPE))),
        property("preAuthorizedApplications", Kind::List(&Kind::Complex(&PRE_AUTHORIZED))),
    ],
};

static ROLE: Shape = Shape {
    name: "appRole",
    properties: &[
        property("allowedMemberTypes", Kind::List(&Kind::OneOf(&["User", "Application"]))),
        property("description", Kind::Text),
        property("displayName", Kind::Text),
        property("id", Kind::Guid),
        property("isEnabled", Kind::Flag),
        property("origin", Kind::Text),
        property("value", Kind::Text),
    ],
};

static IMPLICIT_GRANT: Shape = Shape {
    name: "implicitGrantSettings",
    properties: &[property("enableAccessTokenIssuance", Kind::Flag), property("enableIdTokenIssuance", Kind::Flag)],
};

static REDIRECT_SETTING: Shape =
    Shape { name: "redirectUriSettings", properties: &[property("uri", Kind::Text), property("index", Kind::Number)] };

static WEB: Shape = Shape {
    name: "webApplication",
    properties: &[
        property("homePageUrl", Kind::Text),
        property("logoutUrl", Kind::Text),
        property("redirectUris", TEXTS),
        property("implicitGrantSettings", Kind::Complex(&IMPLICIT_GRANT)),
        property("redirectUriSettings", Kind::List(&Kind::Complex(&REDIRECT_SETTING))),
    ],
};

static SINGLE_PAGE: Shape = Shape { name: "spaApplication", properties: &[property("redirectUris", TEXTS)] };

static PUBLIC_CLIENT: Shape = Shape { name: "publicClientApplication", properties: &[property("redirectUris", TEXTS)] };

static OPTIONAL_CLAIM: Shape = Shape {
    name: "optionalClaim",
    properties: &[
        property("additionalProperties", TEXTS),
        property("essential", Kind::Flag),
        property("name", Kind::Text),
        property("source", Kind::Text),
    ],
};

static OPTIONAL_CLAIMS: Shape = Shape {
    name: "optionalClaims",
    properties: &[
        property("accessToken", Kind::List(&Kind::Complex(&OPTIONAL_CLAIM))),
        property("idToken", Kind::List(&Kind::Complex(&OPTIONAL_CLAIM))),
        property("saml2Token", Kind::List(&Kind::Complex(&OPTIONAL_CLAIM))),
    ],
};

static RESOURCE_ACCESS: Shape = Shape {
    name: "resourceAccess",
    properties: &[property("id", Kind::Guid), property("type", Kind::OneOf(&["Scope", "Role"]))],
};

static REQUIRED_RESOURCE_ACCESS: Shape = Shape {
    name: "requiredResourceAccess",
    properties: &[
        property("resourceAccess", Kind::List(&Kind::Complex(&RESOURCE_ACCESS))),
        property("resourceAppId", Kind::Guid),
    ],
};

static INFORMATION: Shape = Shape {
    name: "informationalUrl",
    properties: &[
        read_only("logoUrl", Kind::Text),
        property("marketingUrl", Kind::Text),
        property("privacyStatementUrl", Kind::Text),
        property("supportUrl", Kind::Text),
        property("termsOfServiceUrl", Kind::Text),
    ],
};

/// A client secret, as it is asked for and shown.
pub(super) static PASSWORD: Shape = Shape {
    name: "passwordCredential",
    properties: &[
        property("customKeyIdentifier", Kind::Text),
        property("displayName", Kind::Text),
        property("endDateTime", Kind::Moment),
        property("hint", Kind::Text),
        property("keyId", Kind::Guid),
        property("secretText", Kind::Text),
        property("startDateTime", Kind::Moment),
    ],
};

/// An application.
pub(super) static APPLICATION: Shape = Shape {
    name: "application",
    properties: &[
        read_only("id", Kind::Guid),
        read_only("deletedDateTime", Kind::Moment),
        read_only("appId", Kind::Guid),
        read_only("applicationTemplateId", Kind::Text),
        read_only("disabledByMicrosoftStatus", Kind::Text),
        read_only("createdByAppId", Kind::Text),
        read_only("createdDateTime", Kind::Moment),
        property("displayName", Kind::Text),
        property("description", Kind::Text),
        property("groupMembershipClaims", Kind::Text),
        property("identifierUris", TEXTS),
        property("isDeviceOnlyAuthSupported", Kind::Flag),
        property("isFallbackPublicClient", Kind::Flag),
        property("nativeAuthenticationApisEnabled", Kind::Text),
        property("notes", Kind::Text),
        read_only("publisherDomain", Kind::Text),
        property("serviceManagementReference", Kind::Text),
        property(
            "signInAudience",
            Kind::OneOf(&[
                "AzureADMyOrg",
                "AzureADMultipleOrgs",
                "AzureADandPersonalMicrosoftAccount",
                "PersonalMicrosoftAccount",
            ]),
        ),
        property("tags", TEXTS),
        property("tokenEncryptionKeyId", Kind::Guid),
        property("uniqueName", Kind::Text),
        property("samlMetadataUrl", Kind::Text),
        property("defaultRedirectUri", Kind::Text),
        read_only("certification", Kind::Anything),
        property("optionalClaims", Kind::Complex(&OPTIONAL_CLAIMS)),
        property("servicePrincipalLockConfiguration", Kind::Anything),
        property("requestSignatureVerification", Kind::Anything),
        property("addIns", Kind::List(&Kind::Anything)),
        property("api", Kind::Complex(&API)),
        property("appRoles", Kind::List(&Kind::Complex(&ROLE))),
        property("info", Kind::Complex(&INFORMATION)),
        property("keyCredentials", Kind::List(&Kind::Anything)),
        property("parentalControlSettings", Kind::Anything),
        property("passwordCredentials", Kind::List(&Kind::Complex(&PASSWORD))),
        property("publicClient", Kind::Complex(&PUBLIC_CLIENT)),
        property("requiredResourceAccess", Kind::List(&Kind::Complex(&REQUIRED_RESOURCE_ACCESS))),
        read_only("verifiedPublisher", Kind::Anything),
        property("web", Kind::Complex(&WEB)),
        property("spa", Kind::Complex(&SINGLE_PAGE)),
    ],
};

/// A service principal.
pub(super) static SERVICE_PRINCIPAL: Shape = Shape {
    name: "servicePrincipal",
    properties: &[
        read_only("id", Kind::Guid),
        read_only("deletedDateTime", Kind::Moment),
        property("accountEnabled", Kind::Flag),
        property("alternativeNames", TEXTS),
        read_only("appDisplayName", Kind::Text),
        property("appDescription", Kind::Text),
        property("appId", Kind::Guid),
        read_only("applicationTemplateId", Kind::Text),
        read_only("appOwnerOrganizationId", Kind::Guid),
        property("appRoleAssignmentRequired", Kind::Flag),
        read_only("createdByAppId", Kind::Text),
        read_only("createdDateTime", Kind::Moment),
        property("description", Kind::Text),
        read_only("disabledByMicrosoftStatus", Kind::Text),
        property("displayName", Kind::Text),
        property("homepage", Kind::Text),
        property("loginUrl", Kind::Text),
        property("logoutUrl", Kind::Text),
        property("notes", Kind::Text),
        property("notificationEmailAddresses", TEXTS),
        property("preferredSingleSignOnMode", Kind::Text),
        read_only("replyUrls", TEXTS),
        read_only("servicePrincipalNames", TEXTS),
        read_only("servicePrincipalType", Kind::Text),
        read_only("signInAudience", Kind::Text),
        property("tags", TEXTS),
        property("tokenEncryptionKeyId", Kind::Guid),
        property("samlSingleSignOnSettings", Kind::Anything),
        property("addIns", Kind::List(&Kind::Anything)),
        read_only("appRoles", Kind::List(&Kind::Complex(&ROLE))),
        property("info", Kind::Complex(&INFORMATION)),
        property("keyCredentials", Kind::List(&Kind::Anything)),
        read_only("oauth2PermissionScopes", Kind::List(&Kind::Complex(&SCOPE))),
        property("passwordCredentials", Kind::List(&Kind::Complex(&PASSWORD))),
        read_only("resourceSpecificApplicationPermissions", Kind::List(&Kind::Anything)),
        read_only("verifiedPublisher", Kind::Anything),
    ],
};

/// A delegated permission grant.
pub(super) static GRANT: Shape = Shape {
    name: "oAuth2PermissionGrant",
    properties: &[
        read_only("id", Kind::Text),
        property("clientId", Kind::Text),
        property("consentType", Kind::OneOf(&["AllPrincipals", "Principal"])),
        property("principalId", Kind::Text),
        property("resourceId", Kind::Text),
        property("scope", Kind::Text),
    ],
};

/// An app role assignment.
pub(super) static ROLE_ASSIGNMENT: Shape = Shape {
    name: "appRoleAssignment",
    properties: &[
        read_only("id", Kind::Text),
        read_only("deletedDateTime", Kind::Moment),
        property("appRoleId", Kind::Guid),
        read_only("createdDateTime", Kind::Moment),
        read_only("principalDisplayName", Kind::Text),
        property("principalId", Kind::Guid),
        read_only("principalType", Kind::Text),
        read_only("resourceDisplayName", Kind::Text),
        property("resourceId", Kind::Guid),
    ],
};

/// A federated identity credential.
pub(super) static FEDERATED_CREDENTIAL: Shape = Shape {
    name: "federatedIdentityCredential",
    properties: &[
        read_only("id", Kind::Guid),
        property("name", Kind::Text),
        property("issuer", Kind::Text),
        property("subject", Kind::Text),
        property("description", Kind::Text),
        property("audiences", TEXTS),
    ],
};

/// A person.
pub(super) static USER: Shape = Shape {
    name: "user",
    properties: &[
        read_only("id", Kind::Guid),
        read_only("businessPhones", TEXTS),
        read_only("displayName", Kind::Text),
        read_only("givenName", Kind::Text),
        read_only("jobTitle", Kind::Text),
        read_only("mail", Kind::Text),
        read_only("mobilePhone", Kind::Text),
        read_only("officeLocation", Kind::Text),
        read_only("preferredLanguage", Kind::Text),
        read_only("surname", Kind::Text),
        read_only("userPrincipalName", Kind::Text),
        read_only("userType", Kind::Text),
    ],
};

/// Anything read only that is shown whole: groups, directory roles, the organization.
pub(super) static OTHER: Shape = Shape {
    name: "directoryObject",
    properties: &[
        read_only("id", Kind::Guid),
        read_only("deletedDateTime", Kind::Moment),
        read_only("description", Kind::Text),
        read_only("displayName", Kind::Text),
        read_only("mailEnabled", Kind::Flag),
        read_only("securityEnabled", Kind::Flag),
        read_only("roleTemplateId", Kind::Guid),
        read_only("verifiedDomains", Kind::Anything),
        read_only("tenantType", Kind::Text),
        read_only("countryLetterCode", Kind::Text),
        read_only("createdDateTime", Kind::Moment),
        read_only("userPrincipalName", Kind::Text),
        read_only("mail", Kind::Text),
    ],
};

impl Shape {
    pub(super) fn property(&self, name: &str) -> Option<&'static Property> {
        self.properties.iter().find(|property| property.name == name)
    }

    /// All properties with nothing in them.
    pub(super) fn empty(&self) -> Properties {
        let empty = |kind: &Kind| match kind {
            Kind::List(_) => Value::Array(Vec::new()),
            Kind::Complex(shape) => Value::Object(shape.empty()),
            _ => Value::Null,
        };
        self.properties.iter().map(|it| (it.name.to_owned(), empty(&it.kind))).collect()
    }

    /// The type's name as Graph's directory service writes it in messages.
    pub(super) fn resource(&self) -> String {
        let mut letters = self.name.chars();
        letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
    }

    /// Refuses unknown and read-only properties and values of the wrong kind; returns the body without OData's own.
    pub(super) fn check(&'static self, body: Properties) -> Result<Properties, GraphError> {
        let ours = body.into_iter().filter(|(name, _)| !name.contains("@odata.") && !name.starts_with('@'));
        let body: Properties = ours.collect();
        for (name, value) in &body {
            let known = self.property(name);
            let known = known.ok_or_else(|| GraphError::bad(format!("Invalid property '{name}'.")))?;
            if !known.writable {
                return Err(GraphError::bad(format!("Property '{name}' is read-only and cannot be set.")));
            }
            self.check_value(known, value)?;
        }
        Ok(body)
    }

    fn check_value(&self, property: &Property, value: &Value) -> Result<(), GraphError> {
        match (&property.kind, value) {
            (Kind::List(_), Value::Null) => Err(GraphError::invalid_value(property.name, &self.resource())),
            (_, Value::Null) => Ok(()),
            (kind, value) => check_kind(kind, value)?
                .then_some(())
                .ok_or_else(|| GraphError::invalid_value(property.name, &self.resource())),
        }
    }
}

/// Whether the value is of the kind; an error when a property inside it does not exist.
fn check_kind(kind: &Kind, value: &Value) -> Result<bool, GraphError> {
    Ok(match kind {
        Kind::Anything => true,
        Kind::Text => value.is_string(),
        Kind::Flag => value.is_boolean(),
        Kind::Number => value.is_i64() || value.is_u64(),
        Kind::Guid => value.as_str().is_some_and(|text| uuid::Uuid::try_parse(text).is_ok()),
        Kind::Moment => value.as_str().is_some_and(|text| text.parse::<jiff::Timestamp>().is_ok()),
        Kind::OneOf(choices) => value.as_str().is_some_and(|text| choices.contains(&text)),
        Kind::List(of) => match value.as_array() {
            Some(items) => {
                items.iter().map(|item| check_kind(of, item)).collect::<Result<Vec<_>, _>>()?.iter().all(|good| *good)
            }
            None => false,
        },
        Kind::Complex(shape) => match value.as_object() {
            Some(object) => check_complex(shape, object)?,
            None => false,
        },
    })
}

fn check_complex(shape: &Shape, object: &Properties) -> Result<bool, GraphError> {
    for (name, value) in object.iter().filter(|(name, _)| !name.contains("@odata.")) {
        let known = shape.property(name).ok_or_else(|| {
            GraphError::malformed(format!(
                "The property '{name}' does not exist on type 'microsoft.graph.{}'. Make sure to only use property names \
                 that are defined by the type.",
                shape.name
            ))
        })?;
        shape.check_value(known, value)?;
    }
    Ok(true)
}
