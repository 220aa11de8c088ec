package gateway

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"vigil/audit"
	"vigil/rest"
)

// forward lets the row's handler or the cluster answer, with the events of the request durable in time: for a request that
// can change something before it runs, for one that reads before the answer leaves.
func (x *exchange) forward() error {
	route := x.call.Route
	if err := x.checkBulk(); err != nil {
		return err
	}
	if x.transcoded && route.Admin != "" {
		// The security API reads JSON only; see compat/scenarios/audit/11-config-api.json, step put-yaml, and v31 yaml-role.
		return &plain{status: http.StatusBadRequest, json: map[string]any{"status": "error", "reason": "Could not parse content of request."}}
	}
	x.effects = &rest.Effects{Allow: x.allow, Deny: x.deny, Hidden: x.hides, Watches: x.watches, Take: x.recordWrites, TakeReads: x.recordReads}
	if route.Open {
		x.effects = nil
	} else {
		x.call.Caller = x.principal.Name
	}
	read := x.watchedRead()
	x.w.whole, x.w.read = route.Changes || read, read
	if route.Changes {
		if err := x.begin(); err != nil {
			return err
		}
	} else if x.about == nil {
		x.recordInBackground() // the extended format has one append, with the outcome
	}
	r, asked := x.forwarded(), x.call
	if read {
		r, asked = x.readable()
	}
	ctx := r.Context()
	if route.Changes {
		// What has begun is done, whoever still listens: an outcome that nobody knows helps nobody.
		ctx = context.WithoutCancel(ctx)
	}
	ctx = rest.NewContext(ctx, x.call)
	ctx = WithPrincipal(ctx, x.principal, x.roles)
	if x.effects != nil {
		ctx = rest.WithEffects(ctx, x.effects)
	}
	h := route.Handler
	if h == nil {
		h = x.g.Cluster
	}
	err := x.run(h, r.WithContext(ctx))
	if err == nil && read {
		if err = x.noteReads(); err == nil {
			err = x.shape(asked)
		}
	}
	if err == nil {
		x.noteConfigRead()
	}
	// What was done before something went wrong was done all the same.
	x.noteSources(x.effects.Reads())
	x.noteWrites(x.effects.Writes())
	if closed := x.close(err == nil); err == nil {
		err = closed
	}
	return err
}

// run calls the handler. A panic is a fault of ours in one request, not the end of the process; what is known of the request
// is recorded all the same.
func (x *exchange) run(h http.Handler, r *http.Request) (err error) {
	defer func() {
		p := recover()
		if p == http.ErrAbortHandler { //nolint:errorlint // a panic's value, which net/http compares so too
			if err = x.w.err; err == nil {
				err = rest.Errorf(http.StatusBadGateway, "cluster_failed_exception", "the cluster's answer was cut off")
			}
			return
		}
		if p != nil {
			err = &rest.Error{
				Status: http.StatusInternalServerError, Type: "exception", Reason: "internal error",
				Cause: fmt.Errorf("handler panicked: %v", p),
			}
		}
	}()
	h.ServeHTTP(x.w, r)
	return x.w.err
}

// begin makes durable what the request intends. If events may still follow from what it does, an intent stands in the log
// until they are there, so that a crash in between leaves a trace.
func (x *exchange) begin() error {
	in, wanted := x.intent()
	if !wanted {
		return x.durable()
	}
	ticket, err := x.g.Audit.Begin(x.ctx, in, x.take()...)
	if err != nil {
		return notRecorded(err)
	}
	x.ticket = &ticket
	return nil
}

// close makes durable what the request did, and closes its intent. If the request is answered, that is known too.
func (x *exchange) close(answered bool) error {
	if x.ticket == nil {
		return nil // the response waits for what is pending
	}
	if answered {
		x.conclude()
	}
	return notRecorded(x.g.Audit.End(x.ctx, *x.ticket, x.take()...))
}

// intent says what the request is about to change, if compliance events may follow from it.
func (x *exchange) intent() (audit.Intent, bool) {
	route := x.call.Route
	in := audit.Intent{
		Time: x.start, User: x.principal.Name, RemoteAddress: x.address(),
		Action: string(route.Action), RequestType: route.Request, Method: x.r.Method, Path: x.r.URL.Path,
		DocID: x.call.DocID, Origin: x.origin, RequestID: x.requestID(),
	}
	if route.Admin != "" {
		in.DocID, in.Index = x.g.ConfigType(route.Admin), x.g.SecurityIndex
		in.Expects = []audit.Category{audit.InternalConfigWrite}
		_, writes := x.policy.InternalConfig(x.principal.Name)
		return in, in.DocID != "" && writes
	}
	if !writesDocuments(route) {
		return in, false
	}
	in.Expects = []audit.Category{audit.DocWrite}
	var watched []string
	for _, index := range x.writeTargets() {
		if x.watches(index).Writes {
			watched = append(watched, index)
		}
	}
	in.Index = strings.Join(watched, ",")
	return in, len(watched) > 0
}
