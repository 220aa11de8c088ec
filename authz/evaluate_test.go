package authz

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vigil/authn"
	"vigil/rest"
)

// world is what the recordings were made with: the roles of the runner, and the demo mapping of own_index to everybody.
func world(t testing.TB) *Evaluator {
	t.Helper()
	e, err := New(Config{
		Roles: map[string]Role{
			"sc_limited": {
				ClusterPermissions: []string{"cluster_composite_ops_ro"},
				IndexPermissions:   []IndexPermission{{IndexPatterns: []string{"logs-*"}, AllowedActions: []string{"read"}}},
			},
			"sc_writer": {
				ClusterPermissions: []string{"cluster_composite_ops"},
				IndexPermissions:   []IndexPermission{{IndexPatterns: []string{"logs-*"}, AllowedActions: []string{"crud", "create_index"}}},
			},
		},
		Mappings:      map[string]RoleMapping{"own_index": {Users: []string{"*"}}},
		Tenants:       map[string]Tenant{"admin_tenant": {}},
		SystemIndices: []string{".opendistro_security", ".opendistro-alerting-*", ".vigil-*"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if p := e.Problems(); len(p) > 0 {
		t.Fatal(p)
	}
	return e
}

func caller(name string) *authn.Principal {
	p := &authn.Principal{Name: name, Method: "basic", Internal: true}
	switch name {
	case "root1":
		p.SecurityRoles = []string{"all_access"}
	case "limited":
		p.SecurityRoles = []string{"sc_limited"}
	case "writer":
		p.SecurityRoles = []string{"sc_writer"}
	case "admincert":
		return &authn.Principal{Name: "CN=admin", Method: "clientcert", IsAdmin: true}
	}
	return p
}

func list(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, ",")
}

const (
	everything = ".opendistro_security,logs-a,logs-b,secret-1,security-auditlog-2026.11.21"
	security   = ".opendistro_security"
)

// The rows are the steps of compat/ 03a-privileges-default and 05a-security-index-default, and what else was recorded refused.
func TestDecisionsAsRecorded(t *testing.T) {
	type row struct {
		step, user string
		action     rest.ActionName
		also       string
		expr       string // indices as written
		resolved   string
		want       bool
		missing    string
		attempt    bool
		hide       string
	}
	const bulkShard, index = "indices:data/write/bulk[s]", "indices:data/write/index"
	rows := []row{
		{"ltd-search", "limited", "indices:data/read/search", "", "logs-a", "logs-a", true, "", false, ""},
		{"ltd-get", "limited", "indices:data/read/get", "", "logs-a", "logs-a", true, "", false, ""},
		{"ltd-index", "limited", index, "", "logs-a", "logs-a", false, index, false, ""},
		{"ltd-delete-doc", "limited", "indices:data/write/delete", "", "logs-a", "logs-a", false, "indices:data/write/delete", false, ""},
		{"ltd-update", "limited", "indices:data/write/update", "", "logs-a", "logs-a", false, "indices:data/write/update", false, ""},
		{"ltd-bulk", "limited", "indices:data/write/bulk", "", "", "", true, "", false, ""},
		{"ltd-bulk shard", "limited", bulkShard, index, "logs-a", "logs-a", false, bulkShard + "," + index, false, ""},
		{"ltd-search-secret", "limited", "indices:data/read/search", "", "secret-1", "secret-1", false, "indices:data/read/search", false, ""},
		{"ltd-search-both", "limited", "indices:data/read/search", "", "logs-a,secret-1", "logs-a,secret-1", false, "indices:data/read/search", false, ""},
		{"ltd-search-wildcard", "limited", "indices:data/read/search", "", "*", everything, false, "indices:data/read/search", false, ""},
		{"ltd-create-index", "limited", "indices:admin/create", "", "idx-new", "", false, "indices:admin/create", false, ""},
		{"ltd-delete-index", "limited", "indices:admin/delete", "", "logs-a", "logs-a", false, "indices:admin/delete", false, ""},
		{"ltd-put-mapping", "limited", "indices:admin/mapping/put", "", "", "logs-a", false, "indices:admin/mapping/put", false, ""},
		{"ltd-cluster-settings-get", "limited", "cluster:monitor/state", "", "", everything, false, "cluster:monitor/state", false, ""},
		{"ltd-cluster-settings-put", "limited", "cluster:admin/settings/update", "", "", "", false, "cluster:admin/settings/update", false, ""},
		{"ltd-nodes", "limited", "cluster:monitor/nodes/info", "", "", "", false, "cluster:monitor/nodes/info", false, ""},
		{"ltd-cat-indices", "limited", "indices:monitor/settings/get", "", "", everything, false, "indices:monitor/settings/get", false, ""},
		{"ltd-msearch", "limited", "indices:data/read/msearch", "", "", "", true, "", false, ""},
		{"ltd-mget", "limited", "indices:data/read/mget", "", "", "", true, "", false, ""},
		{"ltd-mget shard", "limited", "indices:data/read/mget[shard]", "", "secret-1", "secret-1", false, "indices:data/read/mget[shard]", false, ""},
		{"ltd-scroll-next", "limited", "indices:data/read/scroll", "", "", "", true, "", false, ""},
		{"norole-root", "norole", "cluster:monitor/main", "", "", "", false, "cluster:monitor/main", false, ""},
		{"norole-search", "norole", "indices:data/read/search", "", "logs-a", "logs-a", false, "indices:data/read/search", false, ""},
		{"norole own index", "norole", "indices:data/read/search", "", "norole", "norole", true, "", false, ""},
		{"writer-bulk-mixed 1", "writer", bulkShard, index, "logs-a", "logs-a", true, "", false, ""},
		{"writer-bulk-mixed 2", "writer", bulkShard, index, "secret-1", "secret-1", false, bulkShard + "," + index, false, ""},
		{"writer-create-index", "writer", "indices:admin/create", "", "logs-w1", "", true, "", false, ""},
		{"writer-autocreate", "writer", "indices:admin/auto_create", "", "logs-w2", "", true, "", false, ""},
		{"writer-autoput", "writer", "indices:admin/mapping/auto_put", "", "", "logs-w2", true, "", false, ""},
		{"writer auto_create elsewhere", "writer", "indices:admin/auto_create", "", "x", "", false, "indices:admin/create", false, ""},
		{"writer create with aliases", "writer", "indices:admin/create", "indices:admin/aliases", "logs-w3", "", false, "indices:admin/aliases", false, ""},

		{"limited-search", "limited", "indices:data/read/search", "", security, security, false, "indices:data/read/search", false, ""},
		{"limited-get", "limited", "indices:data/read/get", "", security, security, false, "indices:data/read/get", false, ""},
		{"limited-put", "limited", index, "", security, security, false, "", true, ""},
		{"limited-delete-index", "limited", "indices:admin/delete", "", security, security, false, "", true, ""},
		{"root-search", "root1", "indices:data/read/search", "", security, security, true, "", false, security},
		{"root-get", "root1", "indices:data/read/get", "", security, security, true, "", false, security},
		{"root-put", "root1", index, "", security, security, false, "", true, ""},
		{"root-put via BulkRequest", "root1", "indices:data/write/bulk", "", "", "", true, "", false, ""},
		{"root-update", "root1", "indices:data/write/update", "", security, security, false, "", true, ""},
		{"root-delete-doc", "root1", "indices:data/write/delete", "", security, security, false, "", true, ""},
		{"root-delete-index", "root1", "indices:admin/delete", "", security, security, false, "", true, ""},
		{"root-mapping", "root1", "indices:admin/mapping/put", "", security, security, false, "", true, ""},
		{"root-settings", "root1", "indices:admin/settings/update", "", security, security, false, "", true, ""},
		{"root-close", "root1", "indices:admin/close", "", security, security, false, "", true, ""},
		{"root-bulk", "root1", bulkShard, index, security, security, false, "", true, ""},
		{"root-bulk 2", "root1", bulkShard, index, "logs-a", "logs-a", true, "", false, ""},
		{"root-search-star", "root1", "indices:data/read/search", "", "*", everything, true, "", false, security},
		{"root-search-all", "root1", "indices:data/read/search", "", "_all", everything, true, "", false, security},
		{"root-search-two", "root1", "indices:data/read/search", "", "logs-a," + security, "logs-a," + security, true, "", false, security},
		{"root-alias", "root1", "indices:admin/aliases", "", "", security, false, "", true, ""},
		{"root-reindex-from", "root1", "indices:data/write/reindex", "", "copy-sec", security, false, "", true, ""},
		{"admincert-search", "admincert", "indices:data/read/search", "", security, security, true, "", false, ""},
		{"admincert write", "admincert", index, "", security, security, true, "", false, ""},

		{"13a config-index-search", "root1", "indices:data/read/search", "", ".opendistro-alerting-config", ".opendistro-alerting-config", true, "", false, ".opendistro-alerting-config"},
		{"13a config-index-write", "root1", index, "", ".opendistro-alerting-config", ".opendistro-alerting-config", false, "", true, ""},
		{"13a limited monitor", "limited", "cluster:admin/opendistro/alerting/monitor/write", "", "", "", false, "cluster:admin/opendistro/alerting/monitor/write", false, ""},

		// Not recorded.
		{"delete everything", "root1", "indices:admin/delete", "", "*", "", false, "", true, ""},
		{"settings of everything", "root1", "indices:admin/settings/update", "", "_all", "logs-a", false, "", true, ""},
		{"a copy of the security index", "root1", "indices:admin/resize", "", security + ",copy", security, false, "", true, ""},
		{"the security index before it exists", "root1", "indices:admin/auto_create", "", security, "", false, "", true, ""},
		{"create behind a harmless action", "root1", "indices:admin/rollover", "indices:admin/aliases", security, "", false, "", true, ""},
		{"restore of everything", "root1", "cluster:admin/snapshot/restore", "", "", "", false, "", true, ""},
		{"no names and none found", "limited", "indices:data/read/search", "", "", "", false, "indices:data/read/search", false, ""},
		{"no names and none found, all", "root1", "indices:data/read/search", "", "", "", true, "", false, ""},
		{"wildcard without a match, permitted", "limited", "indices:data/read/search", "", "logs-x*", "", true, "", false, ""},
		{"wildcard without a match, not permitted", "norole", "indices:data/read/search", "", "x*", "", true, "", false, ""},
		{"all of it excluded", "norole", "indices:data/read/search", "", "x*,-x1", "", true, "", false, ""},
		{"a name beside a wildcard without a match", "norole", "indices:data/read/search", "", "x*,y", "y", false, "indices:data/read/search", false, ""},
		{"deletes of nothing", "norole", "indices:admin/delete", "", "x*", "", true, "", false, ""},
		{"a new name with a wildcard", "norole", "indices:admin/create", "", "x*", "", false, "indices:admin/create", false, ""},
		{"another cluster", "norole", "indices:data/read/search", "", "other:x*", "", false, "indices:data/read/search", false, ""},
		{"search shards without search", "writer", "indices:admin/shards/search_shards", "", "logs-a", "logs-a", false, "indices:admin/shards/search_shards", false, ""},
	}
	e := world(t)
	for _, r := range rows {
		t.Run(r.step, func(t *testing.T) {
			p := caller(r.user)
			var also []rest.ActionName
			for _, a := range list(r.also) {
				also = append(also, rest.ActionName(a))
			}
			got := e.Evaluate(p, e.Roles(p, netip.Addr{}), Request{Action: r.action, Also: also, Expressions: list(r.expr), Resolved: list(r.resolved)})
			want := Decision{Allowed: r.want, Attempt: r.attempt, Hide: list(r.hide)}
			for _, m := range list(r.missing) {
				want.Missing = append(want.Missing, rest.ActionName(m))
			}
			if !r.want {
				want.Reason = fmt.Sprintf("no permissions for [%s] and User [name=%s, backend_roles=[], requestedTenant=null]",
					strings.ReplaceAll(r.missing, ",", ", "), r.user)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("decision (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRolesAreMappedInTheOrderThatIsPrinted(t *testing.T) {
	e := world(t)
	for user, want := range map[string]string{
		"root1": "own_index,all_access", "limited": "own_index,sc_limited", "norole": "own_index", "admincert": "",
	} {
		if got := strings.Join(e.Roles(caller(user), netip.Addr{}), ","); got != want {
			t.Errorf("%s has the roles %s, want %s", user, got, want)
		}
	}
}

func TestRoleMappings(t *testing.T) {
	e, err := New(Config{Mappings: map[string]RoleMapping{
		"by_name":     {Users: []string{"alice"}},
		"by_glob":     {Users: []string{"al*"}},
		"by_regexp":   {Users: []string{"/a[l]ice/"}},
		"by_backend":  {BackendRoles: []string{"ops", "dev"}},
		"by_backends": {BackendRoles: []string{"o?s"}},
		"by_both":     {AndBackendRoles: []string{"ops", "night-*"}},
		"by_host":     {Hosts: []string{"192.0.2.*"}},
		"by_address":  {Hosts: []string{"2001:db8::1"}},
		"nobody":      {Users: []string{"", "bob"}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		p      authn.Principal
		remote string
		want   []string
	}{
		"name":            {authn.Principal{Name: "alice"}, "", []string{"by_glob", "by_name", "by_regexp"}},
		"other":           {authn.Principal{Name: "eve"}, "", nil},
		"case counts":     {authn.Principal{Name: "Alice"}, "", nil},
		"backend":         {authn.Principal{Name: "eve", BackendRoles: []string{"ops"}}, "", []string{"by_backend", "by_backends"}},
		"both":            {authn.Principal{Name: "eve", BackendRoles: []string{"night-2", "ops"}}, "", []string{"by_backend", "by_backends", "by_both"}},
		"one of both":     {authn.Principal{Name: "eve", BackendRoles: []string{"night-2"}}, "", nil},
		"host":            {authn.Principal{Name: "eve"}, "192.0.2.7", []string{"by_host"}},
		"mapped IPv4":     {authn.Principal{Name: "eve"}, "::ffff:192.0.2.7", []string{"by_host"}},
		"address":         {authn.Principal{Name: "eve"}, "2001:db8::1", []string{"by_address"}},
		"twice is once":   {authn.Principal{Name: "bob", SecurityRoles: []string{"nobody", "nobody"}}, "", []string{"nobody"}},
		"administrator":   {authn.Principal{Name: "alice", IsAdmin: true}, "192.0.2.7", nil},
		"roles unmapped":  {authn.Principal{Name: "eve", SecurityRoles: []string{"direct"}}, "", []string{"direct"}},
		"empty name":      {authn.Principal{}, "", nil},
		"invalid address": {authn.Principal{Name: "eve"}, "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			var remote netip.Addr
			if c.remote != "" {
				remote = netip.MustParseAddr(c.remote)
			}
			got := slices.Sorted(slices.Values(e.Roles(&c.p, remote)))
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("roles (-want +got):\n%s", diff)
			}
		})
	}
}

func TestActionGroupsExpandToAnyDepthAndCyclesEnd(t *testing.T) {
	e, err := New(Config{
		Roles: map[string]Role{"r": {
			ClusterPermissions: []string{"a"},
			IndexPermissions:   []IndexPermission{{IndexPatterns: []string{"x"}, AllowedActions: []string{"data_access"}}},
		}},
		ActionGroups: map[string]ActionGroup{
			"a":    {AllowedActions: []string{"b"}},
			"b":    {AllowedActions: []string{"a", "cluster:monitor/health"}},
			"read": {AllowedActions: []string{"*"}}, // static groups cannot be replaced
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	p := &authn.Principal{Name: "u", SecurityRoles: []string{"r"}}
	roles := e.Roles(p, netip.Addr{})
	for action, want := range map[rest.ActionName]bool{
		"cluster:monitor/health": true, "cluster:monitor/state": false, "indices:data/read/search": true,
		"indices:data/write/index": true, "indices:admin/mapping/put": true, "indices:admin/delete": false,
	} {
		if got := e.Evaluate(p, roles, Request{Action: action, Resolved: []string{"x"}}); got.Allowed != want {
			t.Errorf("%s allowed %v, want %v", action, got.Allowed, want)
		}
	}
}

func TestPermissionsOfSeveralRolesAddUp(t *testing.T) {
	e, err := New(Config{Roles: map[string]Role{
		"a": {IndexPermissions: []IndexPermission{{IndexPatterns: []string{"a*"}, AllowedActions: []string{"indices:data/write/bulk*"}}}},
		"b": {IndexPermissions: []IndexPermission{{IndexPatterns: []string{"*b"}, AllowedActions: []string{"indices:data/write/index"}}}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	p := &authn.Principal{Name: "u"}
	for _, c := range []struct {
		index   string
		roles   string
		missing string
	}{
		{"ab", "a,b", ""},
		{"ab", "b", "indices:data/write/bulk[s]"},
		{"a", "a,b", "indices:data/write/index"},
		{"c", "a,b", "indices:data/write/bulk[s],indices:data/write/index"},
		{"ab", "unknown", "indices:data/write/bulk[s],indices:data/write/index"},
	} {
		got := e.Evaluate(p, list(c.roles), Request{
			Action: "indices:data/write/bulk[s]", Also: []rest.ActionName{"indices:data/write/index"}, Resolved: []string{c.index},
		})
		var missing []string
		for _, m := range got.Missing {
			missing = append(missing, string(m))
		}
		if strings.Join(missing, ",") != c.missing || got.Allowed != (c.missing == "") {
			t.Errorf("%s with %s: allowed %v, missing %v; want %s", c.index, c.roles, got.Allowed, missing, c.missing)
		}
	}
}

func TestAttributesArePutInLiterally(t *testing.T) {
	e, err := New(Config{Roles: map[string]Role{"r": {IndexPermissions: []IndexPermission{{
		IndexPatterns:  []string{"${user.name}", "of-${user_name}-*", "dept-${attr.internal.dept}", "/x${attr_internal_dept}[0-9]+/", "${attr.none}*"},
		AllowedActions: []string{"*"},
	}}}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		user, dept, index string
		want              bool
	}{
		{"alice", "ops", "alice", true},
		{"alice", "ops", "bob", false},
		{"alice", "ops", "of-alice-1", true},
		{"alice", "ops", "of-bob-1", false},
		{"alice", "ops", "dept-ops", true},
		{"alice", "", "dept-", false},
		{"alice", "ops", "xops12", true},
		{"alice", "ops", "xops", false},
		{"*", "*", "secret", false},
		{"*", "*", "*", true},
		{"?", ".*", "dept-x", false},
		{"alice", ".*", "xsecret1", false},
		{"alice", ".*", "x.*1", true},
		{"", "", "", false},
		{"\x00", "x", "secret", false},
		{"\x00", "\x00", "of-x-1", false},
	} {
		p := &authn.Principal{Name: c.user, SecurityRoles: []string{"r"}, Attributes: map[string]string{"attr.internal.dept": c.dept}}
		got := e.Evaluate(p, []string{"r"}, Request{Action: "indices:data/read/get", Resolved: []string{c.index}})
		if got.Allowed != c.want {
			t.Errorf("user %q of %q on %q: allowed %v, want %v", c.user, c.dept, c.index, got.Allowed, c.want)
		}
	}
}

func TestPermissionOnAnAliasHoldsForItsIndices(t *testing.T) {
	e, err := New(Config{Roles: map[string]Role{"r": {IndexPermissions: []IndexPermission{{
		IndexPatterns: []string{"current-*"}, AllowedActions: []string{"read"},
	}}}}})
	if err != nil {
		t.Fatal(err)
	}
	aliases := func(index string) []string { return map[string][]string{"logs-1": {"x", "current-logs"}}[index] }
	p := &authn.Principal{Name: "u"}
	for index, want := range map[string]bool{"logs-1": true, "logs-2": false, "current-x": true} {
		got := e.Evaluate(p, []string{"r"}, Request{Action: "indices:data/read/get", Resolved: []string{index}, Aliases: aliases})
		if got.Allowed != want {
			t.Errorf("%s: allowed %v, want %v", index, got.Allowed, want)
		}
	}
}

func TestWhatCannotBeUnderstoodGrantsNothing(t *testing.T) {
	all := []string{"*"}
	e, err := New(Config{
		Roles: map[string]Role{
			"dls":     {IndexPermissions: []IndexPermission{{IndexPatterns: all, AllowedActions: all, DLS: `{"match_all":{}}`}}},
			"fls":     {IndexPermissions: []IndexPermission{{IndexPatterns: all, AllowedActions: all, FLS: []string{"a"}}}},
			"masked":  {IndexPermissions: []IndexPermission{{IndexPatterns: all, AllowedActions: all, MaskedFields: []string{"a"}}}},
			"regexp":  {IndexPermissions: []IndexPermission{{IndexPatterns: []string{"/(?!x).*/"}, AllowedActions: all}}},
			"action":  {IndexPermissions: []IndexPermission{{IndexPatterns: all, AllowedActions: []string{"/(/"}}}},
			"unended": {IndexPermissions: []IndexPermission{{IndexPatterns: []string{"${user.name"}, AllowedActions: all}}},
			"control": {IndexPermissions: []IndexPermission{{IndexPatterns: []string{"a\x00"}, AllowedActions: all}}},
		},
		Mappings: map[string]RoleMapping{"all_access": {Users: []string{"/(/"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := len(e.Problems()); got != 8 {
		t.Errorf("%d problems, want 8: %v", got, e.Problems())
	}
	p := &authn.Principal{Name: "u", SecurityRoles: []string{"dls", "fls", "masked", "regexp", "action", "unended", "control"}}
	got := e.Evaluate(p, e.Roles(p, netip.Addr{}), Request{Action: "indices:data/read/get", Resolved: []string{"ab"}})
	if got.Allowed {
		t.Error("allowed")
	}
}

func TestNewRefusesBadSystemIndices(t *testing.T) {
	if _, err := New(Config{SystemIndices: []string{"/(/"}}); err == nil || !strings.Contains(err.Error(), "/(/") {
		t.Errorf("error %v does not name the pattern", err)
	}
}

func TestRESTAdminSaysWhyNot(t *testing.T) {
	const (
		noTLS    = "No ssl info found in request."
		noCert   = "No client TLS certificate found in request"
		limited  = "User limited with Security roles [own_index, sc_limited]"
		disabled = "User root1 with Security roles [own_index, all_access] does not have any access to endpoint AUDIT and method PUT. "
	)
	encrypted := &tls.ConnectionState{}
	stranger := &tls.ConnectionState{PeerCertificates: []*x509.Certificate{{RawSubject: []byte{0x30, 0}}}}
	e := world(t)
	closed, err := New(Config{
		Mappings: map[string]RoleMapping{"own_index": {Users: []string{"*"}}}, RESTAdminRoles: []string{},
	})
	if err != nil {
		t.Fatal(err)
	}
	partly, err := New(Config{
		Mappings:     map[string]RoleMapping{"own_index": {Users: []string{"*"}}},
		RESTDisabled: map[string]map[string][]string{"all_access": {"AUDIT": {"PUT"}}, "global": {"CACHE": {"DELETE"}, "TENANTS": {"*"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		e                      *Evaluator
		user, endpoint, method string
		tls                    *tls.ConnectionState
		want                   string
	}{
		{e, "root1", "AUDIT", "GET", encrypted, ""},
		{e, "admincert", "AUDIT", "GET", encrypted, ""},
		{e, "limited", "AUDIT", "GET", encrypted, limited + " does not have any role privileged for admin access. " + noCert},
		{e, "limited", "AUDIT", "GET", nil, limited + " does not have any role privileged for admin access. " + noTLS},
		{e, "norole", "ROLES", "GET", encrypted, "User norole with Security roles [own_index] does not have any role privileged for admin access. " + noCert},
		{e, "limited", "ROLES", "GET", stranger, limited + " does not have any role privileged for admin access. Security admin permissions required but  is not an admin"},
		{e, "limited", "ACCOUNT", "PUT", encrypted, ""},
		{closed, "root1", "AUDIT", "GET", nil, "Role based access not enabled. " + noTLS},
		{closed, "admincert", "AUDIT", "GET", encrypted, ""},
		{partly, "root1", "AUDIT", "PUT", encrypted, disabled + noCert},
		{partly, "root1", "AUDIT", "GET", encrypted, ""},
		{partly, "root1", "TENANTS", "PUT", nil, strings.Replace(disabled, "AUDIT and method PUT", "TENANTS and method PUT", 1) + noTLS},
		{partly, "root1", "CACHE", "DELETE", nil, strings.Replace(disabled, "AUDIT and method PUT", "CACHE and method DELETE", 1) + noTLS},
	} {
		p := caller(c.user)
		ok, got := c.e.RESTAdmin(p, c.e.Roles(p, netip.Addr{}), c.endpoint, c.method, c.tls)
		if got != c.want || ok != (c.want == "") {
			t.Errorf("%s %s by %s: %v, %s; want %s", c.method, c.endpoint, c.user, ok, got, c.want)
		}
	}
}

func TestTenants(t *testing.T) {
	e := world(t)
	for user, want := range map[string]map[string]bool{
		"root1":   {"root1": true, "global_tenant": true, "admin_tenant": true},
		"limited": {"limited": true},
	} {
		p := caller(user)
		if diff := cmp.Diff(want, e.Tenants(p, e.Roles(p, netip.Addr{}))); diff != "" {
			t.Errorf("tenants of %s (-want +got):\n%s", user, diff)
		}
	}
}

func TestUserTextListsWhatEventsPrint(t *testing.T) {
	p := &authn.Principal{Name: "u", BackendRoles: []string{"b", "a"}, RequestedTenant: "t"}
	if got, want := UserText(p), "User [name=u, backend_roles=[a, b], requestedTenant=t]"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestEvaluatorForgetsRatherThanGrows(t *testing.T) {
	e := world(t)
	for i := range 2*maxRoleSets + 10 {
		e.set([]string{strconv.Itoa(i)})
	}
	if got := len(*e.sets.Load()); got > maxRoleSets {
		t.Errorf("%d role sets remembered, want at most %d", got, maxRoleSets)
	}
}

func BenchmarkEvaluate(b *testing.B) {
	e := world(b)
	p := caller("limited")
	r := Request{Action: "indices:data/read/search", Expressions: []string{"logs-a"}, Resolved: []string{"logs-a"}}
	b.ReportAllocs()
	for b.Loop() {
		if d := e.Evaluate(p, e.Roles(p, netip.Addr{}), r); !d.Allowed {
			b.Fatal(d.Reason)
		}
	}
}

func TestNamesOfSystemIndicesCannotBeTaken(t *testing.T) {
	e, err := New(Config{
		SystemIndices: []string{".opendistro_security", ".opendistro-alerting-*", ".vigil-*", ".tasks"},
		GuardedNames:  []string{"security-auditlog-*"},
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{
		".opendistro_security": true, ".vigil-x": true, ".tasks": true, "security-auditlog-2026.11.22": true,
		".v*": true, "*": false, "*-config": true, "s*": true, "sec*2026*": true, "*_security": true, ".task*": true, "**": true,
		"logs": false, "logs-*": false, "l*s": false, ".tasks2": false, ".opendistro_security*x": false, "security-auditlog": false,
	} {
		d := e.Evaluate(caller("root1"), []string{"all_access"}, Request{
			Action: "indices:admin/aliases", Expressions: []string{"mine"}, Resolved: []string{"mine"}, Names: []string{"ok", name},
		})
		if d.Attempt != want || d.Allowed == want {
			t.Errorf("%s: got %+v, want an attempt: %t", name, d, want)
		}
		if d := e.Evaluate(caller("admincert"), nil, Request{Action: "indices:admin/aliases", Names: []string{name}}); !d.Allowed {
			t.Errorf("%s is refused to the administrator", name)
		}
	}
}
