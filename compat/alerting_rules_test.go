package compat

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
)

// The rules of scenarios/alerting/diff_alerting.py: what is compared in two runs of alerting, and what may differ.

// interaction is one step of an alerting run, as record_alerting.py stores it.
type interaction struct {
	ID       string    `json:"id"`
	Request  *asked    `json:"request,omitempty"`
	Response *answered `json:"response,omitempty"`
	Hooks    []hook    `json:"webhooks_received,omitempty"`
	// Seconds is how long a step without request took, in which monitors run by their schedule.
	Seconds int `json:"seconds,omitempty"`
}

type asked struct {
	User   string          `json:"user"`
	Method string          `json:"method"`
	Path   string          `json:"path"`
	Body   json.RawMessage `json:"body"`
}

type answered struct {
	Status      int    `json:"status"`
	ContentType string `json:"content_type"`
	Body        string `json:"body"`
}

// hook is a message that the listener got.
type hook struct {
	Method  string            `json:"method"`
	Path    string            `json:"path"`
	Headers map[string]string `json:"headers"`
	Body    string            `json:"body"`
}

// sequence is a run of one file.
type sequence struct {
	Sequence string            `json:"sequence"`
	Server   map[string]string `json:"server"`
	Steps    []interaction     `json:"steps"`
}

var (
	timeMembers = set("period_start period_end executionTime start_time last_notification_time end_time acknowledged_time last_execution_time " +
		"enabled_time last_update_time created_time_ms last_updated_time_ms timestamp")
	droppedAlerting = set("took _shards max_score _score")
	unsortedLists   = set("channel_list config_list allowed_config_type_list delete_response_list")
	idMembers       = set("id _id config_id monitor_id trigger_id action_id reference_id _routing success")

	javaName  = regexp.MustCompile(`(?:[a-z][\w$]*\.){2,}[A-Z]\w*|\b[A-Z]\w*(?:Exception|Error)[:\[]`)
	idText    = regexp.MustCompile(`^[\w#:.-]+$`)
	runText   = regexp.MustCompile(`_20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?_[0-9a-f-]{36}`)
	timeText  = regexp.MustCompile(`20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)?`)
	msText    = regexp.MustCompile(`\b1[6-9]\d{11}\b`)
	portText  = regexp.MustCompile(`127\.0\.0\.1:\d{4,5}`)
	dateText  = regexp.MustCompile(`20\d\d\.\d\d\.\d\d(-\d+)?`)
	seqText   = regexp.MustCompile(`(seqNo|primary term) \[\d+\]`)
	countText = regexp.MustCompile(`\b(hits |root1=)\d+`)
	idPart    = regexp.MustCompile("\x01(.*?)\x02")
	maskedID  = regexp.MustCompile(`\\u0001.*?\\u0002|` + "\x01.*?\x02")
)

func set(words string) map[string]bool {
	out := map[string]bool{}
	for w := range strings.FieldsSeq(words) {
		out[w] = true
	}
	return out
}

// idValues calls add for every value that may be an id.
func idValues(v any, key string, add func(string)) {
	switch v := v.(type) {
	case object:
		for k, x := range v {
			if key == "trigger_results" || key == "action_results" {
				add(k)
			}
			idValues(x, k, add)
		}
	case []any:
		for _, x := range v {
			idValues(x, key, add)
		}
	case string:
		if idMembers[key] {
			add(v)
		} else if strings.HasPrefix(v, "{") {
			if x, err := decode(v); err == nil {
				idValues(x, "", add)
			}
		}
	}
}

// madeUpIDs are the ids that an answer had before any request had them.
func madeUpIDs(steps []interaction) []string {
	var sent strings.Builder
	ids := map[string]bool{}
	for _, s := range steps {
		if s.Request == nil {
			continue
		}
		fmt.Fprintf(&sent, "%s %s %s\n", s.Request.Method, s.Request.Path, s.Request.Body)
		v, err := decode(s.Response.Body)
		if err != nil {
			continue
		}
		idValues(v, "", func(id string) {
			if len(id) >= 8 && idText.MatchString(id) && !strings.Contains(sent.String(), id) {
				ids[id] = true
			}
		})
	}
	return slices.SortedFunc(maps.Keys(ids), func(a, b string) int { return len(b) - len(a) })
}

// alertingSide takes out of one run what differs from run to run. Ids that were made up stay, between \x01 and \x02.
type alertingSide struct{ ids *regexp.Regexp }

