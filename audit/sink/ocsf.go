package sink

import (
	"encoding/json"
	"math"
	"net/http"
	"slices"
	"strings"
	"time"

	"vigil/audit"
)

// ocsfVersion is the version of the Open Cybersecurity Schema Framework whose classes OCSF uses.
const ocsfVersion = "1.5.0"

// Classes of OCSF. The category is the class divided by 1,000.
const (
	ocsfBase           = 0
	ocsfAccountChange  = 3001
	ocsfAuthentication = 3002
	ocsfUserAccess     = 3005
	ocsfNetwork        = 4001
	ocsfAPI            = 6003
	ocsfDatastore      = 6005
)

// ocsfOther is the activity that has no number.
const ocsfOther = 99

// Severities of OCSF.
const (
	ocsfInformational = 1
	ocsfMedium        = 3
	ocsfHigh          = 4
)

var ocsfSeverities = map[audit.Category]int{
	audit.FailedLogin: ocsfMedium, audit.MissingPrivileges: ocsfMedium, audit.BadHeaders: ocsfMedium,
	audit.SSLException: ocsfMedium, audit.SecurityIndexAttempt: ocsfHigh, audit.Gap: ocsfHigh,
}

// ocsfFailures are the categories that tell of something refused.
var ocsfFailures = []audit.Category{
	audit.FailedLogin, audit.MissingPrivileges, audit.BadHeaders, audit.SSLException, audit.SecurityIndexAttempt,
}

// ocsfUnsettled are the categories that do not say how it ended.
var ocsfUnsettled = []audit.Category{audit.IndexEvent, audit.ClusterSettingsChanged, audit.IndexSettingsChanged, audit.ExternalConfig, audit.Gap, audit.SinkTest}

// OCSF returns an event in the Open Cybersecurity Schema Framework. Fields that it has no place for are in unmapped.
func OCSF(e audit.Entry) ([]byte, error) {
	d, err := parseDocument(e)
	if err != nil {
		return nil, err
	}
	class, activity := ocsfClass(d)
	severity := ocsfInformational
	if s, ok := ocsfSeverities[e.Category]; ok {
		severity = s
	}
	t := tree{
		"time": e.Time.UnixMilli(), "class_uid": class, "category_uid": class / 1000, "activity_id": activity,
		"type_uid": class*100 + activity, "severity_id": severity,
		"metadata": tree{
			"version": ocsfVersion, "uid": e.ID, "sequence": e.Seq, "event_code": string(e.Category), "original_time": instant(e),
			"product": tree{"name": "Vigil", "vendor_name": "Vigil", "feature": tree{"name": "audit"}},
		},
	}
	switch {
	case slices.Contains(ocsfFailures, e.Category), d.failed():
		t["status_id"], t["status"] = 2, "Failure"
	case !slices.Contains(ocsfUnsettled, e.Category):
		t["status_id"], t["status"] = 1, "Success"
	}
	ocsfExchange(t, d)
	ocsfObjects(t, d, class)
	ocsfFolded(t, d)
	for _, name := range []string{"@timestamp", "audit_category"} {
		d.take(name)
	}
	if len(d.fields) > 0 {
		t["unmapped"] = d.fields
	}
	return t.line()
}

// ocsfFolded tells of the repeats that an event stands for.
func ocsfFolded(t tree, d *document) {
	folded, ok := d.take("audit_vigil_folded").(map[string]any)
	if !ok {
		return
	}
	t["count"] = folded["count"]
	for from, to := range map[string]string{"first": "start_time", "last": "end_time"} {
		text, _ := folded[from].(string)
		if at, err := time.Parse(time.RFC3339, text); err == nil {
			t[to] = at.UnixMilli()
		}
	}
}

