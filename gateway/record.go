package gateway

import (
	"errors"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"vigil/audit"
	"vigil/authz"
	"vigil/rest"
)

// note keeps an event until the next step makes it durable.
func (x *exchange) note(e *audit.Event) {
	x.mu.Lock()
	x.pending = append(x.pending, e)
	x.kept = x.kept || x.about != nil && x.policy.Keep(e)
	x.mu.Unlock()
}

// take returns the events that are not yet on their way to the log.
func (x *exchange) take() []*audit.Event {
	x.mu.Lock()
	defer x.mu.Unlock()
	events := x.pending
	x.pending = nil
	return events
}

// recordInBackground starts to make durable what is known, so that the log and the cluster work at the same time. Reads
// have no effect until their answer leaves, and the answer waits for both.
func (x *exchange) recordInBackground() {
	events := x.take()
	if len(events) == 0 {
		return
	}
	done := make(chan error, 1)
	x.recording = done
	go func() { done <- x.g.Audit.Record(x.ctx, events...) }()
}

// durable returns when everything that is known of the request is on disk. Its error is what the client reads: nothing is
// served that is not recorded.
func (x *exchange) durable() error {
	var err error
	if x.recording != nil {
		err = <-x.recording
		x.recording = nil
	}
	if events := x.take(); len(events) > 0 {
		err = errors.Join(err, x.g.Audit.Record(x.ctx, events...))
	}
	return notRecorded(err)
}

func notRecorded(err error) error {
	if err == nil {
		return nil
	}
	// Why is the operator's to know: it names files, and a caller need not even have logged in to read it.
	return &rest.Error{
		Status: http.StatusServiceUnavailable, Type: "audit_unavailable_exception",
		Reason: "the request is refused because it cannot be recorded", Cause: err,
	}
}

// event returns an event with what all events of the request share.
func (x *exchange) event(c audit.Category, layer audit.Layer) *audit.Event {
	e := &audit.Event{Time: time.Now(), Category: c, Layer: layer, Origin: x.origin, Request: x.about}
	if x.principal != nil {
		e.EffectiveUser = x.principal.Name
	}
	// As OpenSearch 2.19 does: a forged request has no address. See compat/scenarios/audit/06-bad-headers-ssl.json.
	if c != audit.BadHeaders {
		e.RemoteAddress = x.address()
	}
	return e
}

// address is the client's, as events tell it. As OpenSearch 2.19 does, a caller with the administrators' certificate has
// none; see compat/scenarios/audit 09m.
func (x *exchange) address() string {
	if !x.remote.IsValid() || x.principal != nil && x.principal.IsAdmin {
		return ""
	}
	return x.remote.String()
}

// restEvent returns an event of the REST layer. Before authentication only the query is known as parameters and no body;
// afterwards, with the call, the path variables and the body are there too.
func (x *exchange) restEvent(c audit.Category, call *rest.Call) *audit.Event {
	e := x.event(c, audit.LayerREST)
	e.REST = &audit.REST{Method: x.r.Method, Path: x.r.URL.Path, Header: x.policy.Headers(x.header())}
	if call != nil {
		e.REST.Header = x.whole(e.REST.Header)
	}
	params := map[string]string{}
	query, _ := rest.ParseQuery(x.r.URL.RawQuery) // resolve refuses it; the event says what can be read
	for k, v := range query {
		params[k] = v[0]
	}
	audit.RedactParams(x.r.URL.Path, params)
	if call != nil {
		maps.Copy(params, call.Vars)
		if x.badBody && x.policy.LogsBody() {
			body := "ERROR: Unable to generate request body"
			e.Body = &body
		}
		if call.Body != nil && x.policy.LogsBody() {
			body := audit.RedactBody(x.r.URL.Path, string(call.Body))
			e.Body = &body
		}
	}
	if len(params) > 0 {
		e.REST.Params = params
	}
	return e
}

// noteAction notes what follows from a decision about an action, in the original's order.
func (x *exchange) noteAction(t target, d authz.Decision) {
	a := t.action
	if a.Quiet && d.Allowed {
		return
	}
	if len(a.Items) > 0 && !x.policy.ResolvesBulk() && d.Allowed {
		return // a granted shard-level bulk is an event only item by item
	}
	var categories []audit.Category
	switch {
	case d.Allowed && a.Name.IsIndexAdmin():
		categories = []audit.Category{audit.GrantedPrivileges, audit.IndexEvent}
	case d.Allowed:
		categories = []audit.Category{audit.GrantedPrivileges}
	case d.Attempt:
		categories = []audit.Category{audit.SecurityIndexAttempt, audit.MissingPrivileges}
	default:
		categories = []audit.Category{audit.MissingPrivileges}
	}
	for _, c := range categories {
		if len(a.Items) > 0 && x.policy.ResolvesBulk() {
			x.noteItems(c, a)
			continue
		}
		if !a.Continued && x.policy.WantsTransport(c, x.principal.Name, string(a.Name), a.Request) {
			e := x.actionEvent(c, a)
			e.Body = x.actionBody(a)
			x.note(e)
		}
	}
	if d.Allowed {
		x.noteSettings(a)
	}
}

