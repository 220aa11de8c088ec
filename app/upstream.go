package app

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"vigil/cluster"
	"vigil/config"
	"vigil/engine"
	"vigil/gateway"
	"vigil/rest"
)

// openUpstream prepares the cluster over the network, if there is one, and reads its names. A cluster that is away now may come
// back; until its names are known its requests are refused.
func (s *Server) openUpstream(ctx context.Context) error {
	u := &s.cfg.Cluster.Upstream
	if !u.On() {
		return nil
	}
	o, err := s.remoteOptions(&u.Connection)
	if err != nil {
		return fmt.Errorf("cluster.upstream.%w", err)
	}
	o.ConnectTimeout, o.RequestTimeout = time.Duration(u.ConnectTimeout), time.Duration(u.RequestTimeout)
	o.HealthInterval, o.MaxConnections = time.Duration(u.HealthInterval), u.MaxConnections
	if _, port, err := net.SplitHostPort(s.listener.Addr().String()); err == nil {
		o.PublishAddress = net.JoinHostPort(publishAddress(s.listener.Addr()), port)
	}
	if s.remote, err = cluster.NewRemote(o); err != nil {
		return err
	}
	if s.sharesStore() {
		s.place, s.store = sharedPlace(), cluster.NewClient(s.remote)
	}
	first, cancel := context.WithTimeout(ctx, o.ConnectTimeout)
	defer cancel()
	if err := s.remote.Refresh(first); err != nil {
		s.log.WarnContext(ctx, "the cluster cannot be asked yet; its requests are refused until it can", "error", err)
	}
	return nil
}

// remoteOptions says where a cluster is and who we are there.
func (s *Server) remoteOptions(c *config.Connection) (cluster.RemoteOptions, error) {
	o := cluster.RemoteOptions{Username: c.Username, Password: string(c.Password), APIKey: string(c.APIKey), Log: s.log}
	for _, text := range c.URLs {
		parsed, err := url.Parse(text)
		if err != nil {
			return o, errors.New("urls: not an address")
		}
		o.URLs = append(o.URLs, parsed)
	}
	var err error
	o.TLS, err = clientTLS(c)
	return o, err
}

func clientTLS(u *config.Connection) (*tls.Config, error) {
	t := &tls.Config{MinVersion: tls.VersionTLS12}
	if u.CAFile != "" {
		pem, err := os.ReadFile(u.CAFile)
		if err != nil {
			return nil, fmt.Errorf("ca_file: %w", err)
		}
		t.RootCAs = x509.NewCertPool()
		if !t.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("ca_file: %s holds no certificate", u.CAFile)
		}
	}
	if u.CertFile != "" {
		pair, err := tls.LoadX509KeyPair(u.CertFile, u.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("cert_file: %w", err)
		}
		t.Certificates = []tls.Certificate{pair}
	}
	return t, nil
}

// followUpstream keeps what is known of the cluster current until ctx ends.
func (s *Server) followUpstream(ctx context.Context) error {
	if s.remote == nil {
		return nil
	}
	return ignoreCanceled(s.remote.Run(ctx))
}

// behind is what stands behind the gateway: handler, names and language belong together.
type behind interface {
	http.Handler
	gateway.Indices
	gateway.Dialect
}

// whatIsGuarded returns the engine, or the cluster over the network with the engine as the store beside it.
func (s *Server) whatIsGuarded() behind {
	own := embedded{Engine: s.engine, dialect: dialect{s.engine}}
	if s.remote == nil {
		return own
	}
	b := beside{Remote: s.remote, own: own, isStore: s.inStore, wrote: s.wrote}
	if s.sharesStore() {
		b.isStore = func(string) bool { return false }
		return within{b}
	}
	return b
}

// within is a cluster over the network that holds events and state itself, under names of ours. People may use the original ones.
type within struct{ beside }

// ServeHTTP passes a request on, to what its names mean here.
func (b within) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if call := rest.FromContext(r.Context()); call != nil {
		if names, some := translated(call.Indices); some {
			here := *call
			here.Indices, here.Vars = names, maps.Clone(call.Vars)
			here.Vars["index"] = strings.Join(names, ",")
			hidden, _ := translated(call.Hidden)
			here.Hidden = slices.Concat(call.Hidden, hidden)
			r = r.WithContext(rest.NewContext(r.Context(), &here))
		}
	}
	b.beside.ServeHTTP(w, r)
}

