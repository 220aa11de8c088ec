package app

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"vigil/authn"
	"vigil/config"
)

// gatewayOver opens a server; the second of two over the store of the first.
func gatewayOver(t *testing.T, first *Server) *Server {
	t.Helper()
	cfg := config.Default()
	cfg.Data, cfg.HTTP.Listen, cfg.Audit.Log.MaxBytes = t.TempDir(), "127.0.0.1:0", 256<<20
	cfg.Security.InitialAdminPassword = "a-Test-password-1"
	log := slog.New(slog.DiscardHandler)
	if first == nil {
		s, err := New(t.Context(), cfg, log)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	s := &Server{cfg: cfg, log: log, registry: prometheus.NewRegistry()}
	s.engine, s.store = first.engine, first.store
	for _, step := range []func(context.Context) error{
		s.openData, s.openSinkNames, s.openListener, s.openSecurity, s.openTrail, s.openAlerting, s.openGateway,
	} {
		if err := step(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// A change through one gateway is in force on every other within two seconds, and on its own for the next request.
func TestAChangeIsInForceOnEveryGateway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := gatewayOver(t, nil)
		b := gatewayOver(t, a)
		ctx, cancel := context.WithCancel(t.Context())
		watched := make(chan error, 2)
		for _, s := range []*Server{a, b} {
			go func() { watched <- ignoreCanceled(s.state.watch.Run(ctx)) }()
		}
		ask := func(s *Server, user, password, method, path, body string) int {
			t.Helper()
			var content io.Reader
			if body != "" {
				content = strings.NewReader(body)
			}
			r := httptest.NewRequest(method, path, content)
			r.Header.Set("Content-Type", "application/json")
			r.SetBasicAuth(user, password)
			w := httptest.NewRecorder()
			s.ServeHTTP(w, r)
			return w.Code
		}
		const api = "/_plugins/_security/api/"
		hash := func(password string) string {
			t.Helper()
			h, err := authn.HashPasswordCost(password, 4)
			if err != nil {
				t.Fatal(err)
			}
			return h
		}
		change := func(method, path, body string, check func(s *Server) bool) {
			t.Helper()
			if check(a) || check(b) {
				t.Errorf("%s %s: is in force before it is made", method, path)
			}
			if status := ask(a, "admin", "a-Test-password-1", method, api+path, body); status >= 300 {
				t.Fatalf("%s %s: answered %d", method, path, status)
			}
			if !check(a) {
				t.Errorf("%s %s: not in force for the next request", method, path)
			}
			<-time.After(2 * time.Second)
			if !check(b) {
				t.Errorf("%s %s: not in force on the other gateway after two seconds", method, path)
			}
		}
		health := func(password string, want int) func(*Server) bool {
			return func(s *Server) bool { return ask(s, "ann", password, http.MethodGet, "/_cluster/health", "") == want }
		}
		change("PUT", "roles/looks", `{"cluster_permissions":["cluster:monitor/*"]}`, func(s *Server) bool {
			_, ok := s.state.current.Load().Roles["looks"]
			return ok
		})
		change("PUT", "internalusers/ann", `{"hash":"`+hash("first-Password-1")+`"}`, health("first-Password-1", 403))
		change("PUT", "rolesmapping/looks", `{"users":["ann"]}`, health("first-Password-1", 200))
		change("PUT", "internalusers/ann", `{"hash":"`+hash("other-Password-2")+`"}`, health("first-Password-1", 401))
		change("PUT", "roles/looks", `{"cluster_permissions":[]}`, health("other-Password-2", 403))
		change("PUT", "actiongroups/monitors", `{"allowed_actions":["cluster:monitor/*"],"type":"cluster"}`, func(s *Server) bool {
			_, ok := s.state.current.Load().ActionGroups["monitors"]
			return ok
		})
		change("PUT", "roles/looks", `{"cluster_permissions":["monitors"]}`, health("other-Password-2", 200))
		change("PUT", "audit/config", `{"audit":{"ignore_users":["ann"]}}`, func(s *Server) bool {
			return len(s.trail.Policy().Config().Audit.IgnoreUsers) == 1 && s.trail.Policy().Config().Audit.IgnoreUsers[0] == "ann"
		})
		change("PATCH", "audit", `[{"op":"replace","path":"/config/enabled","value":false}]`, func(s *Server) bool {
			return !s.trail.Policy().Config().Enabled
		})
		change("DELETE", "internalusers/ann", "", health("other-Password-2", 401))

		cancel()
		for range 2 {
			if err := <-watched; err != nil {
				t.Error(err)
			}
		}
		for _, s := range []*Server{b, a} {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
	})
}
