package audit

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func newPolicy(t testing.TB, change func(*Config)) *Policy {
	t.Helper()
	c := DefaultConfig()
	if change != nil {
		change(&c)
	}
	p, err := NewPolicy(c, Indices{
		Audit:  func(index string) bool { return index == "security-auditlog-2026.11.21" },
		Config: func(index string) bool { return index == ".opendistro_security" },
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func restEvent(c Category, user, path string) *Event {
	return &Event{Category: c, Layer: LayerREST, Origin: OriginREST, EffectiveUser: user, REST: &REST{Method: "GET", Path: path}}
}

func transportEvent(c Category, user, action, request string) *Event {
	return &Event{
		Category: c, Layer: LayerTransport, Origin: OriginREST, EffectiveUser: user, Privilege: action, RequestType: request,
	}
}

func docEvent(c Category, user, index string) *Event {
	return &Event{Category: c, Origin: OriginREST, EffectiveUser: user, Indices: []string{index}, Resolved: []string{index}}
}

func TestFilterChain(t *testing.T) {
	const search = "indices:data/read/search"
	login := restEvent(FailedLogin, "bob", "/accounts/_search")
	missing := transportEvent(MissingPrivileges, "bob", search, "SearchRequest")
	read, write := docEvent(DocRead, "bob", "accounts"), docEvent(DocWrite, "bob", "accounts")
	confRead, confWrite := docEvent(InternalConfigRead, "bob", ".opendistro_security"), docEvent(InternalConfigWrite, "bob", ".opendistro_security")
	external := &Event{Category: ExternalConfig}
	watch := func(c *Config) {
		c.Compliance.ReadWatchedFields = map[string][]string{"acc*": {"ssn"}}
		c.Compliance.WriteWatchedIndices = []string{"acc*"}
	}
	with := func(changes ...func(*Config)) func(*Config) {
		return func(c *Config) {
			for _, change := range changes {
				change(c)
			}
		}
	}
	ignore := func(users ...string) func(*Config) { return func(c *Config) { c.Audit.IgnoreUsers = users } }
	requests := func(list ...string) func(*Config) { return func(c *Config) { c.Audit.IgnoreRequests = list } }
	f := func(name string, change func(*Config), e *Event, want bool) {
		t.Helper()
		if got := newPolicy(t, change).Keep(e); got != want {
			t.Errorf("%s: kept %t, want %t", name, got, want)
		}
	}

	f("defaults keep a failed login", nil, login, true)
	f("master switch, REST", func(c *Config) { c.Enabled = false }, login, false)
	f("master switch, transport", func(c *Config) { c.Enabled = false }, missing, false)
	f("master switch, compliance", with(watch, func(c *Config) { c.Enabled = false }), write, false)
	f("gaps are always told", func(c *Config) { c.Enabled = false }, &Event{Category: Gap}, true)

	f("REST layer off", func(c *Config) { c.Audit.EnableREST = false }, login, false)
	f("REST layer off keeps transport", func(c *Config) { c.Audit.EnableREST = false }, missing, true)
	f("transport layer off", func(c *Config) { c.Audit.EnableTransport = false }, missing, false)
	f("transport layer off keeps REST", func(c *Config) { c.Audit.EnableTransport = false }, login, true)
	f("compliance off", with(watch, func(c *Config) { c.Compliance.Enabled = false }), write, false)
	f("layers off keep compliance", with(watch, func(c *Config) { c.Audit.EnableREST, c.Audit.EnableTransport = false, false }), write, true)

	f("internal actions", nil, transportEvent(MissingPrivileges, "bob", "internal:index/shard", "X"), false)
	local := *write
	local.Origin, local.EffectiveUser = OriginLocal, ""
	f("nobody's local write", watch, &local, false)

	f("ignored attempted login", nil, restEvent(FailedLogin, "kibanaserver", "/"), false)
	f("ignored user, transport", ignore("bo?"), missing, false)
	f("unknown user is not ignored by a name", ignore("bob"), restEvent(BadHeaders, "", "/"), true)
	f("unknown user is not ignored by a glob", ignore("b*"), restEvent(BadHeaders, "", "/"), true)
	f("unknown user is ignored by everything", ignore("*"), restEvent(BadHeaders, "", "/"), false)
	f("ignored users keep compliance", with(watch, ignore("bob")), write, true)
	f("ignored reader", with(watch, func(c *Config) { c.Compliance.ReadIgnoreUsers = []string{"bob"} }), read, false)
	f("ignored reader writes", with(watch, func(c *Config) { c.Compliance.ReadIgnoreUsers = []string{"bob"} }), write, true)
	f("ignored writer", with(watch, func(c *Config) { c.Compliance.WriteIgnoreUsers = []string{"bob"} }), write, false)
	f("ignored reader of configuration", func(c *Config) { c.Compliance.ReadIgnoreUsers = []string{"*"} }, confRead, false)
	f("ignored writer of configuration", func(c *Config) { c.Compliance.WriteIgnoreUsers = []string{"*"} }, confWrite, false)
	initiating := restEvent(FailedLogin, "bob", "/")
	initiating.InitiatingUser = "kibanaserver"
	f("the initiating user does not count", nil, initiating, true)

	f("ignored path", requests("/accounts/*"), login, false)
	f("a path in slashes is an expression", requests("/accounts/_search/"), login, true)
	f("an action does not ignore a path", requests(search), login, true)
	f("ignored action", requests("indices:data/read/*"), missing, false)
	f("ignored request class", requests("SearchRequest"), missing, false)
	f("a path does not ignore an action", requests("/accounts/*"), missing, true)
	f("no request cannot be ignored", requests("*"), &Event{Category: SSLException, Layer: LayerREST}, true)
	f("no transport request cannot be ignored", requests("*"), &Event{Category: SSLException, Layer: LayerTransport}, true)
	f("ignored requests keep compliance", with(watch, requests("*")), write, true)

	f("disabled REST category", nil, restEvent(Authenticated, "bob", "/"), false)
	f("disabled transport category", nil, transportEvent(GrantedPrivileges, "bob", search, "SearchRequest"), false)
	off := func(c *Config) { c.Audit.DisabledRESTCategories = []Category{MissingPrivileges} }
	f("a layer's list is its own", off, missing, true)
	f("a layer's list is its own, REST", off, restEvent(MissingPrivileges, "bob", "/"), false)

	f("index event", nil, transportEvent(IndexEvent, "bob", "indices:admin/create", "CreateIndexRequest"), true)
	f("index event of no index action", nil, transportEvent(IndexEvent, "bob", search, "SearchRequest"), false)
	attempt := transportEvent(SecurityIndexAttempt, "bob", "", "IndexRequest")
	attempt.Action = "indices:data/write/index"
	f("the action of an attempt counts", requests("indices:data/write/*"), attempt, false)

	f("watched read", watch, read, true)
	f("unwatched read", nil, read, false)
	f("watched write", watch, write, true)
	f("unwatched write", nil, write, false)
	f("audit index is not watched", func(c *Config) { c.Compliance.WriteWatchedIndices = []string{"*"} },
		docEvent(DocWrite, "bob", "security-auditlog-2026.11.21"), false)
	f("configuration, read", nil, confRead, true)
	f("configuration, write", nil, confWrite, true)
	noConf := func(c *Config) { c.Compliance.InternalConfig = false; c.Compliance.WriteWatchedIndices = []string{"*"} }
	f("configuration off", noConf, confWrite, false)
	f("deletes in the configuration's index follow internal_config", noConf, docEvent(DocWrite, "bob", ".opendistro_security"), false)
	f("deletes in the configuration's index", nil, docEvent(DocWrite, "bob", ".opendistro_security"), true)
	f("external configuration", func(c *Config) { c.Compliance.ExternalConfig = true }, external, true)
	f("external configuration off", nil, external, false)
}

func TestWatchedFieldsAreTheUnionOfAllMatchingPatterns(t *testing.T) {
	p := newPolicy(t, func(c *Config) {
		c.Compliance.ReadWatchedFields = map[string][]string{
			"accounts": {"ssn"}, "acc*": {"address.*"}, "other": {"x"}, "empty": {}, "/log-\\d+/": {"*"},
		}
	})
	got := map[string]bool{}
	w := p.WatchesRead("accounts", "bob")
	for _, name := range []string{"ssn", "ssn[0]", "person.ssn", "address.city", "x"} {
		got[name] = w.Match(name)
	}
	want := map[string]bool{"ssn": true, "ssn[0]": false, "person.ssn": false, "address.city": true, "x": false}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("watched fields differ (-want +got):\n%s", diff)
	}
	for _, index := range []string{"empty", "unwatched", "security-auditlog-2026.11.21", "log-a", ""} {
		if p.WatchesRead(index, "bob") != nil {
			t.Errorf("%q is watched, want not", index)
		}
	}
	if p.WatchesRead("accounts", "kibanaserver") != nil {
		t.Error("an ignored reader is watched")
	}
	if w := p.WatchesRead("log-7", "bob"); w == nil || !w.Match("anything") {
		t.Error("log-7 is not watched as a whole")
	}
	if w := p.WatchesRead(".opendistro_security", "bob"); w == nil || !w.Match("anything") {
		t.Error("the configuration is not watched as a whole")
	}
}

func TestHeadersShowNoCredentialsAndNothingIgnored(t *testing.T) {
	header := map[string][]string{"aUTHORIZATION": {"Basic x"}, "Cookie": {"a"}, "X-My": {"k"}, "Host": {"h"}}
	f := func(change func(*Config), want ...string) {
		t.Helper()
		got := newPolicy(t, change).Headers(header)
		names := map[string][]string{}
		for _, name := range want {
			names[name] = header[name]
		}
		if diff := cmp.Diff(names, got); diff != "" {
			t.Errorf("headers differ (-want +got):\n%s", diff)
		}
	}
	f(nil, "X-My", "Host")
	f(func(c *Config) { c.Audit.ExcludeSensitiveHeaders = false }, "aUTHORIZATION", "Cookie", "X-My", "Host")
	f(func(c *Config) { c.Audit.IgnoreHeaders = []string{"X-*", "host"} }, "Host")
	f(func(c *Config) { c.Audit.IgnoreHeaders = []string{"*"} })
	if len(header) != 4 {
		t.Error("the request's own headers were changed")
	}
}

func TestDiffsNeedFullDocuments(t *testing.T) {
	f := func(metadata, diffs, want bool) {
		t.Helper()
		p := newPolicy(t, func(c *Config) { c.Compliance.WriteMetadataOnly, c.Compliance.WriteLogDiffs = metadata, diffs })
		if p.WriteDiffs() != want {
			t.Errorf("metadata only %t, diffs %t: got %t, want %t", metadata, diffs, !want, want)
		}
	}
	f(true, true, false)
	f(false, true, true)
	f(false, false, false)
}

func TestRedaction(t *testing.T) {
	const bcrypt = "$2y$12$abcdefghijklmnopqrstuuWXYZ0123456789./ABCDEFGHIJKLMNO"
	if len(bcrypt) != 60 {
		t.Fatalf("sample has %d bytes", len(bcrypt))
	}
	if got, want := RedactHashes(`{"a":{"hash":"`+bcrypt+`"},"b":"$1$100$c2FsdA==$aGFzaA"}`), `{"a":{"hash":"__HASH__"},"b":"__HASH__"}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	f := func(path, body, want string) {
		t.Helper()
		if got := RedactBody(path, body); got != want {
			t.Errorf("%s %s: got %s, want %s", path, body, got, want)
		}
	}
	f("/_plugins/_security/api/internalusers/bob", `{"password":"x"}`, "__SENSITIVE__")
	f("/_opendistro/_security/api/account", `[{"value":{"password":"x"}}]`, "__SENSITIVE__")
	f("/_plugins/_security/api/internalusers/bob", `{"hash":"x"}`, `{"hash":"x"}`)
	f("/_plugins/_security/api/roles/password", `{"password":"x"}`, `{"password":"x"}`)
	f("/accounts/_doc/1", `{"password":"x"}`, `{"password":"x"}`)
}

func BenchmarkKeep(b *testing.B) {
	p := newPolicy(b, func(c *Config) {
		c.Audit.IgnoreUsers = []string{"kibanaserver", "svc-*"}
		c.Audit.IgnoreRequests = []string{"/_cat/*", "indices:monitor/*"}
	})
	login := restEvent(FailedLogin, "bob", "/accounts/_search")
	granted := transportEvent(GrantedPrivileges, "bob", "indices:data/read/search", "SearchRequest")
	b.ReportAllocs()
	for b.Loop() {
		if !p.Keep(login) || p.Keep(granted) {
			b.Fatal("kept the wrong events")
		}
	}
}
