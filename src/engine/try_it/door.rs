//! Knocking: what a stranger gets, held against what a stranger should get (domain.md, "Suggested live probe order").

use super::wire::{self, Authority};
use crate::{
    engine::{
        budget,
        event::{Check, Finding, Verdict},
    },
    secret::Secret,
};
use reqwest::{Client, Response, StatusCode, header::HeaderMap};
use std::{
    collections::BTreeMap,
    net::SocketAddr,
    time::{Duration, Instant},
};
use url::Url;

/// A route that was just made is known to every gateway pod; a load balancer may still be learning of them.
const PAUSE: Duration = Duration::from_millis(500);

/// A token of nobody: three parts that could be one, and no signature that anybody made.
const MADE_UP: &str =
    "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6Im5vYm9keSJ9.eyJpc3MiOiJub2JvZHkiLCJzdWIiOiJub2JvZHkifQ.bm9ib2R5";

/// Why a sign-in that nobody made failed. The sign-in proxy repeats what it is told in its own page, and so shows that it is there.
const MADE_UP_FAILURE: &str = "made-up-to-see-who-answers";

/// The application's door, and what should be behind it for a stranger.
pub(super) struct Door {
    pub(super) host: String,
    pub(super) address: SocketAddr,
    pub(super) expected: Expected,
    /// Who signed the certificate, where that is known.
    pub(super) authority: Option<Authority>,
    /// The command that takes the route away.
    pub(super) route: Option<String>,
    /// A token that the application has to let in.
    pub(super) token: Option<Secret>,
}

/// Where strangers are sent.
pub(super) struct Expected {
    pub(super) authorize: String,
    pub(super) client_id: String,
    pub(super) redirect_uri: String,
}

/// What came back.
struct Reply {
    status: StatusCode,
    headers: HeaderMap,
}

/// What a stranger's request met.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Met {
    /// Sign-in, as it should be.
    SignIn,
    /// Sign-in, but not as it should be.
    OtherSignIn(String),
    /// A refusal.
    Refused,
    /// Nothing that is there yet.
    Nothing,
    /// The application.
    Application,
}

impl Door {
    pub(super) async fn knock(&self) -> Vec<Finding> {
        let (client, certificate) = match self.certificate().await {
            Ok(found) => found,
            Err(finding) => return vec![finding],
        };
        let mut findings = vec![certificate];
        match self.door(&client).await {
            Err(finding) => findings.push(finding),
            Ok(finding) => {
                findings.push(finding);
                findings.extend(self.callback(&client).await);
                findings.extend(self.made_up_token(&client).await);
                findings.extend(self.good_token(&client).await);
            }
        }
        findings
    }

    /// The client that TLS works with, and what is to be said of the certificate.
    async fn certificate(&self) -> Result<(Client, Finding), Finding> {
        let known = match wire::client(&self.host, self.address, None) {
            // A machine without any authorities trusts nobody.
            Err(_) => None,
            Ok(client) => match self.ask(&client, "/", None).await {
                Ok(_) => {
                    return Ok((
                        client,
                        certificate(Verdict::Ok, format!("it is for {}, and trusted", self.host), None),
                    ));
                }
                Err(error) => Some(error),
            },
        };
        let cause = known.as_ref().and_then(wire::tls_error);
        if let Some(error) = known.as_ref().filter(|_| !cause.is_none_or(is_unknown_issuer)) {
            return Err(self.unfit(cause, error));
        }
        if let (Some(error), None) = (&known, cause) {
            return Err(no_answer(error));
        }
        self.with_its_own_authority(known.as_ref()).await
    }

    /// This machine does not know who signed it: whether it is right is asked of the authority that its Secret brings along.
    async fn with_its_own_authority(&self, known: Option<&reqwest::Error>) -> Result<(Client, Finding), Finding> {
        let remedy =
            "browsers warn of it too, unless they are told to trust its authority: name an issuer that browsers trust";
        let Some(authority) = &self.authority else {
            let found = "this machine does not trust who signed it, and its Secret does not say more".to_owned();
            return Err(certificate(Verdict::NotYet, found, Some(remedy.to_owned())));
        };
        let client = wire::client(&self.host, self.address, Some(authority)).map_err(|error| no_answer(&error))?;
        match self.ask(&client, "/", None).await {
            Ok(_) => {
                let found = format!(
                    "it is for {}, but this machine does not trust the issuer; it was checked with the authority in Secret {}",
                    self.host, authority.secret
                );
                Ok((client, certificate(Verdict::NotYet, found, Some(remedy.to_owned()))))
            }
            Err(error) => Err(self.unfit(wire::tls_error(&error), known.unwrap_or(&error))),
        }
    }

