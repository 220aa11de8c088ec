package audit

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// timeLayout never ends in Z, as OpenSearch stores it.
const timeLayout = "2006-01-02T15:04:05.000+00:00"

// FormatTime writes a time as events do.
func FormatTime(t time.Time) string { return t.UTC().Format(timeLayout) }

// AppendJSON appends an event as it is stored: one JSON object without line breaks. Empty fields are left out, invalid UTF-8
// is replaced, and members come in a fixed order: what happened, who did it, to what, how, and where it was seen.
func AppendJSON(dst []byte, n *Node, e *Event) []byte {
	w := writer{append(dst, `{"@timestamp":"`...)}
	w.b = append(e.Time.UTC().AppendFormat(w.b, timeLayout), '"')
	w.text("audit_category", string(e.Category))
	w.text("audit_request_layer", string(e.Layer))
	w.text("audit_request_origin", string(e.Origin))
	w.text("audit_request_remote_address", e.RemoteAddress)
	w.text("audit_request_effective_user", e.EffectiveUser)
	w.text("audit_request_initiating_user", e.InitiatingUser)
	w.boolean("audit_request_effective_user_is_admin", e.IsAdmin)
	w.text("audit_request_privilege", e.Privilege)
	w.text("audit_transport_action", e.Action)
	w.text("audit_transport_request_type", e.RequestType)
	w.texts("audit_trace_indices", e.Indices)
	w.texts("audit_trace_resolved_indices", e.Resolved)
	w.text("audit_trace_doc_id", e.DocID)
	if e.ShardID != nil {
		w.number("audit_trace_shard_id", int64(*e.ShardID))
	}
	w.text("audit_compliance_operation", e.Operation)
	if e.DocVersion != 0 {
		w.number("audit_compliance_doc_version", e.DocVersion)
	}
	w.boolean("audit_compliance_diff_is_noop", e.DiffIsNoop)
	w.text("audit_compliance_diff_content", e.DiffContent)
	w.raw("audit_compliance_file_infos", e.FileInfos)
	w.settings(e.Settings)
	if e.REST != nil {
		w.text("audit_rest_request_method", e.REST.Method)
		w.text("audit_rest_request_path", e.REST.Path)
		w.textMap("audit_rest_request_params", e.REST.Params)
		w.headers("audit_rest_request_headers", e.REST.Header)
	}
	w.textMap("audit_transport_headers", e.Headers)
	if e.Body != nil {
		w.name("audit_request_body")
		w.b = appendString(w.b, *e.Body)
	}
	w.text("audit_request_exception_stacktrace", e.Exception)
	w.text("audit_trace_task_id", e.TaskID)
	w.text("audit_trace_task_parent_id", e.ParentTaskID)
	w.extended(e)
	w.ours(e)
	w.text("audit_cluster_name", n.Cluster)
	w.text("audit_node_id", n.ID)
	w.text("audit_node_name", n.Name)
	w.text("audit_node_host_name", n.Host)
	w.text("audit_node_host_address", n.Address)
	w.number("audit_format_version", FormatVersion)
	return append(w.b, '}')
}

// writer appends members behind the first.
type writer struct{ b []byte }

// ours are the fields that format 4 does not have.
func (w *writer) ours(e *Event) {
	w.text("audit_vigil_recovered", e.Recovered)
	if c := e.Cut; c != nil {
		w.name("audit_vigil_body")
		w.b = strconv.AppendInt(append(w.b, `{"length":`...), c.Length, 10)
		w.b = append(append(append(w.b, `,"sha256":"`...), c.SHA256...), `"}`...)
	}
	if g := e.Gap; g != nil {
		w.name("audit_vigil_gap")
		w.b = strconv.AppendUint(append(w.b, `{"events":`...), g.Events, 10)
		w.b = strconv.AppendUint(append(w.b, `,"requests":`...), g.Requests, 10)
		w.b = g.First.UTC().AppendFormat(append(w.b, `,"first":"`...), timeLayout)
		w.b = g.Last.UTC().AppendFormat(append(w.b, `","last":"`...), timeLayout)
		w.b = append(strconv.AppendBool(append(w.b, `","exact":`...), g.Exact), '}')
	}
	if e.Delivery != nil {
		w.delivery(e.Delivery)
	}
	if s := e.Skipped; s != nil {
		w.name("audit_vigil_skipped")
		w.b = appendString(append(w.b, `{"sink":`...), s.Sink)
		w.b = strconv.AppendUint(append(w.b, `,"first_sequence":`...), s.First, 10)
		w.b = strconv.AppendUint(append(w.b, `,"last_sequence":`...), s.Last, 10)
		w.b = append(strconv.AppendUint(append(w.b, `,"events":`...), s.Events, 10), '}')
	}
}

