package audit

import (
	"maps"
	"slices"
	"strings"
)

// named returns the rule for a name in lower case.
func named(rules []nameRule, name string) *nameRule {
	for i := range rules {
		if matchGlob(rules[i].name, name) {
			return &rules[i]
		}
	}
	return nil
}

// left is what is left of a value: what its rule says, or without one the regular expressions.
func (r *Redactor) left(rule *nameRule, value string, a *about) string {
	if rule != nil {
		return r.replaced(rule.action, value)
	}
	return a.patternsIn(value)
}

func (r *Redactor) header(h map[string][]string, a *about) map[string][]string {
	if h == nil || len(r.headers)+len(a.patterns) == 0 {
		return h
	}
	out := make(map[string][]string, len(h))
	for name, values := range h {
		rule := named(r.headers, headerKey(name))
		if rule != nil && rule.action == RedactRemove {
			continue
		}
		values = slices.Clone(values)
		for i, v := range values {
			values[i] = r.left(rule, v, a)
		}
		out[name] = values
	}
	return out
}

func (r *Redactor) transportHeader(h map[string]string, a *about) map[string]string {
	return r.texts(h, a, r.headers, headerKey)
}

func (r *Redactor) param(params map[string]string, a *about) map[string]string {
	out := r.texts(params, a, r.params, strings.ToLower)
	if len(a.fields) == 0 || len(out) == 0 {
		return out
	}
	out = maps.Clone(out)
	for name, v := range out {
		switch {
		case name == "source":
			out[name] = a.body(v) // a body that stands in the URL
		case a.mentioned(v) != nil, name == "q" && out["df"] != "" && a.fieldNamed(out["df"]) != nil:
			out[name] = redactedBody
		}
	}
	return out
}

// texts applies the rules for names and the regular expressions to a map of texts.
func (r *Redactor) texts(m map[string]string, a *about, rules []nameRule, key func(string) string) map[string]string {
	if len(m) == 0 || len(rules)+len(a.patterns) == 0 {
		return m
	}
	out := make(map[string]string, len(m))
	for name, v := range m {
		rule := named(rules, key(name))
		if rule != nil && rule.action == RedactRemove {
			continue
		}
		out[a.patternsIn(name)] = r.left(rule, v, a)
	}
	return out
}

// request applies the rules for headers to what the extended format takes from them.
func (r *Redactor) request(q *Request, a *about) *Request {
	if q == nil {
		return nil
	}
	c := *q
	for _, f := range []struct {
		header string
		value  *string
	}{{"user-agent", &c.UserAgent}, {"x-request-id", &c.ID}, {"traceparent", &c.TraceID}, {"traceparent", &c.SpanID}} {
		if *f.value != "" {
			*f.value = r.left(named(r.headers, f.header), *f.value, a)
		}
	}
	return &c
}
