package audit

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// credentialPaths begin the paths of requests whose bodies hold credentials of other systems.
var credentialPaths = []string{
	"/_plugins/_notifications/", "/_plugins/_alerting/destinations", "/_opendistro/_alerting/destinations", "/_plugins/_ism/",
	"/_opendistro/_ism/", "/_plugins/_ml/", "/_plugins/_query/_datasources", "/_plugins/_security/", "/_opendistro/_security/",
	"/_security/", "/_snapshot/", "/_reindex", "/_nodes/", "/_ingest/",
}

// credentialIndices are the system indices whose documents hold credentials.
var credentialIndices = []string{
	".opendistro_security", ".opensearch_security", ".opendistro-alerting-config", ".opensearch-notifications-config",
	".plugins-ml-connector",
	".vigil-security", ".vigil-alerting-config", ".vigil-notifications-config", // where the state is in a shared cluster
}

// holdsCredentials reports whether a request's body may hold credentials: by its path, or because it is a bulk that names an
// index that does.
func holdsCredentials(path, body string) bool {
	if slices.ContainsFunc(credentialPaths, func(p string) bool { return strings.HasPrefix(path, p) }) || holdsCredentialsIndex(path[min(1, len(path)):]) {
		return true
	}
	path = strings.TrimRight(path, "/")
	if !strings.HasSuffix(path, "/_bulk") && !strings.HasSuffix(path, "/_bulk/stream") {
		return false
	}
	if strings.Contains(body, `\u00`) {
		body = asciiEscapes.ReplaceAllStringFunc(body, func(escape string) string {
			n, _ := strconv.ParseUint(escape[2:], 16, 8) // it is two digits
			return string(rune(n))
		})
	}
	return slices.ContainsFunc(credentialIndices, func(i string) bool { return strings.Contains(body, i) })
}

// asciiEscapes are the escapes by which the name of an index could be written otherwise.
var asciiEscapes = regexp.MustCompile(`\\u00[2-7][0-9a-fA-F]`)

// holdsCredentialsIndex reports whether documents of an index hold credentials.
func holdsCredentialsIndex(index string) bool {
	return slices.ContainsFunc(credentialIndices, func(i string) bool { return strings.HasPrefix(index, i) })
}

// credentialMembers are the names of members that hold credentials, or that may: a webhook's address often is one. They are
// in lower case, without dashes and underscores.
var credentialMembers = []string{
	"pass", "headerparams", "headers", "queryparams", "url", "path", "username", "credential", "credentials", "authorization",
	"key", "urls", "userinfo",
}

// credentialEnds end the names of members that hold credentials.
var credentialEnds = []string{
	"password", "passwd", "passphrase", "pwd", "secret", "token", "apikey", "accesskey", "secretkey", "signingkey", "privatekey",
	"encryptionkey", "integrationkey", "routingkey", "accountkey", "exchangekey",
}

// ofSecurity are the credentialMembers that are none in the security API, where they name other things.
var ofSecurity = []string{"path", "url", "urls", "headers", "username", "key"}

// credentialMember reports whether the last name of a path is that of a credential.
func credentialMember(path string) bool {
	name := memberName(path)
	return slices.Contains(credentialMembers, name) || endsAsCredential(name)
}

func endsAsCredential(name string) bool {
	return slices.ContainsFunc(credentialEnds, func(end string) bool { return strings.HasSuffix(name, end) })
}

func memberName(path string) string {
	name := path[strings.LastIndexByte(path, '.')+1:]
	return dashes.Replace(strings.ToLower(name))
}

var dashes = strings.NewReplacer("_", "", "-", "")

// redactMembers replaces the values of members that hold credentials, at any depth, and what URLs say of their users. A body
// without any stays as it is, one that cannot be read says nothing.
func redactMembers(body string, is func(path string) bool) string {
	mask := &replacement{mask: redactedBody}
	w := &rewriter{
		field: func(path string) *replacement {
			if is(path) {
				return mask
			}
			return nil
		},
		text: func(s string, _ bool) string { return redactURL(s) },
	}
	if out, ok := w.rewrite(body); ok {
		return out
	}
	return redactedBody
}

// RedactDocument returns what an event may say of a document, or of a difference between two: of one in a system index that
// holds credentials all but these.
func RedactDocument(index, id, body string) string {
	switch {
	case !holdsCredentialsIndex(index):
		return body
	case strings.HasPrefix(index, ".opendistro_security"), strings.HasPrefix(index, ".opensearch_security"), strings.HasPrefix(index, ".vigil-security"):
		if id == "config" { // the others have names that people chose as members
			body = redactMembers(body, credentialOfSecurity)
		}
		return RedactHashes(body)
	}
	return redactMembers(body, credentialMember)
}

// credentialOfSecurity is credentialMember for the configuration of users and roles.
func credentialOfSecurity(path string) bool {
	return credentialMember(path) && !slices.Contains(ofSecurity, memberName(path))
}

// Credentials in URLs: what stands before the host, and in the query parameters that are known to carry some.
var (
	userInfo    = regexp.MustCompile(`://[^/?#\s"'<>]*@`)
	queryParams = regexp.MustCompile(`(?i)([?&](?:[a-z0-9-]*[_.-])?(?:token|jwt|password|passwd|pwd|secret|api[_-]?key|access[_-]?key|signature|sig|credential|authorization|auth|session(?:[_-]?id)?)=)[^&#\s"'<>]+`)
)

// redactURL takes credentials out of the URLs in a text.
func redactURL(s string) string {
	if strings.IndexByte(s, '@') >= 0 && strings.Contains(s, "://") {
		s = userInfo.ReplaceAllLiteralString(s, "://"+redactedBody+"@")
	}
	if strings.IndexByte(s, '?') >= 0 || strings.IndexByte(s, '&') >= 0 {
		s = queryParams.ReplaceAllString(s, "${1}"+redactedBody)
	}
	return s
}
