//! Sign-in with a code that is typed into a browser anywhere (RFC 8628): for terminals without a browser of their own.
//!
//! azure_identity has no such credential, and the helper crate for it knows the public cloud alone (crates.md 3).

use super::{
    Method, Patience, SignInError,
    rest::root_cause,
    token::{TokenError, claims_of},
};
use crate::{facts::CloudEndpoints, secret::Secret};
use azure_core::{
    credentials::{AccessToken, TokenCredential, TokenRequestOptions},
    error::ErrorKind,
    time::{Duration as AzureDuration, OffsetDateTime},
};
use serde::{Deserialize, de::DeserializeOwned};
use std::{collections::BTreeMap, fmt, time::Duration};
use tokio::sync::Mutex;

/// The client id of the Azure CLI: a public client that every tenant knows, whose Graph tokens carry the scopes that we need
/// (domain.md 1.3), and the one that Microsoft's own libraries use for developers.
const PUBLIC_CLIENT: &str = "04b07795-8ddb-461a-bbee-02f9e1bf7b46";

/// What a person has to do to sign in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceCode {
    /// What is typed into the page. Good only together with a browser that signs in, but not for logs.
    pub user_code: String,
    /// The page.
    pub verification_uri: String,
    /// Until when.
    pub expires: jiff::Timestamp,
    /// All of it in one sentence, as Entra says it.
    pub message: String,
}

#[derive(Deserialize)]
struct DeviceAnswer {
    device_code: String,
    user_code: String,
    #[serde(alias = "verification_url")]
    verification_uri: String,
    expires_in: u64,
    /// Five seconds unless the server says otherwise (RFC 8628, 3.2).
    #[serde(default = "five")]
    interval: u64,
    #[serde(default)]
    message: String,
}

fn five() -> u64 {
    5
}

#[derive(Deserialize)]
struct TokenAnswer {
    access_token: String,
    expires_in: i64,
    refresh_token: Option<String>,
    id_token: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct IdClaims {
    preferred_username: Option<String>,
    tid: Option<String>,
}

/// A person who signed in by device code. The refresh token lives in memory alone.
pub(super) struct DeviceCodeCredential {
    http: reqwest::Client,
    /// `{sign-in}/{tenant}/oauth2/v2.0/`.
    base: String,
    tokens: Mutex<Tokens>,
}

#[derive(Default)]
struct Tokens {
    refresh: Option<Secret>,
    by_scopes: BTreeMap<String, AccessToken>,
}

impl fmt::Debug for DeviceCodeCredential {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("DeviceCodeCredential").field("base", &self.base).finish_non_exhaustive()
    }
}

/// What the token endpoint answered, if it did.
enum Reply {
    Token(TokenAnswer),
    Refused(TokenError),
    NoAnswer(String),
}

impl DeviceCodeCredential {
    /// Shows a code through `on_device_code` and waits until it was used; also tells the person's name.
    pub(super) async fn sign_in(
        http: &reqwest::Client,
        cloud: &CloudEndpoints,
        tenant: Option<&str>,
        scope: &str,
        patience: &Patience,
        on_device_code: &(dyn Fn(&DeviceCode) + Send + Sync),
    ) -> Result<(Self, Option<String>), SignInError> {
        let sign_in = cloud.sign_in.as_str().trim_end_matches('/').to_owned();
        let base = format!("{sign_in}/{}/oauth2/v2.0/", tenant.unwrap_or("organizations"));
        let mut credential = Self { http: http.clone(), base, tokens: Mutex::default() };
        let device = credential.ask_for_code(scope).await?;
        on_device_code(&DeviceCode {
            user_code: device.user_code.clone(),
            verification_uri: device.verification_uri.clone(),
            expires: jiff::Timestamp::now()
                + jiff::SignedDuration::from_secs(device.expires_in.try_into().unwrap_or(900)),
            message: device.message.clone(),
        });
        let token = credential.poll(&device, patience).await?;
        let identity: IdClaims = token.id_token.as_deref().and_then(claims_of).unwrap_or_default();
        if let (None, Some(own)) = (tenant, identity.tid) {
            credential.base = format!("{sign_in}/{own}/oauth2/v2.0/");
        }
        credential.tokens.get_mut().keep(scope, token);
        Ok((credential, identity.preferred_username))
    }

