package script

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// rendering is one execution of a template.
type rendering struct {
	t      *Template
	m      meter
	out    strings.Builder
	scopes []any
}

// Render writes the template out with vars as the outermost scope; a name that is not there writes nothing.
//
// Variables may hold nil, bool, int, int32, int64, float32, float64, json.Number, string, time.Time (written as an
// instant), []any, []string, []map[string]any and map[string]any, and are only read. Numbers, maps and lists look as
// Java prints them: 1.0E10, {a=1}, and {0=a, 1=b} for a list that is not inside another value.
//
// An index beyond the end of a list is an error, as in OpenSearch; see execute-inline-bad-index in
// compat/scenarios/alerting/golden/03-monitor-crud-execute.json. Errors are [*Error], or the context's when it ends first.
func (t *Template) Render(ctx context.Context, vars map[string]any, l Limits) (string, error) {
	r := &rendering{t: t, m: newMeter(ctx, l, defaultRenderBytes), scopes: []any{vars}}
	if err := r.render(t.nodes); err != nil {
		return "", r.fail(0, err)
	}
	return r.out.String(), nil
}

func (r *rendering) fail(pos int, err error) error {
	var located *Error
	f, ok := asFault(err)
	if errors.As(err, &located) || !ok {
		return err
	}
	e := compileError("mustache", r.t.src, pos, f.class, f.msg)
	e.Kind = f.kind
	if f.class == "CircuitBreakingException" {
		e.Msg = "the rendered text is larger than it may be"
	}
	return e
}

func (r *rendering) write(s string) error {
	if err := r.m.alloc(len(s)); err != nil {
		return err
	}
	r.out.WriteString(s)
	return nil
}

func (r *rendering) render(nodes []node) error {
	for i := range nodes {
		n := &nodes[i]
		if err := r.m.step(); err != nil {
			return r.fail(n.pos, err)
		}
		if err := r.node(n); err != nil {
			return r.fail(n.pos, err)
		}
	}
	return nil
}

func (r *rendering) node(n *node) error {
	switch n.kind {
	case nodeText:
		return r.write(n.text)
	case nodeValue, nodeRaw:
		return r.value(n)
	case nodeSection, nodeInverted:
		return r.section(n)
	case nodeBlock:
		return r.render(n.nodes)
	case nodeJSON:
		return r.toJSON(n)
	case nodeJoin:
		return r.join(n)
	case nodeURL:
		return r.url(n)
	}
	return nil
}

func (r *rendering) value(n *node) error {
	v, err := r.find(n.text, n.line)
	if f, ok := asFault(err); ok && f.kind == KindRuntime {
		return throwf("MustacheException", "Failed to get value for %s @[query-template:%d]", n.text, n.line)
	}
	if err != nil || v == nil {
		return err
	}
	s, err := r.text(v, true)
	if err != nil {
		return err
	}
	if n.kind == nodeRaw {
		return r.write(s)
	}
	switch r.t.escape {
	case EscapeURL:
		s = formEncode(s)
	case EscapeNone:
	default:
		s = escapeJSON(s)
	}
	return r.write(s)
}

func (r *rendering) section(n *node) error {
	v, err := r.find(n.text, n.line)
	if err != nil {
		return err
	}
	items, list := elements(v)
	if n.kind == nodeInverted {
		if list && len(items) > 0 || !list && !falsy(v) {
			return nil
		}
		return r.render(n.nodes)
	}
	if !list {
		if falsy(v) {
			return nil
		}
		return r.within(v, n.nodes)
	}
	for _, item := range items {
		if err := r.m.step(); err != nil {
			return err
		}
		if err := r.within(item, n.nodes); err != nil {
			return err
		}
	}
	return nil
}

// within renders nodes with one more scope.
func (r *rendering) within(scope any, nodes []node) error {
	defer r.m.leave()
	if err := r.m.enter(); err != nil {
		return err
	}
	r.scopes = append(r.scopes, scope)
	defer func() { r.scopes = r.scopes[:len(r.scopes)-1] }()
	return r.render(nodes)
}

// falsy tells which single values close a section; numbers never do, not even 0.
func falsy(v any) bool {
	switch x := v.(type) {
	case nil:
		return true
	case bool:
		return !x
	case string:
		return x == ""
	}
	return false
}