// ocsfClass decides what kind of event an event of ours is.
func ocsfClass(d *document) (class, activity int) {
	privilege := d.text("audit_request_privilege")
	switch c := d.entry.Category; c {
	case audit.FailedLogin, audit.Authenticated:
		return ocsfAuthentication, 1
	case audit.DocRead, audit.InternalConfigRead:
		return ocsfDatastore, 1
	case audit.DocWrite, audit.InternalConfigWrite:
		return ocsfDatastore, ocsfWrite(d.text("audit_compliance_operation"))
	case audit.MissingPrivileges, audit.GrantedPrivileges, audit.SecurityIndexAttempt, audit.IndexEvent:
		if strings.HasPrefix(privilege, "indices:") || c == audit.IndexEvent || c == audit.SecurityIndexAttempt {
			if privilege == "" {
				privilege = d.text("audit_transport_action")
			}
			return ocsfDatastore, ocsfAction(privilege)
		}
		if c == audit.GrantedPrivileges {
			return ocsfAdministration(d)
		}
		return ocsfAPI, ocsfMethod(d.text("audit_rest_request_method"))
	case audit.IndexSettingsChanged:
		return ocsfDatastore, 2
	case audit.ClusterSettingsChanged:
		return ocsfAPI, 3
	case audit.SSLException:
		return ocsfNetwork, 5 // refuse
	case audit.BadHeaders, audit.RequestOutcome:
		return ocsfAPI, ocsfMethod(d.text("audit_rest_request_method"))
	default:
		return ocsfBase, ocsfOther
	}
}

func ocsfWrite(operation string) int {
	switch operation {
	case "CREATE":
		return 6
	case "UPDATE":
		return 2
	case "DELETE":
		return 7
	}
	return 5
}

// ocsfAction is the activity of class 6005 that an action is.
func ocsfAction(action string) int {
	if n, ok := map[string]int{
		"read": 1, "update": 2, "search": 4, "write": 5, "create": 6, "delete": 7, "list": 8,
	}[verb(action)]; ok {
		return n
	}
	return ocsfOther
}

// ocsfMethod is the activity of class 6003 that a method is.
func ocsfMethod(method string) int {
	switch method {
	case http.MethodPost:
		return 1
	case http.MethodGet, http.MethodHead:
		return 2
	case http.MethodPut, http.MethodPatch:
		return 3
	case http.MethodDelete:
		return 4
	}
	return ocsfOther
}

// ocsfAdministration tells calls of the security API that change an account or map a role from other calls.
func ocsfAdministration(d *document) (class, activity int) {
	method := d.text("audit_rest_request_method")
	kind, name := ocsfAdministered(d)
	switch {
	case kind == "internalusers" && name != "" && method == http.MethodPut:
		return ocsfAccountChange, 1
	case kind == "internalusers" && name != "" && method == http.MethodDelete:
		return ocsfAccountChange, 6
	case kind == "account" && method == http.MethodPut:
		return ocsfAccountChange, 3
	case kind == "rolesmapping" && method == http.MethodPut && ocsfMapped(d) != "":
		return ocsfUserAccess, 3
	}
	return ocsfAPI, ocsfMethod(method)
}

// ocsfAdministered returns the kind and the name of the object that a call of the security API is about.
func ocsfAdministered(d *document) (kind, name string) {
	path := d.text("audit_rest_request_path")
	_, rest, ok := strings.Cut(path, "_security/api/")
	if !ok {
		return "", ""
	}
	kind, name, _ = strings.Cut(strings.Trim(rest, "/"), "/")
	return kind, name
}

// ocsfMapped is the first user that the body of a call maps a role to.
func ocsfMapped(d *document) string {
	var body struct {
		Users []string `json:"users"`
	}
	if json.Unmarshal([]byte(d.text("audit_request_body")), &body) != nil || len(body.Users) == 0 {
		return ""
	}
	return body.Users[0]
}

