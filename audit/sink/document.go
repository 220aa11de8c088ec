package sink

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strings"

	"vigil/audit"
)

// document is a native event whose fields are taken one by one, so that what no other field stands for is left at the end.
type document struct {
	entry  audit.Entry
	fields map[string]any
}

func parseDocument(e audit.Entry) (*document, error) {
	d := &document{entry: e}
	dec := json.NewDecoder(bytes.NewReader(e.Doc))
	dec.UseNumber()
	if err := dec.Decode(&d.fields); err != nil {
		return nil, fmt.Errorf("event is not a JSON object: %w", err)
	}
	if d.fields == nil {
		return nil, errors.New("event is not a JSON object")
	}
	return d, nil
}

// text returns a field without taking it.
func (d *document) text(name string) string {
	s, _ := d.fields[name].(string)
	return s
}

// take returns a field's value, which the new document tells under another name; nil if there is none.
func (d *document) take(name string) any {
	v := d.fields[name]
	delete(d.fields, name)
	return v
}

func (d *document) takeText(name string) string {
	s := d.text(name)
	delete(d.fields, name)
	return s
}

// takeFloat returns a number; what is none stays.
func (d *document) takeFloat(name string) (float64, bool) {
	n, ok := d.fields[name].(json.Number)
	if !ok {
		return 0, false
	}
	f, err := n.Float64()
	if err != nil {
		return 0, false
	}
	delete(d.fields, name)
	return f, true
}

// failed reports whether the answer to a request was an error.
func (d *document) failed() bool {
	n, _ := d.fields["audit_vigil_response_status"].(json.Number)
	status, err := n.Int64()
	return err == nil && status >= http.StatusBadRequest
}

// takeAddress returns the client's address if it is one; what is none stays.
func (d *document) takeAddress() string {
	s := d.text("audit_request_remote_address")
	if _, err := netip.ParseAddr(s); err != nil {
		return ""
	}
	return d.takeText("audit_request_remote_address")
}

// tree is an object that is built by paths. Nothing is set to nil or "".
type tree map[string]any

func (t tree) set(path string, v any) {
	if v == nil || v == "" {
		return
	}
	at := t
	for {
		name, rest, more := strings.Cut(path, ".")
		if !more {
			at[name] = v
			return
		}
		next, ok := at[name].(tree)
		if !ok {
			next = tree{}
			at[name] = next
		}
		at, path = next, rest
	}
}

// line encodes the object in one line, with its members in alphabetical order.
func (t tree) line() ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(t); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// instant is how both schemas write a time as text.
func instant(e audit.Entry) string { return e.Time.UTC().Format("2006-01-02T15:04:05.000Z") }

// verb says what an action or privilege does, in the words create, delete, read, search, list, write, update; empty if its
// name does not tell.
func verb(action string) string {
	last := action[strings.LastIndexByte(action, '/')+1:]
	switch {
	case strings.HasPrefix(action, "indices:data/read/"):
		if last == "get" || strings.HasPrefix(last, "mget") || strings.HasPrefix(last, "get[") {
			return "read"
		}
		return "search"
	case strings.HasPrefix(action, "indices:data/write/"):
		switch {
		case strings.HasPrefix(last, "delete"):
			return "delete"
		case strings.HasPrefix(last, "update"):
			return "update"
		}
		return "write"
	case strings.HasPrefix(action, "indices:monitor/") || last == "get":
		return "list"
	case last == "create" || last == "auto_create" || last == "resize" || last == "rollover":
		return "create"
	case last == "delete":
		return "delete"
	case strings.HasPrefix(action, "indices:admin/"):
		return "update"
	}
	return ""
}
