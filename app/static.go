package app

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"

	"vigil/api/security"
	"vigil/audit"
	"vigil/cluster"
	"vigil/config"
	"vigil/gateway"
)

// static is what vigil.yml says of auditing and the security API, judged by those who know what it means.
type static struct {
	// audit is the configuration of a first start.
	audit audit.Config
}

// parseStatic judges without opening anything.
func parseStatic(cfg *config.Config) (static, error) {
	s := static{audit: audit.DefaultConfig()}
	if err := audit.ReadOnly(cfg.Audit.ReadOnly).Check(); err != nil {
		return s, fmt.Errorf("audit.read_only: %w", err)
	}
	endpoints := security.Endpoints()
	for _, role := range slices.Sorted(maps.Keys(cfg.Security.RESTDisabled)) {
		for endpoint := range cfg.Security.RESTDisabled[role] {
			if !slices.Contains(endpoints, endpoint) {
				return s, fmt.Errorf("security.rest_disabled.%s: %q is not one of %v", role, endpoint, endpoints)
			}
		}
	}
	if len(cfg.Audit.Initial) == 0 {
		return s, nil
	}
	b, err := json.Marshal(cfg.Audit.Initial)
	if err != nil {
		return s, fmt.Errorf("audit.initial: %w", err)
	}
	if s.audit, err = s.audit.With(b); err != nil {
		return s, fmt.Errorf("audit.initial: %w", err)
	}
	return s, nil
}

// tellInitial warns of a first configuration that is not the one in force, because there was one already.
func (s *Server) tellInitial(ctx context.Context, initial audit.Config) {
	if len(s.cfg.Audit.Initial) == 0 || same(initial, s.state.current.Load().Audit) {
		return
	}
	s.log.WarnContext(ctx, "audit.initial has no effect: there is an audit configuration already, and only the API changes it",
		"api", "GET, PUT, PATCH _plugins/_security/api/audit")
}

// same compares configurations as the API shows them.
func same(a, b audit.Config) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && bytes.Equal(x, y)
}

// settingsReader reads settings for events that tell of their changes; nil if there are to be none.
func (s *Server) settingsReader(guarded http.Handler) gateway.Settings {
	if !s.cfg.Audit.SettingsChanges {
		return nil
	}
	client := cluster.NewClient(guarded)
	flat := url.Values{"flat_settings": {"true"}}
	return func(ctx context.Context, index string) (map[string]map[string]string, error) {
		path := "/_cluster/settings"
		if index != "" {
			path = cluster.Path(index, "_settings")
		}
		resp, err := client.Do(ctx, http.MethodGet, path, flat, nil)
		if err != nil {
			return nil, err
		}
		dec := json.NewDecoder(bytes.NewReader(resp.Body))
		dec.UseNumber()
		var answer map[string]map[string]any
		if err := dec.Decode(&answer); err != nil {
			return nil, fmt.Errorf("GET %s: %w", path, err)
		}
		found := map[string]map[string]string{}
		for scope, settings := range answer {
			if index != "" {
				scope = "index"
				settings, _ = settings["settings"].(map[string]any)
			}
			found[scope] = map[string]string{}
			for key, value := range gateway.FlatSettings(settings) {
				if value != nil {
					found[scope][key] = *value
				}
			}
		}
		return found, nil
	}
}