    fn unfit(&self, cause: Option<&rustls::Error>, error: &reqwest::Error) -> Finding {
        let Some(cause) = cause else { return no_answer(error) };
        match cause {
            rustls::Error::InvalidCertificate(reason) => certificate(
                Verdict::Wrong,
                format!("the gateway shows one that is not good for {}: {reason}", self.host),
                Some("see the Gateway's `credentialName` and what is on that certificate; another Gateway may have the host too".to_owned()),
            ),
            other => certificate(
                Verdict::NotYet,
                format!("the gateway does not answer to the name {} with one: {other}", self.host),
                Some("it may still be learning of it: run again in a moment".to_owned()),
            ),
        }
    }

    /// The door itself. What is not there yet is waited for a moment; an error is a door that never answered.
    async fn door(&self, client: &Client) -> Result<Finding, Finding> {
        let began = Instant::now();
        loop {
            let reply = self.ask(client, "/", None).await.map_err(|error| no_answer(&error))?;
            let met = meets(&reply, &self.expected);
            if met == Met::Nothing && began.elapsed() < budget::TRY_ROUTE {
                tokio::time::sleep(PAUSE).await;
                continue;
            }
            return Ok(self.finding_of(&met, reply.status));
        }
    }

    fn finding_of(&self, met: &Met, status: StatusCode) -> Finding {
        let finding = |verdict, found: String, remedy: &str| Finding {
            check: Check::Door,
            verdict,
            found,
            remedy: Some(remedy.to_owned()).filter(|remedy| !remedy.is_empty()),
        };
        match met {
            Met::SignIn => finding(Verdict::Ok, "a stranger is sent to sign in, with PKCE".to_owned(), ""),
            Met::OtherSignIn(difference) => finding(
                Verdict::Wrong,
                format!("a stranger is sent away, but {difference}"),
                "see the sign-in proxy's configuration, and that no other route has this host; then run `gatewright setup` again",
            ),
            Met::Refused => finding(
                Verdict::Wrong,
                format!("a stranger is refused ({status}) and not sent to sign in"),
                "the token lock works and the hook does not: see that the sign-in proxy is ready, then run `gatewright setup` again",
            ),
            Met::Nothing => finding(
                Verdict::NotYet,
                format!("the gateway has nothing to answer with yet ({status})"),
                "run `gatewright setup` again in a moment; it changes nothing that is well",
            ),
            Met::Application => self.open(&format!("{status} to a request without a sign-in")),
        }
    }

    /// The door is open: nothing is more urgent.
    fn open(&self, how: &str) -> Finding {
        let now = self.route.as_ref().map_or_else(String::new, |route| format!("take the route away NOW: {route}; "));
        Finding {
            check: Check::Door,
            verdict: Verdict::Open,
            found: format!("THE APPLICATION ANSWERED A STRANGER: {how}"),
            remedy: Some(format!(
                "{now}then run `gatewright setup`, which puts missing locks back before it makes the route again"
            )),
        }
    }

    /// Where sign-in comes back to, with the news that it failed: the sign-in proxy says so in a page of its own. What cannot be
    /// reached is waited for a moment.
    async fn callback(&self, client: &Client) -> Option<Finding> {
        let began = Instant::now();
        loop {
            let path = format!("/oauth2/callback?error={MADE_UP_FAILURE}");
            let response = self.send(client, &path, None).await.ok()?;
            let status = response.status();
            let page = response.text().await.unwrap_or_default();
            if is_unreachable(status) && began.elapsed() < budget::TRY_ROUTE {
                tokio::time::sleep(PAUSE).await;
                continue;
            }
            return Some(callback(status, &page));
        }
    }

