package compat

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"vigil/app/apptest"
	"vigil/config"
)

const api = "/_plugins/_security/api"

// defaultConfig is the audit configuration that scenarios change.
const defaultConfig = `{"enabled":true,"audit":{"ignore_users":["kibanaserver"],"ignore_requests":[],"ignore_headers":[],"ignore_url_params":[],
"disabled_rest_categories":["AUTHENTICATED","GRANTED_PRIVILEGES"],"disabled_transport_categories":["AUTHENTICATED","GRANTED_PRIVILEGES"],
"log_request_body":true,"resolve_indices":true,"resolve_bulk_requests":false,"exclude_sensitive_headers":true,"enable_transport":true,"enable_rest":true},
"compliance":{"enabled":true,"write_log_diffs":false,"read_watched_fields":{},"read_ignore_users":["kibanaserver"],"write_watched_indices":[],
"write_ignore_users":["kibanaserver"],"read_metadata_only":true,"write_metadata_only":true,"external_config":false,"internal_config":true}}`

// user is somebody of the fixed world.
type user struct {
	password string
	roles    []string
}

var users = map[string]user{
	"root1":   {"Zq7#maple-River1", []string{"all_access"}},
	"limited": {"Zq7#amber-Stone2", []string{"sc_limited"}},
	"writer":  {"Zq7#cedar-Cloud3", []string{"sc_writer"}},
	"norole":  {"Zq7#olive-Field4", []string{}},
}

const noReplica = `"settings":{"number_of_shards":1,"number_of_replicas":0}`

// world is what every scenario finds, made while auditing is off.
var world = []request{
	{Method: "PUT", Path: api + "/roles/sc_limited", Body: json.RawMessage(
		`{"cluster_permissions":["cluster_composite_ops_ro"],"index_permissions":[{"index_patterns":["logs-*"],"allowed_actions":["read"]}]}`)},
	{Method: "PUT", Path: api + "/roles/sc_writer", Body: json.RawMessage(
		`{"cluster_permissions":["cluster_composite_ops"],"index_permissions":[{"index_patterns":["logs-*"],"allowed_actions":["crud","create_index"]}]}`)},
	{Method: "PUT", Path: api + "/rolesmapping/own_index", Body: json.RawMessage(`{"users":["*"]}`)},
	{Method: "PUT", Path: "/logs-a", Body: json.RawMessage(`{` + noReplica +
		`,"mappings":{"properties":{"msg":{"type":"text"},"n":{"type":"integer"},"@timestamp":{"type":"date"}}}}`)},
	{Method: "PUT", Path: "/logs-b", Body: json.RawMessage(`{` + noReplica + `}`)},
	{Method: "PUT", Path: "/secret-1", Body: json.RawMessage(`{` + noReplica + `}`)},
	{Method: "PUT", Path: "/logs-a/_doc/1", Body: json.RawMessage(`{"msg":"one","n":1}`)},
	{Method: "PUT", Path: "/logs-a/_doc/2", Body: json.RawMessage(`{"msg":"two","n":2}`)},
	{Method: "PUT", Path: "/logs-a/_doc/3", Body: json.RawMessage(`{"msg":"three","n":3}`)},
	{Method: "PUT", Path: "/logs-b/_doc/1", Body: json.RawMessage(`{"msg":"bee","n":10}`)},
	{Method: "PUT", Path: "/secret-1/_doc/1", Body: json.RawMessage(`{"msg":"hidden"}`)},
	{Method: "POST", Path: "/_aliases", Body: json.RawMessage(
		`{"actions":[{"add":{"index":"logs-a","alias":"logs-alias"}},{"add":{"index":"logs-b","alias":"logs-alias"}}]}`)},
	{Method: "POST", Path: "/logs-a,logs-b,secret-1/_refresh"},
}

// replayer runs scenarios against a program of its own.
type replayer struct {
	t       *testing.T
	client  *client
	markers int
}

// newReplayer starts a program that is set up as the recorded node was. Its audit index is there.
func newReplayer(t *testing.T) *replayer {
	t.Helper()
	certs := apptest.NewTLS(t)
	s := apptest.Start(t, func(c *config.Config) {
		certs.Apply(c)
		c.ClusterName = "peer"
		c.Compliance.ReadDerived = false // what only we record is declared in docs/compat.md
		c.Security.RESTRoles = []string{"all_access", "security_rest_api_access"}
	})
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	p := &replayer{t: t, client: &client{address: u.Host, tls: certs}}
	p.mark()
	return p
}

