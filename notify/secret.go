package notify

import (
	"bytes"
	"encoding/json"
	"net/url"
	"strings"
)

// Mask stands for a secret in configurations that [Redact] has gone over. It holds nothing that a URL must escape.
const Mask = "__SENSITIVE__"

// secretMembers are texts that are secret as a whole.
var secretMembers = []string{"password", "routing_key"}

// Redact returns the configuration with its secrets masked: passwords, headers and query parameters that carry credentials,
// and the last segment of the paths by which Slack, Mattermost and Teams know their callers.
func Redact(config json.RawMessage) json.RawMessage {
	return edit(config, func(c map[string]json.RawMessage) {
		if s, ok := text(c["url"]); ok {
			c["url"] = encode(redactURL(s))
		}
		for _, key := range secretMembers {
			if _, ok := text(c[key]); ok {
				c[key] = encode(Mask)
			}
		}
		for _, key := range []string{"header_params", "query_params"} {
			if m := pairs(c[key]); m != nil {
				for k := range m {
					if isSecretName(k) {
						m[k] = Mask
					}
				}
				c[key] = encode(m)
			}
		}
	})
}

// Restore returns the configuration with every mask replaced by the secret that stands in its place in old, so that what was
// read may be written back. Only the host that had the secrets before gets them: whoever may change a channel must not learn
// what another wrote into it.
func Restore(config, old json.RawMessage) json.RawMessage {
	var was map[string]json.RawMessage
	if json.Unmarshal(old, &was) != nil {
		return config
	}
	return edit(config, func(c map[string]json.RawMessage) {
		now, _ := text(c["url"])
		if before, ok := text(was["url"]); ok && now == redactURL(before) {
			c["url"] = encode(before)
		}
		if !sameHost(c, was) {
			return
		}
		for _, key := range secretMembers {
			if now, _ := text(c[key]); now == Mask {
				if before, ok := text(was[key]); ok {
					c[key] = encode(before)
				}
			}
		}
		for _, key := range []string{"header_params", "query_params"} {
			m, before := pairs(c[key]), pairs(was[key])
			for k, v := range m {
				if secret, ok := before[k]; ok && v == Mask {
					m[k] = secret
				}
			}
			if m != nil {
				c[key] = encode(m)
			}
		}
	})
}

func sameHost(c, was map[string]json.RawMessage) bool {
	for _, key := range []string{"scheme", "host", "port"} {
		if !bytes.Equal(c[key], was[key]) {
			return false
		}
	}
	now, _ := text(c["url"])
	before, _ := text(was["url"])
	x, err := url.Parse(now)
	y, err2 := url.Parse(before)
	return err == nil && err2 == nil && x.Scheme == y.Scheme && x.Host == y.Host
}

func edit(config json.RawMessage, change func(map[string]json.RawMessage)) json.RawMessage {
	var c map[string]json.RawMessage
	if json.Unmarshal(config, &c) != nil || c == nil {
		return config
	}
	change(c)
	return encode(c)
}

func text(raw json.RawMessage) (string, bool) {
	var s string
	return s, len(raw) > 0 && json.Unmarshal(raw, &s) == nil
}

func pairs(raw json.RawMessage) map[string]string {
	var m map[string]string
	if len(raw) == 0 || json.Unmarshal(raw, &m) != nil {
		return nil
	}
	return m
}

func redactURL(s string) string {
	u, err := url.Parse(s)
	if err != nil {
		return Mask
	}
	if u.User != nil {
		u.User = url.User(Mask)
	}
	if i := strings.LastIndexByte(u.Path, '/'); i > 0 && isSecretPath(u) {
		u.Path, u.RawPath = u.Path[:i+1]+Mask, ""
	}
	if u.RawQuery != "" {
		parts := strings.Split(u.RawQuery, "&")
		for i, p := range parts {
			if k, _, ok := strings.Cut(p, "="); ok && isSecretName(k) {
				parts[i] = k + "=" + Mask
			}
		}
		u.RawQuery = strings.Join(parts, "&")
	}
	return u.String()
}

func isSecretPath(u *url.URL) bool {
	h := strings.ToLower(u.Hostname())
	return strings.Contains(u.Path, "/services/") || strings.Contains(u.Path, "/hooks/") || strings.Contains(u.Path, "/webhooks/") ||
		strings.HasSuffix(h, "webhook.office.com") || strings.HasPrefix(h, "hooks.")
}

func isSecretName(name string) bool {
	name = strings.ToLower(name)
	for _, part := range []string{"auth", "token", "secret", "passw", "key", "sig", "credential", "cookie", "code"} {
		if strings.Contains(name, part) {
			return true
		}
	}
	return false
}
