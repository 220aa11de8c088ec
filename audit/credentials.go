package audit

import (
	"slices"
	"strings"

	"github.com/valyala/fastjson"
)

// credentialPaths begin the paths of requests whose bodies hold credentials of other systems.
var credentialPaths = []string{
	"/_plugins/_notifications/", "/_plugins/_alerting/destinations", "/_opendistro/_alerting/destinations",
	"/_snapshot/", "/_reindex",
}

func holdsCredentials(path string) bool {
	return slices.ContainsFunc(credentialPaths, func(p string) bool { return strings.HasPrefix(path, p) })
}

// credentialMembers are the names of members that hold credentials, or that may: a webhook's address often is one.
var credentialMembers = []string{
	"password", "pass", "passphrase", "secret", "token", "api_key", "apikey", "access_key", "secret_key", "session_token",
	"authorization", "header_params", "headers", "query_params", "url", "path", "username", "credentials",
}

// redactMembers replaces the values of members that hold credentials, at any depth. A body without any stays as it is, one
// that cannot be read says nothing.
func redactMembers(body string) string {
	var p fastjson.Parser
	v, err := p.Parse(body)
	if err != nil {
		return redactedBody
	}
	var a fastjson.Arena
	if !hide(v, &a) {
		return body
	}
	return string(appendValue(nil, v))
}

// hide reports whether it replaced anything.
func hide(v *fastjson.Value, a *fastjson.Arena) (hidden bool) {
	switch v.Type() {
	case fastjson.TypeArray:
		for _, e := range v.GetArray() {
			hidden = hide(e, a) || hidden
		}
	case fastjson.TypeObject:
		var secret []string
		v.GetObject().Visit(func(key []byte, child *fastjson.Value) {
			if slices.Contains(credentialMembers, strings.ToLower(string(key))) {
				secret = append(secret, string(key))
			} else {
				hidden = hide(child, a) || hidden
			}
		})
		for _, key := range secret {
			v.Set(key, a.NewString(redactedBody))
			hidden = true
		}
	default:
	}
	return hidden
}