// noteItems notes one event for every item of a shard-level bulk.
func (x *exchange) noteItems(c audit.Category, a rest.Action) {
	for i := range a.Items {
		it := &a.Items[i]
		request := itemAction[it.Op].request
		if !x.policy.WantsTransport(c, x.principal.Name, string(a.Name), request) {
			continue
		}
		e := x.actionEvent(c, a)
		e.RequestType, e.DocID, e.ShardID = request, it.ID, &it.Shard
		if x.policy.LogsBody() && len(it.Body) > 0 && it.Index != x.g.SecurityIndex {
			body := audit.RedactDocument(it.Index, it.ID, string(it.Body))
			e.Body = &body
		}
		x.note(e)
	}
}

// actionEvent returns an event of the transport layer.
func (x *exchange) actionEvent(c audit.Category, a rest.Action) *audit.Event {
	e := x.event(c, audit.LayerTransport)
	e.RequestType = a.Request
	if c == audit.SecurityIndexAttempt {
		e.Action, e.IsAdmin = string(a.Name), new(bool)
	} else {
		e.Privilege = string(a.Name)
	}
	e.DocID = a.DocID
	if a.Parent != "" || a.Internal || !namesNoIndices[a.Request] {
		e.Indices = a.Indices
		if e.Resolved = x.existing(a); x.about != nil {
			e.SetResolved(e.Resolved)
		}
	}
	e.TaskID, e.ParentTaskID = x.task(a)
	if a.Internal {
		e.Headers = map[string]string{
			"_opendistro_security_initial_action_class_header": x.initialClass(),
			"_opendistro_security_origin_header":               string(x.origin),
			"_opendistro_security_remotecn":                    x.g.ClusterName,
		}
	}
	if id := x.r.Header.Get("X-Opaque-Id"); id != "" && x.origin == audit.OriginREST {
		if e.Headers == nil {
			e.Headers = map[string]string{}
		}
		e.Headers["X-Opaque-Id"] = id
	}
	return e
}

// namesNoIndices are the request classes whose own events name no indices although they are judged by them, as recorded in
// compat/scenarios/audit/04a-index-event-default.json and 10b-matrix-all.json.
var namesNoIndices = map[string]bool{"PutMappingRequest": true, "IndicesAliasesRequest": true, "DeletePitRequest": true, "CatShardsRequest": true}

// existing returns the resolved indices of an action that were there when it was judged.
func (x *exchange) existing(a rest.Action) []string {
	if !x.policy.ResolvesIndices() && (a.Internal || !x.policy.LogsBody()) {
		// As recorded, while bodies are logged only what names concrete indices loses the list: compat/scenarios/audit 08c and v24.
		return nil
	}
	if len(a.Resolved) == 0 {
		return nil
	}
	named := a.Indices
	if len(named) == 0 {
		named = a.Resolved
	}
	concrete, _ := x.g.Indices.Resolve(named)
	return withoutStreams(concrete, named)
}

// withoutStreams leaves out the indices of data streams that are not named themselves. As OpenSearch 2.19 does, events do not
// resolve data streams; see compat/scenarios/audit/w03-engine-all.json.
func withoutStreams(concrete, named []string) []string {
	hidden := func(index string) bool { return strings.HasPrefix(index, ".ds-") && !slices.Contains(named, index) }
	if !slices.ContainsFunc(concrete, hidden) {
		return concrete
	}
	return slices.DeleteFunc(slices.Clone(concrete), hidden)
}

// initialClass is the request class by which the original says where an internal hop began.
func (x *exchange) initialClass() string {
	switch x.call.Route.Request {
	case "UpdateRequest":
		return "UpdateRequest"
	case "DeletePitRequest":
		return "GetAllPitNodesRequest"
	}
	return "BulkShardRequest"
}

// task returns the ids of an action's task and of the task above it. Events of one action share a task.
func (x *exchange) task(a rest.Action) (own, parent string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.tasks == nil {
		x.tasks, x.newest = map[taskKey]string{}, map[rest.ActionName]string{}
	}
	of := func(k taskKey) string {
		id, ok := x.tasks[k]
		if !ok {
			id = x.g.Node + ":" + strconv.FormatInt(x.g.tasks.Add(1), 10)
			x.tasks[k] = id
		}
		return id
	}
	above := func() string {
		if id, ok := x.newest[a.Parent]; ok {
			return id
		}
		return of(taskKey{name: a.Parent})
	}
	switch {
	case a.Parent != "" && a.Shares:
		own = above()
	case a.Parent != "":
		own, parent = of(taskKey{name: a.Name, run: a.Run}), above()
	default:
		own = of(taskKey{name: a.Name, run: a.Run})
	}
	x.newest[a.Name] = own
	return own, parent
}

type taskKey struct {
	name rest.ActionName
	run  int
}
