package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/crypto/bcrypt"
	"golang.org/x/sync/errgroup"

	"vigil/audit"
	"vigil/authn"
	"vigil/authz"
	"vigil/engine/aggs"
	"vigil/engine/query"
	"vigil/gateway"
	"vigil/rest"
)

// What a child may be.
const (
	modePlain   = "plain"   // net/http alone
	modeAudited = "audited" // the gateway, with a policy that keeps one event of each request
	modeDefault = "default" // the gateway with the default policy, which keeps none of them
	modeVigil   = "vigil"   // the whole program
	modeFile    = "file"    // the whole program, with a file as its only sink
)

// servePlain serves the answers of the stub cluster with net/http alone.
func servePlain(ctx context.Context) (*served, error) {
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.ReadAll(r.Body); err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		answer(w, r)
	})
	return listen(ctx, h)
}

// answer is the stub cluster.
func answer(w http.ResponseWriter, r *http.Request) {
	a := searchRequest()
	if r.Method == http.MethodPut {
		a = putRequest()
	}
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(a.answer)))
	w.WriteHeader(a.status)
	_, _ = io.WriteString(w, a.answer) // a client that went away is the client's affair
}

// serveGateway serves the stub cluster behind a gateway that is put together as app does it, with a trail on disk.
func serveGateway(ctx context.Context, dir string, audited bool) (*served, error) {
	registry := prometheus.NewRegistry()
	c := audit.DefaultConfig()
	if audited {
		c.Audit.DisabledTransportCategories = []audit.Category{audit.Authenticated}
		c.Audit.IgnoreRequests = []string{"BulkRequest"} // the second event of a write
	}
	trail, err := openTrail(dir, c, registry)
	if err != nil {
		return nil, err
	}
	g, err := newGateway(trail, registry, http.HandlerFunc(answer))
	if err != nil {
		return nil, errors.Join(err, trail.Close())
	}
	s, err := listen(ctx, g)
	if err != nil {
		return nil, errors.Join(err, trail.Close())
	}
	serve := s.run
	s.run = func(ctx context.Context) error {
		g, ctx := errgroup.WithContext(ctx)
		g.Go(func() error { return serve(ctx) })
		g.Go(func() error { return trail.Run(ctx) })
		return errors.Join(g.Wait(), trail.Close())
	}
	s.events = func() (uint64, error) { return countEvents(registry) }
	return s, nil
}

func openTrail(dir string, c audit.Config, registry *prometheus.Registry) (*audit.Trail, error) {
	policy, err := audit.NewPolicy(c, audit.Indices{
		Audit:  func(index string) bool { return strings.HasPrefix(index, "security-auditlog-") },
		Config: func(index string) bool { return index == ".opendistro_security" },
	})
	if err != nil {
		return nil, fmt.Errorf("audit configuration: %w", err)
	}
	return audit.Open(audit.Options{
		Dir: dir, Node: audit.Node{Cluster: "vigil", ID: nodeID, Name: "vigil-1", Host: "vigil-1.example.org", Address: "192.0.2.10"},
		Policy: policy, Registerer: registry,
	})
}

const nodeID = "q3pZ0h1xTTuN1e0vX2aWbg"

