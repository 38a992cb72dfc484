//! Each mistake that people make in an answers file, with the message it gets.

use crate::answers::file::parse;
use std::fmt::Write as _;

const RIGHT: &str = r#"version: 1
application:
  name: myapp
  namespace: myapp
  host: myapp.cluster.example.com
  deploy:
    image: docker.io/path/to/myapp:sometag
    containerPort: 80
    servicePort: 8000
    replicas: 1
registration:
  displayName: My app
  scope: user_impersonation
  secretLifetime: 180d
access:
  emailDomains: [example.com]
  emailClaim: email
  machines: true
certificate:
  issuer:
    kind: ClusterIssuer
    name: letsencrypt-production
  names: ["*.cluster.example.com"]
sessions:
  image: docker.io/valkey/valkey:8.1
proxy:
  image: quay.io/oauth2-proxy/oauth2-proxy:v7.15.3
  replicas: 1
  sessionLifetime: 7d
  sessionRefresh: 55m
hook: sidecar
"#;

/// What is changed in the right file, and into what; nothing means the line is taken out.
type Change = (&'static str, &'static str);

#[rustfmt::skip]
const CHANGES: &[Change] = &[
    // the file
    ("version: 1\n", ""),
    ("version: 1", "version: 2"),
    ("version: 1", "version:"),
    ("  name: myapp\n", "\tname: myapp\n"),
    ("  name: myapp\n", "  name: myapp\n   namespace: other\n"),
    ("  emailDomains: [example.com]", "  emailDomains: [example.com"),
    ("  names: [\"*.cluster.example.com\"]", "  names: [*.cluster.example.com]"),
    ("  displayName: My app", "  displayName: My app: the second"),
    ("  displayName: My app", "  displayName: \"My app"),
    ("[example.com]", "[@example.com]"),
    ("[example.com]", "@example.com"),
    ("  displayName: My app", "    displayName: My app"),
    (RIGHT, "# nothing decided yet\n"),
    (RIGHT, "just words"),
    (RIGHT, "{}"),
    ("  host: myapp.cluster.example.com", "  host:myapp.cluster.example.com"),
    ("hook: sidecar\n", "hook: sidecar\n---\nversion: 1\n"),
    ("hook: sidecar\n", "hook: sidecar\n? [a]\n: b\n"),
    ("version: 1", "apiVersion: v1\nkind: ConfigMap"),
    // keys
    ("  host: myapp", "  hots: myapp"),
    ("  emailDomains:", "  email_domains:"),
    ("  displayName:", "  displayname:"),
    ("hook: sidecar", "hook: sidecar\nhost: myapp.cluster.example.com"),
    ("  machines: true", "  machines: true\n  clientCredentials: true"),
    ("  names: [", "  dnsNames: ["),
    ("hook: sidecar", "hook: sidecar\ncolour: blue"),
    ("  scope: user_impersonation", "  scope: user_impersonation\n  scope: other"),
    ("hook: sidecar", "hook: sidecar\nproxy:\n  replicas: 2"),
    ("version: 1\n", "version: 1\n\"evil\\e[2Jkey\": 1\n"),
    // shapes
    ("  name: myapp\n", "  name: [myapp]\n"),
    ("  name: myapp\n", "  name: {first: myapp}\n"),
    ("  name: myapp\n", "  name:\n"),
    ("  host: myapp.cluster.example.com", "  host: ~"),
    ("  emailDomains: [example.com]", "  emailDomains: example.com"),
    ("  emailDomains: [example.com]", "  emailDomains: [example.com, [example.org], ~]"),
    ("  issuer:\n    kind: ClusterIssuer\n    name: letsencrypt-production\n", "  issuer: letsencrypt-production\n"),
    ("  machines: true", "  machines: yes"),
    ("  machines: true", "  machines: sometimes"),
    // what is missing
    ("  host: myapp.cluster.example.com\n", ""),
    ("    image: docker.io/path/to/myapp:sometag\n", ""),
    ("    name: letsencrypt-production\n", ""),
    ("hook: sidecar", "hook: sidecar\ngateway:\n  namespace: istio-system"),
    ("  deploy:\n    image: docker.io/path/to/myapp:sometag\n    containerPort: 80\n    servicePort: 8000\n    replicas: 1\n", ""),
    ("  deploy:\n", "  service: {name: myapp}\n  deploy:\n"),
    ("certificate:\n  issuer:\n    kind: ClusterIssuer\n    name: letsencrypt-production\n  names: [\"*.cluster.example.com\"]\n", ""),
    // names
    ("  name: myapp\n", "  name: My_App\n"),
    ("  name: myapp\n", "  name: 2048\n"),
    ("  name: myapp\n", "  name: -myapp-\n"),
    ("  name: myapp\n", "  name: my app\n"),
    ("  name: myapp\n", "  name: an-application-with-a-name-that-nobody-wants-to-type\n"),
    ("  namespace: myapp", "  namespace: kube-system"),
    ("  namespace: myapp", "  namespace: istio-system"),
    ("  namespace: myapp", "  namespace: team.docs"),
    ("  displayName: My app", "  displayName: \"My\\napp\""),
    ("  displayName: My app", "  displayName: \"\""),
    ("  displayName: My app", "  displayName: \"My \\u202eapp\""),
    // hosts
    ("  host: myapp.cluster.example.com", "  host: https://myapp.cluster.example.com/start"),
    ("  host: myapp.cluster.example.com", "  host: myapp.cluster.example.com:443"),
    ("  host: myapp.cluster.example.com", "  host: myapp.cluster.example.com/start"),
    ("  host: myapp.cluster.example.com", "  host: 10.0.0.7"),
    ("  host: myapp.cluster.example.com", "  host: \"[2001:db8::7]\""),
    ("  host: myapp.cluster.example.com", "  host: \"*.cluster.example.com\""),
    ("  host: myapp.cluster.example.com", "  host: MyApp.cluster.example.com"),
    ("  host: myapp.cluster.example.com", "  host: myapp.cluster.example.com."),
    ("  host: myapp.cluster.example.com", "  host: myapp"),
    ("  host: myapp.cluster.example.com", "  host: my_app.cluster.example.com"),
    ("  host: myapp.cluster.example.com", "  host: myapp..example.com"),
    ("  host: myapp.cluster.example.com", "  host: bücher.cluster.example.com"),
    ("  host: myapp.cluster.example.com", "  host: myapp.10.20"),
    ("  host: myapp.cluster.example.com", "  host: a-label-of-more-than-sixty-three-characters-which-no-resolver-takes.example.com"),
    ("  host: myapp.cluster.example.com", "  host: -myapp.cluster.example.com"),
    // images and ports
    ("myapp:sometag", "myapp"),
    ("myapp:sometag", "myapp:"),
    ("docker.io/path/to/myapp", "docker.io/path/to/MyApp"),
    ("docker.io/path/to/myapp", "https://docker.io/path/to/myapp"),
    ("myapp:sometag", "myapp@sha256:12ab"),
    ("    containerPort: 80\n", "    containerPort: 80a\n"),
    ("    containerPort: 80\n", "    containerPort: 15021\n"),
    ("    servicePort: 8000", "    servicePort: 0"),
    ("    servicePort: 8000", "    servicePort: 65536"),
    ("    replicas: 1\n", "    replicas: 0\n"),
    ("    replicas: 1\n", "    replicas: two\n"),
    // registration and access
    ("  displayName: My app", "  displayName: My app\n  tenant: common"),
    ("  displayName: My app", "  displayName: My app\n  tenant: contoso"),
    ("  displayName: My app", "  displayName: My app\n  tenant: 72F988BF-86F1-41AF-91AB-2D7CD011DB47"),
    ("  scope: user_impersonation", "  scope: api://1234/user_impersonation"),
    ("  scope: user_impersonation", "  scope: offline_access"),
    ("  scope: user_impersonation", "  scope: a scope"),
    ("  secretLifetime: 180d", "  secretLifetime: 180"),
    ("  secretLifetime: 180d", "  secretLifetime: half a year"),
    ("  secretLifetime: 180d", "  secretLifetime: 3650d"),
    ("  secretLifetime: 180d", "  secretLifetime: 5m"),
    ("[example.com]", "[\"@example.com\"]"),
    ("[example.com]", "[ada@example.com]"),
    ("[example.com]", "[\"*\"]"),
    ("[example.com]", "[\"*.example.com\"]"),
    ("[example.com]", "[example]"),
    ("[example.com]", "[example.com, example.com]"),
    ("  emailClaim: email", "  emailClaim: upn"),
    ("  emailClaim: email", "  emailClaim: preferredUsername"),
    // certificate
    ("    kind: ClusterIssuer", "    kind: clusterissuer"),
    ("    kind: ClusterIssuer", "    kind: AWSPCAIssuer"),
    ("    name: letsencrypt-production", "    name: LetsEncrypt"),
    ("\"*.cluster.example.com\"", "\"*.example.com\""),
    ("\"*.cluster.example.com\"", "other.cluster.example.com"),
    ("\"*.cluster.example.com\"", ""),
    ("\"*.cluster.example.com\"", "\"*.com\""),
    ("\"*.cluster.example.com\"", "\"my*.cluster.example.com\""),
    ("\"*.cluster.example.com\"", "\"*.*.example.com\""),
    ("  issuer:\n    kind: ClusterIssuer\n    name: letsencrypt-production\n", ""),
    // an issuer that is made too
    ("  issuer:\n    kind: ClusterIssuer\n    name: letsencrypt-production\n", "  newIssuer:\n    server: letsencrypt-staging\n    email: platform@contoso.com\n    clientId: 66666666-7777-8888-9999-00000000000d\n    zone:\n      subscription: c0470505-0000-4000-8000-0000000005ab\n      resourceGroup: dns\n      name: cluster.example.com\n  issuer:\n    kind: ClusterIssuer\n    name: letsencrypt-production\n"),
    ("  issuer:\n    kind: ClusterIssuer\n    name: letsencrypt-production\n", "  newIssuer:\n    server: letsencrypt-staging\n    email: platform@contoso.com\n    clientId: 66666666-7777-8888-9999-00000000000d\n    zone:\n      subscription: c0470505-0000-4000-8000-0000000005ab\n      resourceGroup: dns\n      name: cluster.example.com\n  secretName: tls-myapp\n"),
    ("  issuer:\n    kind: ClusterIssuer\n    name: letsencrypt-production\n", "  newIssuer:\n    server: letsencrypt-staging\n    email: platform@contoso.com\n    clientId: 66666666-7777-8888-9999-00000000000d\n    zone:\n      subscription: c0470505-0000-4000-8000-0000000005ab\n      resourceGroup: dns\n      name: cluster.example.com\n  issuer:\n    kind: ClusterIssuer\n    name: letsencrypt-production\n  secretName: tls-myapp\n"),
    ("  issuer:\n    kind: ClusterIssuer\n    name: letsencrypt-production\n", "  newIssuer:\n    server: letsencrypt-staging\n    email: platform@contoso.com\n    zone:\n      subscription: c0470505-0000-4000-8000-0000000005ab\n      resourceGroup: dns\n      name: cluster.example.com\n"),
    ("  issuer:\n    kind: ClusterIssuer\n    name: letsencrypt-production\n", "  newIssuer: {clientId: 66666666-7777-8888-9999-00000000000d}\n"),
    ("  issuer:\n    kind: ClusterIssuer\n    name: letsencrypt-production\n", "  newIssuer: {}\n"),
    ("  issuer:\n    kind: ClusterIssuer\n    name: letsencrypt-production\n", "  newIssuer:\n    server: letsencrypt-staging\n    email: platform@contoso.com\n    clientId: cert-manager-dns\n    zone:\n      subscription: c0470505-0000-4000-8000-0000000005ab\n      resourceGroup: dns\n      name: cluster.example.com\n"),
    ("  issuer:\n    kind: ClusterIssuer\n    name: letsencrypt-production\n", "  newIssuer:\n    server: letsencrypt-staging\n    email: platform@contoso.com\n    clientId: 66666666-7777-8888-9999-00000000000d\n    zone:\n      subscription: Production\n      resourceGroup: dns\n      name: cluster.example.com\n"),
    ("  issuer:\n    kind: ClusterIssuer\n    name: letsencrypt-production\n", "  newIssuer:\n    server: letsencrypt-staging\n    email: platform@contoso.com\n    clientId: 66666666-7777-8888-9999-00000000000d\n    zone:\n      subscription: C0470505-0000-4000-8000-0000000005AB\n      resourceGroup: dns\n      name: cluster.example.com\n"),
    ("  issuer:\n    kind: ClusterIssuer\n    name: letsencrypt-production\n", "  newIssuer:\n    server: letsencrypt-staging\n    email: platform@contoso.com\n    clientId: 66666666-7777-8888-9999-00000000000d\n    zone:\n      subscription: c0470505-0000-4000-8000-0000000005ab\n      resourceGroup: dns/zones\n      name: cluster.example.com\n"),
    ("  issuer:\n    kind: ClusterIssuer\n    name: letsencrypt-production\n", "  newIssuer:\n    server: letsencrypt-staging\n    email: platform@contoso.com\n    clientId: 66666666-7777-8888-9999-00000000000d\n    zone:\n      subscription: c0470505-0000-4000-8000-0000000005ab\n      resourceGroup: dns.\n      name: cluster.example.com\n"),
    ("  issuer:\n    kind: ClusterIssuer\n    name: letsencrypt-production\n", "  newIssuer:\n    server: letsencrypt-staging\n    email: platform@contoso.com\n    clientId: 66666666-7777-8888-9999-00000000000d\n    zone:\n      subscription: c0470505-0000-4000-8000-0000000005ab\n      resourceGroup: dns\n      name: example.net\n"),
    ("  issuer:\n    kind: ClusterIssuer\n    name: letsencrypt-production\n", "  newIssuer:\n    server: letsencrypt-staging\n    email: platform@contoso.com\n    clientId: 66666666-7777-8888-9999-00000000000d\n    zone:\n      subscription: c0470505-0000-4000-8000-0000000005ab\n      resourceGroup: dns\n      name: ter.example.com\n"),
    ("  issuer:\n    kind: ClusterIssuer\n    name: letsencrypt-production\n", "  newIssuer:\n    server: letsencrypt-staging\n    email: platform@contoso.com\n    clientId: 66666666-7777-8888-9999-00000000000d\n    zone:\n      subscription: c0470505-0000-4000-8000-0000000005ab\n      resourceGroup: dns\n      name: \"*.example.com\"\n"),
    ("  issuer:\n    kind: ClusterIssuer\n    name: letsencrypt-production\n", "  newIssuer:\n    server: letsencrypt-staging\n    email: platform@contoso.com\n    clientId: 66666666-7777-8888-9999-00000000000d\n    zone:\n      subscription: c0470505-0000-4000-8000-0000000005ab\n      resourceGroup: dns\n      name: com\n"),
    ("  issuer:\n    kind: ClusterIssuer\n    name: letsencrypt-production\n", "  newIssuer:\n    server: letsencrypt\n    email: platform@contoso.com\n    clientId: 66666666-7777-8888-9999-00000000000d\n    zone:\n      subscription: c0470505-0000-4000-8000-0000000005ab\n      resourceGroup: dns\n      name: cluster.example.com\n"),
    ("  issuer:\n    kind: ClusterIssuer\n    name: letsencrypt-production\n", "  newIssuer:\n    server: http://acme.example.com/directory\n    email: platform@contoso.com\n    clientId: 66666666-7777-8888-9999-00000000000d\n    zone:\n      subscription: c0470505-0000-4000-8000-0000000005ab\n      resourceGroup: dns\n      name: cluster.example.com\n"),
    ("  issuer:\n    kind: ClusterIssuer\n    name: letsencrypt-production\n", "  newIssuer:\n    server: https://me:secret@acme.example.com/directory\n    email: platform@contoso.com\n    clientId: 66666666-7777-8888-9999-00000000000d\n    zone:\n      subscription: c0470505-0000-4000-8000-0000000005ab\n      resourceGroup: dns\n      name: cluster.example.com\n"),
    ("  issuer:\n    kind: ClusterIssuer\n    name: letsencrypt-production\n", "  newIssuer:\n    server: letsencrypt-staging\n    email: platform\n    clientId: 66666666-7777-8888-9999-00000000000d\n    zone:\n      subscription: c0470505-0000-4000-8000-0000000005ab\n      resourceGroup: dns\n      name: cluster.example.com\n"),
    ("  issuer:\n    kind: ClusterIssuer\n    name: letsencrypt-production\n", "  newIssuer:\n    server: letsencrypt-staging\n    email: the platform@contoso.com\n    clientId: 66666666-7777-8888-9999-00000000000d\n    zone:\n      subscription: c0470505-0000-4000-8000-0000000005ab\n      resourceGroup: dns\n      name: cluster.example.com\n"),
    ("  issuer:\n    kind: ClusterIssuer\n    name: letsencrypt-production\n", "  newIssuer:\n    server: letsencrypt-staging\n    email: platform@contoso.com\n    clientId: 66666666-7777-8888-9999-00000000000d\n    zone:\n      subscription: c0470505-0000-4000-8000-0000000005ab\n      resourceGroup: dns\n      name: cluster.example.com\n    solver: {http01: {}}\n"),
    ("  issuer:\n    kind: ClusterIssuer\n    name: letsencrypt-production\n", "  newIssuer:\n    server: letsencrypt-staging\n    email: platform@contoso.com\n    clientId: 66666666-7777-8888-9999-00000000000d\n    clientSecret: hush\n    zone:\n      subscription: c0470505-0000-4000-8000-0000000005ab\n      resourceGroup: dns\n      name: cluster.example.com\n"),
    ("  issuer:\n    kind: ClusterIssuer\n    name: letsencrypt-production\n", "  secretName: tls-myapp\n"),
    ("  issuer:\n", "  secretName: tls-myapp\n  issuer:\n"),
    ("  issuer:\n    kind: ClusterIssuer\n    name: letsencrypt-production\n  names: [\"*.cluster.example.com\"]\n", "  secretName: istio-system/tls-myapp\n"),
    ("  issuer:\n    kind: ClusterIssuer\n    name: letsencrypt-production\n  names: [\"*.cluster.example.com\"]\n", "  secretName: TLS\n"),
    ("  issuer:\n    kind: ClusterIssuer\n    name: letsencrypt-production\n  names: [\"*.cluster.example.com\"]\n", "  secretName:\n"),
    ("  issuer:\n    kind: ClusterIssuer\n    name: letsencrypt-production\n  names: [\"*.cluster.example.com\"]\n", "  existing: tls-myapp\n"),
    // adopting
    ("  scope: user_impersonation", "  adopt: true"),
    ("  scope: user_impersonation", "  adopt: {}"),
    ("  scope: user_impersonation", "  adopt: {clientId: My app}"),
    ("  scope: user_impersonation", "  adopt: {clientId: 00000000-0000-0000-0000-000000000000}"),
    ("  scope: user_impersonation", "  adopt: {clientId: 7F6BD2A4-5A0C-4F0E-9D53-2C1F8A1B6E90}"),
    ("  scope: user_impersonation", "  adopt: {appId: 7f6bd2a4-5a0c-4f0e-9d53-2c1f8a1b6e90}"),
    ("  scope: user_impersonation", "  clientId: 7f6bd2a4-5a0c-4f0e-9d53-2c1f8a1b6e90"),
    // sessions and proxy
    ("docker.io/valkey/valkey:8.1", "docker.io/bitnami/redis:7.2"),
    ("docker.io/valkey/valkey:8.1", "docker.io/library/memcached:1"),
    ("  image: docker.io/valkey/valkey:8.1\n", "  image: docker.io/valkey/valkey:8.1\n  redis: {address: \"redis:6379\", passwordFrom: {secret: redis}}\n"),
    ("  image: docker.io/valkey/valkey:8.1\n", "  redis: redis:6379\n"),
    ("  image: docker.io/valkey/valkey:8.1\n", "  redis: {}\n"),
    ("  image: docker.io/valkey/valkey:8.1\n", "  redis: {address: \"redis:6379\"}\n"),
    ("  image: docker.io/valkey/valkey:8.1\n", "  redis: {address: \"redis:6379\", passwordFrom: redis}\n"),
    ("  image: docker.io/valkey/valkey:8.1\n", "  redis: {address: redis, passwordFrom: {secret: redis}}\n"),
    ("  image: docker.io/valkey/valkey:8.1\n", "  redis: {address: \"rediss://redis.example.com\", passwordFrom: {secret: redis}}\n"),
    ("  image: docker.io/valkey/valkey:8.1\n", "  redis: {address: \"http://redis:6379\", passwordFrom: {secret: redis}}\n"),
    ("  image: docker.io/valkey/valkey:8.1\n", "  redis: {address: \"redis:6379/0\", passwordFrom: {secret: redis}}\n"),
    ("  image: docker.io/valkey/valkey:8.1\n", "  redis: {address: \"redis:0\", passwordFrom: {secret: redis}}\n"),
    ("  image: docker.io/valkey/valkey:8.1\n", "  redis: {address: \"10.0.0.7:6379\", passwordFrom: {secret: redis}}\n"),
    ("  image: docker.io/valkey/valkey:8.1\n", "  redis: {address: \"[2001:db8::7]:6379\", passwordFrom: {secret: redis}}\n"),
    ("  image: docker.io/valkey/valkey:8.1\n", "  redis: {address: \"myapp-sessions:6379\", passwordFrom: {secret: redis}}\n"),
    ("  image: docker.io/valkey/valkey:8.1\n", "  redis: {address: \"myapp-sessions.myapp.svc:6379\", passwordFrom: {secret: redis}}\n"),
    ("  image: docker.io/valkey/valkey:8.1\n", "  redis: {address: \"redis:6379\", username: \"a b\", passwordFrom: {secret: redis}}\n"),
    ("  image: docker.io/valkey/valkey:8.1\n", "  redis: {address: \"redis:6379\", passwordFrom: {secret: myapp-sessions}}\n"),
    ("  image: docker.io/valkey/valkey:8.1\n", "  redis: {address: \"redis:6379\", passwordFrom: {secret: redis, key: \"a/b\"}}\n"),
    ("  image: docker.io/valkey/valkey:8.1\n", "  redis: {url: \"redis:6379\", passwordFrom: {secret: redis}}\n"),
    ("  image: docker.io/valkey/valkey:8.1\n", "  redis: {address: \"redis:6379\", passwordFrom: {secret: redis}, ca: x}\n"),
    ("oauth2-proxy:v7.15.3", "oauth2-proxy:v7.6.0"),
    ("oauth2-proxy:v7.15.3", "oauth2-proxy:v7.14.0"),
    ("oauth2-proxy:v7.15.3", "oauth2-proxy:latest"),
    ("oauth2-proxy:v7.15.3", "oauth2-proxy@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"),
    ("oauth2-proxy:v7.15.3", "oauth2-proxy:v8.0.0"),
    ("  sessionLifetime: 7d", "  sessionLifetime: 30m"),
    ("  sessionLifetime: 7d\n  sessionRefresh: 55m\n", "  sessionLifetime: 30m\n"),
    ("  sessionLifetime: 7d", "  sessionLifetime: 365d"),
    ("  sessionRefresh: 55m", "  sessionRefresh: 4h"),
    ("  sessionRefresh: 55m", "  sessionRefresh: 1s"),
    ("hook: sidecar", "hook: side-car"),
    ("hook: sidecar", "hook: everywhere"),
    // not built
    ("  scope: user_impersonation", "  federatedCredential: true"),
    ("  scope: user_impersonation", "  accessTokenVersion: 1"),
    ("  machines: true", "  groups: [admins]"),
    ("  names: [", "  newIssuer: {email: ada@example.com}\n  names: ["),
    ("hook: sidecar", "hook: envoyFilter"),
    ("hook: sidecar", "hook: sidecar\ngateway: {existing: shared}"),
    // secrets
    ("  scope: user_impersonation", "  clientSecret: hunter2-canary"),
    ("  replicas: 1\n  session", "  cookie_secret: hunter2-canary\n  session"),
    ("  image: docker.io/valkey", "  password: hunter2-canary\n  image: docker.io/valkey"),
    ("  image: docker.io/valkey/valkey:8.1\n", "  redis: {address: \"redis:6379\", password: hunter2-canary}\n"),
    ("  image: docker.io/valkey/valkey:8.1\n", "  redis: {address: \"redis://:hunter2-canary@redis:6379\", passwordFrom: {secret: redis}}\n"),
    ("  image: docker.io/valkey/valkey:8.1\n", "  redis: {address: \"myapp.redis.cache.windows.net:6380,password=hunter2-canary=,ssl=True\", passwordFrom: {secret: redis}}\n"),
    ("  displayName: My app", "  displayName: can8Q~ary.canary_canary-canary~canary12"),
];

