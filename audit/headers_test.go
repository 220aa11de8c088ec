package audit

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSensitiveHeaders(t *testing.T) {
	f := func(want bool, names ...string) {
		t.Helper()
		for _, name := range names {
			if got := sensitiveHeader(name); got != want {
				t.Errorf("%s: got %t", name, got)
			}
		}
	}
	f(true, "Authorization", "AUTHORIZATION", " authorization", "Proxy-Authorization", "X-Forwarded-Authorization", "Cookie", "Set-Cookie",
		"X-Auth-Token", "X-Api-Key", "x_api_key", "X-API-KEY", "Api-Key", "X-Amz-Security-Token", "X-Amz-Signature", "X-Vault-Token",
		"X-Csrf-Token", "X-Goog-Iap-Jwt-Assertion", "X-Functions-Key", "Ocp-Apim-Subscription-Key", "Sec-WebSocket-Protocol", "Php-Auth-Pw",
		"Session", "X-Session-Id", "X-Client-Secret", "Jwt", "X-Jwt", "X-Auth", "X-Auth-Key")
	f(false, "Host", "Accept", "User-Agent", "Content-Type", "X-Opaque-Id", "X-Request-Id", "X-Tokens-Used", "Referer", "Idempotency-Key",
		"Sec-WebSocket-Key", "X-Forwarded-For", "Traceparent", "Fortunecookie", "")
}

func TestCredentialsInHeaderValues(t *testing.T) {
	p := newPolicy(t, nil)
	got := p.Headers(map[string][]string{
		"X-Original": {"Bearer abc", "plain"}, "X-Login": {"basic YTpi"}, "Referer": {"https://ada:pw@h/p?a=1&token=t#x"},
		"Host": {"ada:pw@h:9200"}, "X-Url": {"/p?access_token=t&b=2"}, "Accept": {"*/*;q=0.8"}, "From": {"ada@example.org"},
		"X-Amz": {"AWS4-HMAC-SHA256 Credential=x"},
	})
	want := map[string][]string{
		"X-Original": {"__SENSITIVE__", "plain"}, "X-Login": {"__SENSITIVE__"}, "Referer": {"https://__SENSITIVE__@h/p?a=1&token=__SENSITIVE__#x"},
		"Host": {"__SENSITIVE__@h:9200"}, "X-Url": {"/p?access_token=__SENSITIVE__&b=2"}, "Accept": {"*/*;q=0.8"}, "From": {"ada@example.org"},
		"X-Amz": {"__SENSITIVE__"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("headers differ (-want +got):\n%s", diff)
	}
}

func TestCredentialsInParams(t *testing.T) {
	got := map[string]string{
		"token": "a", "access_token": "b", "jwt": "c", "X-Amz-Security-Token": "d", "X-Amz-Signature": "e", "api_key": "f", "password": "g",
		"pretty": "", "q": "a:b", "index": "accounts", "url": "https://ada:pw@h/?sig=s", "Token": "h", "client_secret": "i", "tokens": "1",
		"source": `{"password":"p"}`,
	}
	RedactParams("/_snapshot/r", got)
	want := map[string]string{
		"token": "REDACTED", "access_token": "REDACTED", "jwt": "REDACTED", "X-Amz-Security-Token": "REDACTED", "X-Amz-Signature": "REDACTED",
		"api_key": "REDACTED", "password": "REDACTED", "pretty": "", "q": "a:b", "index": "accounts",
		"url": "https://__SENSITIVE__@h/?sig=__SENSITIVE__", "Token": "REDACTED", "client_secret": "REDACTED", "tokens": "1",
		"source": `{"password":"__SENSITIVE__"}`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("parameters differ (-want +got):\n%s", diff)
	}
}

func BenchmarkHeaders(b *testing.B) {
	p := newPolicy(b, nil)
	h := map[string][]string{
		"User-Agent": {"opensearch-py/2.7.1 (Python 3.13)"}, "Host": {"127.0.0.1:9200"}, "Content-Length": {"117"}, "Authorization": {"Basic YTpi"},
		"Content-Type": {"application/json"}, "Accept": {"*/*"}, "Connection": {"keep-alive"}, "Accept-Encoding": {"gzip, deflate"},
	}
	b.ReportAllocs()
	for b.Loop() {
		p.Headers(h)
	}
}