// name appends what precedes a value; names are ours and need no escapes.
func (w *writer) name(name string) {
	w.b = append(append(append(w.b, `,"`...), name...), `":`...)
}

func (w *writer) text(name, s string) {
	if s != "" {
		w.name(name)
		w.b = appendString(w.b, s)
	}
}

func (w *writer) number(name string, n int64) {
	w.name(name)
	w.b = strconv.AppendInt(w.b, n, 10)
}

func (w *writer) boolean(name string, v *bool) {
	if v != nil {
		w.name(name)
		w.b = strconv.AppendBool(w.b, *v)
	}
}

// raw appends JSON in one line; what is none is left out.
func (w *writer) raw(name string, value json.RawMessage) {
	var line bytes.Buffer
	if len(value) > 0 && json.Compact(&line, value) == nil {
		w.name(name)
		w.b = append(w.b, bytes.ToValidUTF8(line.Bytes(), []byte("\uFFFD"))...)
	}
}

func (w *writer) texts(name string, list []string) {
	if len(list) > 0 {
		w.name(name)
		w.b = appendStrings(w.b, list)
	}
}

func (w *writer) textMap(name string, m map[string]string) {
	if len(m) == 0 {
		return
	}
	var room [16]string
	keys := sortedKeys(room[:0], m)
	w.name(name)
	w.b = append(w.b, '{')
	for i, k := range keys {
		if i > 0 {
			w.b = append(w.b, ',')
		}
		w.b = append(appendKey(w.b, k), ':')
		w.b = appendString(w.b, m[k])
	}
	w.b = append(w.b, '}')
}

// headers are there, as an empty object, even if the policy took them all; a request without any has no such field.
func (w *writer) headers(name string, h map[string][]string) {
	if h == nil {
		return
	}
	var room [24]string
	keys := sortedKeys(room[:0], h)
	w.name(name)
	w.b = append(w.b, '{')
	for i, k := range keys {
		if i > 0 {
			w.b = append(w.b, ',')
		}
		w.b = append(appendKey(w.b, k), ':')
		w.b = appendStrings(w.b, h[k])
	}
	w.b = append(w.b, '}')
}

func sortedKeys[V any](room []string, m map[string]V) []string {
	for k := range m {
		room = append(room, k)
	}
	slices.Sort(room)
	return room
}

// appendKey appends a key that a client chose. Two keys that are not UTF-8 must not become equal by replacement, because
// no index takes an object with two equal keys: such a key is told in hexadecimal, behind a mark.
func appendKey(b []byte, k string) []byte {
	if utf8.ValidString(k) && !strings.HasPrefix(k, badKey) {
		return appendString(b, k)
	}
	b = append(append(b, '"'), badKey...)
	for i := range len(k) {
		b = append(b, hexDigits[k[i]>>4], hexDigits[k[i]&15])
	}
	return append(b, '"')
}

// badKey, the replacement character, marks the keys that appendKey tells in hexadecimal.
const badKey = "\uFFFD"

func appendStrings(b []byte, list []string) []byte {
	b = append(b, '[')
	for i, s := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(b, s)
	}
	return append(b, ']')
}

const hexDigits = "0123456789abcdef"

// appendString appends s as a JSON string.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	done := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			if r, width := utf8.DecodeRuneInString(s[i:]); r != utf8.RuneError || width > 1 {
				i += width
				continue
			}
		}
		b = append(b, s[done:i]...)
		i++
		done = i
		switch {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c == '\n':
			b = append(b, `\n`...)
		case c == '\r':
			b = append(b, `\r`...)
		case c == '\t':
			b = append(b, `\t`...)
		case c < ' ':
			b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		default:
			b = append(b, "\uFFFD"...)
		}
	}
	return append(append(b, s[done:]...), '"')
}
