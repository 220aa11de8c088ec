package gateway

import (
	"encoding/hex"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"vigil/audit"
)

// Bounds of what the extended format takes from a client's headers, in bytes.
const (
	maxRequestID = 128
	maxUserAgent = 1 << 10
)

// maxRoles bounds the roles that an event tells.
const maxRoles = 100

// describeRequest returns what is known of a request before anybody asked who is calling.
func (x *exchange) describeRequest() *audit.Request {
	about := &audit.Request{ID: cleaned(x.r.Header.Get("X-Request-Id"), maxRequestID)}
	if about.ID == "" {
		about.ID = x.id()
	}
	about.TraceID, about.SpanID = traceParent(x.r.Header.Values("Traceparent"))
	// Whoever keeps the header out of events does not want it told under another name.
	if agent := map[string][]string{"User-Agent": x.r.Header.Values("User-Agent")}; len(agent["User-Agent"]) > 0 {
		if shown := x.policy.Headers(agent)["User-Agent"]; len(shown) > 0 {
			about.UserAgent = cleaned(shown[0], maxUserAgent)
		}
	}
	if x.origin == audit.OriginREST {
		socket := socketAddress(x.r.RemoteAddr)
		about.SocketAddress = addressText(socket)
		if x.remote.IsValid() && x.remote != socket {
			about.Forwarded = addressText(x.remote)
		}
	}
	return about
}

// describeCaller adds who is calling, once that is known.
func (x *exchange) describeCaller() {
	if x.about == nil {
		return
	}
	x.about.AuthMethod = x.principal.Method
	x.about.Roles = sorted(x.roles)
	x.about.BackendRoles = sorted(x.principal.BackendRoles)
}

// describeAttempt adds how somebody tried to log in.
func (x *exchange) describeAttempt(user string) {
	x.attempted = user
	if x.about != nil {
		x.about.AuthMethod = authScheme(x.r.Header.Get("Authorization"))
	}
}

// requestID is what the extended format calls the request; empty in the other.
func (x *exchange) requestID() string {
	if x.about == nil {
		return ""
	}
	return x.about.ID
}

// authScheme is the scheme of an Authorization header in lower case, if it is a known one: the first word of any other may be
// the credential itself.
func authScheme(header string) string {
	scheme, _, _ := strings.Cut(strings.TrimSpace(header), " ")
	scheme = strings.ToLower(scheme)
	switch scheme {
	case "basic", "bearer", "apikey", "digest", "negotiate", "ntlm", "aws4-hmac-sha256":
		return scheme
	}
	return ""
}

// traceParent reads the W3C header traceparent strictly: one header, of a version that is not ff, in lower case, with ids that
// are not zero. What lies behind the flags is allowed in later versions only.
func traceParent(headers []string) (trace, span string) {
	if len(headers) != 1 {
		return "", ""
	}
	const length = len("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	h := headers[0]
	if len(h) < length || h[2] != '-' || h[35] != '-' || h[52] != '-' {
		return "", ""
	}
	version, trace, span, flags := h[:2], h[3:35], h[36:52], h[53:length]
	rest := h[length:]
	if version == "ff" || rest != "" && (version == "00" || rest[0] != '-') {
		return "", ""
	}
	for _, part := range []string{version, trace, span, flags} {
		if _, err := hex.DecodeString(part); err != nil || part != strings.ToLower(part) {
			return "", ""
		}
	}
	if strings.Trim(trace, "0") == "" || strings.Trim(span, "0") == "" {
		return "", ""
	}
	return trace, span
}

// cleaned returns a client's text without what is no printable character, cut at a character to at most limit bytes.
func cleaned(s string, limit int) string {
	s = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, s)
	s = strings.TrimSpace(s)
	for len(s) > limit {
		_, width := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-width]
	}
	return s
}

// socketAddress is the address of host:port; not valid if there is none.
func socketAddress(hostPort string) netip.Addr {
	ap, err := netip.ParseAddrPort(hostPort)
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr().Unmap()
}

func addressText(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

func sorted(list []string) []string {
	if len(list) == 0 {
		return nil
	}
	list = slices.Clone(list)
	slices.Sort(list)
	return list[:min(len(list), maxRoles)]
}

// bodyless reports whether the answer has no body although there is text for one.
func (w *response) bodyless() bool {
	return w.x.r.Method == http.MethodHead || !bodyAllowed(w.status)
}
