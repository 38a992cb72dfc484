//! The external authorization check: what of a request it carries, and what its answer does (domain.md 3.3, real-parts.md 1c).

use super::{
    mesh::{Pattern, Provider},
    path,
};
use axum::body::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, header};

/// What the hook does with a request.
#[derive(Debug)]
pub enum Verdict {
    /// It goes on; these headers of the check's answer go to the client with the application's.
    Pass(HeaderMap),
    /// It ends with this answer.
    Answer(Response<Bytes>),
}

/// The check for a request: its method, its path behind the prefix, its authority, no body, and of its headers only
/// `authorization`, which Envoy always sends, and those the provider lists.
pub fn check(provider: &Provider, request: &Request<Bytes>) -> Request<Bytes> {
    let mut check = Request::new(Bytes::new());
    request.method().clone_into(check.method_mut());
    let target = request.uri().path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    if let Ok(uri) = format!("{}{target}", provider.path_prefix).parse() {
        *check.uri_mut() = uri;
    }
    let listed = |name: &HeaderName| {
        name == header::HOST
            || name == header::AUTHORIZATION
            || provider.request_headers.iter().any(|pattern| pattern.matches(name.as_str()))
    };
    for (name, value) in request.headers().iter().filter(|(name, _)| listed(name)) {
        check.headers_mut().append(name, value.clone());
    }
    for (name, value) in &provider.additional_headers {
        if let (Ok(name), Ok(value)) =
            (HeaderName::try_from(name.as_str()), HeaderValue::try_from(operators(value, request)))
        {
            check.headers_mut().insert(name, value);
        }
    }
    check.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
    check.headers_mut().insert("x-envoy-internal", HeaderValue::from_static("true"));
    check
}