#[test]
fn given_each_mistake_when_the_file_is_read_then_its_line_is_named_and_what_would_be_right() {
    assert!(parse(RIGHT, "right").is_ok());
    let mut report = String::new();
    for (old, new) in CHANGES {
        assert_eq!(RIGHT.matches(old).count().min(1), 1, "nothing to change: {old}");
        let text = RIGHT.replacen(old, new, 1);
        let mistakes = parse(&text, "f").expect_err(new);
        let old = if *old == RIGHT { &"(everything)" } else { old };
        for (sign, change) in [("-", old), ("+", new)] {
            for line in change.trim_end_matches('\n').lines() {
                writeln!(report, "{sign} {}", line.replace('\t', "<tab>")).unwrap();
            }
        }
        for mistake in &mistakes.list {
            assert!(mistake.line >= 1 && mistake.line <= text.lines().count() + 1, "{mistake:?}");
            assert!(!mistake.to_string().contains("canary"), "a secret is in a message: {mistake}");
            writeln!(report, "{}:{} {mistake}", mistake.line, mistake.column).unwrap();
        }
        report.push('\n');
    }
    insta::assert_snapshot!(report);
}

/// One file, everything wrong with it: the order of the file, one line a mistake, and a sum.
#[test]
fn given_a_file_full_of_mistakes_when_it_is_read_then_all_are_told_at_once() {
    let text = r#"
applicaton:
  name: myapp
access:
  emailDomains: [example, "@example.com", example.com, example.com]
  machines: yes
  groups: [admins]
certificate:
  issuer: {nane: letsencrypt-production, kind: ClusterIsuer}
  names: []
registration:
  secretLifetime: 9999d
  client_secret: canary
proxy:
  image: bitnami/oauth2-proxy:7
  replicas: 0
  sessionRefresh: 2h
hook: envoyfilter
gateway: {}
"#;
    let mistakes = parse(text, "gatewright.yaml").unwrap_err();
    insta::assert_snapshot!(mistakes, @r#"
    gatewright.yaml:1:1: version: is missing; add a line like `version: 1`
    gatewright.yaml:2:1: application: has neither `deploy` nor `service`; add `deploy: {image: docker.io/path/to/myapp:sometag}` to have it deployed, or `service: {name: myapp, port: 8000}` if it is there already
    gatewright.yaml:2:1: application.host: is missing; add a line like `host: myapp.cluster.example.com` under `application`
    gatewright.yaml:2:1: applicaton: is not a key of this file; did you mean `application`?
    gatewright.yaml:5:18: access.emailDomains: `example` has no domain; write it in full, such as `example.com`
    gatewright.yaml:5:27: access.emailDomains: `@example.com` starts with `@`; write what follows the `@`: `example.com`
    gatewright.yaml:5:56: access.emailDomains: lists `example.com` twice; keep it once
    gatewright.yaml:6:13: access.machines: `yes` is neither true nor false; write `true`
    gatewright.yaml:7:3: access.groups: letting in by group is not built yet; take it out: use `registration.assignmentRequired` and assign the groups in the portal
    gatewright.yaml:9:12: certificate.issuer.nane: is not a key of this file; did you mean `name`?
    gatewright.yaml:9:48: certificate.issuer.kind: `ClusterIsuer` is not a choice here; write `ClusterIssuer`
    gatewright.yaml:10:10: certificate.names: is empty; list the host, or take the key out for just the host
    gatewright.yaml:12:19: registration.secretLifetime: `9999d` is longer than the two years a client secret should live at most; write `730d` or less, such as `180d`
    gatewright.yaml:13:3: registration.client_secret: asks for a secret, and secrets never go into this file; take it out: Gatewright makes the secrets itself and keeps them in the cluster alone; if a real one stood here, replace it
    gatewright.yaml:15:10: proxy.image: `bitnami/oauth2-proxy:7` is of Bitnami's catalogue, which is cut off or no longer patched since August 2025; use the official image, such as `quay.io/oauth2-proxy/oauth2-proxy:v7.15.3`
    gatewright.yaml:16:13: proxy.replicas: `0` pods would serve nobody; write 1 or more
    gatewright.yaml:17:19: proxy.sessionRefresh: `2h` is too late: Entra's tokens live an hour, and an expired one is refused; write less than `1h`, such as `55m`
    gatewright.yaml:18:7: hook: enforcing sign-in with an EnvoyFilter is not built yet; write `sidecar` or `gateway`, which need Istio 1.9 or later
    gatewright.yaml:19:1: gateway.namespace: is missing; add a line like `namespace: istio-system` under `gateway`
    gatewright.yaml:19:1: gateway.service: is missing; add a line like `service: istio-ingressgateway` under `gateway`
    20 mistakes in gatewright.yaml; nothing was tried
    "#);
}

#[test]
fn given_one_mistake_then_it_is_one_line_and_the_sum_says_one() {
    let mistakes = parse(&RIGHT.replace("hook: sidecar", "hook: nowhere"), "gatewright.yaml").unwrap_err();
    insta::assert_snapshot!(mistakes, @r#"
    gatewright.yaml:31:7: hook: `nowhere` is not a choice here; write `sidecar` or `gateway`
    1 mistake in gatewright.yaml; nothing was tried
    "#);
}

/// The default is as much a part of the answers as what the file says.
#[test]
fn given_a_wrong_name_and_what_follows_from_it_then_only_the_name_is_told() {
    let text = RIGHT
        .replacen("  name: myapp\n  namespace: myapp\n", "  name: My_App\n", 1)
        .replace("  displayName: My app\n", "");
    let mistakes = parse(&text, "f").unwrap_err();
    assert_eq!(mistakes.list.len(), 1, "{mistakes}");
}

#[test]
fn given_a_secret_anywhere_then_no_message_repeats_it() {
    const CANARY: &str = "ab37Q~canarycanarycanarycanarycanaryc";
    let token = format!("eyJ{}", "canary".repeat(20));
    for secret in [format!("abc{}", &CANARY[3..]), token] {
        for line in RIGHT.lines().filter(|line| !line.trim_end().ends_with(':')) {
            let (key, _) = line.split_once(':').unwrap();
            for value in [secret.clone(), format!("[{secret}]"), format!("\"{secret}\"")] {
                let text = RIGHT.replacen(line, &format!("{key}: {value}"), 1);
                let told = parse(&text, "f").expect_err(&text).to_string();
                assert!(!told.contains("canary"), "{told}");
            }
        }
    }
}