func newGateway(trail *audit.Trail, registry *prometheus.Registry, cluster http.Handler) (*gateway.Gateway, error) {
	table, err := rest.NewTable(rest.OpenSearch())
	if err != nil {
		return nil, fmt.Errorf("routes: %w", err)
	}
	certs, err := authn.NewClientCert(nil)
	if err != nil {
		return nil, err
	}
	// The cheapest, since it is verified once and remembered.
	hash, err := bcrypt.GenerateFromPassword([]byte(userPassword), bcrypt.MinCost)
	if err != nil {
		return nil, fmt.Errorf("hash a password: %w", err)
	}
	basic := authn.NewBasic(authn.BasicOptions{})
	basic.SetUsers(map[string]authn.User{userName: {Hash: string(hash), BackendRoles: []string{"analysts"}}})
	evaluator, err := authz.New(authz.Config{
		Mappings: map[string]authz.RoleMapping{
			"accounts": {BackendRoles: []string{"analysts"}}, "own_index": {Users: []string{"*"}}, "all_access": {BackendRoles: []string{"admin"}},
		},
		Roles: map[string]authz.Role{"accounts": {
			ClusterPermissions: []string{"cluster_composite_ops"},
			IndexPermissions:   []authz.IndexPermission{{IndexPatterns: []string{"accounts*"}, AllowedActions: []string{"crud"}}},
		}},
		SystemIndices: []string{".opendistro_security", ".opendistro-alerting-*", ".opensearch-notifications-config", ".vigil-*", ".tasks"},
	})
	if err != nil {
		return nil, err
	}
	done, err := countRequests(registry)
	if err != nil {
		return nil, err
	}
	return gateway.New(gateway.Options{
		Routes: table, Authn: authn.Chain{certs, basic}, Authz: func() *authz.Evaluator { return evaluator }, Audit: trail,
		Indices: indices{}, Dialect: dialect{}, Cluster: cluster, Node: nodeID, ClusterName: "vigil",
		SecurityIndex: ".opendistro_security", ConfigType: strings.ToLower, MaxContentLength: 100 << 20, MaxInFlight: 1 << 30, Done: done, ReadDerived: true,
	})
}

// countRequests costs what the metrics of the program cost.
func countRequests(r prometheus.Registerer) (func(gateway.Summary), error) {
	requests := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "requests_total", Help: "Requests."}, []string{"kind", "status"})
	seconds := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "request_seconds", Help: "Time of requests.", Buckets: prometheus.ExponentialBuckets(0.0001, 4, 10),
	}, []string{"kind"})
	if err := errors.Join(r.Register(requests), r.Register(seconds)); err != nil {
		return nil, fmt.Errorf("metrics: %w", err)
	}
	return func(s gateway.Summary) {
		kind := string(s.Action)
		requests.WithLabelValues(kind, strconv.Itoa(s.Status/100)+"xx").Inc()
		seconds.WithLabelValues(kind).Observe(s.Took.Seconds())
	}, nil
}

// countEvents reads the trail's own counter.
func countEvents(r *prometheus.Registry) (uint64, error) {
	families, err := r.Gather()
	if err != nil {
		return 0, fmt.Errorf("metrics: %w", err)
	}
	n := 0.0
	for _, f := range families {
		if f.GetName() != "vigil_audit_events_total" {
			continue
		}
		for _, m := range f.GetMetric() {
			n += m.GetCounter().GetValue()
		}
	}
	return uint64(n), nil
}

// indices are those of a cluster that has the index of the requests and no other.
type indices struct{}

// Resolve implements [gateway.Indices].
func (indices) Resolve(expressions []string) (concrete, missing []string) {
	if slices.Equal(expressions, []string{indexName}) {
		return expressions, nil
	}
	return nil, expressions
}

// Aliases implements [gateway.Indices].
func (indices) Aliases(string) []string { return nil }

// Shards implements [gateway.Indices].
func (indices) Shards(string) int { return 1 }

// Sources implements [gateway.Indices].
func (indices) Sources(string, string) []string { return nil }

// dialect reads searches as the program does, because every search pays for it.
type dialect struct{}

// Check implements [gateway.Dialect].
func (dialect) Check(_ *http.Request, c *rest.Call) error {
	if c.Route.Op == "search" {
		_, err := query.ParseRequest(c.Body)
		return err
	}
	return nil
}

// Body implements [gateway.Dialect].
func (dialect) Body(c *rest.Call) (string, bool) {
	if c.Route.Op == "search" {
		normal, err := aggs.Normalize(c.Body)
		return string(normal), err == nil
	}
	return string(c.Body), true
}

// listen serves h on a free port of the loopback interface, with the time limits of the program.
func listen(ctx context.Context, h http.Handler) (*served, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	server := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 5 * time.Minute, IdleTimeout: 5 * time.Minute}
	return &served{url: "http://" + l.Addr().String(), run: func(ctx context.Context) error {
		stop := context.AfterFunc(ctx, func() { _ = server.Close() })
		defer stop()
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serve: %w", err)
		}
		return nil
	}}, nil
}