// admin sends a request as the administrator's certificate.
func (p *replayer) admin(r request) reply {
	p.t.Helper()
	a, err := p.client.send(p.t.Context(), &r, &p.client.tls.Admin, "", "")
	if err != nil {
		p.t.Fatalf("%s %s: %v", r.Method, r.Path, err)
	}
	return a
}

// configure puts an audit configuration in force.
func (p *replayer) configure(change json.RawMessage) {
	p.t.Helper()
	base, err := decode(defaultConfig)
	if err != nil {
		p.t.Fatal(err)
	}
	var over any = object{}
	if change != nil {
		if over, err = decode(string(change)); err != nil {
			p.t.Fatal(err)
		}
	}
	body := dump(merge(base, over))
	if a := p.admin(request{Method: "PUT", Path: api + "/audit/config", Body: json.RawMessage(body)}); a.status >= 300 {
		p.t.Fatalf("audit configuration %s: %d %s", body, a.status, a.body)
	}
}

// merge lays one object over another, member by member; watched fields are replaced as a whole.
func merge(base, over any) any {
	b, ok := base.(object)
	o, also := over.(object)
	if !ok || !also {
		return over
	}
	out := maps.Clone(b)
	for k, v := range o {
		if old, ok := b[k]; ok && k != "read_watched_fields" {
			v = merge(old, v)
		}
		out[k] = v
	}
	return out
}

// build makes the fixed world and what the scenario adds to it.
func (p *replayer) build(sc scenario) {
	p.t.Helper()
	p.configure(json.RawMessage(`{"enabled":false}`))
	setup := slices.Clone(world)
	for _, name := range slices.Sorted(maps.Keys(users)) {
		u := users[name]
		setup = append(setup, request{Method: "PUT", Path: api + "/internalusers/" + name, Body: json.RawMessage(dump(object{
			"hash": apptest.Hash(p.t, u.password), "opendistro_security_roles": anys(u.roles),
		}))})
	}
	for _, r := range slices.Concat(setup, sc.Setup) {
		if a := p.admin(r); a.status >= 400 && !r.MayFail {
			p.t.Logf("setup: %s %s: %d %s", r.Method, r.Path, a.status, clip(a.body, 200))
		}
	}
}

// replay runs one scenario.
func (p *replayer) replay(name string) *run {
	p.t.Helper()
	sc := readScenario(p.t, name)
	p.build(sc)
	p.configure(sc.Config)
	p.pause(0)
	_, port, err := net.SplitHostPort(p.client.address)
	if err != nil {
		p.t.Fatal(err)
	}
	r := &run{Scenario: name, Saved: map[string]string{}}
	if r.Port, err = strconv.Atoi(port); err != nil {
		p.t.Fatal(err)
	}
	for _, raw := range sc.Steps {
		q := readStep(p.t, raw, r.Saved)
		if q.SetConfig != nil {
			p.pause(0) // else its own event, stamped to the millisecond, would be the step's before
			p.configure(q.SetConfig)
			p.pause(0)
			continue
		}
		s := &step{ID: q.ID, Request: q.told(), Response: object{}, Raw: []event{}, began: time.Now()}
		p.do(&q, s, r.Saved)
		p.pause(settle(&q))
		s.ended = time.Now()
		r.Steps = append(r.Steps, s)
	}
	p.pause(0)
	p.attribute(r.Steps)
	r.normalize()
	return r
}

// quiet is the least pause after a step: events are stamped to the millisecond.
const quiet = 5 * time.Millisecond

// settle is a step's quiet time. The program is done when it answers, so a tenth of what a node needs is enough.
func settle(q *request) time.Duration {
	if q.Settle == nil {
		return 0
	}
	return time.Duration(*q.Settle * float64(time.Second) / 10)
}

func (p *replayer) pause(d time.Duration) {
	select {
	case <-time.After(max(d, quiet)):
	case <-p.t.Context().Done():
	}
}