func elements(v any) ([]any, bool) {
	switch x := v.(type) {
	case []any:
		return x, true
	case []string:
		return anys(x), true
	case []map[string]any:
		return anys(x), true
	}
	return nil, false
}

func anys[T any](xs []T) []any {
	out := make([]any, len(xs))
	for i, x := range xs {
		out[i] = x
	}
	return out
}

// find looks a name up from the innermost scope outwards: first as it is, then by its dots.
func (r *rendering) find(name string, line int) (any, error) {
	if name == "." {
		return r.scopes[len(r.scopes)-1], nil
	}
	for _, scope := range slices.Backward(r.scopes) {
		if err := r.m.step(); err != nil {
			return nil, err
		}
		v, ok, err := lookup(scope, name)
		if err != nil {
			f, _ := asFault(err)
			return nil, throwf("MustacheException", "%s @[query-template:%d]", f.msg, line)
		}
		if ok {
			return v, nil
		}
	}
	return nil, nil
}

func lookup(scope any, name string) (any, bool, error) {
	if v, ok, err := member(scope, name); ok || err != nil {
		return v, ok, err
	}
	for {
		first, rest, dotted := strings.Cut(name, ".")
		v, ok, err := member(scope, first)
		if !dotted || !ok || err != nil {
			return v, ok, err
		}
		if v == nil {
			return nil, false, nil
		}
		scope, name = v, rest
	}
}

// member reads one key of a map, one element or the size of a list, or the length of a string.
func member(scope any, name string) (any, bool, error) {
	switch x := scope.(type) {
	case map[string]any:
		v, ok := x[name]
		return v, ok, nil
	case map[string]string:
		v, ok := x[name]
		return v, ok, nil
	case string:
		switch name {
		case "length":
			return int32(utf16Length(x)), true, nil
		case "empty", "isEmpty":
			return x == "", true, nil
		}
		return nil, false, nil
	}
	items, ok := elements(scope)
	if !ok {
		return nil, false, nil
	}
	if name == "size" {
		return int32(len(items)), true, nil
	}
	i, err := strconv.ParseInt(name, 10, 32)
	if err != nil {
		return nil, false, nil
	}
	if i < 0 || int(i) >= len(items) {
		return nil, false, throwf("IndexOutOfBoundsException", "%d", i)
	}
	return items[i], items[i] != nil, nil
}

// text writes a value as Java's toString does. A list at the top is a map of its indexes to the Java library.
func (r *rendering) text(v any, top bool) (string, error) {
	w := &textWriter{m: &r.m}
	items, ok := elements(v)
	var err error
	if ok && top {
		err = w.indexed(items)
	} else {
		err = w.value(v)
	}
	return string(w.out), err
}

// toJSON writes a map or a list as JSON and anything else as it is.
func (r *rendering) toJSON(n *node) error {
	v, err := r.find(n.name, n.line)
	if err != nil || v == nil {
		return err
	}
	w := &textWriter{m: &r.m}
	if _, list := elements(v); list || isMap(v) {
		w.json = true
	}
	if err := w.value(v); err != nil {
		return err
	}
	return r.write(string(w.out))
}

func isMap(v any) bool {
	switch v.(type) {
	case map[string]any, map[string]string:
		return true
	}
	return false
}

// join writes the elements of a list; what is no list writes the text between the tags.
func (r *rendering) join(n *node) error {
	v, err := r.find(n.name, n.line)
	if err != nil {
		return err
	}
	items, ok := elements(v)
	if !ok {
		return r.render(n.nodes)
	}
	for i, item := range items {
		if i > 0 {
			if err := r.write(n.text); err != nil {
				return err
			}
		}
		s, err := r.text(item, false)
		if err != nil {
			return err
		}
		if err := r.write(s); err != nil {
			return err
		}
	}
	return nil
}

// url renders its body and encodes the result for a query string.
func (r *rendering) url(n *node) error {
	inner := &rendering{t: r.t, m: r.m, scopes: r.scopes}
	err := inner.render(n.nodes)
	r.m = inner.m
	if err != nil {
		return err
	}
	return r.write(formEncode(inner.out.String()))
}

// formEncode is java.net.URLEncoder, which differs from Go's in two characters.
func formEncode(s string) string {
	return strings.NewReplacer("%2A", "*", "~", "%7E").Replace(url.QueryEscape(s))
}
