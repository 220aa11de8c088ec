package authn

import (
	"fmt"
	"net/http"
)

// ImpersonationRefusal reports whether an authenticated request asks to act as somebody else, and the reason to answer
// with: status 403 and {"error":{"status":"error","reason":reason}}, no event (compat/ 06-bad-headers-ssl, impersonate).
// Nobody may: Vigil has no setting that would allow it. Administrators are refused too; the original ignores the header of
// theirs, and so runs with full rights what was meant for somebody with fewer.
func ImpersonationRefusal(p *Principal, r *http.Request) (reason string, refused bool) {
	as := r.Header.Get("opendistro_security_impersonate_as")
	if as == "" {
		return "", false
	}
	return fmt.Sprintf("'%s' is not allowed to impersonate as '%s'", p.Name, as), true
}
