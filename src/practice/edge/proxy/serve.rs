//! What oauth2-proxy answers.

use super::{
    session::{Session, cookie, sign, verify},
    settings::Settings,
};
use crate::practice::edge::{
    Edge,
    hook::{bare_path, target},
    objects::text,
    path,
    token::{audience_of, verify_signature},
    workload::Workload,
};
use axum::body::Bytes;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{HeaderName, HeaderValue, Request, Response, StatusCode, header};
use regex::Regex;
use serde_json::{Value, json};
use url::Url;

/// One process of oauth2-proxy.
pub struct Proxy<'a> {
    /// Where it runs.
    pub edge: &'a Edge,
    /// Its pod.
    pub workload: &'a Workload,
    /// What it was started with.
    pub settings: Settings,
}

/// What came of looking for a session.
enum Found {
    Session(Box<Session>),
    NeedsSignIn,
    Denied,
}

impl Proxy<'_> {
    /// Answers a request. Health paths come first, then its own paths under the prefix, then the check for everything else.
    pub async fn serve(&self, request: &Request<Bytes>) -> Response<Bytes> {
        let path = bare_path(request);
        if path == self.settings.text("ping_path") {
            return plain(StatusCode::OK, "OK");
        }
        if path == self.settings.text("ready_path") {
            return match self.edge.store(self.workload, &self.settings) {
                Ok(_) => plain(StatusCode::OK, "OK"),
                Err(error) => plain(StatusCode::INTERNAL_SERVER_ERROR, &format!("error: {error}")),
            };
        }
        if path == "/robots.txt" {
            return plain(StatusCode::OK, "User-agent: *\nDisallow: /\n");
        }
        let own = path.strip_prefix(self.settings.text("proxy_prefix"));
        match own {
            Some("/sign_in") if self.settings.flag("skip_provider_button") => self.begin(request).await,
            Some("/sign_in") => self.sign_in_page(StatusCode::OK),
            Some("/start") => self.begin(request).await,
            Some("/callback") => self.callback(request).await,
            Some("/sign_out") => self.sign_out(request),
            Some("/auth") => self.authenticated_only(request).await,
            Some("/userinfo") => self.user_info(request).await,
            Some(other) if other.starts_with("/static/") => plain(StatusCode::OK, "/* style */"),
            _ => self.check(request).await,
        }
    }

    async fn check(&self, request: &Request<Bytes>) -> Response<Bytes> {
        if self.skips(request) {
            return self.upstream();
        }
        match self.find(request).await {
            Found::Session(session) if self.authorized(&session) => {
                let mut answer = self.upstream();
                self.identify(&session, &mut answer);
                answer
            }
            Found::Session(_) | Found::Denied => {
                error_page(StatusCode::FORBIDDEN, "You do not have permission to access this resource.")
            }
            Found::NeedsSignIn => {
                let accept = request.headers().get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
                let json = accept.is_some_and(|accept| accept.contains("application/json"));
                let api =
                    self.settings.texts("api_routes").iter().any(|route| matches_route(route, bare_path(request)));
                if json || api || self.settings.flag("force_json_errors") {
                    json_answer(StatusCode::UNAUTHORIZED, &json!({}))
                } else if self.settings.flag("skip_provider_button") {
                    self.begin(request).await
                } else {
                    self.sign_in_page(StatusCode::FORBIDDEN)
                }
            }
        }
    }

    fn skips(&self, request: &Request<Bytes>) -> bool {
        if self.settings.flag("skip_auth_preflight") && request.method() == http::Method::OPTIONS {
            return true;
        }
        // The path that a trusted caller names counts before the request's own (CVE-2026-40575): hence no such header may pass.
        let forwarded = request.headers().get("x-forwarded-uri").and_then(|uri| uri.to_str().ok());
        let path =
            forwarded.filter(|_| self.settings.flag("reverse_proxy")).map_or(bare_path(request), path::without_query);
        let regexes = self.settings.texts("skip_auth_regex").into_iter();
        regexes.chain(self.settings.texts("skip_auth_routes")).any(|route| match route.split_once('=') {
            Some((method, route)) if method.chars().all(|character| character.is_ascii_uppercase()) => {
                request.method().as_str() == method && matches_route(route, path)
            }
            _ => matches_route(route, path),
        })
    }

    /// `static://CODE`; a code that can't be read counts as 200.
    fn upstream(&self) -> Response<Bytes> {
        let code = match self.settings.texts("upstreams").first() {
            Some(upstream) => match upstream.strip_prefix("static://") {
                Some(code) => code.parse().unwrap_or(200),
                None if upstream.starts_with("file://") => 404,
                None => 502,
            },
            None => 404,
        };
        plain(StatusCode::from_u16(code).unwrap_or(StatusCode::OK), "Authenticated")
    }

    async fn authenticated_only(&self, request: &Request<Bytes>) -> Response<Bytes> {
        match self.find(request).await {
            Found::Session(session) if self.authorized(&session) => {
                let mut answer = plain(StatusCode::ACCEPTED, "");
                self.identify(&session, &mut answer);
                answer
            }
            Found::Session(_) => plain(StatusCode::FORBIDDEN, "Forbidden\n"),
            Found::NeedsSignIn | Found::Denied => plain(StatusCode::UNAUTHORIZED, "Unauthorized\n"),
        }
    }

    async fn user_info(&self, request: &Request<Bytes>) -> Response<Bytes> {
        match self.find(request).await {
            Found::Session(session) => json_answer(
                StatusCode::OK,
                &json!({
                    "user": session.user, "email": session.email, "groups": session.groups,
                    "preferredUsername": session.preferred_username,
                }),
            ),
            Found::NeedsSignIn | Found::Denied => plain(StatusCode::UNAUTHORIZED, "Unauthorized\n"),
        }
    }

    fn sign_in_page(&self, status: StatusCode) -> Response<Bytes> {
        let prefix = self.settings.text("proxy_prefix");
        let page = format!(
            "<!DOCTYPE html><title>Sign In</title><form action=\"{prefix}/start\"><button>Sign in</button></form>"
        );
        html(status, &page)
    }

    /// The headers of an allowing answer.
    fn identify(&self, session: &Session, answer: &mut Response<Bytes>) {
        let mut set = |name: &'static str, value: String| {
            if let (false, Ok(value)) = (value.is_empty(), HeaderValue::try_from(value)) {
                answer.headers_mut().insert(HeaderName::from_static(name), value);
            }
        };
        set("gap-auth", if session.email.is_empty() { session.user.clone() } else { session.email.clone() });
        if self.settings.flag("set_xauthrequest") {
            set("x-auth-request-user", session.user.clone());
            set("x-auth-request-email", session.email.clone());
            set("x-auth-request-preferred-username", session.preferred_username.clone());
            set("x-auth-request-groups", session.groups.join(","));
            if self.settings.flag("pass_access_token") {
                set("x-auth-request-access-token", session.access_token.clone());
            }
        }
        if self.settings.flag("set_authorization_header") && !session.id_token.is_empty() {
            set("authorization", format!("Bearer {}", session.id_token));
        }
    }

    /// A bearer token comes before the cookie (domain.md 2.3).
    async fn find(&self, request: &Request<Bytes>) -> Found {
        if self.settings.flag("skip_jwt_bearer_tokens")
            && let Some(token) = bearer(request)
        {
            match self.session_of_token(&token).await {
                Ok(session) => return Found::Session(Box::new(session)),
                Err(_) if self.settings.flag("bearer_token_login_fallback") => {}
                Err(_) => return Found::Denied,
            }
        }
        let stored = self.ticket(request).and_then(|ticket| {
            let store = self.edge.store(self.workload, &self.settings).ok()?;
            self.edge.sessions().find(&store, &ticket)
        });
        stored.map_or(Found::NeedsSignIn, |session| Found::Session(Box::new(session)))
    }

    fn ticket(&self, request: &Request<Bytes>) -> Option<String> {
        let name = self.settings.text("cookie_name");
        let value = cookie(request.headers(), name)?;
        verify(&self.settings.cookie_secret(), name, &value, self.settings.time("cookie_expire"))
    }

    async fn session_of_token(&self, token: &str) -> Result<Session, String> {
        let mut audiences = vec![self.settings.text("client_id").to_owned()];
        audiences.extend(self.settings.texts("oidc_extra_audiences").into_iter().map(str::to_owned));
        let mut issuers = vec![(self.settings.text("oidc_issuer_url").to_owned(), audiences)];
        for pair in self.settings.texts("extra_jwt_issuers") {
            if let Some((issuer, audience)) = pair.split_once('=') {
                issuers.push((issuer.to_owned(), vec![audience.to_owned()]));
            }
        }
        let mut failure = String::from("no issuer");
        for (issuer, audiences) in issuers {
            match self.verified(token, &issuer, &audiences).await {
                Ok(claims) => {
                    let mut session = self.session(&claims);
                    if session.email.is_empty() {
                        session.email.clone_from(&session.user);
                    }
                    token.clone_into(&mut session.id_token);
                    token.clone_into(&mut session.access_token);
                    return Ok(session);
                }
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    fn session(&self, claims: &Value) -> Session {
        Session::of(claims, self.settings.text("oidc_email_claim"), self.settings.text("oidc_groups_claim"))
    }

    async fn verified(&self, token: &str, issuer: &str, audiences: &[String]) -> Result<Value, String> {
        let discovery = self.edge.discover(self.workload, issuer).await?;
        let keys = self.edge.outbound_get(self.workload, text(&discovery, "/jwks_uri")).await?;
        let claims = verify_signature(token, Some(&keys))
            .map_err(|_| "failed to verify signature: failed to verify id token signature".to_owned())?;
        if text(&claims, "/iss") != issuer {
            return Err(format!(
                "oidc: id token issued by a different provider, expected \"{issuer}\" got \"{}\"",
                text(&claims, "/iss")
            ));
        }
        let own = audience_of(&claims);
        if !own.iter().any(|own| audiences.iter().any(|audience| audience == own)) {
            return Err(format!(
                "audience from claim aud with value {own:?} does not match with any of allowed audiences {audiences:?}"
            ));
        }
        if claims.get("email_verified") == Some(&Value::Bool(false))
            && !self.settings.flag("insecure_oidc_allow_unverified_email")
        {
            return Err("email in id_token isn't verified".to_owned());
        }
        Ok(claims)
    }

    /// Address and groups; `entra-id` only believes the public cloud's issuer (domain.md 2.4).
    fn authorized(&self, session: &Session) -> bool {
        let issuer = self.settings.text("oidc_issuer_url");
        if self.settings.text("provider") == "entra-id" && !issuer.starts_with("https://login.microsoftonline.com/") {
            return false;
        }
        let allowed = self.settings.texts("allowed_groups");
        address_fits(&self.settings.texts("email_domains"), &session.email)
            && (allowed.is_empty() || session.groups.iter().any(|group| allowed.contains(&group.as_str())))
    }

    async fn begin(&self, request: &Request<Bytes>) -> Response<Bytes> {
        let issuer = self.settings.text("oidc_issuer_url");
        let Ok(discovery) = self.edge.discover(self.workload, issuer).await else {
            return error_page(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error");
        };
        let Ok(mut location) = text(&discovery, "/authorization_endpoint").parse::<Url>() else {
            return error_page(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error");
        };
        let random = || uuid::Uuid::new_v4().simple().to_string();
        let (state, nonce, verifier) = (random(), random(), format!("{}{}", random(), random()));
        let redirect = self.redirect_after(request);
        location
            .query_pairs_mut()
            .append_pair("approval_prompt", "force")
            .append_pair("client_id", self.settings.text("client_id"))
            .append_pair("nonce", &hashed(&nonce))
            .append_pair("redirect_uri", &self.redirect_uri(request))
            .append_pair("response_type", "code")
            .append_pair("scope", self.settings.text("scope"))
            .append_pair("state", &format!("{}:{redirect}", hashed(&state)));
        if self.settings.text("code_challenge_method") == "S256" {
            location
                .query_pairs_mut()
                .append_pair("code_challenge", &hashed(&verifier))
                .append_pair("code_challenge_method", "S256");
        }
        let csrf = json!({"s": state, "n": nonce, "v": verifier}).to_string();
        let name = self.csrf_name(&hashed(&state));
        let value = sign(&self.settings.cookie_secret(), &name, &csrf);
        let age = self.settings.time("cookie_csrf_expire").as_secs();
        let mut answer = redirect_to(location.as_str());
        append(&mut answer, header::SET_COOKIE, &self.cookie_line(&name, &value, age, request));
        answer
    }

    fn csrf_name(&self, state: &str) -> String {
        let name = self.settings.text("cookie_name");
        if self.settings.flag("cookie_csrf_per_request") {
            format!("{name}_{}_csrf", state.get(..8).unwrap_or(state))
        } else {
            format!("{name}_csrf")
        }
    }

    async fn callback(&self, request: &Request<Bytes>) -> Response<Bytes> {
        let query = path::query(target(request)).unwrap_or_default();
        let parameter = |name: &str| {
            url::form_urlencoded::parse(query.as_bytes())
                .find(|(key, _)| key == name)
                .map(|(_, value)| value.into_owned())
        };
        if let Some(error) = parameter("error") {
            let page = format!("Login Failed: The upstream identity provider returned an error: {error}");
            return error_page(StatusCode::FORBIDDEN, &page);
        }
        let state = parameter("state").unwrap_or_default();
        let Some((state, redirect)) = state.split_once(':') else {
            return error_page(StatusCode::INTERNAL_SERVER_ERROR, "State paramater did not have expected length");
        };
        let name = self.csrf_name(state);
        let csrf: Option<Value> = cookie(request.headers(), &name)
            .and_then(|value| {
                verify(&self.settings.cookie_secret(), &name, &value, self.settings.time("cookie_csrf_expire"))
            })
            .and_then(|csrf| serde_json::from_str(&csrf).ok());
        let Some(csrf) = csrf.filter(|csrf| hashed(text(csrf, "/s")) == state) else {
            let page = "Login Failed: Unable to find a valid CSRF token. Please try again.";
            return error_page(StatusCode::FORBIDDEN, page);
        };
        let code = parameter("code").unwrap_or_default();
        let session = match self.redeem(request, &code, text(&csrf, "/v"), &hashed(text(&csrf, "/n"))).await {
            Ok(session) => session,
            Err(error) => {
                tracing::debug!(%error, "the practice oauth2-proxy could not redeem a code");
                return error_page(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error");
            }
        };
        if !self.authorized(&session) {
            return error_page(StatusCode::FORBIDDEN, "Invalid session: unauthorized");
        }
        let Ok(store) = self.edge.store(self.workload, &self.settings) else {
            return error_page(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error");
        };
        let ticket = self.edge.sessions().keep(&store, session);
        let own = self.settings.text("cookie_name");
        let value = sign(&self.settings.cookie_secret(), own, &ticket);
        let age = self.settings.time("cookie_expire").as_secs();
        let mut answer = redirect_to(if self.may_redirect(redirect) { redirect } else { "/" });
        append(&mut answer, header::SET_COOKIE, &self.cookie_line(&name, "", 0, request));
        append(&mut answer, header::SET_COOKIE, &self.cookie_line(own, &value, age, request));
        answer
    }

    async fn redeem(
        &self,
        request: &Request<Bytes>,
        code: &str,
        verifier: &str,
        nonce: &str,
    ) -> Result<Session, String> {
        if code.is_empty() {
            return Err("error redeeming code during OAuth2 callback: missing code".to_owned());
        }
        let issuer = self.settings.text("oidc_issuer_url");
        let discovery = self.edge.discover(self.workload, issuer).await?;
        let redirect_uri = self.redirect_uri(request);
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &redirect_uri),
            ("client_id", self.settings.text("client_id")),
            ("client_secret", self.settings.text("client_secret")),
        ];
        if !self.settings.text("code_challenge_method").is_empty() {
            form.push(("code_verifier", verifier));
        }
        let endpoint = text(&discovery, "/token_endpoint");
        let (status, answer) = self.edge.outbound_post(self.workload, endpoint, &form).await?;
        if status != StatusCode::OK {
            return Err(format!(
                "token exchange failed: {} {}",
                text(&answer, "/error"),
                text(&answer, "/error_description")
            ));
        }
        let id_token = text(&answer, "/id_token");
        let claims = self.verified(id_token, issuer, &[self.settings.text("client_id").to_owned()]).await?;
        if !self.settings.flag("insecure_oidc_skip_nonce") && text(&claims, "/nonce") != nonce {
            return Err("invalid nonce".to_owned());
        }
        let mut session = self.session(&claims);
        if session.email.is_empty() {
            return Err("neither the id_token nor the profileURL set an email".to_owned());
        }
        id_token.clone_into(&mut session.id_token);
        text(&answer, "/access_token").clone_into(&mut session.access_token);
        Ok(session)
    }

    fn redirect_uri(&self, request: &Request<Bytes>) -> String {
        match self.settings.text("redirect_url") {
            "" => format!("https://{}{}/callback", host(request), self.settings.text("proxy_prefix")),
            url => url.to_owned(),
        }
    }

    fn sign_out(&self, request: &Request<Bytes>) -> Response<Bytes> {
        if let (Some(ticket), Ok(store)) = (self.ticket(request), self.edge.store(self.workload, &self.settings)) {
            self.edge.sessions().forget(&store, &ticket);
        }
        let mut answer = redirect_to(&self.redirect_after(request));
        let name = self.settings.text("cookie_name");
        append(&mut answer, header::SET_COOKIE, &self.cookie_line(name, "", 0, request));
        answer
    }

    /// Where to go when all is done: `rd`, then `X-Auth-Request-Redirect`, then the request itself (domain.md 3.5).
    fn redirect_after(&self, request: &Request<Bytes>) -> String {
        let query = path::query(target(request)).unwrap_or_default();
        let asked =
            url::form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == "rd").map(|(_, rd)| rd.into_owned());
        let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let forwarded = header("x-forwarded-uri").filter(|_| self.settings.flag("reverse_proxy"));
        let own = target(request);
        [asked, header("x-auth-request-redirect"), forwarded, Some(own.to_owned())]
            .into_iter()
            .flatten()
            .find(|candidate| self.may_redirect(candidate))
            .filter(|candidate| !candidate.starts_with(&format!("{}/", self.settings.text("proxy_prefix"))))
            .unwrap_or_else(|| "/".to_owned())
    }

    fn may_redirect(&self, target: &str) -> bool {
        if target.starts_with('/') {
            return !target.starts_with("//") && !target.starts_with("/\\");
        }
        let Ok(url) = target.parse::<Url>() else { return false };
        let host = url.host_str().unwrap_or_default();
        matches!(url.scheme(), "http" | "https")
            && self.settings.texts("whitelist_domains").iter().any(|domain| {
                let (name, port) = domain.split_once(':').map_or((*domain, None), |(name, port)| (name, Some(port)));
                let named = match name.strip_prefix("*.").or_else(|| name.strip_prefix('.')) {
                    Some(suffix) => host.ends_with(&format!(".{suffix}")),
                    None => host == name,
                };
                named && (port == Some("*") || port.and_then(|port| port.parse().ok()) == url.port())
            })
    }

    fn cookie_line(&self, name: &str, value: &str, age: u64, request: &Request<Bytes>) -> String {
        let mut line = format!("{name}={value}; Path={}", self.settings.text("cookie_path"));
        let host = host(request);
        if let Some(domain) = self.settings.texts("cookie_domains").into_iter().find(|domain| host.ends_with(domain)) {
            line.extend(["; Domain=", domain.trim_start_matches('.')]);
        }
        if age == 0 {
            line.push_str("; Expires=Thu, 01 Jan 1970 00:00:00 GMT");
        } else {
            line.extend(["; Max-Age=", &age.to_string()]);
        }
        if self.settings.flag("cookie_httponly") {
            line.push_str("; HttpOnly");
        }
        if self.settings.flag("cookie_secure") {
            line.push_str("; Secure");
        }
        match self.settings.text("cookie_samesite") {
            "lax" => line.push_str("; SameSite=Lax"),
            "strict" => line.push_str("; SameSite=Strict"),
            "none" => line.push_str("; SameSite=None"),
            _ => {}
        }
        line
    }
}

/// Only a JWT counts as a bearer token.
fn bearer(request: &Request<Bytes>) -> Option<String> {
    let value = request.headers().get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && token.starts_with("ey") && token.split('.').count() == 3)
        .then(|| token.to_owned())
}

/// `*` lets everybody in, even without an address; a domain wants exactly one `@` before it; `.domain` takes its subdomains too.
fn address_fits(domains: &[&str], address: &str) -> bool {
    domains.iter().any(|domain| {
        if *domain == "*" {
            return true;
        }
        let address = address.to_ascii_lowercase();
        let mut parts = address.split('@');
        let (Some(_), Some(own), None) = (parts.next(), parts.next(), parts.next()) else { return false };
        let domain = domain.to_ascii_lowercase();
        own == domain || (domain.starts_with('.') && own.ends_with(&domain))
    })
}

fn matches_route(route: &str, path: &str) -> bool {
    Regex::new(route).is_ok_and(|route| route.is_match(path))
}

fn host(request: &Request<Bytes>) -> &str {
    request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default()
}

/// SHA-256 in base64url: nonces and code challenges alike.
fn hashed(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes()))
}

fn answer(status: StatusCode, kind: &'static str, body: &str) -> Response<Bytes> {
    let mut answer = Response::new(Bytes::from(body.to_owned()));
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    answer
}

fn plain(status: StatusCode, body: &str) -> Response<Bytes> {
    answer(status, "text/plain; charset=utf-8", body)
}

fn html(status: StatusCode, body: &str) -> Response<Bytes> {
    answer(status, "text/html; charset=utf-8", body)
}

fn json_answer(status: StatusCode, body: &Value) -> Response<Bytes> {
    answer(status, "application/json", &body.to_string())
}

fn error_page(status: StatusCode, message: &str) -> Response<Bytes> {
    html(status, &format!("<!DOCTYPE html><title>{status}</title><p>{message}</p><footer>OAuth2 Proxy</footer>"))
}

fn redirect_to(location: &str) -> Response<Bytes> {
    let mut found = html(StatusCode::FOUND, "<a>Found</a>.\n");
    append(&mut found, header::LOCATION, location);
    append(&mut found, header::CACHE_CONTROL, "no-cache, no-store, must-revalidate, max-age=0");
    found
}

fn append(answer: &mut Response<Bytes>, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::try_from(value) {
        answer.headers_mut().append(name, value);
    }
}
