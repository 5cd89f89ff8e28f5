/** The rules that come with the product, as a rule file; docs/checks.md explains the format. */
export const defaultRuleText = `
name: Baseline
rules:
  - id: encrypted-or-redirected
    title: Plain HTTP leads to https
    severity: high
    when: { fact: target.scheme, equals: http }
    fact: http.redirectsToHttps
    equals: true
  - id: tls-current
    title: TLS 1.2 or newer is negotiated
    severity: high
    fact: tls.version
    oneOf: [TLSv1.2, TLSv1.3]
  - id: tls-no-old-versions
    title: TLS 1.0 and 1.1 are refused
    severity: high
    fact: tls.acceptsOldVersions
    equals: false
  - id: certificate-trusted
    title: The certificate is trusted
    severity: high
    fact: tls.trusted
    equals: true
  - id: certificate-renewed-in-time
    title: The certificate is renewed two weeks before it expires
    severity: medium
    fact: certificate.daysLeft
    atLeast: 14
  - id: hsts
    title: Browsers are told to come back with https only
    severity: medium
    when: { fact: target.scheme, equals: https }
    fact: http.headers.strict-transport-security
    matches: max-age=\\s*"?\\d{7,}
  - id: content-security-policy
    title: There is a content security policy
    severity: medium
    fact: http.headers.content-security-policy
    present: true
  - id: no-sniffing
    title: Browsers take content for what it says it is
    severity: low
    fact: http.headers.x-content-type-options
    matches: ^nosniff$
  - id: no-server-version
    title: The server does not tell its version
    severity: low
    fact: http.headers.server
    notMatches: \\d
  - id: no-framework
    title: The server does not tell what it was made with
    severity: low
    fact: http.headers.x-powered-by
    present: false
  - id: cookies-encrypted
    title: Cookies are sent with https only
    severity: medium
    fact: cookies.secure
    equals: true
  - id: cookies-out-of-reach
    title: Scripts can not read cookies
    severity: medium
    fact: cookies.httpOnly
    equals: true
  - id: available
    title: The server answers without an error of its own
    severity: high
    fact: http.status
    atMost: 499
  - id: latency
    title: 95 of 100 answers take no longer than a second
    severity: low
    fact: latency.p95Ms
    atMost: 1000
`;
