package app_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vigil/app/apptest"
)

// pager receives the messages of alerts. A message that comes again under its delivery id is the same one.
type pager struct {
	t   *testing.T
	url string

	mu    sync.Mutex
	got   []string
	known map[string]bool // delivery ids
}

func newPager(t *testing.T) *pager {
	p := &pager{t: t, known: map[string]bool{}}
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		p.mu.Lock()
		defer p.mu.Unlock()
		if id := r.Header.Get("X-Vigil-Delivery"); !p.known[id] {
			p.known[id] = true
			p.got = append(p.got, string(body))
		}
	}))
	t.Cleanup(s.Close)
	p.url = s.URL
	return p
}

// want waits for messages and compares all that came, in any order.
func (p *pager) want(messages ...string) {
	p.t.Helper()
	var got []string
	for end := time.Now().Add(time.Minute); ; {
		p.mu.Lock()
		got = slices.Sorted(slices.Values(p.got))
		p.mu.Unlock()
		if len(got) >= len(messages) || time.Now().After(end) {
			break
		}
		<-time.After(5 * time.Millisecond)
	}
	if diff := cmp.Diff(messages, got); diff != "" {
		p.t.Errorf("messages (-want +got):\n%s", diff)
	}
}

// oncall makes a Chime room out of a pager.
func oncall(s *apptest.Server, p *pager) {
	s.Must("POST", "/_plugins/_notifications/configs", `{"config_id":"chime","config":{"name":"Chime","config_type":"chime","chime":{"url":"`+p.url+`"}}}`)
}

// The monitor of the blog post on failed logins, by the console's two ways to define it: the visual editor's count over all documents
// for the last 5 minutes, and the extraction query.
const (
	byVisualEditor = `{"size":0,"aggregations":{},"query":{"bool":{"filter":[{"range":{"@timestamp":{"gte":"{{period_end}}||-5m","lte":"{{period_end}}","format":"epoch_millis"}}}]}}}`
	byExtraction   = `{"query":{"bool":{"must":[{"match":{"audit_category":{"query":"FAILED_LOGIN"}}},{"range":{"audit_utc_timestamp":{"gte":"now-5m"}}}]}},
		"sort":[{"audit_utc_timestamp":{"order":"desc"}}]}`
)

func unauthorized(query, ui string) string {
	return `{"type":"monitor","name":"Audit Unauthorized Access Events","monitor_type":"query_level_monitor","enabled":true,
		"schedule":{"period":{"interval":1,"unit":"MINUTES"}},"inputs":[{"search":{"indices":["security-auditlog-*"],"query":` + query + `}}],
		"triggers":[{"query_level_trigger":{"name":"Unauthorized Access Events on ES Cluster","severity":"1",
		"condition":{"script":{"source":"ctx.results[0].hits.total.value > 1","lang":"painless"}},
		"actions":[{"name":"Notify OnCall","destination_id":"chime","subject_template":{"source":"Unauthorized Access Events on ES Cluster","lang":"mustache"},
		"message_template":{"source":"Monitor {{ctx.monitor.name}} just entered alert status. Please investigate the issue.","lang":"mustache"}}]}}],
		"ui_metadata":` + ui + `}`
}

// TestTheRuleOfFailedLogins is the story of the blog post, in either form.
func TestTheRuleOfFailedLogins(t *testing.T) {
	t.Parallel()
	const visual = `{"schedule":{"frequency":"interval","period":{"interval":1,"unit":"MINUTES"}},
		"search":{"searchType":"graph","aggregationType":"count","timeField":"@timestamp","overDocuments":"all documents","bucketValue":5,"bucketUnitOfTime":"m"}}`
	for name, monitor := range map[string]string{
		"visual editor":    unauthorized(byVisualEditor, visual),
		"extraction query": unauthorized(byExtraction, `{"search":{"searchType":"query"}}`),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, p := apptest.Start(t, nil), newPager(t)
			oncall(s, p)
			var created struct {
				ID string `json:"_id"`
			}
			s.Must("POST", "/_plugins/_alerting/monitors", monitor).JSON(t, &created)
			for i := range 2 {
				if a := s.As("mallory", fmt.Sprint("bad-credentials-", i), "GET", "/", nil); a.Status != 401 {
					t.Fatalf("login %d: answered %d", i, a.Status)
				}
			}
			p.want(`{"Content":"Unauthorized Access Events on ES Cluster\n\nMonitor Audit Unauthorized Access Events just entered alert status. Please investigate the issue."}`)
			if got := alertStates(t, s); !slices.Equal(got, []string{"ACTIVE"}) {
				t.Fatalf("alerts: %v", got)
			}
			var found struct{ Alerts []struct{ ID string } }
			s.Admin("GET", "/_plugins/_alerting/monitors/alerts", nil).JSON(t, &found)
			s.Must("POST", "/_plugins/_alerting/monitors/"+created.ID+"/_acknowledge/alerts", `{"alerts":["`+found.Alerts[0].ID+`"]}`)
			if got := alertStates(t, s); !slices.Equal(got, []string{"ACKNOWLEDGED"}) {
				t.Errorf("alerts after the acknowledgement: %v", got)
			}
		})
	}
}

