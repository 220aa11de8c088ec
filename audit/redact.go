package audit

import (
	"regexp"
	"slices"
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
// credentials in the bodies of the security API, destinations, channels, connectors, snapshot repositories and reindexing from
// elsewhere, nor of password hashes.
func RedactBody(path, body string) string {
	if body == "" || !holdsCredentials(path, body) {
		return body
	}
	rest, ok := strings.CutPrefix(path, "/_plugins/_security/api/")
	if !ok {
		rest, ok = strings.CutPrefix(path, "/_opendistro/_security/api/")
	}
	if !ok {
		if index, id := path[1:], path[strings.LastIndexByte(path, '/')+1:]; holdsCredentialsIndex(index) {
			return RedactDocument(index, id, body)
		}
		return RedactHashes(redactMembers(body, credentialMember))
	}
	switch {
	// The name of a member may be written with escapes.
	case startsWithAny(rest, "account", "internalusers", "user") && (strings.Contains(body, "password") || strings.Contains(body, `\u`)):
		return redactedBody
	case startsWithAny(rest, "securityconfig", "tenancy", "auth", "generate"):
		body = redactMembers(body, credentialOfSecurity) // the others have names that people chose as members
	}
	return RedactHashes(body)
}

func startsWithAny(s string, prefixes ...string) bool {
	return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(s, p) })
}