/// Fills in Envoy's `%REQ(NAME)%`.
fn operators(value: &str, request: &Request<Bytes>) -> String {
    let mut out = String::new();
    let mut rest = value;
    while let Some((before, after)) = rest.split_once("%REQ(") {
        out.push_str(before);
        let Some((name, after)) = after.split_once(")%") else {
            out.push_str("%REQ(");
            rest = after;
            continue;
        };
        let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or("-");
        match name.to_ascii_lowercase().as_str() {
            ":path" => out.push_str(request.uri().path_and_query().map_or("/", http::uri::PathAndQuery::as_str)),
            ":authority" => out.push_str(header("host")),
            ":method" => out.push_str(request.method().as_str()),
            ":scheme" => out.push_str("https"),
            name => out.push_str(header(name)),
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

/// What the answer does: exactly 200 lets the request go on, changed by the headers the provider lists; anything else goes to the
/// client as it is, so 202 is a denial; an answer of 500 and above, or none, is an error of the check.
pub fn verdict(provider: &Provider, answer: Option<Response<Bytes>>, request: &mut Request<Bytes>) -> Verdict {
    let failed = answer.as_ref().is_none_or(|answer| answer.status().is_server_error());
    let Some(answer) = answer.filter(|_| !failed) else {
        if provider.fail_open {
            return Verdict::Pass(HeaderMap::new());
        }
        let mut denied = Response::new(Bytes::new());
        *denied.status_mut() = StatusCode::from_u16(provider.status_on_error).unwrap_or(StatusCode::FORBIDDEN);
        return Verdict::Answer(denied);
    };
    if answer.status() == StatusCode::OK {
        replace(&provider.upstream_on_allow, answer.headers(), request.headers_mut());
        let mut for_client = HeaderMap::new();
        copy(&provider.downstream_on_allow, answer.headers(), &mut for_client);
        return Verdict::Pass(for_client);
    }
    Verdict::Answer(denied(provider, answer))
}

fn denied(provider: &Provider, answer: Response<Bytes>) -> Response<Bytes> {
    if provider.downstream_on_deny.is_empty() {
        return answer;
    }
    // Envoy adds these four to every such list; the rest of the answer's headers is lost.
    let always = [header::LOCATION, header::WWW_AUTHENTICATE, header::CONTENT_LENGTH];
    let (parts, body) = answer.into_parts();
    let mut narrowed = Response::new(body);
    *narrowed.status_mut() = parts.status;
    for (name, value) in &parts.headers {
        if always.contains(name) || provider.downstream_on_deny.iter().any(|pattern| pattern.matches(name.as_str())) {
            narrowed.headers_mut().append(name, value.clone());
        }
    }
    if !narrowed.headers().contains_key(header::CONTENT_TYPE) {
        narrowed.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    }
    narrowed
}

fn copy(patterns: &[Pattern], from: &HeaderMap, to: &mut HeaderMap) {
    for (name, value) in from.iter().filter(|(name, _)| patterns.iter().any(|pattern| pattern.matches(name.as_str()))) {
        to.append(name, value.clone());
    }
}

/// Headers of the answer take the place of the client's; a header that the answer lacks leaves the client's as it is, which is why
/// identity headers must be removed before (domain.md 3.3).
fn replace(patterns: &[Pattern], from: &HeaderMap, to: &mut HeaderMap) {
    let mut chosen = HeaderMap::new();
    copy(patterns, from, &mut chosen);
    for name in chosen.keys() {
        to.remove(name);
    }
    for (name, value) in &chosen {
        to.append(name, value.clone());
    }
}

/// The path and query of a request.
pub fn target(request: &Request<Bytes>) -> &str {
    request.uri().path_and_query().map_or("/", http::uri::PathAndQuery::as_str)
}

/// The path of a request, without its query.
pub fn bare_path(request: &Request<Bytes>) -> &str {
    path::without_query(target(request))
}

#[cfg(test)]
mod tests {
    use super::{Verdict, check, verdict};
    use crate::practice::edge::{
        mesh::{Mesh, Provider},
        objects::Fixture,
    };
    use axum::body::Bytes;
    use http::{Request, Response};

    fn provider(more: &str) -> Provider {
        let mesh = format!(
            "
apiVersion: v1
kind: ConfigMap
metadata: {{name: istio, namespace: istio-system}}
data:
  mesh: |-
    extensionProviders:
    - name: gate
      envoyExtAuthzHttp:
        service: proxy.myapp.svc.cluster.local
        port: 80
        statusOnError: \"503\"
        includeRequestHeadersInCheck: [cookie, x-forwarded-proto]
        headersToUpstreamOnAllow: [authorization, x-auth-request-user, x-auth-request-groups]
        headersToDownstreamOnAllow: [set-cookie]
        {more}
"
        );
        Mesh::read(&Fixture::yaml(&mesh)).providers.remove(0)
    }

    fn request() -> Request<Bytes> {
        Request::post("/a?b=c")
            .header("host", "myapp.cluster.example.com")
            .header("cookie", "session=1")
            .header("authorization", "Bearer x")
            .header("x-auth-request-user", "mallory")
            .header("x-auth-request-groups", "admins")
            .header("x-forwarded-uri", "/ping")
            .body(Bytes::from_static(b"body"))
            .unwrap()
    }

    fn answer(status: u16) -> Response<Bytes> {
        Response::builder()
            .status(status)
            .header("x-auth-request-user", "ann")
            .header("set-cookie", "session=2")
            .header("location", "https://login")
            .header("x-other", "1")
            .body(Bytes::new())
            .unwrap()
    }

    #[test]
    fn given_a_request_then_the_check_carries_only_what_is_listed_and_no_body() {
        let check =
            check(&provider("includeAdditionalHeadersInCheck: {X-Forwarded-Host: '%REQ(:AUTHORITY)%'}"), &request());
        assert_eq!((check.method().as_str(), check.uri().to_string().as_str()), ("POST", "/a?b=c"));
        assert!(check.headers().contains_key("authorization"), "Envoy always sends it");
        assert_eq!(check.headers()["x-forwarded-host"], "myapp.cluster.example.com");
        assert!(!check.headers().contains_key("x-forwarded-uri"));
        assert!(check.body().is_empty());
    }

    #[test]
    fn given_200_then_listed_headers_replace_the_clients_and_a_missing_one_leaves_the_clients() {
        let mut request = request();
        let Verdict::Pass(for_client) = verdict(&provider(""), Some(answer(200)), &mut request) else {
            panic!("denied")
        };
        assert_eq!(request.headers()["x-auth-request-user"], "ann");
        assert_eq!(request.headers()["x-auth-request-groups"], "admins", "spoofed: must be stripped before the hook");
        assert!(!request.headers().contains_key("x-other"));
        assert_eq!(for_client["set-cookie"], "session=2");
    }

    #[test]
    fn given_202_then_it_is_a_denial_that_the_client_sees() {
        let Verdict::Answer(answer) = verdict(&provider(""), Some(answer(202)), &mut request()) else {
            panic!("passed")
        };
        assert_eq!(answer.status(), 202);
        assert!(answer.headers().contains_key("x-other"), "an unset list lets every header through");
    }

    #[test]
    fn given_a_list_for_denials_then_other_headers_are_lost() {
        let provider = provider("headersToDownstreamOnDeny: [set-cookie]");
        let Verdict::Answer(answer) = verdict(&provider, Some(answer(302)), &mut request()) else { panic!("passed") };
        assert_eq!(answer.headers()["location"], "https://login");
        assert!(!answer.headers().contains_key("x-other"));
        assert_eq!(answer.headers()["content-type"], "text/plain");
    }

    #[test]
    fn given_no_answer_or_a_server_error_then_the_status_for_errors_is_sent_unless_it_fails_open() {
        for answer in [None, Some(answer(500))] {
            let Verdict::Answer(answer) = verdict(&provider(""), answer, &mut request()) else { panic!("passed") };
            assert_eq!(answer.status(), 503);
        }
        assert!(matches!(verdict(&provider("failOpen: true"), None, &mut request()), Verdict::Pass(_)));
    }
}
