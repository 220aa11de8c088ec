// Package audit says what an audit event is, which events are kept, and keeps them.
//
// An [Event] is one thing that happened, in the fields of the security plugin's format 4. A [Policy] is the audit
// configuration as a pure function over events. A [Trail] encodes an event once, makes it durable once, and lets sinks
// read it at their own pace. The package knows neither HTTP nor indices: the gateway builds events, sinks deliver them.
package audit

import (
	"encoding/json"
	"time"
)

// Category is the value of audit_category.
type Category string

// The categories, spelled as OpenSearch 2.19 stores them.
const (
	BadHeaders           Category = "BAD_HEADERS"
	FailedLogin          Category = "FAILED_LOGIN"
	Authenticated        Category = "AUTHENTICATED"
	GrantedPrivileges    Category = "GRANTED_PRIVILEGES"
	MissingPrivileges    Category = "MISSING_PRIVILEGES"
	SecurityIndexAttempt Category = "OPENDISTRO_SECURITY_INDEX_ATTEMPT"
	SSLException         Category = "SSL_EXCEPTION"
	IndexEvent           Category = "INDEX_EVENT"
	// The two that OpenSearch has since 3.8.
	ClusterSettingsChanged Category = "CLUSTER_SETTINGS_CHANGED"
	IndexSettingsChanged   Category = "INDEX_SETTINGS_CHANGED"
	DocRead                Category = "COMPLIANCE_DOC_READ"
	DocWrite               Category = "COMPLIANCE_DOC_WRITE"
	InternalConfigRead     Category = "COMPLIANCE_INTERNAL_CONFIG_READ"
	InternalConfigWrite    Category = "COMPLIANCE_INTERNAL_CONFIG_WRITE"
	ExternalConfig         Category = "COMPLIANCE_EXTERNAL_CONFIG"
)

// Gap is the category of the events that OpenSearch does not have: they tell how many events are missing because they
// could not be recorded while audit.on_failure was allow, or which a sink never got because the log was full. No
// configuration switches it off, and it goes to every sink.
const Gap Category = "AUDIT_GAP"

// Layer is the value of audit_request_layer. Compliance events have none.
type Layer string

// The layers.
const (
	LayerNone      Layer = ""
	LayerREST      Layer = "REST"
	LayerTransport Layer = "TRANSPORT"
)

// Origin is the value of audit_request_origin.
type Origin string

// The origins.
const (
	OriginREST      Origin = "REST"
	OriginTransport Origin = "TRANSPORT"
	OriginLocal     Origin = "LOCAL"
)

// FormatVersion is the value of audit_format_version.
const FormatVersion = 4

// Node names the node that made an event; it is the same for all events of a trail.
type Node struct {
	Cluster string // audit_cluster_name
	ID      string // audit_node_id
	Name    string // audit_node_name
	Host    string // audit_node_host_name
	Address string // audit_node_host_address
}

// REST is the part of an event that describes the HTTP request.
type REST struct {
	Method string              // audit_rest_request_method
	Path   string              // audit_rest_request_path, percent-decoded, without the query
	Params map[string]string   // audit_rest_request_params
	Header map[string][]string // audit_rest_request_headers, names as the client wrote them
}

// Event is one thing that happened. The comment of a field gives its name in the stored document; empty fields are left
// out of it. An event belongs to its maker until it is recorded and must not change afterwards.
type Event struct {
	Time           time.Time         // @timestamp
	Category       Category          // audit_category
	Layer          Layer             // audit_request_layer
	Origin         Origin            // audit_request_origin
	RemoteAddress  string            // audit_request_remote_address, without the port
	EffectiveUser  string            // audit_request_effective_user
	InitiatingUser string            // audit_request_initiating_user
	IsAdmin        *bool             // audit_request_effective_user_is_admin
	Privilege      string            // audit_request_privilege
	Action         string            // audit_transport_action
	RequestType    string            // audit_transport_request_type
	Headers        map[string]string // audit_transport_headers
	Indices        []string          // audit_trace_indices
	Resolved       []string          // audit_trace_resolved_indices
	DocID          string            // audit_trace_doc_id
	ShardID        *int              // audit_trace_shard_id
	TaskID         string            // audit_trace_task_id
	ParentTaskID   string            // audit_trace_task_parent_id
	REST           *REST
	Body           *string         // audit_request_body: JSON text inside a string
	Exception      string          // audit_request_exception_stacktrace
	Operation      string          // audit_compliance_operation
	DocVersion     int64           // audit_compliance_doc_version, left out if 0
	DiffIsNoop     *bool           // audit_compliance_diff_is_noop
	DiffContent    string          // audit_compliance_diff_content
	FileInfos      json.RawMessage // audit_compliance_file_infos
	Settings       []SettingChange // audit_settings_changes, in the categories *_SETTINGS_CHANGED
	Recovered      string          // audit_vigil_recovered: "true" or "unknown", only on events found missing at start
	Cut            *Cut            // audit_vigil_body; set by the trail
	Gap            *Missing        // audit_vigil_gap; set by the trail on events of category Gap
	Skipped        *Skipped        // audit_vigil_skipped; set by the trail on events of category Gap
	Request        *Request        // of the extended format
	ResolvedSum    *ListSum        // of the extended format, see SetResolved
	Outcome        *Outcome        // on events of category RequestOutcome
	Delivery       *Delivery       // on events of category AlertDelivery
}

// Cut tells of the text that the limit audit.max_body_bytes took from an event: the length in bytes and the SHA-256 in hex
// of the whole request body, or of the whole difference in an event that has one instead.
type Cut struct {
	Length int64  `json:"length"`
	SHA256 string `json:"sha256"`
}

// Missing tells of events that were not recorded.
type Missing struct {
	// Events counts the events, Requests the requests that they belong to (one too few for a request of which the next
	// start found one part and not the other).
	Events, Requests uint64
	// First and Last are when the first and the last of them happened.
	First, Last time.Time
	// Exact is false if the machine stopped meanwhile: the counts are then what the disk knew, a lower bound.
	Exact bool
}

// Skipped tells of events that are in the log's order but were never given to a sink, because the log was full and the sink
// is one that may be skipped. The sink acknowledged none of them.
type Skipped struct {
	Sink string `json:"sink"`
	// First and Last are the sequence numbers of the range, both included; Events counts the events in it that were the
	// sink's.
	First  uint64 `json:"first_sequence"`
	Last   uint64 `json:"last_sequence"`
	Events uint64 `json:"events"`
}
