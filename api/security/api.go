package security

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"

	"vigil/audit"
	"vigil/authn"
	"vigil/authz"
	"vigil/cluster"
)

// Options are what an [API] is made of. All but Flush, ReadOnly, Ready, Cost and Log are required.
type Options struct {
	// Client reaches the store, past authorization and audit.
	Client *cluster.Client
	// Index is the security index, ".opendistro_security".
	Index string
	// Changed has a change take effect. It returns when the next request is judged by what the index now holds.
	Changed func(ctx context.Context) error
	// Caller returns the caller of a request and the roles it is mapped to.
	Caller func(ctx context.Context) (*authn.Principal, []string)
	// Evaluator returns the evaluator in force.
	Evaluator func() *authz.Evaluator
	// CheckPassword verifies a user's current password; see [authn.Basic.CheckPassword].
	CheckPassword func(ctx context.Context, r *http.Request, name, password string) error
	// Flush forgets what is cached of logins.
	Flush func()
	// ReadOnly are the parts of the audit configuration that only administrators by certificate may change.
	ReadOnly audit.ReadOnly
	// Ready reports whether users and roles have been read; nil means always.
	Ready func() bool
	// Cost is the bcrypt cost of new passwords, [authn.DefaultCost] if 0.
	Cost int
	Log  *slog.Logger
}

// API answers the requests of its [API.Routes]. It is safe for concurrent use; changes of one process happen one at a time,
// those of several are told apart by conditional writes: the later one is answered 409.
type API struct {
	o        Options
	kinds    map[string]*kind
	changing chan struct{}
}

// New returns an API. The error names the option that is missing.
func New(o Options) (*API, error) {
	switch {
	case o.Client == nil, o.Index == "":
		return nil, errors.New("security API: Client and Index are required")
	case o.Changed == nil, o.Caller == nil, o.Evaluator == nil, o.CheckPassword == nil:
		return nil, errors.New("security API: Changed, Caller, Evaluator and CheckPassword are required")
	}
	if err := o.ReadOnly.Check(); err != nil {
		return nil, fmt.Errorf("read-only audit configuration: %w", err)
	}
	if o.Flush == nil {
		o.Flush = func() {}
	}
	if o.Ready == nil {
		o.Ready = func() bool { return true }
	}
	if o.Cost == 0 {
		o.Cost = authn.DefaultCost
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	k, err := kinds()
	if err != nil {
		return nil, err
	}
	return &API{o: o, kinds: k, changing: make(chan struct{}, 1)}, nil
}

// super reports whether the caller is an administrator by certificate, who may change what is reserved and see what is hidden.
func (a *API) super(ctx context.Context) bool {
	p, _ := a.o.Caller(ctx)
	return p != nil && p.IsAdmin
}
