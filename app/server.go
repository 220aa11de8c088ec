package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"vigil/alerting"
	"vigil/api/security"
	"vigil/audit"
	"vigil/audit/sink"
	"vigil/authn"
	"vigil/authz"
	"vigil/cluster"
	"vigil/config"
	"vigil/engine"
	"vigil/gateway"
	"vigil/rest"
)

// Server is one guarded cluster with everything that belongs to it: engine, trail, gateway, alerting, listener. Several can
// live in one process. It is made by [New], serves in [Server.Run], and is closed by Run, or by Close if it never ran.
type Server struct {
	cfg      config.Config
	log      *slog.Logger
	seams    seams
	registry *prometheus.Registry
	proxies  []netip.Prefix

	listener  net.Listener
	engine    *engine.Engine
	remote    *cluster.Remote // nil without cluster.upstream
	trail     *audit.Trail
	indexName *sink.IndexName
	sinks     sinkParts
	store     *cluster.Client
	place     place
	nudges    *nudges
	table     *rest.Table
	gateway   *gateway.Gateway
	security  *security.API
	basic     *authn.Basic
	certs     *authn.ClientCert
	state     *securityState
	evaluator atomic.Pointer[authz.Evaluator]
	serving   atomic.Pointer[gateway.Gateway]
	alerting  *alertingParts

	// initialPassword is the random password of the first start, until it has been told.
	initialPassword string

	// told says that the configuration of this process is recorded.
	told atomic.Bool

	// self names this node in events.
	self audit.Node

	closers []func() error
}

// New opens everything and reads the state, but serves nothing yet. On an error what was opened is closed again.
func New(ctx context.Context, cfg config.Config, log *slog.Logger) (*Server, error) {
	return open(ctx, cfg, log, seams{})
}

func open(ctx context.Context, cfg config.Config, log *slog.Logger, between seams) (*Server, error) {
	s := &Server{place: ownPlace(), cfg: cfg, log: log, seams: between, registry: prometheus.NewRegistry()}
	for _, step := range []func(context.Context) error{
		s.openData, s.openSinkNames, s.openListener, s.openEngine, s.openUpstream, s.openSecurity, s.openTrail, s.openAlerting, s.openGateway, s.recover,
		func(ctx context.Context) error { s.tellConfig(ctx); return nil },
	} {
		if err := step(ctx); err != nil {
			return nil, errors.Join(err, s.Close())
		}
	}
	return s, nil
}

// Close closes what New opened, in reverse.
func (s *Server) Close() error {
	var errs []error
	for _, c := range slices.Backward(s.closers) {
		errs = append(errs, c())
	}
	s.closers = nil
	return errors.Join(errs...)
}

func (s *Server) onClose(f func() error) { s.closers = append(s.closers, f) }

// URL is where the cluster API is served.
func (s *Server) URL() string {
	scheme := "http"
	if s.cfg.HTTP.TLS.CertFile != "" {
		scheme = "https"
	}
	return scheme + "://" + s.listener.Addr().String()
}

// Run serves until ctx ends, drains, delivers what it can, and closes the server.
func (s *Server) Run(ctx context.Context) error {
	s.log.InfoContext(ctx, "serving", "url", s.URL(), "data", s.cfg.Data)
	// Sinks and alerting go on while requests drain, so that what those make is delivered too.
	behind, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	var background errgroup.Group
	background.Go(func() error { return s.trail.Run(behind) })
	background.Go(func() error { return s.followHangups(behind) })
	background.Go(func() error { return s.alerting.run(behind) })
	background.Go(func() error { return s.followUpstream(behind) })
	background.Go(func() error { return s.nudges.run(behind) })
	background.Go(func() error { return s.followIntents(behind) })
	background.Go(func() error { return ignoreCanceled(s.state.watch.Run(behind)) })

	err := serveHTTP(ctx, s.listener, s.seams.front(s.gateway), s.cfg.HTTP, s.log)
	drain, cancel := context.WithTimeout(behind, 5*time.Second)
	if drainErr := s.trail.Drain(drain); drainErr != nil {
		s.log.WarnContext(ctx, "events will be delivered after the next start", "error", drainErr)
	}
	cancel()
	stop()
	return errors.Join(err, background.Wait(), s.Close())
}

