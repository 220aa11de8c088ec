package audit

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"time"
)

// RequestOutcome is the category of the events of the extended format that tell how a request ended. OpenSearch does not have it,
// so no list of categories in the audit configuration names it.
const RequestOutcome Category = "REQUEST_OUTCOME"

// Request is what all events of a request have in common in the extended format, and format 4 does not say. It is shared by
// the request's events: once the first of them is recorded nobody changes it.
type Request struct {
	ID            string   // audit_request_id
	TraceID       string   // audit_vigil_trace_id: the trace of the W3C header traceparent
	SpanID        string   // audit_vigil_span_id: the span that called, from the same header
	UserAgent     string   // audit_request_user_agent
	AuthMethod    string   // audit_request_auth_method
	Roles         []string // audit_request_user_roles: those of the security configuration that the user is mapped to
	BackendRoles  []string // audit_vigil_user_backend_roles
	SocketAddress string   // audit_vigil_socket_address: the other end of the connection, without the port
	Forwarded     string   // audit_vigil_forwarded_address: the client as trusted proxies tell it
}

// Outcome is how a request ended. What the answer did not tell is nil.
type Outcome struct {
	Status        int           // audit_vigil_response_status
	Took          time.Duration // audit_vigil_took_ms, until the last part of the answer was ready to leave
	RequestBytes  int64         // audit_vigil_request_bytes: of the body, as they came over the connection
	ResponseBytes int64         // audit_vigil_response_bytes: of the body, as handed to the connection
	Hits          *int64        // audit_vigil_hits: how many documents a search or count found
	Documents     *int64        // audit_vigil_documents: how many documents the request wrote, or the answer shows
	Failed        int64         // audit_vigil_failed_items of a bulk and its like, left out if 0
	ErrorType     string        // audit_vigil_error_type: of the answer, or of the first item that failed
	Gone          bool          // audit_vigil_client_gone, left out if false
}

// ListSum stands for the part of a long list that an event leaves out.
type ListSum struct {
	Count  int
	SHA256 string // in hex, of the whole list sorted, each name followed by a line feed
}

// listHead is how many names of a long list an event of the extended format tells.
const listHead = 100

// SetResolved sets the resolved indices of an event of the extended format: of a long list the first ones in alphabetical
// order, and the sum of all.
func (e *Event) SetResolved(indices []string) {
	e.Resolved = indices
	if len(indices) <= listHead {
		return
	}
	sorted := slices.Clone(indices)
	slices.Sort(sorted)
	sum := sha256.New()
	for _, name := range sorted {
		_, _ = sum.Write(append([]byte(name), '\n')) // never fails
	}
	e.Resolved = sorted[:listHead:listHead]
	e.ResolvedSum = &ListSum{Count: len(sorted), SHA256: hex.EncodeToString(sum.Sum(nil))}
}

// extended are the fields of the extended format.
func (w *writer) extended(e *Event) {
	if s := e.ResolvedSum; s != nil {
		w.number("audit_vigil_resolved_count", int64(s.Count))
		w.text("audit_vigil_resolved_sha256", s.SHA256)
	}
	if r := e.Request; r != nil {
		w.text("audit_request_id", r.ID)
		w.text("audit_vigil_trace_id", r.TraceID)
		w.text("audit_vigil_span_id", r.SpanID)
		w.text("audit_request_user_agent", r.UserAgent)
		w.text("audit_request_auth_method", r.AuthMethod)
		w.texts("audit_request_user_roles", r.Roles)
		w.texts("audit_vigil_user_backend_roles", r.BackendRoles)
		w.text("audit_vigil_socket_address", r.SocketAddress)
		w.text("audit_vigil_forwarded_address", r.Forwarded)
	}
	if o := e.Outcome; o != nil {
		w.number("audit_vigil_response_status", int64(o.Status))
		w.name("audit_vigil_took_ms")
		w.b = strconv.AppendFloat(w.b, float64(o.Took.Microseconds())/1e3, 'f', 3, 64)
		w.number("audit_vigil_request_bytes", o.RequestBytes)
		w.number("audit_vigil_response_bytes", o.ResponseBytes)
		if o.Hits != nil {
			w.number("audit_vigil_hits", *o.Hits)
		}
		if o.Documents != nil {
			w.number("audit_vigil_documents", *o.Documents)
		}
		if o.Failed > 0 {
			w.number("audit_vigil_failed_items", o.Failed)
		}
		w.text("audit_vigil_error_type", o.ErrorType)
		if o.Gone {
			w.boolean("audit_vigil_client_gone", &o.Gone)
		}
	}
}