    async fn ask_for_code(&self, scope: &str) -> Result<DeviceAnswer, SignInError> {
        let scope = format!("{scope} offline_access openid profile");
        let form = [("client_id", PUBLIC_CLIENT), ("scope", &scope)];
        match self.post("devicecode", &form).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(refused(error)),
            Err(cause) => Err(SignInError::Unreachable { url: self.base.clone(), cause }),
        }
    }

    async fn poll(&self, device: &DeviceAnswer, patience: &Patience) -> Result<TokenAnswer, SignInError> {
        let mut interval = Duration::from_secs(device.interval).max(patience.first_pause);
        let polling = async {
            loop {
                tokio::time::sleep(interval).await;
                let grant = [
                    ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
                    ("client_id", PUBLIC_CLIENT),
                    ("device_code", &device.device_code),
                ];
                match self.ask_for_token(&grant).await {
                    Reply::Token(token) => return Ok(token),
                    Reply::Refused(error) => match error.error.as_str() {
                        "authorization_pending" => {}
                        // Five seconds more (RFC 8628, 3.5), where a pause is the usual second.
                        "slow_down" => interval += patience.first_pause * 5,
                        "expired_token" | "code_expired" => return Err(SignInError::CodeExpired),
                        "authorization_declined" | "access_denied" => return Err(SignInError::CodeDeclined),
                        _ => return Err(refused(error)),
                    },
                    // A laptop that changed networks while its owner typed the code: ask on, less often.
                    Reply::NoAnswer(cause) => {
                        tracing::info!("device code sign-in: no answer ({cause}), asking on");
                        interval += patience.first_pause;
                    }
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(device.expires_in), polling)
            .await
            .unwrap_or(Err(SignInError::CodeExpired))
    }

    async fn ask_for_token(&self, form: &[(&str, &str)]) -> Reply {
        match self.post("token", form).await {
            Ok(Ok(token)) => Reply::Token(token),
            Ok(Err(error)) => Reply::Refused(error),
            Err(cause) => Reply::NoAnswer(cause),
        }
    }

    async fn post<T: DeserializeOwned>(
        &self,
        endpoint: &str,
        form: &[(&str, &str)],
    ) -> Result<Result<T, TokenError>, String> {
        let no_answer = |cause: reqwest::Error| root_cause(&cause.without_url());
        let reply = self.http.post(format!("{}{endpoint}", self.base)).form(form).send().await.map_err(no_answer)?;
        let status = reply.status();
        let body = reply.bytes().await.map_err(no_answer)?;
        if status.is_success() {
            return serde_json::from_slice(&body).map(Ok).map_err(|_| "the answer cannot be read".to_owned());
        }
        match serde_json::from_slice::<TokenError>(&body) {
            Ok(error) if !error.error.is_empty() => Ok(Err(error)),
            _ => Err(format!("status {status}")),
        }
    }

    async fn refresh(&self, tokens: &mut Tokens, scope: &str) -> Result<(), SignInError> {
        let Some(refresh) = tokens.refresh.clone() else {
            return Err(SignInError::CodeExpired);
        };
        let scopes = format!("{scope} offline_access openid profile");
        let form = [
            ("grant_type", "refresh_token"),
            ("client_id", PUBLIC_CLIENT),
            ("refresh_token", refresh.expose()),
            ("scope", &scopes),
        ];
        match self.ask_for_token(&form).await {
            Reply::Token(token) => {
                tokens.keep(scope, token);
                Ok(())
            }
            Reply::Refused(error) => Err(refused(error)),
            Reply::NoAnswer(cause) => Err(SignInError::Unreachable { url: self.base.clone(), cause }),
        }
    }
}

impl Tokens {
    fn keep(&mut self, scope: &str, token: TokenAnswer) {
        if let Some(refresh) = token.refresh_token {
            self.refresh = Some(Secret::new(refresh));
        }
        let expires = OffsetDateTime::now_utc() + AzureDuration::seconds(token.expires_in);
        self.by_scopes.insert(scope.to_owned(), AccessToken::new(token.access_token, expires));
    }
}

fn refused(error: TokenError) -> SignInError {
    SignInError::Refused { method: Method::DeviceCode, number: error.number(), answer: error.answer(400) }
}

#[async_trait::async_trait]
impl TokenCredential for DeviceCodeCredential {
    async fn get_token(&self, scopes: &[&str], _: Option<TokenRequestOptions<'_>>) -> azure_core::Result<AccessToken> {
        let scope = scopes.join(" ");
        let mut tokens = self.tokens.lock().await;
        let soon = OffsetDateTime::now_utc() + AzureDuration::minutes(5);
        if tokens.by_scopes.get(&scope).is_none_or(|token| token.expires_on <= soon) {
            self.refresh(&mut tokens, &scope)
                .await
                .map_err(|error| azure_core::Error::new(ErrorKind::Credential, error))?;
        }
        tokens
            .by_scopes
            .get(&scope)
            .cloned()
            .ok_or_else(|| azure_core::Error::new(ErrorKind::Credential, SignInError::CodeExpired))
    }
}
