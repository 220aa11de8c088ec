package cluster

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"net/url"
	"time"

	"vigil/rest"
)

// RemoteOptions say where a remote cluster is and how it is spoken to. Only URLs is required.
type RemoteOptions struct {
	// URLs are the nodes' addresses, such as https://node-1:9200. A path in them is put before that of every request.
	URLs []*url.URL
	// Username and Password, or APIKey (the base64 form), are who the cluster believes to be calling, whoever called us.
	Username, Password, APIKey string
	// TLS holds authorities and the client certificate; nil means the system's authorities.
	TLS *tls.Config
	// ConnectTimeout bounds making a connection, TLS included; by default 5 s.
	ConnectTimeout time.Duration
	// RequestTimeout bounds the wait for the first byte of an answer; by default 5 minutes.
	RequestTimeout time.Duration
	// HealthInterval is how often nodes that do not take requests are tried, and names are read; by default 1 s.
	HealthInterval time.Duration
	// MaxConnections bounds the connections to one node; requests beyond them wait. By default 1,000.
	MaxConnections int
	// PublishAddress is the host:port that clients which look for the cluster's nodes are told instead of the nodes' own.
	// Empty leaves the nodes' own.
	PublishAddress string
	// Gzip compresses the bodies of requests.
	Gzip bool
	// TellCauses lets answers say why the cluster could not be reached. It is for a remote whose callers are ours.
	TellCauses bool
	Log        *slog.Logger
}

// Remote is a cluster over the network as an [http.Handler]: it passes requests on and says in [rest.Effects] what its
// answers do not show. It also knows the cluster's names, from memory, as the gateway asks for them on every request.
// It is safe for concurrent use. [Remote.Run] keeps nodes and names current.
//
// Requests are expected to carry a [rest.Call]: then what goes on is built from what was resolved and judged, not from what
// the client wrote. Without one the request is passed on as it is.
type Remote struct {
	opts     RemoteOptions
	nodes    *nodes
	proxy    *httputil.ReverseProxy
	names    names
	mappings mappings
	log      *slog.Logger
}

// NewRemote returns the cluster behind the options. It opens no connection; [Remote.Refresh] does.
func NewRemote(o RemoteOptions) (*Remote, error) {
	if len(o.URLs) == 0 {
		return nil, errors.New("cluster: a remote needs an address")
	}
	setDefault(&o.ConnectTimeout, 5*time.Second)
	setDefault(&o.RequestTimeout, 5*time.Minute)
	setDefault(&o.HealthInterval, time.Second)
	if o.MaxConnections <= 0 {
		o.MaxConnections = 1000
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	r := &Remote{opts: o, log: o.Log, nodes: newNodes(o)}
	r.proxy = r.newProxy()
	return r, nil
}

func setDefault(d *time.Duration, value time.Duration) {
	if *d <= 0 {
		*d = value
	}
}

// Run tries nodes that do not take requests and reads the cluster's names until ctx ends.
func (r *Remote) Run(ctx context.Context) error {
	defer r.nodes.transport.CloseIdleConnections()
	tick := time.NewTicker(r.opts.HealthInterval)
	defer tick.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		r.nodes.check(ctx)
		err := r.Refresh(ctx)
		if err != nil && !failing && ctx.Err() == nil {
			r.log.WarnContext(ctx, "the names of the cluster could not be read", "error", err)
		}
		failing = err != nil
	}
}

// Close closes the connections that nobody uses at the moment. Run does so at its end; Close is for a remote that is not run.
func (r *Remote) Close() { r.nodes.transport.CloseIdleConnections() }

// Healthy reports why requests cannot be passed on: no node takes them, or its names have never been read.
func (r *Remote) Healthy() error {
	if !r.nodes.anyUp() {
		return errNoNode
	}
	if r.names.current.Load() == nil {
		return errors.New("the names of the cluster have not been read yet")
	}
	return nil
}

// ServeHTTP passes a request on.
func (r *Remote) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	call := rest.FromContext(req.Context())
	if call == nil || call.Route == nil {
		r.pass(w, req)
		return
	}
	if r.names.current.Load() == nil {
		// Whoever judged the request did not know what its names mean.
		err := errNoNode
		if refreshErr := r.Refresh(req.Context()); refreshErr != nil {
			err = refreshErr
		}
		rest.AnswerError(w, req, unavailable(err))
		return
	}
	x := &passage{r: r, w: w, req: req, call: call, fx: rest.EffectsFrom(req.Context())}
	if err := x.serve(); err != nil {
		rest.AnswerError(w, req, err)
	}
}
