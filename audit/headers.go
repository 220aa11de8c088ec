package audit

import (
	"slices"
	"strings"
)

// sensitiveEnds end the names of headers that hold credentials, as a word: Authorization, Proxy-Authorization,
// X-Forwarded-Authorization, Cookie, Set-Cookie, X-Auth-Token, X-Amz-Security-Token, X-Api-Key … They are found by their last
// character, since every header of every REST event is looked up.
var sensitiveEnds = map[byte][]string{
	'2': {"cookie2"},
	'd': {"password", "passwd", "sessionid", "session-id"},
	'e': {"cookie", "signature"},
	'h': {"auth"},
	'l': {"credential", "sec-websocket-protocol"},
	'n': {"authorization", "token", "assertion", "session"},
	's': {"credentials", "x-pass"},
	't': {"secret", "jwt", "auth-digest"},
	'w': {"auth-pw"},
	'y': {"api-key", "apikey", "access-key", "secret-key", "private-key", "subscription-key", "auth-key", "functions-key"},
}

// sensitiveHeader reports whether a header holds credentials by its name.
func sensitiveHeader(name string) bool {
	name = strings.TrimSpace(name)
	if name == "" {
		return false
	}
	for _, end := range sensitiveEnds[name[len(name)-1]|' '] {
		if at := len(name) - len(end); endsAs(name, end) && (at == 0 || name[at-1] == '-' || name[at-1] == '_') {
			return true
		}
	}
	return false
}

// endsAs compares the end of a name without regard to case, and takes an underscore for a dash.
func endsAs(name, end string) bool {
	at := len(name) - len(end)
	if at < 0 {
		return false
	}
	for i := len(end) - 1; i >= 0; i-- {
		c := name[at+i]
		switch {
		case c == '_':
			c = '-'
		case 'A' <= c && c <= 'Z':
			c += 'a' - 'A'
		}
		if c != end[i] {
			return false
		}
	}
	return true
}

// headerKey is how names of headers are compared: in lower case, with dashes for underscores, which servers take for each other.
func headerKey(name string) string {
	return strings.ReplaceAll(strings.ToLower(strings.TrimSpace(name)), "_", "-")
}

// schemes begin the values of headers that are credentials whatever the header is called.
var schemes = []string{"basic", "bearer", "apikey", "negotiate", "digest", "aws4-hmac-sha256"}

// redactHeader takes credentials out of a header's value: all of what begins as an Authorization header does, and what URLs
// in it hold.
func redactHeader(value string) string {
	if end := strings.IndexByte(value, ' '); end >= len("basic") && end < len(value)-1 &&
		slices.ContainsFunc(schemes, func(s string) bool { return strings.EqualFold(s, value[:end]) }) {
		return redactedBody
	}
	return redactURL(value)
}

// redactHost takes credentials out of the Host header.
func redactHost(value string) string {
	if at := strings.LastIndexByte(value, '@'); at >= 0 {
		return redactedBody + value[at:]
	}
	return value
}

// sensitiveParams are the query parameters that carry credentials, as memberName writes them, beside those that end as the
// members of bodies do.
var sensitiveParams = []string{"jwt", "sig", "signature", "auth", "authorization", "session", "sessionid", "credential", "xamzcredential", "xamzsignature", "pass"}

// RedactedParam stands for the value of a parameter that carries a credential, as OpenSearch does with the one that its
// configuration names for tokens.
const RedactedParam = "REDACTED"

// RedactParams takes credentials out of the parameters of a request, in place: the values of those that carry some by their
// name, what URLs hold, and what a body that stands in the URL holds.
func RedactParams(path string, params map[string]string) {
	for name, v := range params {
		key := memberName(name)
		switch {
		case v == "":
		case slices.Contains(sensitiveParams, key) || endsAsCredential(key):
			params[name] = RedactedParam
		case name == "source":
			params[name] = RedactBody(path, v)
		default:
			params[name] = redactURL(v)
		}
	}
}
