package audit

import (
	"slices"
	"strings"

	"github.com/valyala/fastjson"
)

// Event returns an event after the rules: e itself without any, else a copy.
func (r *Redactor) Event(e *Event) *Event {
	if r == nil {
		return e
	}
	c := *e
	about := r.about(e)
	if c.REST != nil {
		rest := *c.REST
		rest.Header = r.header(rest.Header, about)
		rest.Params = r.param(rest.Params, about)
		c.REST = &rest
	}
	c.Headers = r.transportHeader(c.Headers, about)
	c.Request = r.request(c.Request, about)
	if c.Body != nil {
		body := about.body(*c.Body)
		c.Body = &body
	}
	if c.DiffContent != "" {
		c.DiffContent = about.body(c.DiffContent)
	}
	c.Settings = about.settings(c.Settings)
	c.Exception = about.patternsIn(c.Exception)
	if c.Delivery != nil {
		delivery := *c.Delivery
		delivery.Error = about.patternsIn(delivery.Error)
		c.Delivery = &delivery
	}
	if c.Category == FailedLogin || c.Category == RequestOutcome && c.Outcome != nil && c.Outcome.Status == unauthorized {
		c.EffectiveUser = about.patternsIn(c.EffectiveUser) // people type passwords where a name belongs
	}
	return &c
}

// unauthorized is the status of an answer to a failed login.
const unauthorized = 401

// about are the rules for one event.
type about struct {
	r         *Redactor
	fields    []*fieldRule
	patterns  []*textRule
	documents bool // what the event tells is a document, which may speak of a field without showing it
}

func (r *Redactor) about(e *Event) *about {
	a := &about{r: r, documents: tellsDocument(e)}
	for i := range r.fields {
		if concerns(&r.fields[i].index, e) {
			a.fields = append(a.fields, &r.fields[i])
		}
	}
	for i := range r.patterns {
		if concerns(&r.patterns[i].index, e) {
			a.patterns = append(a.patterns, &r.patterns[i])
		}
	}
	return a
}

// tellsDocument reports whether the body of an event is a document.
func tellsDocument(e *Event) bool {
	return e.Category == DocWrite || e.RequestType == "IndexRequest" ||
		e.REST != nil && (strings.Contains(e.REST.Path, "/_doc") || strings.Contains(e.REST.Path, "/_create/"))
}

// concerns reports whether an event may be about an index of a pattern.
func concerns(index *Patterns, e *Event) bool {
	if index.Empty() || e.Layer == LayerREST || e.ResolvedSum != nil || len(e.Indices)+len(e.Resolved) == 0 ||
		slices.ContainsFunc(e.Resolved, index.Match) || slices.ContainsFunc(e.Indices, index.Match) {
		return true
	}
	return len(e.Resolved) == 0 && slices.ContainsFunc(e.Indices, func(name string) bool { return strings.ContainsAny(name, "*<") })
}

// body applies the rules to JSON, or lines of it. What cannot be read may hold any field.
func (a *about) body(text string) string {
	if len(a.fields)+len(a.patterns) == 0 || text == "" {
		return text
	}
	w := &rewriter{field: a.field, text: a.text}
	if !a.documents {
		w.subject = a.subject
	}
	if out, ok := w.rewrite(text); ok {
		return out
	}
	if len(a.fields) > 0 {
		return redactedBody
	}
	return a.patternsIn(text)
}

// settings applies the rules to the values of settings; a key is a path.
func (a *about) settings(list []SettingChange) []SettingChange {
	if len(list) == 0 {
		return list
	}
	list = slices.Clone(list)
	for i := range list {
		s := &list[i]
		rule := a.field(s.Setting)
		for _, v := range []**string{&s.Old, &s.New} {
			if *v != nil {
				text := a.setting(rule, **v)
				*v = &text
			}
		}
	}
	return list
}

func (a *about) setting(rule *replacement, value string) string {
	switch {
	case rule == nil:
		return a.patternsIn(value)
	case rule.each != nil:
		return rule.each(value)
	case rule.remove:
		return ""
	}
	return rule.mask
}

func (a *about) field(path string) *replacement {
	for _, f := range a.fields {
		if f.matches(path) {
			return &f.put
		}
	}
	return nil
}

// matches compares the end of a path, from a dot on.
func (f *fieldRule) matches(path string) bool {
	for {
		if matchGlob(f.path, path) {
			return true
		}
		_, rest, more := strings.Cut(path, ".")
		if !more {
			return false
		}
		path = rest
	}
}

// text hides a text that speaks of a field, such as a query string or a script: what it says of it stands somewhere in it.
// The bare name of a field says nothing.
func (a *about) text(s string, isName bool) string {
	if !isName && !a.documents && a.mentioned(s) != nil {
		return redactedBody
	}
	return a.patternsIn(s)
}

func (a *about) mentioned(s string) *fieldRule {
	if isFieldName(s) {
		return nil
	}
	for _, f := range a.fields {
		if f.mention.MatchString(s) {
			return f
		}
	}
	return nil
}

func isFieldName(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return strings.ContainsRune(" \t\r\n:=<>(){}\"'!&|,;/+~", r) })
}

// subject finds the rule of the field that an object speaks of in one of its members: by name, as queries and aggregations
// do (at the top of a search such names choose what is shown), or in the text of a script or query, which has its
// parameters beside it.
func (a *about) subject(path string, v *fastjson.Value) *replacement {
	if len(a.fields) == 0 {
		return nil
	}
	var found *replacement
	v.GetObject().Visit(func(key []byte, child *fastjson.Value) {
		if found != nil {
			return
		}
		for _, e := range append(child.GetArray(), child) {
			if e.Type() != fastjson.TypeString {
				continue
			}
			s := string(e.GetStringBytes())
			if f := a.mentioned(s); f != nil {
				found = &f.put
			} else if path != "" && namesField[string(key)] {
				found = a.fieldNamed(s)
			}
		}
	})
	return found
}

// fieldNamed finds the rule for a field as queries name it: with a boost, with stars, as part of another.
func (a *about) fieldNamed(name string) *replacement {
	name, _, _ = strings.Cut(name, "^")
	if strings.Contains(name, "*") && len(a.fields) > 0 {
		return &a.fields[0].put
	}
	return new(rewriter{field: a.field}).at("", name)
}

// patternsIn applies the regular expressions to a text.
func (a *about) patternsIn(s string) string {
	for _, p := range a.patterns {
		s = p.re.ReplaceAllStringFunc(s, func(match string) string { return a.r.replaced(p.action, match) })
	}
	return s
}

func (r *Redactor) replaced(action RedactAction, s string) string {
	switch action {
	case RedactHash:
		return r.hash(s)
	case RedactMask:
		return redactedBody
	default:
		return ""
	}
}
