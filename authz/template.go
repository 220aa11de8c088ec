package authz

import (
	"fmt"
	"regexp"
	"strings"

	"vigil/authn"
)

// template is a pattern that names attributes of the caller: "${user.name}-*". What is put in is literal: somebody named "*"
// does not get what everybody has.
type template struct {
	parts []part
	re    bool // a regular expression, without its slashes
}

// part is literal text (with wildcards) or, if attr is set, the name of an attribute.
type part struct{ text, attr string }

func parseTemplate(s string) (template, error) {
	t := template{re: isRegexp(s)}
	rest := s
	if t.re {
		rest = s[1 : len(s)-1]
	}
	for {
		before, after, found := strings.Cut(rest, "${")
		if before != "" {
			if !t.re {
				before = wildcards.Replace(before)
			}
			t.parts = append(t.parts, part{text: before})
		}
		if !found {
			break
		}
		name, tail, closed := strings.Cut(after, "}")
		if !closed {
			return t, fmt.Errorf("pattern %q: no end of ${", s)
		}
		t.parts = append(t.parts, part{attr: name})
		rest = tail
	}
	if t.re {
		_, err := compileRegexp("/" + t.fill(func(string) (string, bool) { return "x", true }) + "/")
		return t, err
	}
	return t, nil
}

// match puts the caller's attributes in and matches. A caller who lacks one of them matches nothing.
func (t *template) match(s string, who *authn.Principal, roles []string) bool {
	if len(t.parts) == 1 && !t.re { // a lone ${user.name} needs no text to be built
		v, ok := attribute(t.parts[0].attr, who, roles)
		return ok && v == s
	}
	complete := true
	g := t.fill(func(name string) (string, bool) {
		v, ok := attribute(name, who, roles)
		complete = complete && ok && !strings.ContainsAny(v, "\x00\x01")
		return v, ok
	})
	if !complete {
		return false
	}
	if !t.re {
		return glob(g, s)
	}
	re, err := compileRegexp("/" + g + "/")
	return err == nil && re.MatchString(s)
}

func (t *template) fill(value func(name string) (string, bool)) string {
	var b strings.Builder
	for _, p := range t.parts {
		if p.attr == "" {
			b.WriteString(p.text)
			continue
		}
		v, _ := value(p.attr)
		if t.re {
			v = regexp.QuoteMeta(v)
		}
		b.WriteString(v)
	}
	return b.String()
}

func attribute(name string, who *authn.Principal, roles []string) (string, bool) {
	switch name {
	case "user.name", "user_name":
		return who.Name, who.Name != ""
	case "user.roles", "user_roles":
		return quoteList(who.BackendRoles), true
	case "user.securityRoles", "user_securityRoles":
		return quoteList(roles), true
	}
	if v, ok := who.Attributes[name]; ok {
		return v, v != ""
	}
	// Both forms are in use: ${attr.internal.dept} and ${attr_internal_dept}.
	for k, v := range who.Attributes {
		if strings.ReplaceAll(k, ".", "_") == name {
			return v, v != ""
		}
	}
	return "", false
}

func quoteList(list []string) string {
	var b strings.Builder
	for i, s := range list {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(`"` + s + `"`)
	}
	return b.String()
}