func newAlertingSide(steps []interaction) *alertingSide {
	var quoted []string
	for _, id := range madeUpIDs(steps) {
		quoted = append(quoted, regexp.QuoteMeta(id))
	}
	if quoted == nil {
		return &alertingSide{regexp.MustCompile(`[^\s\S]`)}
	}
	return &alertingSide{regexp.MustCompile(strings.Join(quoted, "|"))}
}

func (a *alertingSide) text(s string) string {
	s = a.ids.ReplaceAllString(s, "\x01$0\x02")
	s = runText.ReplaceAllString(s, "_<run>")
	s = timeText.ReplaceAllString(s, "<time>")
	s = msText.ReplaceAllString(s, "<ms>")
	s = portText.ReplaceAllStringFunc(s, func(m string) string {
		if strings.HasPrefix(m, "127.0.0.1:9200") || strings.HasPrefix(m, "127.0.0.1:9300") {
			return m
		}
		return "127.0.0.1:<port>"
	})
	s = dateText.ReplaceAllString(s, "<date>")
	s = seqText.ReplaceAllString(s, "$1 [n]")
	s = countText.ReplaceAllString(s, "$1<n>")
	if m := javaName.FindStringIndex(s); m != nil {
		s = s[:m[0]] + "<java>"
	}
	return s
}

func (a *alertingSide) norm(v any, key string, path []string) any {
	switch v := v.(type) {
	case object:
		return a.object(v, path)
	case []any:
		out := make([]any, len(v))
		for i, x := range v {
			out[i] = a.norm(x, key, path)
		}
		if unsortedLists[key] {
			sort.SliceStable(out, func(i, j int) bool { return masked(out[i]) < masked(out[j]) })
		}
		return out
	case string:
		if strings.Contains(v, `"script_stack"`) || strings.Contains(v, `"type" : "script_exception"`) {
			return "<java>"
		}
		if len(v) > 2 && (v[0] == '{' || v[0] == '[') {
			if x, err := decode(v); err == nil {
				return object{"<json>": a.norm(x, key, path)}
			}
		}
		return a.text(v)
	case json.Number:
		return json.Number(number(json.Number(dump(oneNumber(v)))))
	}
	return v
}

func (a *alertingSide) object(o object, path []string) object {
	if _, ok := o["query"].(object); ok && o["indices"] != nil {
		o = maps.Clone(o)
		o["query"] = canonSearch(oneNumber(o["query"]))
	}
	out := object{}
	for k, v := range o {
		_, whole := v.(json.Number)
		if _, ok := v.(int); ok {
			whole = true
		}
		switch {
		case droppedAlerting[k], k == "schema_version", k == "caused_by", k == "agg_alert_content" && slices.Contains(path, "properties"):
			continue
		case (k == "_seq_no" || k == "_primary_term") && whole:
			v = "<seq>"
		case timeMembers[k] && whole:
			v = "<time>"
		case k == "doc_count" && whole,
			k == "value" && whole && len(path) > 0 && path[len(path)-1] == "total" && slices.Contains(path, "input_results"):
			v = "<n>"
		default:
			v = a.norm(v, k, append(slices.Clone(path), k))
		}
		out[a.text(k)] = v
	}
	return out
}

func (a *alertingSide) body(text string, q *asked) any {
	if q != nil && strings.HasPrefix(q.Path, "/_cat/") {
		var names []string
		for l := range strings.Lines(text) {
			if f := strings.Fields(l); len(f) > 0 {
				names = append(names, a.text(f[0]))
			}
		}
		slices.Sort(names)
		return anys(slices.Compact(names))
	}
	v, err := decode(text)
	if err != nil {
		return a.text(text)
	}
	return a.norm(v, "", nil)
}

func (a *alertingSide) hook(h hook) any {
	var kind any
	for name, value := range h.Headers {
		if strings.EqualFold(name, "Content-Type") {
			kind = value
		}
	}
	return object{"method": h.Method, "path": a.text(h.Path), "content_type": kind, "body": a.body(h.Body, nil)}
}

// masked is a value with every id the same, to sort by.
func masked(v any) string { return maskedID.ReplaceAllString(dump(v), "<id>") }

// pairing makes ids of one run those of another: one for one, everywhere.
type pairing struct{ to, back map[string]string }

func newPairing() *pairing { return &pairing{map[string]string{}, map[string]string{}} }

