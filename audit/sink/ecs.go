package sink

import (
	"math"
	"strings"

	"vigil/audit"
)

// ecsVersion is the version of the Elastic Common Schema whose fields ECS uses.
const ecsVersion = "8.17.0"

// ecsKind is what ECS calls a category of ours.
type ecsKind struct {
	category, typ []string
	outcome       string
}

// ecsKinds lacks the categories of privileges and of index events, which take a look at the event.
var ecsKinds = map[audit.Category]ecsKind{
	audit.FailedLogin:            {[]string{"authentication"}, []string{"start"}, "failure"},
	audit.Authenticated:          {[]string{"authentication"}, []string{"start"}, "success"},
	audit.BadHeaders:             {[]string{"web"}, []string{"denied"}, "failure"},
	audit.SSLException:           {[]string{"network"}, []string{"connection", "denied"}, "failure"},
	audit.SecurityIndexAttempt:   {[]string{"configuration"}, []string{"denied"}, "failure"},
	audit.DocRead:                {[]string{"database"}, []string{"access"}, "success"},
	audit.DocWrite:               {[]string{"database"}, []string{"change"}, "success"},
	audit.InternalConfigRead:     {[]string{"configuration"}, []string{"access"}, "success"},
	audit.InternalConfigWrite:    {[]string{"configuration"}, []string{"change"}, "success"},
	audit.ClusterSettingsChanged: {[]string{"configuration"}, []string{"change"}, "unknown"},
	audit.IndexSettingsChanged:   {[]string{"configuration"}, []string{"change"}, "unknown"},
	audit.ExternalConfig:         {[]string{"configuration"}, []string{"info"}, ""},
}

// ecsFields are the fields that keep their value.
var ecsFields = []struct{ from, to string }{
	{"audit_request_effective_user", "user.effective.name"},
	{"audit_rest_request_method", "http.request.method"},
	{"audit_rest_request_path", "url.path"},
	{"audit_rest_request_headers", "http.request.headers"},
	{"audit_request_body", "http.request.body.content"},
	{"audit_request_exception_stacktrace", "error.stack_trace"},
	{"audit_node_id", "service.node.name"},
	{"audit_node_name", "host.name"},
	{"audit_cluster_name", "orchestrator.cluster.name"},
	{"audit_request_id", "http.request.id"},
	{"audit_vigil_span_id", "span.id"},
	{"audit_request_user_agent", "user_agent.original"},
	{"audit_request_user_roles", "user.roles"},
	{"audit_vigil_forwarded_address", "network.forwarded_ip"},
	{"audit_vigil_response_status", "http.response.status_code"},
	{"audit_vigil_request_bytes", "http.request.body.bytes"},
	{"audit_vigil_response_bytes", "http.response.body.bytes"},
	{"audit_vigil_error_type", "error.type"},
}

// ECS returns an event in the Elastic Common Schema. Fields that it has no name for are below opensearch.audit under their own
// names without "audit_", and event.original is the native document.
func ECS(e audit.Entry) ([]byte, error) {
	d, err := parseDocument(e)
	if err != nil {
		return nil, err
	}
	kind := ecsKindOf(d)
	t := tree{"@timestamp": instant(e)}
	t.set("ecs.version", ecsVersion)
	t.set("event.kind", "event")
	t.set("event.module", "opensearch")
	t.set("event.dataset", "opensearch.audit")
	t.set("event.provider", "vigil")
	t.set("event.id", e.ID)
	t.set("event.sequence", e.Seq)
	t.set("event.code", string(e.Category))
	t.set("event.action", strings.ToLower(string(e.Category)))
	t.set("event.outcome", kind.outcome)
	if kind.category != nil {
		t.set("event.category", kind.category)
		t.set("event.type", kind.typ)
	}
	t.set("event.original", string(e.Doc))
	user := d.text("audit_request_effective_user")
	if initiating := d.takeText("audit_request_initiating_user"); initiating != "" {
		user = initiating
	}
	t.set("user.name", user)
	t.set("source.ip", d.takeAddress())
	for _, f := range ecsFields {
		t.set(f.to, d.take(f.from))
	}
	// A trace of the caller's outranks the task, which is then below opensearch.audit.
	if trace := d.takeText("audit_vigil_trace_id"); trace != "" {
		t.set("trace.id", trace)
	} else {
		t.set("trace.id", d.take("audit_trace_task_id"))
		t.set("parent.id", d.take("audit_trace_task_parent_id"))
	}
	if took, ok := d.takeFloat("audit_vigil_took_ms"); ok {
		t.set("event.duration", int64(math.Round(took*1e6))) // nanoseconds
	}
	d.take("@timestamp")
	d.take("audit_category")
	rest := tree{}
	for name, v := range d.fields {
		rest[strings.TrimPrefix(name, "audit_")] = v
	}
	if len(rest) > 0 {
		t.set("opensearch.audit", rest)
	}
	return t.line()
}

func ecsKindOf(d *document) ecsKind {
	switch c := d.entry.Category; c {
	case audit.MissingPrivileges, audit.GrantedPrivileges:
		k := ecsKind{[]string{"iam"}, []string{"allowed"}, "success"}
		if d.text("audit_request_layer") == string(audit.LayerREST) {
			k.category = []string{"web"}
		}
		if c == audit.MissingPrivileges {
			k.typ, k.outcome = []string{"denied"}, "failure"
		}
		return k
	case audit.IndexEvent:
		// The event says that the action may run, not what came of it.
		k := ecsKind{[]string{"database"}, []string{"change"}, "unknown"}
		switch verb(d.text("audit_request_privilege")) {
		case "create":
			k.typ = []string{"creation"}
		case "delete":
			k.typ = []string{"deletion"}
		case "list":
			k.typ = []string{"access"}
		}
		return k
	case audit.AlertDelivery:
		k := ecsKind{[]string{"web"}, []string{"info"}, "failure"}
		if told, _ := d.fields["audit_vigil_delivery"].(map[string]any); told["delivered"] == true {
			k.outcome = "success"
		}
		return k
	case audit.RequestOutcome:
		k := ecsKind{[]string{"web"}, []string{"access", "end"}, "success"}
		if d.failed() {
			k.outcome = "failure"
		}
		return k
	default:
		return ecsKinds[c]
	}
}