// ocsfExchange sets what only the extended format tells of the request and of its answer.
func ocsfExchange(t tree, d *document) {
	t.set("metadata.correlation_uid", d.takeText("audit_request_id"))
	t.set("http_request.user_agent", d.takeText("audit_request_user_agent"))
	t.set("auth_protocol", d.takeText("audit_request_auth_method"))
	if roles, ok := d.take("audit_vigil_user_backend_roles").([]any); ok {
		groups := make([]tree, 0, len(roles))
		for _, r := range roles {
			groups = append(groups, tree{"name": r})
		}
		t.set("actor.user.groups", groups)
	}
	if d.fields["audit_vigil_forwarded_address"] != nil {
		d.take("audit_vigil_forwarded_address") // src_endpoint.ip, but of administrators
		t.set("src_endpoint.intermediate_ips", []any{d.take("audit_vigil_socket_address")})
	}
	status := d.take("audit_vigil_response_status")
	if status == nil {
		return
	}
	t.set("http_response.code", status)
	t.set("http_response.length", d.take("audit_vigil_response_bytes"))
	t.set("http_request.length", d.take("audit_vigil_request_bytes"))
	t.set("status_detail", d.takeText("audit_vigil_error_type"))
	if took, ok := d.takeFloat("audit_vigil_took_ms"); ok {
		t.set("duration", int64(math.Round(took)))
	}
}

// ocsfObjects sets who, from where, on what.
func ocsfObjects(t tree, d *document, class int) {
	kind, name := ocsfAdministered(d)
	mapped := ocsfMapped(d)
	user := d.takeText("audit_request_effective_user")
	switch class {
	case ocsfAuthentication:
		t.set("user.name", user)
		if user == "" {
			t.set("user.name", "unknown")
		}
		t.set("service.name", d.text("audit_cluster_name"))
	case ocsfAccountChange:
		t.set("user.name", name)
		if kind == "account" {
			t.set("user.name", user)
		}
	case ocsfUserAccess:
		t.set("user.name", mapped)
		t.set("privileges", []string{name})
	}
	t.set("actor.user.name", user)
	if d.text("audit_request_initiating_user") == user {
		d.take("audit_request_initiating_user")
	}
	t.set("dst_endpoint.ip", d.takeText("audit_node_host_address"))
	t.set("dst_endpoint.hostname", d.takeText("audit_node_host_name"))
	t.set("dst_endpoint.name", d.takeText("audit_node_name"))
	t.set("dst_endpoint.uid", d.takeText("audit_node_id"))
	t.set("src_endpoint.ip", d.takeAddress())
	if _, known := t["src_endpoint"]; !known && class != ocsfBase {
		t.set("src_endpoint.name", "unknown")
	}
	if class == ocsfBase {
		return
	}
	if _, known := t["actor"]; !known && class != ocsfNetwork {
		t.set("actor.user.name", "unknown")
	}
	ocsfRequest(t, d, class)
}

func ocsfRequest(t tree, d *document, class int) {
	t.set("http_request.http_method", d.text("audit_rest_request_method"))
	t.set("http_request.url.path", d.text("audit_rest_request_path"))
	operation := d.takeText("audit_request_privilege")
	if operation == "" {
		operation = d.takeText("audit_transport_action")
	}
	if operation == "" {
		operation = strings.TrimSpace(d.text("audit_rest_request_method") + " " + d.text("audit_rest_request_path"))
	}
	d.take("audit_rest_request_method")
	d.take("audit_rest_request_path")
	if class != ocsfDatastore {
		t.set("api.operation", operation)
		return
	}
	t.set("actor.app_name", "opensearch")
	t.set("api.operation", operation)
	t.set("database.name", d.takeText("audit_cluster_name"))
	index := "audit_trace_resolved_indices"
	if d.fields[index] == nil {
		index = "audit_trace_indices"
	}
	t["type_id"] = 1 // a database
	if list, ok := d.fields[index].([]any); ok && len(list) > 0 {
		t["type_id"] = 3 // a table
		t.set("table.name", list[0])
		if len(list) == 1 {
			d.take(index)
		}
	}
	if t["activity_id"] == 4 {
		t.set("query_info.query_string", d.takeText("audit_request_body"))
	}
}
