package app_test

import (
	"bytes"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"vigil/app/apptest"
	"vigil/config"
)

// hourly is a monitor that runs once an hour, so that it is the events that make it run.
func hourly(name, index, query, condition string) string {
	return `{"type":"monitor","name":"` + name + `","monitor_type":"query_level_monitor","enabled":true,
		"schedule":{"period":{"interval":1,"unit":"HOURS"}},
		"inputs":[{"search":{"indices":["` + index + `"],"query":` + query + `}}],
		"triggers":[{"query_level_trigger":{"name":"t","severity":"1",
			"condition":{"script":{"lang":"painless","source":"` + condition + `"}},"actions":[]}}]}`
}

// TestFoldedLogins has clients that fail again and again, monitors over what is left of that, and a restart in between.
func TestFoldedLogins(t *testing.T) {
	s := apptest.Start(t, func(c *config.Config) { c.Audit.Fold.Window = config.Duration(time.Second) })
	s.Must("POST", "/_plugins/_alerting/monitors", hourly("one", "security-auditlog-*",
		`{"size":0,"query":{"term":{"audit_category":"FAILED_LOGIN"}}}`, "ctx.results[0].hits.total.value > 0"))
	s.Must("POST", "/_plugins/_alerting/monitors", hourly("many", "security-auditlog-*",
		`{"size":0,"query":{"term":{"audit_category":"FAILED_LOGIN"}},"aggs":{"n":{"sum":{"field":"audit_vigil_folded.count"}}}}`,
		"ctx.results[0].aggregations.n.value > 20"))
	const clients, each = 4, 25
	send := func() {
		var wg sync.WaitGroup
		for c := range clients {
			wg.Go(func() {
				for range each {
					r := s.Request("GET", "/_cat/health", nil)
					r.SetBasicAuth(fmt.Sprint("eve-", c%2), "wrong")
					a, err := s.Try(r)
					if err != nil || a.Status != http.StatusUnauthorized && a.Status != http.StatusTooManyRequests {
						t.Errorf("a wrong password was answered %d, %v", a.Status, err)
					}
				}
			})
		}
		wg.Wait()
	}
	send()
	alerts := func() string {
		return string(s.Must("GET", "/_plugins/_alerting/monitors/alerts", nil).Body)
	}
	for _, name := range []string{"one", "many"} {
		eventually(t, func() error {
			if got := alerts(); !bytes.Contains([]byte(got), []byte(`"monitor_name":"`+name+`"`)) {
				return fmt.Errorf("monitor %s has no alert among %s", name, got)
			}
			return nil
		})
	}
	send()
	s.Restart()
	events := of(recorded(t, s), "FAILED_LOGIN")
	sum := 0
	for _, e := range events {
		n := 1
		if folded, ok := e["audit_vigil_folded"].(map[string]any); ok {
			count, _ := folded["count"].(float64)
			n = int(count)
		}
		sum += n
	}
	if sum != 2*clients*each || len(events) >= sum {
		t.Errorf("%d documents stand for %d failed logins, want %d", len(events), sum, 2*clients*each)
	}
}
