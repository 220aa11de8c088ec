package app_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"vigil/api/security"
	"vigil/app/apptest"
	"vigil/cluster"
	"vigil/config"
	"vigil/engine"
)

// shared returns what makes a configuration that of a gateway that keeps events and state in the cluster that it guards.
func shared(t *testing.T) func(name string, c *config.Config) {
	t.Helper()
	return sharedBehind(t, func(http.ResponseWriter, *http.Request) bool { return false })
}

// sharedBehind is shared for a cluster of which answers, called for one request at a time, may answer some.
func sharedBehind(t *testing.T, answers func(http.ResponseWriter, *http.Request) bool) func(name string, c *config.Config) {
	t.Helper()
	e, err := engine.Open(engine.Options{Dir: t.TempDir(), ClusterName: "behind"})
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	node := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		answered := answers(w, r)
		mu.Unlock()
		if !answered {
			e.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(func() {
		node.Close()
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	_, err = security.Bootstrap(t.Context(), security.BootstrapOptions{
		Client: cluster.NewClient(e), Index: ".vigil-security",
		AdminHash: func() (string, error) { return apptest.Hash(t, apptest.Password), nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	key := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(key, []byte(strings.Repeat("0f", 32)), 0o600); err != nil {
		t.Fatal(err)
	}
	return func(name string, c *config.Config) {
		c.NodeName = name
		c.Cluster.Upstream.URLs = []string{node.URL}
		c.Store.KeyFile = key
	}
}

// gateways runs so many gateways over one cluster.
func gateways(t *testing.T, n int) []*apptest.Server {
	t.Helper()
	configure := shared(t)
	var all []*apptest.Server
	for i := range n {
		all = append(all, apptest.Start(t, func(c *config.Config) { configure(fmt.Sprint("gateway-", i), c) }))
	}
	return all
}

// within waits until f is true, at most so long; the bound is the claim.
func within(t *testing.T, what string, d time.Duration, f func() bool) {
	t.Helper()
	for end := time.Now().Add(d); !f(); {
		if time.Now().After(end) {
			t.Fatalf("%s: not within %v", what, d)
		}
		<-time.After(20 * time.Millisecond)
	}
}

func TestAChangeOnOneGatewayIsSeenByAll(t *testing.T) {
	t.Parallel()
	all := gateways(t, 2)
	all[0].User("ann", "all_access")
	within(t, "a new user may log in elsewhere", 10*time.Second, func() bool {
		return all[1].As("ann", apptest.Password, "GET", "/", nil).Status == 200
	})
	all[0].Must("PUT", "/_plugins/_security/api/audit/config", `{"enabled":false}`)
	within(t, "auditing is off elsewhere", 10*time.Second, func() bool {
		var got struct {
			Config struct{ Enabled bool }
		}
		all[1].Admin("GET", "/_plugins/_security/api/audit", nil).JSON(t, &got)
		return !got.Config.Enabled
	})
}

// TestGatewaysShareEventsAndAlerts has a monitor that any of three gateways may hold, and logins that fail at each.
func TestGatewaysShareEventsAndAlerts(t *testing.T) {
	t.Parallel()
	all := gateways(t, 3)
	var mu sync.Mutex
	messages := map[string]int{} // by delivery id
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		mu.Lock()
		defer mu.Unlock()
		messages[r.Header.Get("X-Vigil-Delivery")]++
	}))
	t.Cleanup(receiver.Close)
	told := func() int {
		mu.Lock()
		defer mu.Unlock()
		return len(messages)
	}
	all[0].Must("POST", "/_plugins/_notifications/configs", `{"config_id":"hook","config":{"name":"hook","config_type":"webhook","webhook":{"url":"`+receiver.URL+`"}}}`)
	all[1].Must("POST", "/_plugins/_alerting/monitors", `{"type":"monitor","name":"failed logins","enabled":true,"schedule":{"period":{"interval":1,"unit":"DAYS"}},
		"inputs":[{"search":{"indices":["security-auditlog-*"],"query":{"query":{"term":{"audit_category":"FAILED_LOGIN"}}}}}],
		"triggers":[{"name":"t","severity":"1","condition":{"script":{"source":"ctx.results[0].hits.total.value >= 3","lang":"painless"}},
		"actions":[{"name":"tell","destination_id":"hook","message_template":{"source":"x"}}]}]}`)
	for i, s := range all {
		if a := s.As("intruder", fmt.Sprint("wrong-Password-", i), "GET", "/", nil); a.Status != 401 {
			t.Errorf("gateway %d: %d", i, a.Status)
		}
	}
	within(t, "a message", 20*time.Second, func() bool { return told() > 0 })
	// Every event of every gateway is there, once, and everybody finds it.
	for i, s := range all {
		within(t, "all events", 20*time.Second, func() bool {
			var found struct {
				Hits struct {
					Total struct{ Value int }
					Hits  []struct {
						Source struct {
							Node string `json:"audit_node_name"`
						} `json:"_source"`
					}
				}
			}
			r := s.Admin("GET", "/security-auditlog-*/_search", `{"size":50,"query":{"term":{"audit_category":"FAILED_LOGIN"}}}`)
			if r.Status != 200 || json.Unmarshal(r.Body, &found) != nil {
				return false
			}
			nodes := map[string]bool{}
			for _, h := range found.Hits.Hits {
				nodes[h.Source.Node] = true
			}
			return found.Hits.Total.Value == 3 && len(nodes) == 3
		})
		var alerts struct {
			Total int `json:"totalAlerts"`
		}
		s.Admin("GET", "/_plugins/_alerting/monitors/alerts", nil).JSON(t, &alerts)
		if alerts.Total != 1 {
			t.Errorf("gateway %d knows %d alerts, want 1", i, alerts.Total)
		}
		// The original names lead to what is here under others, where a user finds nothing, also right after it was made.
		for _, index := range []string{".opendistro-alerting-alerts", ".vigil-alerting-alerts", ".vigil-*", ".opendistro_security"} {
			if r := s.Admin("GET", "/"+index+"/_search", nil); r.Status != 200 || !strings.Contains(string(r.Body), `"hits":[]`) {
				t.Errorf("gateway %d, %s: %d %s", i, index, r.Status, r.Body)
			}
		}
	}
	if told() != 1 {
		t.Errorf("messages by delivery id: %v", messages)
	}
}

func TestADocumentInTheGuardedClusterRunsItsMonitors(t *testing.T) {
	t.Parallel()
	s := gateways(t, 1)[0]
	s.Must("PUT", "/orders", nil)
	s.Must("POST", "/_plugins/_alerting/monitors", `{"type":"monitor","name":"orders","enabled":true,"schedule":{"period":{"interval":1,"unit":"DAYS"}},
		"inputs":[{"search":{"indices":["orders"],"query":{"query":{"range":{"total":{"gt":100}}}}}}],
		"triggers":[{"name":"t","severity":"1","condition":{"script":{"source":"ctx.results[0].hits.total.value == 2","lang":"painless"}},"actions":[]}]}`)
	s.Must("POST", "/_bulk", `{"index":{"_index":"orders"}}`+"\n"+`{"total":500}`+"\n"+`{"index":{"_index":"orders"}}`+"\n"+`{"total":5}`+"\n")
	s.Must("PUT", "/orders/_doc/1", `{"total":700}`)
	within(t, "an alert", 20*time.Second, func() bool {
		var alerts struct {
			Total int `json:"totalAlerts"`
		}
		s.Admin("GET", "/_plugins/_alerting/monitors/alerts", nil).JSON(t, &alerts)
		return alerts.Total == 1
	})
}

// TestAGatewayThatIsKilledIsReplaced kills two of three gateways, one after the other, and has logins fail at the others right afterwards.
// Every monitor sends its message, whoever held it, and every event is there once.
func TestAGatewayThatIsKilledIsReplaced(t *testing.T) {
	t.Parallel()
	configure := shared(t)
	var all []*process
	for i := range 3 {
		c := apptest.Config(t)
		configure(fmt.Sprint("gateway-", i), &c)
		all = append(all, serve(t, c))
	}
	p := newPager(t)
	must := func(g *process, method, path, body string) {
		t.Helper()
		if r, err := g.send("admin", apptest.Password, method, path, body); err != nil || r.Status >= 400 {
			t.Fatalf("%s %s: %v %d %s", method, path, err, r.Status, r.Body)
		}
	}
	const users = 6
	must(all[0], "POST", "/_plugins/_notifications/configs", `{"config_id":"hook","config":{"name":"hook","config_type":"webhook","webhook":{"url":"`+p.url+`"}}}`)
	for i := range 2 * users {
		must(all[i%3], "POST", "/_plugins/_alerting/monitors", fmt.Sprintf(`{"type":"monitor","name":"m","enabled":true,"schedule":{"period":{"interval":1,"unit":"DAYS"}},
			"inputs":[{"search":{"indices":["security-auditlog-*"],"query":{"query":{"bool":{"filter":[{"term":{"audit_category":"FAILED_LOGIN"}},{"term":{"audit_request_effective_user":"user-%[1]d"}}]}}}}}],
			"triggers":[{"name":"t","severity":"1","condition":{"script":{"source":"ctx.results[0].hits.total.value > 0","lang":"painless"}},
			"actions":[{"name":"tell","destination_id":"hook","message_template":{"source":"user-%[1]d"}}]}]}`, i))
	}
	<-time.After(3 * time.Second) // until every monitor is held
	var wanted []string
	for round := range 2 {
		all[round].kill()
		killed := time.Now()
		for i := range users {
			user := fmt.Sprintf("user-%d", round*users+i)
			if r, err := all[2].send(user, "wrong-Password-1", "GET", "/", ""); err != nil || r.Status != 401 {
				t.Fatalf("login of %s: %v %d", user, err, r.Status)
			}
			wanted = append(wanted, user)
		}
		slices.Sort(wanted)
		p.want(wanted...)
		t.Logf("all messages were there %v after the kill", time.Since(killed))
	}
	within(t, "all events", 20*time.Second, func() bool {
		r, err := all[2].send("admin", apptest.Password, "POST", "/security-auditlog-*/_count", `{"query":{"term":{"audit_category":"FAILED_LOGIN"}}}`)
		return err == nil && strings.Contains(string(r.Body), fmt.Sprintf(`"count":%d,`, 2*users))
	})
	p.want(wanted...) // and none came twice meanwhile
}

// TestAGatewayWaitsForItsCluster starts a gateway while the shards of the cluster's indices are not there yet.
func TestAGatewayWaitsForItsCluster(t *testing.T) {
	t.Parallel()
	refusals := 0
	configure := sharedBehind(t, func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, "/.vigil-security/_mget") || refusals == 2 {
			return false
		}
		refusals++
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"docs":[{"_index":".vigil-security","_id":"roles","error":{"type":"no_shard_available_action_exception","reason":"No shard available"}}]}`)
		return true
	})
	s := apptest.Start(t, func(c *config.Config) { configure("late", c) })
	if a := s.Admin("GET", "/", nil); a.Status != 200 || refusals != 2 {
		t.Errorf("answered %d after %d refusals", a.Status, refusals)
	}
}