func ignoreCanceled(err error) error {
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// ready reports why requests cannot be served, nil if they can. A log that is filling up still takes events.
func (s *Server) ready() error {
	trail := s.trail.Healthy()
	if errors.Is(trail, audit.ErrFilling) {
		trail = nil
	}
	if s.remote != nil {
		trail = errors.Join(trail, s.remote.Healthy())
	}
	return errors.Join(s.engine.Healthy(), trail)
}

// openData makes the data folder, which is nobody else's to read.
func (s *Server) openData(context.Context) error {
	if err := os.MkdirAll(s.cfg.Data, 0o700); err != nil {
		return fmt.Errorf("data folder: %w", err)
	}
	for _, p := range s.cfg.HTTP.TrustedProxies {
		prefix, err := netip.ParsePrefix(p)
		if err != nil {
			return fmt.Errorf("http.trusted_proxies: %w", err)
		}
		s.proxies = append(s.proxies, prefix)
	}
	return nil
}

func (s *Server) openListener(ctx context.Context) error {
	l, err := listen(ctx, s.cfg.HTTP, s.tlsFailed)
	if err != nil {
		return err
	}
	s.listener = l
	s.onClose(func() error {
		if err := l.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			return err
		}
		return nil
	})
	return nil
}

// tlsFailed records a connection that failed before it had a request.
func (s *Server) tlsFailed(from net.Addr, cause error) {
	g := s.serving.Load()
	if g == nil {
		return // not open for requests yet
	}
	if err := g.TLSFailed(context.Background(), from, cause); err != nil {
		s.log.Error("a failed TLS handshake was not recorded", "error", err)
	}
}

func (s *Server) openEngine(context.Context) error {
	e, err := engine.Open(engine.Options{
		Dir: s.cfg.EngineDir(), ClusterName: s.cfg.ClusterName, NodeName: s.nodeName(), Logger: s.log,
		MaxBody: int64(s.cfg.HTTP.MaxContentLength), OnWrite: s.documentWritten, OnChange: s.indexChanged, CheckSetting: alerting.CheckSetting, FS: s.seams.EngineFS,
	})
	if err != nil {
		return err
	}
	s.engine = e
	s.onClose(e.Close)
	s.store = cluster.NewClient(e)
	return nil
}

func (s *Server) openTrail(context.Context) error {
	policy, err := audit.NewPolicy(s.state.current.Load().Audit, s.policyIndices())
	if err != nil {
		return fmt.Errorf("audit configuration: %w", err)
	}
	if s.self, err = s.node(); err != nil {
		return err
	}
	limit, err := s.logLimit()
	if err != nil {
		return err
	}
	fold, err := foldOf(&s.cfg)
	if err != nil {
		return err
	}
	redact, err := newRedactor(s.cfg.Audit)
	if err != nil {
		return err
	}
	t, err := audit.Open(audit.Options{
		Redact: redact,
		Dir:    s.cfg.LogDir(), Node: s.self, Policy: policy, OnFailure: audit.OnFailure(s.cfg.Audit.OnFailure),
		MaxBodyBytes: int(s.cfg.Audit.MaxBodyBytes), Keep: time.Duration(s.cfg.Audit.Log.Keep), MaxBytes: limit,
		Fold: fold, Logger: s.log, Registerer: s.registry, FS: s.seams.LogFS,
	})
	if err != nil {
		return err
	}
	s.trail = t
	s.onClose(t.Close)
	return s.attachSinks()
}