    async fn made_up_token(&self, client: &Client) -> Option<Finding> {
        let reply = self.ask(client, "/", Some(MADE_UP)).await.ok()?;
        Some(match meets(&reply, &self.expected) {
            Met::Application => self.open(&format!("{} to a token that nobody issued", reply.status)),
            Met::Nothing => return None,
            Met::Refused => made_up_stays_out("it is refused"),
            Met::SignIn | Met::OtherSignIn(_) => {
                made_up_stays_out("whoever brings it is sent to sign in, as a stranger is")
            }
        })
    }

    async fn good_token(&self, client: &Client) -> Option<Finding> {
        let reply = self.ask(client, "/", Some(self.token.as_ref()?.expose())).await.ok()?;
        let finding =
            |verdict, found: String, remedy: Option<String>| Finding { check: Check::Bearer, verdict, found, remedy };
        Some(match meets(&reply, &self.expected) {
            Met::Application if reply.status.is_success() => {
                finding(Verdict::Ok, "a token of its own gets in, and the application answers".to_owned(), None)
            }
            Met::Application => finding(
                Verdict::Ok,
                format!("a token of its own gets in; the application itself answers with {}", reply.status),
                None,
            ),
            Met::Nothing => return None,
            _ => finding(
                Verdict::Wrong,
                format!("a token of its own does not get in ({})", reply.status),
                Some("see that the sign-in proxy's pods are ready; then run `gatewright setup`".to_owned()),
            ),
        })
    }

    async fn ask(&self, client: &Client, path: &str, token: Option<&str>) -> Result<Reply, reqwest::Error> {
        let response = self.send(client, path, token).await?;
        Ok(Reply { status: response.status(), headers: response.headers().clone() })
    }

    async fn send(&self, client: &Client, path: &str, token: Option<&str>) -> Result<Response, reqwest::Error> {
        let port = self.address.port();
        let authority = if port == super::HTTPS { self.host.clone() } else { format!("{}:{port}", self.host) };
        let mut request = client.get(format!("https://{authority}{path}")).header("accept", "text/html");
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        request.send().await
    }
}

/// What answers where sign-in comes back to, held against what the sign-in proxy says to a sign-in that failed.
fn callback(status: StatusCode, page: &str) -> Finding {
    let finding = |verdict, found: String, remedy: &str| Finding {
        check: Check::Callback,
        verdict,
        found,
        remedy: Some(remedy.to_owned()).filter(|remedy| !remedy.is_empty()),
    };
    match status {
        StatusCode::FORBIDDEN if page.contains(MADE_UP_FAILURE) => finding(
            Verdict::Ok,
            "the sign-in proxy is where people come back to: it turned a made-up sign-in away, as it should".to_owned(),
            "",
        ),
        StatusCode::FORBIDDEN | StatusCode::UNAUTHORIZED => finding(
            Verdict::Wrong,
            format!("people who come back from sign-in are refused before they reach the sign-in proxy ({status})"),
            "see that no policy of somebody else guards the gateway or the sign-in proxy; then run `gatewright setup` again",
        ),
        StatusCode::NOT_FOUND => finding(
            Verdict::Wrong,
            "nobody answers /oauth2/callback, where people come back to from sign-in (404)".to_owned(),
            "see the VirtualService's route for /oauth2/; then run `gatewright setup` again",
        ),
        status if is_unreachable(status) => finding(
            Verdict::NotYet,
            format!("the gateway does not reach the sign-in proxy where people come back to ({status})"),
            "nobody can finish to sign in until it does: see that the sign-in proxy's pods are ready, then run `gatewright setup` again",
        ),
        status if status.is_server_error() => finding(
            Verdict::Wrong,
            format!("what answers where people come back to fails ({status})"),
            "nobody can finish to sign in: see what the sign-in proxy's pods write into their log",
        ),
        status => finding(
            Verdict::Wrong,
            format!("somebody else than the sign-in proxy answers /oauth2/callback ({status})"),
            "nobody can finish to sign in: see that no other route has this host",
        ),
    }
}

/// Whether Envoy says that it does not get to what is behind it.
fn is_unreachable(status: StatusCode) -> bool {
    matches!(status, StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT)
}

fn made_up_stays_out(how: &str) -> Finding {
    Finding {
        check: Check::Token,
        verdict: Verdict::Ok,
        found: format!("a token that nobody issued does not get in: {how}"),
        remedy: None,
    }
}