func (p *pairing) pair(a, b string) bool {
	if have, ok := p.to[a]; ok && have != b {
		return false
	}
	if have, ok := p.back[b]; ok && have != a {
		return false
	}
	p.to[a], p.back[b] = b, a
	return true
}

func (p *pairing) clone() *pairing { return &pairing{maps.Clone(p.to), maps.Clone(p.back)} }

// same returns how two values differ, "" if they do not.
func (p *pairing) same(g, o any) string {
	if s, ok := g.(string); ok {
		if why, done := sameJava(s, o); done {
			return why
		}
		if t, ok := o.(string); ok {
			return p.sameText(s, t)
		}
	}
	if x, ok := g.(object); ok {
		if y, ok := o.(object); ok {
			return p.sameObject(x, y)
		}
	}
	if x, ok := g.([]any); ok {
		if y, ok := o.([]any); ok {
			if len(x) != len(y) {
				return fmt.Sprintf("%d elements, not %d", len(y), len(x))
			}
			for i := range x {
				if why := p.same(x[i], y[i]); why != "" {
					return fmt.Sprintf("[%d] %s", i, why)
				}
			}
			return ""
		}
	}
	if dump(g) == dump(o) {
		return ""
	}
	return fmt.Sprintf("%s != %s", dump(g), dump(o))
}

// sameJava lets any words stand for an error in Java's words, after the same beginning.
func sameJava(s string, o any) (why string, done bool) {
	head, _, java := strings.Cut(s, "<java>")
	if !java || o == nil || o == "" {
		return "", false
	}
	t, ok := o.(string)
	if !ok {
		if head == "" {
			return "", true
		}
		return fmt.Sprintf("%q != %s", s, dump(o)), true
	}
	return "", strings.HasPrefix(t, head) && len(t) > len(head)
}

func (p *pairing) sameText(s, t string) string {
	if idPart.ReplaceAllString(s, "\x01\x02") != idPart.ReplaceAllString(t, "\x01\x02") {
		return fmt.Sprintf("%q != %q", s, t)
	}
	a, b := idPart.FindAllStringSubmatch(s, -1), idPart.FindAllStringSubmatch(t, -1)
	for i := range a {
		if !p.pair(a[i][1], b[i][1]) {
			return fmt.Sprintf("id %s is not always %s", a[i][1], b[i][1])
		}
	}
	return ""
}

func (p *pairing) sameObject(g, o object) string {
	split := func(m object) (plain, ids []string) {
		for _, k := range slices.Sorted(maps.Keys(m)) {
			if strings.Contains(k, "\x01") {
				ids = append(ids, k)
			} else {
				plain = append(plain, k)
			}
		}
		return plain, ids
	}
	kg, ig := split(g)
	ko, io := split(o)
	if !slices.Equal(kg, ko) {
		return fmt.Sprintf("keys: recorded %s, ours %s", kg, ko)
	}
	for _, k := range kg {
		if why := p.same(g[k], o[k]); why != "" {
			return k + ": " + why
		}
	}
	if len(ig) != len(io) {
		return strconv.Itoa(len(io)) + " keys that are ids, not " + strconv.Itoa(len(ig))
	}
	return p.sameMembers(g, o, ig, io)
}

// sameMembers pairs members whose names are ids in whatever order fits.
func (p *pairing) sameMembers(g, o object, ig, io []string) string {
	if len(ig) == 0 {
		return ""
	}
	first := ""
	for i, k := range io {
		r := p.clone()
		why := r.same(ig[0], k)
		if why == "" {
			why = r.same(g[ig[0]], o[k])
		}
		if why == "" {
			why = r.sameMembers(g, o, ig[1:], slices.Delete(slices.Clone(io), i, i+1))
		}
		if why == "" {
			p.to, p.back = r.to, r.back
			return ""
		}
		if first == "" {
			first = why
		}
	}
	return first
}

// sameSet compares messages in any order.
func (p *pairing) sameSet(g, o []any) string {
	left, why := slices.Clone(o), ""
next:
	for _, x := range g {
		for i, y := range left {
			r := p.clone()
			d := r.same(x, y)
			if d == "" {
				p.to, p.back = r.to, r.back
				left = slices.Delete(left, i, i+1)
				continue next
			}
			if why == "" {
				why = d
			}
		}
		return "message missing: " + masked(x) + " (" + why + ")"
	}
	if len(left) > 0 {
		return "message too many: " + masked(left[0])
	}
	return ""
}