func alertStates(t *testing.T, s *apptest.Server) (states []string) {
	t.Helper()
	var found struct {
		Alerts []struct {
			State string `json:"state"`
		}
	}
	s.Admin("GET", "/_plugins/_alerting/monitors/alerts", nil).JSON(t, &found)
	for _, a := range found.Alerts {
		states = append(states, a.State)
	}
	return states
}

// threeTimes is a monitor that raises an alert for every user who is in a field of at least three matching documents.
func threeTimes(index, filter, field string) string {
	return `{"type":"monitor","name":"Three failed logins","monitor_type":"bucket_level_monitor","enabled":true,
		"schedule":{"period":{"interval":1,"unit":"MINUTES"}},"inputs":[{"search":{"indices":["` + index + `"],"query":{"size":0,
		"query":` + filter + `,"aggregations":{"users":{"composite":{"sources":[{"user":{"terms":{"field":"` + field + `"}}}]}}}}}}],
		"triggers":[{"bucket_level_trigger":{"name":"same user","severity":"1",
		"condition":{"parent_bucket_path":"users","buckets_path":{"failures":"_count"},"script":{"source":"params.failures >= 3","lang":"painless"}},
		"actions":[{"name":"Notify OnCall","destination_id":"chime",
		"message_template":{"source":"{{#ctx.newAlerts}}{{bucket_keys}} fails to log in.{{/ctx.newAlerts}}"},
		"action_execution_policy":{"action_execution_scope":{"per_alert":{"actionable_alerts":["NEW"]}}}}]}}]}`
}

// TestTheRuleOfOneUserWhoFailsThreeTimes raises one alert per user, over the audit log.
func TestTheRuleOfOneUserWhoFailsThreeTimes(t *testing.T) {
	t.Parallel()
	s, p := apptest.Start(t, nil), newPager(t)
	oncall(s, p)
	s.Must("POST", "/_plugins/_alerting/monitors", threeTimes("security-auditlog-*",
		`{"bool":{"filter":[{"term":{"audit_category.keyword":"FAILED_LOGIN"}},{"range":{"@timestamp":{"gte":"now-5m"}}}]}}`, "audit_request_effective_user.keyword"))
	for i := range 4 {
		for user, times := range map[string]int{"ann": 3, "bob": 2, "carl": 4} {
			if i < times {
				s.As(user, fmt.Sprint("wrong-Password-", i), "GET", "/", nil)
			}
		}
	}
	const title = `Alerting-Notification Action\n\n`
	p.want(`{"Content":"`+title+`ann fails to log in."}`, `{"Content":"`+title+`carl fails to log in."}`)
	if got := alertStates(t, s); !slices.Equal(got, []string{"ACTIVE", "ACTIVE"}) {
		t.Errorf("alerts: %v", got)
	}
}

// TestTheRuleOfAPlatformsLogins is the same over a platform's log, where a login that did not work has no return code of 200.
func TestTheRuleOfAPlatformsLogins(t *testing.T) {
	t.Parallel()
	s, p := apptest.Start(t, nil), newPager(t)
	oncall(s, p)
	s.Must("PUT", "/services-logs", `{"mappings":{"properties":{"@timestamp":{"type":"date"},"path":{"type":"keyword"},"return_code":{"type":"integer"},
		"payload":{"properties":{"username":{"type":"keyword"}}}}}}`)
	s.Must("POST", "/_plugins/_alerting/monitors", threeTimes("services-logs",
		`{"bool":{"filter":[{"wildcard":{"path":"*/api/v1/users/auth/_login"}},{"term":{"method.keyword":"POST"}},{"range":{"@timestamp":{"gte":"now-5m"}}}],
			"must_not":[{"term":{"return_code":200}}]}}`, "payload.username"))
	now := time.Now().UTC().Format(time.RFC3339)
	login := func(user, code string) string {
		return `{"@timestamp":"` + now + `","method":"POST","path":"https://192.0.2.31:12443/api/v1/users/auth/_login","payload":{"username":"` + user + `","password":"-"}` + code + `}`
	}
	var bulk strings.Builder
	for _, doc := range []string{
		login("philipp", `,"return_code":200`), login("philipp", ""), login("philipp", `,"return_code":401`), login("eve", ""),
		login("eve", ""), login("philipp", ""), login("sam", `,"return_code":200`), login("sam", `,"return_code":200`), login("sam", `,"return_code":200`),
	} {
		bulk.WriteString(`{"create":{"_index":"services-logs"}}` + "\n" + doc + "\n")
	}
	s.Must("POST", "/_bulk", bulk.String())
	p.want(`{"Content":"Alerting-Notification Action\n\nphilipp fails to log in."}`)
}
