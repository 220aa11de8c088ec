package app_test

import (
	"net/http"
	"regexp"
	"slices"
	"testing"

	"vigil/app/apptest"
	"vigil/rest"
)

// The exceptions of the test below, by the operations of their rows. Whoever adds one has to say here why.
var (
	// open rows need no caller: whether the process lives and serves, and the plugin's own check.
	open = []string{"vigil.health", "security.health"}
	// everybody's rows need a caller and no role: who am I, my own account, and the help of _cat, which runs no action.
	everybody = []string{
		"security.authinfo", "security.who_am_i", "security.get_account_details", "security.change_password", "cat.help", "list.help",
	}
)

var variables = regexp.MustCompile(`\{[^}]+\}`)

// TestEveryRowIsClosed walks the table: without credentials every row is refused with 401, without a role with 403, and
// each refusal is one event that says what was tried.
func TestEveryRowIsClosed(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t, nil)
	s.User("norole")
	rows := s.App().Routes()
	if len(rows) < 400 {
		t.Fatalf("the table has only %d rows", len(rows))
	}
	path := func(r *rest.Route) string { return variables.ReplaceAllString(r.Path, "some") }

	t.Run("anonymous", func(t *testing.T) {
		var refused []*rest.Route
		events := since(t, s, func() {
			for _, r := range rows {
				a := s.As("", "", r.Method, path(r), nil)
				if slices.Contains(open, r.Op) {
					if !r.Open || a.Status != http.StatusOK {
						t.Errorf("%s %s: open %v, answered %d, want an open row and 200", r.Method, r.Path, r.Open, a.Status)
					}
					continue
				}
				refused = append(refused, r)
				if a.Status != http.StatusUnauthorized || a.Header.Get("WWW-Authenticate") == "" {
					t.Errorf("%s %s: answered %d, want 401 and WWW-Authenticate: %s", r.Method, r.Path, a.Status, a.Body)
				}
			}
		})
		match(t, refused, events, func(r *rest.Route, e apptest.Event) bool {
			return e.Text("audit_category") == "FAILED_LOGIN" && e.Text("audit_rest_request_method") == r.Method &&
				e.Text("audit_rest_request_path") == path(r) && e.Text("audit_request_effective_user") == "<NONE>"
		})
	})
	t.Run("without a role", func(t *testing.T) {
		var refused []*rest.Route
		events := since(t, s, func() {
			for _, r := range rows {
				if slices.Contains(open, r.Op) {
					continue
				}
				query := ""
				if r.Op == "create_pit" {
					query = "?keep_alive=1m" // what cannot be meant is refused before privileges are asked
				}
				a := s.As("norole", apptest.Password, r.Method, path(r)+query, smallest(r))
				if slices.Contains(everybody, r.Op) {
					if a.Status == http.StatusForbidden || a.Status == http.StatusUnauthorized {
						t.Errorf("%s %s: answered %d, but everybody may", r.Method, r.Path, a.Status)
					}
					continue
				}
				refused = append(refused, r)
				if a.Status != http.StatusForbidden {
					t.Errorf("%s %s (%s): answered %d, want 403: %s", r.Method, r.Path, r.Op, a.Status, a.Body)
				}
			}
		})
		match(t, refused, withoutAttempts(t, events), func(r *rest.Route, e apptest.Event) bool {
			if e.Text("audit_category") != "MISSING_PRIVILEGES" || e.Text("audit_request_effective_user") != "norole" {
				return false
			}
			if r.Admin != "" {
				return e.Text("audit_request_layer") == "REST" && e.Text("audit_rest_request_method") == r.Method && e.Text("audit_rest_request_path") == path(r)
			}
			return e.Text("audit_request_layer") == "TRANSPORT" && e.Text("audit_request_privilege") == string(r.Action) &&
				e.Text("audit_transport_request_type") == r.Request
		})
	})
	t.Run("OPTIONS", func(t *testing.T) {
		events := since(t, s, func() {
			for _, r := range rows {
				if a := s.As("", "", http.MethodOptions, path(r), nil); a.Status != http.StatusOK || len(a.Body) > 0 {
					t.Errorf("OPTIONS %s: answered %d %s, want 200 and nothing", r.Path, a.Status, a.Body)
				}
			}
		})
		if len(events) != 0 {
			t.Errorf("OPTIONS left %d events", len(events))
		}
	})
}

// smallest is the smallest body that the row parses before it asks for privileges.
func smallest(r *rest.Route) any {
	switch r.Op {
	case "bulk":
		return "{\"delete\":{\"_index\":\"some\",\"_id\":\"1\"}}\n"
	case "search_template", "render_search_template":
		return `{"source":{}}`
	case "explain":
		return `{"query":{"match_all":{}}}`
	case "put_script":
		return `{"script":{"lang":"painless","source":"1"}}`
	case "delete_pit":
		return `{"pit_id":"` + rest.EncodePIT([]rest.PITShard{{Index: "some"}}) + `"}`
	case "snapshot.restore":
		return `{"indices":"some"}` // without it all, and nobody may restore the configuration
	}
	return nil
}

// withoutAttempts leaves out what rows without index names do to the security index among all others. Each such event must
// stand before the refusal of the same action.
func withoutAttempts(t *testing.T, events []apptest.Event) []apptest.Event {
	t.Helper()
	var out []apptest.Event
	for i, e := range events {
		if e.Text("audit_category") != "OPENDISTRO_SECURITY_INDEX_ATTEMPT" {
			out = append(out, e)
		} else if i+1 == len(events) || events[i+1].Text("audit_request_privilege") != e.Text("audit_transport_action") {
			t.Errorf("an attempt without its refusal: %v", e)
		}
	}
	return out
}

// match wants one event for every row, in the order of the rows, and no others.
func match(t *testing.T, rows []*rest.Route, events []apptest.Event, is func(*rest.Route, apptest.Event) bool) {
	t.Helper()
	for i, r := range rows {
		if i >= len(events) || !is(r, events[i]) {
			var e apptest.Event
			if i < len(events) {
				e = events[i]
			}
			t.Fatalf("%s %s (%s) left %v", r.Method, r.Path, r.Op, e)
		}
	}
	if len(events) != len(rows) {
		t.Errorf("%d events, want %d", len(events), len(rows))
	}
}