fn certificate(verdict: Verdict, found: String, remedy: Option<String>) -> Finding {
    Finding { check: Check::Certificate, verdict, found, remedy }
}

fn no_answer(error: &reqwest::Error) -> Finding {
    Finding {
        check: Check::Door,
        verdict: Verdict::NotYet,
        found: format!("the gateway takes the connection and does not answer: {}", wire::root_cause(error)),
        remedy: Some("run `gatewright setup` again in a moment; it changes nothing that is well".to_owned()),
    }
}

fn is_unknown_issuer(error: &rustls::Error) -> bool {
    use rustls::{CertificateError, Error, OtherError};
    match error {
        Error::InvalidCertificate(CertificateError::UnknownIssuer) => true,
        // A platform's own verifier has words of its own for it.
        Error::InvalidCertificate(CertificateError::Other(OtherError(cause))) => {
            let said = cause.to_string().to_lowercase();
            said.contains("trust") || said.contains("issuer") || said.contains("unknown ca")
        }
        _ => false,
    }
}

fn meets(reply: &Reply, expected: &Expected) -> Met {
    // Envoy says so of everything that came from something behind it (its own answers do not).
    let is_from_behind = reply.headers.contains_key("x-envoy-upstream-service-time");
    match reply.status {
        status if status.is_redirection() => sign_in(reply, expected),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Met::Refused,
        StatusCode::NOT_FOUND if !is_from_behind => Met::Nothing,
        status if is_unreachable(status) => Met::Nothing,
        // The sign-in proxy's own failure; an application's looks the same, and sign-in must have gone before it.
        StatusCode::INTERNAL_SERVER_ERROR => Met::OtherSignIn("the sign-in proxy fails (500)".to_owned()),
        _ => Met::Application,
    }
}

/// Whether a redirect is the one to sign-in, with all that belongs.
fn sign_in(reply: &Reply, expected: &Expected) -> Met {
    let location = reply.headers.get("location").and_then(|location| location.to_str().ok()).unwrap_or_default();
    let own = Url::parse(&expected.redirect_uri).ok();
    let location = match Url::parse(location) {
        Ok(location) if own.is_none_or(|own| own.host() != location.host()) => location,
        // A page of its own: whoever sends there was reached.
        _ => return Met::Application,
    };
    let query: BTreeMap<String, String> = location.query_pairs().into_owned().collect();
    let (mut page, of) = (location, |name: &str| query.get(name).map_or("", String::as_str));
    page.set_query(None);
    let differs = |what: &str, is: &str, should: &str| {
        (is != should).then(|| format!("{what} is `{is}` and should be `{should}`"))
    };
    let lacks = |lacking: bool, what: &str| lacking.then(|| what.to_owned());
    let difference = differs("the page", page.as_str(), &expected.authorize)
        .or_else(|| differs("client_id", of("client_id"), &expected.client_id))
        .or_else(|| differs("redirect_uri", of("redirect_uri"), &expected.redirect_uri))
        .or_else(|| differs("code_challenge_method", of("code_challenge_method"), "S256"))
        .or_else(|| {
            lacks(!of("scope").split(' ').any(|scope| scope == "openid"), "the scope `openid` is not asked for")
        })
        .or_else(|| lacks(!has_own_cookie(&reply.headers), "no secure cookie of the sign-in proxy comes with it"));
    difference.map_or(Met::SignIn, Met::OtherSignIn)
}

fn has_own_cookie(headers: &HeaderMap) -> bool {
    let cookies = headers.get_all("set-cookie").iter().filter_map(|cookie| cookie.to_str().ok());
    cookies.map(str::to_lowercase).any(|cookie| cookie.contains("csrf") && cookie.contains("secure"))
}

#[cfg(test)]
mod tests {
    use super::{Expected, MADE_UP_FAILURE, Met, Reply, callback, meets};
    use crate::engine::event::Verdict;
    use reqwest::{StatusCode, header::HeaderMap};

    const AUTHORIZE: &str = "https://login.microsoftonline.com/t/oauth2/v2.0/authorize";
    const GOOD: &str = "client_id=c&redirect_uri=https%3A%2F%2Fa.example.com%2Foauth2%2Fcallback&scope=openid+email&\
                        code_challenge_method=S256&state=x";

