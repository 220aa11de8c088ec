// Package gateway is the path of a request: who calls, what it means, whether it may, what is recorded, and only then what
// is answered.
//
// [Gateway.ServeHTTP] reads from top to bottom and each step is one file: receive, authenticate, resolve, authorize,
// record, forward, compliance. The order is law and is written as code; nothing is registered into it. The package decides
// nothing itself: privileges are authz's, what is kept is audit's, what is done is the cluster's. It never asks which kind
// of cluster stands behind it.
package gateway

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"vigil/audit"
	"vigil/authn"
	"vigil/authz"
	"vigil/rest"
)

// Resolver gives a request its meaning. [rest.Table] is one.
type Resolver interface {
	Resolve(r *http.Request) (*rest.Call, error)
}

// Indices knows the cluster's names. It answers from memory; every request asks.
type Indices interface {
	// Resolve returns the concrete indices that the expressions mean, aliases, wildcards and date math resolved, and the
	// plain names among them that do not exist. No expressions means all open indices.
	Resolve(expressions []string) (concrete, missing []string)
	// Aliases returns the aliases of a concrete index.
	Aliases(index string) []string
	// Shards returns how many primary shards a concrete index has; 1 if it is not there.
	Shards(index string) int
	// Sources returns the other fields of a concrete index whose values a field shows: the field that it is a sub-field or an
	// alias of, and those that are copied to it. What is not known is not listed.
	Sources(index, field string) []string
}

// Recorder makes events durable. [audit.Trail] is one.
type Recorder interface {
	Policy() *audit.Policy
	Record(ctx context.Context, events ...*audit.Event) error
	Begin(ctx context.Context, in audit.Intent, events ...*audit.Event) (audit.Ticket, error)
	End(ctx context.Context, t audit.Ticket, events ...*audit.Event) error
}

// Dialect knows what the engine's language means, without running it.
type Dialect interface {
	// Check parses what OpenSearch parses before it starts an action. Its error is answered before privileges are asked.
	Check(r *http.Request, c *rest.Call) error
	// Body returns what the event of the request's own action says as audit_request_body, and whether it says anything.
	Body(c *rest.Call) (string, bool)
}

// Options are what a gateway is made of. All but Log and the optional hooks are required.
type Options struct {
	Routes  Resolver
	Authn   authn.Authenticator
	Authz   func() *authz.Evaluator // the evaluator in force; asked once per request
	Audit   Recorder
	Indices Indices
	Dialect Dialect
	// Cluster answers what no row has a handler for.
	Cluster http.Handler
	Log     *slog.Logger
	// Node is the id that task ids begin with.
	Node string
	// ClusterName is what internal transport headers call the cluster.
	ClusterName string
	// SecurityIndex holds users, roles and the audit configuration.
	SecurityIndex string
	// ConfigType maps the endpoint of a security API row ("ROLES") to its document ("roles").
	ConfigType func(endpoint string) string
	// TrustedProxies are the networks whose X-Forwarded-For is believed.
	TrustedProxies []netip.Prefix
	// Extended adds to every event what format 4 does not say of its request, and Outcomes says which requests have an event
	// that tells how they ended.
	Extended bool
	Outcomes Outcomes
	// ReadDerived counts as read what an answer shows of a watched field in other ways than as the document's source.
	ReadDerived bool
	// Source returns a document as it is stored, nil if it is not there. It is asked for documents of which an answer shows a
	// part and OpenSearch would say that the whole was read, if ReadDerived is off. Optional.
	Source func(index, id string) []byte
	// Settings knows the settings in force; nil means that no event tells of changes of settings.
	Settings Settings
	// MaxContentLength bounds a body after decompression, MaxInFlight all bodies together; both in bytes.
	MaxContentLength, MaxInFlight int64
	// MaxAuditedItems bounds the items of a bulk that each leave an event, for a cluster that reports them all at once; 0 is no
	// bound.
	MaxAuditedItems int
	// Done is told about every request when it has ended. It must not block.
	Done func(Summary)
}

// Summary is what metrics and logs want to know of a finished request.
type Summary struct {
	Method string
	Action rest.ActionName
	Status int
	Took   time.Duration
}