// Resolve implements [gateway.Indices].
func (b within) Resolve(expressions []string) (concrete, missing []string) {
	names, _ := translated(expressions)
	return b.beside.Resolve(names)
}

// embedded is the engine as the cluster.
type embedded struct {
	*engine.Engine
	dialect
}

// beside is a cluster over the network, and the store where events and state are. Requests that name indices of the store alone
// go there; all others, also those that name both, go to the cluster.
type beside struct {
	*cluster.Remote
	own     embedded
	isStore func(index string) bool
	// wrote is told of requests that were passed on.
	wrote func(call *rest.Call, resolve func([]string) (concrete, missing []string))
}

// inStore reports whether an index, or every index of that pattern, holds events or state of ours.
func (s *Server) inStore(index string) bool {
	for _, n := range s.sinks.own {
		if n.Match(index) || n.Wildcard() == index {
			return true
		}
	}
	return isSystemIndex(index)
}

// isSystemIndex reports whether an index, or every index of that pattern, holds state of ours.
func isSystemIndex(index string) bool {
	return slices.ContainsFunc(systemIndices, func(pattern string) bool {
		prefix, wild := strings.CutSuffix(pattern, "*")
		return index == pattern || wild && strings.HasPrefix(index, prefix)
	})
}

// asksStore reports whether expressions mean indices of the store alone. What the cluster knows under such a name is the
// cluster's.
func (b beside) asksStore(expressions []string) bool {
	if len(expressions) == 0 {
		return false
	}
	if there, _ := b.Remote.Resolve(expressions); len(there) > 0 {
		return false
	}
	concrete, missing := b.own.Resolve(expressions)
	named := slices.Concat(concrete, missing)
	if len(named) == 0 {
		named = expressions // of indices that the first event makes
	}
	return !slices.ContainsFunc(named, func(index string) bool { return !b.isStore(index) })
}

// ServeHTTP answers from the store or passes on.
func (b beside) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	call := rest.FromContext(r.Context())
	if call != nil && b.asksStore(call.Indices) {
		b.own.ServeHTTP(w, r)
		return
	}
	b.Remote.ServeHTTP(w, r)
	if call != nil && call.Route != nil {
		b.wrote(call, b.Remote.Resolve)
	}
}

// Resolve implements [gateway.Indices].
func (b beside) Resolve(expressions []string) (concrete, missing []string) {
	if b.asksStore(expressions) {
		return b.own.Resolve(expressions)
	}
	return b.Remote.Resolve(expressions)
}

// Aliases implements [gateway.Indices].
func (b beside) Aliases(index string) []string {
	if b.asksStore([]string{index}) {
		return b.own.Aliases(index)
	}
	return b.Remote.Aliases(index)
}

// Shards implements [gateway.Indices].
func (b beside) Shards(index string) int {
	if b.asksStore([]string{index}) {
		return b.own.Shards(index)
	}
	return b.Remote.Shards(index)
}

// Sources implements [gateway.Indices].
func (b beside) Sources(index, field string) []string {
	if b.asksStore([]string{index}) {
		return b.own.Sources(index, field)
	}
	return b.Remote.Sources(index, field)
}

// Check implements [gateway.Dialect]. What a search may say is the cluster's to judge; a bulk is cut into its items here.
func (b beside) Check(r *http.Request, c *rest.Call) error {
	if b.asksStore(c.Indices) {
		return b.own.Check(r, c)
	}
	if c.Route.Op != "bulk" {
		return nil
	}
	for _, err := range rest.Bulk(c.Body, c.Vars["index"]) {
		if err != nil {
			return err
		}
	}
	return nil
}

// Body implements [gateway.Dialect]. A search that our own language cannot write anew is told as it came.
func (b beside) Body(c *rest.Call) (string, bool) {
	if text, ok := b.own.Body(c); ok || c.Route.Op != "search" && c.Route.Op != "count" {
		return text, ok
	}
	return compact(c.Body)
}