    fn expected() -> Expected {
        Expected {
            authorize: AUTHORIZE.to_owned(),
            client_id: "c".to_owned(),
            redirect_uri: "https://a.example.com/oauth2/callback".to_owned(),
        }
    }

    fn reply(status: u16, headers: &[(&'static str, &str)]) -> Reply {
        let mut all = HeaderMap::new();
        for (name, value) in headers {
            all.append(*name, value.parse().unwrap());
        }
        Reply { status: StatusCode::from_u16(status).unwrap(), headers: all }
    }

    fn sent_to(location: &str) -> Met {
        meets(&reply(302, &[("location", location), ("set-cookie", "__Host-a_csrf=x; Secure; HttpOnly")]), &expected())
    }

    #[test]
    fn given_what_a_stranger_can_get_then_each_is_told_from_the_others() {
        let of = |status, headers: &[(&'static str, &str)]| meets(&reply(status, headers), &expected());
        let from_behind = [("x-envoy-upstream-service-time", "3")];
        assert_eq!(of(200, &[]), Met::Application);
        assert_eq!(of(204, &from_behind), Met::Application);
        assert_eq!(of(404, &from_behind), Met::Application, "the application knows no such page, and was asked");
        assert_eq!(of(302, &[("location", "/login")]), Met::Application, "the application's own sign-in");
        assert_eq!((of(404, &[]), of(503, &from_behind)), (Met::Nothing, Met::Nothing));
        assert_eq!((of(401, &[]), of(403, &from_behind)), (Met::Refused, Met::Refused));
        assert_eq!(of(302, &[("location", "https://a.example.com/login")]), Met::Application);
        assert!(matches!(of(500, &[]), Met::OtherSignIn(_)));
    }

    #[test]
    fn given_what_can_answer_where_people_come_back_to_then_only_the_sign_in_proxys_own_page_is_well() {
        let page = format!("<h1>403</h1> Login Failed: an error: {MADE_UP_FAILURE}");
        for (status, page, verdict, named) in [
            (403, page.as_str(), Verdict::Ok, "as it should"),
            (403, "RBAC: access denied", Verdict::Wrong, "refused before they reach the sign-in proxy (403 Forbidden)"),
            (404, "", Verdict::Wrong, "(404)"),
            (500, "Internal Server Error", Verdict::Wrong, "fails (500 Internal Server Error)"),
            (502, "", Verdict::NotYet, "does not reach"),
            (503, "no healthy upstream", Verdict::NotYet, "does not reach"),
            (504, "", Verdict::NotYet, "does not reach"),
            (200, page.as_str(), Verdict::Wrong, "somebody else"),
            (302, "", Verdict::Wrong, "somebody else"),
        ] {
            let finding = callback(StatusCode::from_u16(status).unwrap(), page);
            assert_eq!(finding.verdict, verdict, "{finding:?}");
            assert!(finding.found.contains(named), "{finding:?}");
            assert_eq!(finding.remedy.is_none(), verdict == Verdict::Ok, "{finding:?}");
        }
    }

    #[test]
    fn given_a_redirect_then_it_is_sign_in_only_with_everything_that_belongs() {
        assert_eq!(sent_to(&format!("{AUTHORIZE}?{GOOD}")), Met::SignIn);
        for (good, bad, named) in [
            ("client_id=c", "client_id=d", "client_id is `d` and should be `c`"),
            ("a.example.com", "b.example.com", "redirect_uri is `https://b.example.com"),
            ("S256", "plain", "code_challenge_method is `plain`"),
            ("openid+", "", "the scope `openid` is not asked for"),
        ] {
            let met = sent_to(&format!("{AUTHORIZE}?{}", GOOD.replace(good, bad)));
            assert!(matches!(&met, Met::OtherSignIn(difference) if difference.contains(named)), "{met:?}");
        }
        let elsewhere = sent_to(&format!("https://login.microsoftonline.com/other/oauth2/v2.0/authorize?{GOOD}"));
        assert!(
            matches!(&elsewhere, Met::OtherSignIn(difference) if difference.contains("the page is")),
            "{elsewhere:?}"
        );
        let bare = meets(&reply(302, &[("location", &format!("{AUTHORIZE}?{GOOD}"))]), &expected());
        assert!(matches!(&bare, Met::OtherSignIn(difference) if difference.contains("cookie")), "{bare:?}");
    }
}
