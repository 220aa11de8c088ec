package audit

import (
	"regexp"
	"strings"
)

// What redacted text is replaced by, as OpenSearch 2.19 does.
const (
	redactedBody = "__SENSITIVE__"
	redactedHash = "__HASH__"
)

// hashes are the shapes that OpenSearch 2.19 looks for: bcrypt, and PBKDF2 as $info$iterations$salt$hash.
var hashes = regexp.MustCompile(`\$2[aby]\$.{56}|\$\d+\$\d+\$[A-Za-z0-9+/]+={0,2}\$[A-Za-z0-9+/]+={0,2}`)

// RedactHashes replaces password hashes in events about the users' document: in its content and in differences of it.
func RedactHashes(s string) string {
	if strings.IndexByte(s, '$') < 0 {
		return s
	}
	return hashes.ReplaceAllLiteralString(s, redactedHash)
}

// RedactBody returns what an event of the REST layer may say of a request's body: nothing of it if the path is that of
// an account or user of the security API, under either prefix, and the body speaks of a password, as OpenSearch 2.19.4 does
// (see compat/scenarios 08a create-user, 12 password-change); and, beyond the original, nothing of the members that hold
// credentials in the bodies of destinations, channels, snapshot repositories and reindexing from elsewhere.
func RedactBody(path, body string) string {
	if holdsCredentials(path) {
		return redactMembers(body)
	}
	rest, ok := strings.CutPrefix(path, "/_plugins/_security/api/")
	if !ok {
		rest, ok = strings.CutPrefix(path, "/_opendistro/_security/api/")
	}
	if !ok || !strings.Contains(body, "password") {
		return body
	}
	for _, prefix := range []string{"account", "internalusers", "user"} {
		if strings.HasPrefix(rest, prefix) {
			return redactedBody
		}
	}
	return body
}