// Gateway is the one door to a cluster. It is safe for concurrent use.
type Gateway struct {
	Options

	run      string // tells the ids of this process's requests from those of others
	requests atomic.Int64
	tasks    atomic.Int64
	inFlight atomic.Int64
	zippers  sync.Pool // of *gzip.Writer
	scrolls  scrolls
}

// New returns a gateway, or an error that names what is missing.
func New(o Options) (*Gateway, error) {
	missing := map[string]bool{
		"Routes": o.Routes == nil, "Authn": o.Authn == nil, "Authz": o.Authz == nil, "Audit": o.Audit == nil,
		"Indices": o.Indices == nil, "Dialect": o.Dialect == nil, "Cluster": o.Cluster == nil, "ConfigType": o.ConfigType == nil,
	}
	for name, is := range missing {
		if is {
			return nil, fmt.Errorf("gateway: option %s is missing", name)
		}
	}
	if o.MaxContentLength <= 0 || o.MaxInFlight <= 0 {
		return nil, errors.New("gateway: limits must be more than zero")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Done == nil {
		o.Done = func(Summary) {}
	}
	return &Gateway{Options: o, run: rand.Text()[:8]}, nil
}

// exchange is one request on its way. Steps fill it in their order; nobody else holds it.
type exchange struct {
	g   *Gateway
	w   *response
	r   *http.Request
	ctx context.Context // of the request's records: not cancelled when the client leaves

	policy *audit.Policy
	start  time.Time
	number int64
	remote netip.Addr
	origin audit.Origin
	about  *audit.Request // what all events share; nil but in the extended format
	wire   *Wire          // never nil

	principal *authn.Principal
	attempted string // the user name of a failed login
	evaluator *authz.Evaluator
	roles     []string

	call       *rest.Call
	transcoded bool // the body is JSON now, and was something else
	badBody    bool // the body that the parameters hold cannot be had
	targets    []target
	bulk       map[string]int // items by the index that they name
	effects    *rest.Effects

	mu        sync.Mutex // handlers may report what they do from several goroutines
	tasks     map[taskKey]string
	newest    map[rest.ActionName]string // the task of each action's newest run: those below it run one after the other
	searches  []rest.Action              // that the request runs on the way, a template's with the body that it became
	pending   []*audit.Event             // known, not yet durable
	recording chan error                 // the append that runs beside the handler
	ticket    *audit.Ticket              // of the intent that must be closed
	kept      bool                       // some event of the request is recorded
	concluded bool                       // the outcome is among the events, or not wanted
	// unrecorded is why some of what the request has done is not on disk.
	unrecorded error
}

// ServeHTTP is the path of a request.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.serve(w, r, nil, audit.OriginREST)
}

// As returns the same path for a caller that is already known: authorized and audited like a request of that user, with
// origin LOCAL. Alerting runs its searches through it.
func (g *Gateway) As(p *authn.Principal) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { g.serve(w, r, p, audit.OriginLocal) })
}

func (g *Gateway) serve(w http.ResponseWriter, r *http.Request, known *authn.Principal, origin audit.Origin) {
	x := g.receive(w, r, origin)
	defer x.finish()
	err := x.path(known)
	if err != nil {
		x.answer(err)
	}
	x.w.end()
}

// path takes the steps in order and stops at the first that refuses. A nil error means that the answer is in the response.
func (x *exchange) path(known *authn.Principal) error {
	if err := x.checkWire(known); err != nil {
		return err
	}
	if err := x.checkMethod(); err != nil {
		return err
	}
	if err := x.checkHeaders(); err != nil {
		return err
	}
	unknown := x.resolve()
	if unknown == nil && x.call.Route.Open {
		return x.forward()
	}
	if err := x.authenticate(known, unknown); err != nil {
		return err
	}
	if unknown != nil {
		return unknown
	}
	err := x.readBody()
	if broken, ok := errors.AsType[*brokenBodyError](err); ok {
		x.noteBroken(broken)
		return err
	}
	x.noteAuthenticated() // who sends what cannot be read has logged in all the same
	if err != nil {
		return err
	}
	if err := x.check(); err != nil {
		return err
	}
	if err := x.authorize(); err != nil {
		return err
	}
	return x.forward()
}
