package app

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"slices"

	"vigil/authn"
	"vigil/cluster"
	"vigil/config"
)

const securityAPI = "/_plugins/_security/api/"

// trialServer is a server of its own, in a folder that is thrown away, to try on what would be applied.
func trialServer(ctx context.Context, super bool) (send sender, end func() error, err error) {
	dir, err := os.MkdirTemp("", "vigil-import-")
	if err != nil {
		return nil, nil, fmt.Errorf("a folder to try in: %w", err)
	}
	cfg := config.Default()
	cfg.Data, cfg.HTTP.Listen, cfg.Security.InitialAdminPassword = dir, "127.0.0.1:0", config.Secret(rand.Text())
	s, err := New(ctx, cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("a server to try on: %w", err), os.RemoveAll(dir))
	}
	who := &authn.Principal{Name: "admin", BackendRoles: []string{"admin"}, IsAdmin: super}
	client := cluster.NewClient(s.gateway.As(who))
	send = func(ctx context.Context, method, path string, body any) (int, []byte, error) {
		b, err := json.Marshal(body)
		if err != nil {
			return 0, nil, err
		}
		resp, err := client.Do(ctx, method, path, nil, b)
		if _, refused := errors.AsType[*cluster.Error](err); refused {
			err = nil
		}
		return resp.Status, resp.Body, err
	}
	return send, func() error { return errors.Join(s.Close(), os.RemoveAll(dir)) }, nil
}

// put sends everything in the order in which it depends on each other, and tells what was answered. It returns how much was
// refused; an error means that there was no answer.
func (m *migration) put(ctx context.Context, o *importCommand, send sender) (failed int, err error) {
	ordered := slices.Clone(m.entities)
	slices.SortStableFunc(ordered, func(a, b *entity) int {
		return slices.Index(applied, a.typ) - slices.Index(applied, b.typ)
	})
	for _, e := range ordered {
		if e.typ == "internalusers" && e.name == o.client.user && !o.super {
			e.tell(config.Refused, "is who applies; change the password with PUT %saccount", securityAPI[1:])
			continue
		}
		e.takeFlags(o.super)
		path := securityAPI + e.typ + cluster.Path(e.name)
		status, answer, err := send(ctx, http.MethodPut, path, e.body)
		if err != nil {
			return failed, fmt.Errorf("%s %s: %w", e.typ, e.name, err)
		}
		if status >= http.StatusMultipleChoices {
			failed++
			e.tell(config.Refused, "%s", reasonOf(answer))
			continue
		}
		e.tell(config.Taken, "PUT %s", path[1:])
	}
	if m.audit == nil {
		return failed, nil
	}
	status, answer, err := send(ctx, http.MethodPut, securityAPI+"audit/config", m.audit)
	if err != nil {
		return failed, fmt.Errorf("audit configuration: %w", err)
	}
	if status >= http.StatusMultipleChoices {
		return failed + 1, fmt.Errorf("audit configuration: answered %d: %s", status, reasonOf(answer))
	}
	return failed, nil
}

// takeFlags leaves out the flags that are off, and those that only an administrator by certificate may set.
func (e *entity) takeFlags(super bool) {
	for _, flag := range []string{"reserved", "hidden"} {
		on := e.body[flag] == true
		if on && super {
			continue
		}
		delete(e.body, flag)
		if on {
			line := e.file.findings[e.finding].Line
			e.file.note(e.typ+"/"+e.name+"."+flag, line, config.Refused, "only an administrator by certificate may set it (--cert)")
		}
	}
}