// policyIndices tells the policy which indices hold events and which the configuration.
func (s *Server) policyIndices() audit.Indices {
	return audit.Indices{Audit: s.isAuditIndex, Config: func(index string) bool { return index == s.place.security }}
}

// maxAuditedUpstream bounds the items of a bulk that each leave an event. The engine reports a bulk in parts, a remote cluster
// answers it at once.
const maxAuditedUpstream = 200_000

func (s *Server) openGateway(context.Context) error {
	metrics, err := newRequestMetrics(s.registry)
	if err != nil {
		return fmt.Errorf("metrics: %w", err)
	}
	s.table, err = rest.NewTable(rest.OpenSearch(), s.security.Routes(), s.alerting.routes(), s.ownRoutes(), s.sinkRoutes())
	if err != nil {
		return fmt.Errorf("routes: %w", err)
	}
	guarded := s.whatIsGuarded()
	maxAudited := 0
	if s.remote != nil {
		maxAudited = maxAuditedUpstream
	}
	s.gateway, err = gateway.New(s.seams.gateway(gateway.Options{
		Routes: s.table, Authn: authn.Chain{s.certs, s.basic}, Authz: s.evaluator.Load, Audit: s.trail,
		Indices: guarded, Dialect: guarded, Cluster: guarded, Log: s.log, Node: s.self.ID, ClusterName: s.cfg.ClusterName,
		SecurityIndex: s.place.security, ConfigType: security.ConfigType, TrustedProxies: s.proxies,
		MaxContentLength: int64(s.cfg.HTTP.MaxContentLength), MaxInFlight: int64(s.cfg.HTTP.MaxInFlight), Done: metrics.done,
		ReadDerived: s.cfg.Compliance.ReadDerived, Extended: s.cfg.Audit.Format == "extended", Outcomes: gateway.Outcomes(s.cfg.Audit.Outcomes),
		Settings: s.settingsReader(guarded), MaxAuditedItems: maxAudited, Source: s.engine.Source,
	}))
	s.serving.Store(s.gateway)
	return err
}

// logLimit is the configured limit of the log, or a tenth of its disk, at least 1 GiB.
func (s *Server) logLimit() (int64, error) {
	if n := int64(s.cfg.Audit.Log.MaxBytes); n > 0 {
		return n, nil
	}
	total, err := diskSize(s.cfg.Data)
	if err != nil {
		return 0, fmt.Errorf("size of the data folder's disk: %w", err)
	}
	return max(total/10, 1<<30), nil
}

func (s *Server) nodeName() string {
	if s.cfg.NodeName != "" {
		return s.cfg.NodeName
	}
	if name, err := os.Hostname(); err == nil {
		return name
	}
	return "vigil"
}

// node names this node in events. Its id is made at the first start and kept.
func (s *Server) node() (audit.Node, error) {
	id, err := nodeID(filepath.Join(s.cfg.Data, "state"))
	if err != nil {
		return audit.Node{}, err
	}
	address := publishAddress(s.listener.Addr())
	host, err := os.Hostname()
	if err != nil {
		host = address
	}
	return audit.Node{Cluster: s.cfg.ClusterName, ID: id, Name: s.nodeName(), Host: host, Address: address}, nil
}

// publishAddress is the address by which others may reach a listener: its own, or, if it listens everywhere, the first that is
// not loopback.
func publishAddress(a net.Addr) string {
	ap, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return "127.0.0.1"
	}
	if !ap.Addr().IsUnspecified() {
		return ap.Addr().Unmap().String()
	}
	if addrs, err := net.InterfaceAddrs(); err == nil {
		for _, a := range addrs {
			if p, err := netip.ParsePrefix(a.String()); err == nil && p.Addr().IsGlobalUnicast() {
				return p.Addr().String()
			}
		}
	}
	return "127.0.0.1"
}

// ServeHTTP serves a request without the listener, for tests.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.gateway.ServeHTTP(w, r) }