// do sends one step and notes what came back.
func (p *replayer) do(q *request, s *step, env map[string]string) {
	if q.Raw != nil {
		got, err := p.client.raw(p.t.Context(), *q.Raw, q.RawTLS)
		if err != nil {
			s.Response["error"] = err.Error()
		}
		s.Response["raw_received_len"] = len(got)
		return
	}
	var cert *tls.Certificate
	var name, password string
	switch q.User {
	case "@admin-cert":
		cert = &p.client.tls.Admin
	case "@client-cert":
		cert = &p.client.tls.Client
	default:
		name, password = q.User, "wrong"
		if u, ok := users[name]; ok {
			password = u.password
		}
		if q.Password != nil {
			password = *q.Password
		}
	}
	a, err := p.client.send(p.t.Context(), q, cert, name, password)
	if err != nil {
		s.Response["error"] = err.Error()
		return
	}
	save(q, a.body, env)
	s.Response["status"] = a.status
	s.Response["body"] = a.body
	if n := len([]rune(a.body)); n >= 6000 {
		s.Response["body"] = clip(a.body, 6000) + fmt.Sprintf("...(%d)", n)
	}
}

// save keeps values of an answer for later steps.
func save(q *request, body string, env map[string]string) {
	for name, path := range q.Save {
		v, err := decode(body)
		if err != nil {
			return
		}
		for part := range strings.SplitSeq(path, ".") {
			switch o := v.(type) {
			case object:
				v = o[part]
			case []any:
				i, err := strconv.Atoi(part)
				if err != nil || i >= len(o) {
					return
				}
				v = o[i]
			}
		}
		switch v := v.(type) {
		case string:
			env[name] = v
		case json.Number:
			env[name] = string(v)
		}
	}
}

// mark waits until everything that has been recorded is in the audit index: it makes an event that every configuration of
// defaultConfig keeps, and events are delivered in their order.
func (p *replayer) mark() {
	p.t.Helper()
	p.configure(nil)
	p.markers++
	path := fmt.Sprintf("/marker-%d", p.markers)
	if _, err := p.client.send(p.t.Context(), &request{Method: "GET", Path: path}, nil, "nobody", "x"); err != nil {
		p.t.Fatal(err)
	}
	p.wait(1, `{"term":{"audit_rest_request_path.keyword":"`+path+`"}}`)
}

// wait waits until so many events match a query.
func (p *replayer) wait(n int, query string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), limit)
	defer cancel()
	tick := time.NewTicker(quiet)
	defer tick.Stop()
	for len(p.search(query)) < n {
		select {
		case <-ctx.Done():
			p.t.Fatal("events are not delivered")
		case <-tick.C:
		}
	}
}

// search returns the events that match a query, in the order of their times.
func (p *replayer) search(query string) []event {
	p.t.Helper()
	a := p.admin(request{
		Method: "POST", Path: "/security-auditlog-*/_search?ignore_unavailable=true&allow_no_indices=true",
		Body: json.RawMessage(`{"size":5000,"sort":[{"@timestamp":"asc"}],"query":` + query + `}`),
	})
	v, err := decode(a.body)
	if err != nil || a.status != 200 {
		p.t.Fatalf("search for events: %d %s", a.status, a.body)
	}
	hits, _ := v.(object)["hits"].(object)
	var out []event
	for _, h := range list(hits["hits"]) {
		source, _ := h.(object)["_source"].(event)
		out = append(out, source)
	}
	return out
}

// slack is what a time loses when it is cut to the millisecond.
const slack = 1100 * time.Microsecond

// attribute gives every event to the last step that had begun at its time.
func (p *replayer) attribute(steps []*step) {
	p.t.Helper()
	p.mark()
	for _, e := range p.search(`{"match_all":{}}`) {
		at, err := time.Parse("2006-01-02T15:04:05.999999999Z07:00", text(e, "@timestamp"))
		if err != nil {
			p.t.Errorf("event at %q: %v", e["@timestamp"], err)
			continue
		}
		for _, s := range slices.Backward(steps) {
			if s.began.Add(-slack).After(at) {
				continue
			}
			if at.Before(s.ended) {
				s.Raw = append(s.Raw, shortened(e))
			}
			break
		}
	}
}
