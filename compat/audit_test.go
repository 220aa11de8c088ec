package compat

import (
	"crypto/sha256"
	"flag"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var updateKnown = flag.Bool("update", false, "write testdata/known.txt anew, keeping reasons")

// shortened keeps very long values as head, length and digest, as recordings do.
func shortened(e event) event {
	if strings.HasPrefix(text(e, "audit_category"), "COMPLIANCE_") {
		return e
	}
	for k, v := range e {
		if s, ok := v.(string); ok {
			if n := len([]rune(s)); n > 5000 {
				e[k] = fmt.Sprintf("%s...(length %d, sha256 %.8x)", clip(s, 500), n, sha256.Sum256([]byte(s)))
			}
		}
	}
	return e
}

// difference is what is not as recorded in one step.
type difference struct {
	scenario, step string
	// what names it shortly: "status" if the answer has another one, "-CATEGORY" for an event that is missing, "+CATEGORY"
	// for one too many, "~field" for a field of an event that has another value.
	what   string
	detail string
}

// result is what replaying one scenario brought.
type result struct {
	steps       int
	differences []difference
	// bodies are the answers of the right status that say something else.
	bodies []string
}

func TestAudit(t *testing.T) {
	known := readKnown(t)
	var mu sync.Mutex
	results := map[string]result{}
	t.Run("scenario", func(t *testing.T) {
		for _, name := range scenarios(t) {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				r := judge(readGolden(t, name), newReplayer(t).replay(name))
				mu.Lock()
				results[name] = r
				mu.Unlock()
				known.check(t, name, r.differences)
				for _, b := range r.bodies {
					t.Log(b)
				}
			})
		}
	})
	summarize(t, results)
	if *updateKnown {
		known.update(t, results)
	}
}

func summarize(t *testing.T, results map[string]result) {
	t.Helper()
	var steps, differ, bodies int
	causes := map[string]int{}
	for _, name := range slices.Sorted(maps.Keys(results)) {
		r := results[name]
		steps, differ, bodies = steps+r.steps, differ+len(r.differences), bodies+len(r.bodies)
		t.Logf("%-30s %3d steps, %3d differ; %3d answers have another body", name, r.steps, len(r.differences), len(r.bodies))
		for _, d := range r.differences {
			for w := range strings.SplitSeq(d.what, ",") {
				causes[w]++
			}
		}
	}
	t.Logf("%d of %d steps equal; %d answers of the right status have another body", steps-differ, steps, bodies)
	for _, w := range slices.SortedFunc(maps.Keys(causes), func(a, b string) int { return causes[b] - causes[a] }) {
		t.Logf("%4d %s", causes[w], w)
	}
}

// judge compares a run with the recording, step by step.
func judge(want, got *run) result {
	byID := map[string]*step{}
	wanted, seen := rules{versions: map[string]int{}}, rules{versions: map[string]int{}}
	gotEvents := map[string][]event{}
	for _, s := range got.Steps {
		byID[s.ID] = s
		gotEvents[s.ID] = seen.fair(s.Normalized)
	}
	r := result{steps: len(want.Steps)}
	for _, w := range want.Steps {
		wantEvents := wanted.fair(w.Normalized)
		g := byID[w.ID]
		if g == nil {
			r.differences = append(r.differences, difference{want.Scenario, w.ID, "step", "the step was not run"})
			continue
		}
		d := difference{scenario: want.Scenario, step: w.ID}
		var what []string
		if w.status() != g.status() {
			what = append(what, "status")
			d.detail += fmt.Sprintf("status %s, got %s: %s\n", w.status(), g.status(), clip(text(g.Response, "body")+text(g.Response, "error"), 300))
		} else if dump(w.Answer) != dump(g.Answer) {
			r.bodies = append(r.bodies, fmt.Sprintf("%s: another answer\n  - %s\n  + %s", w.ID, clip(dump(w.Answer), 600), clip(dump(g.Answer), 600)))
		}
		names, detail := describe(compare(wantEvents, gotEvents[w.ID]))
		what = append(what, names...)
		d.detail += detail
		if len(what) > 0 {
			d.what = strings.Join(slices.Compact(what), ",")
			r.differences = append(r.differences, d)
		}
	}
	return r
}

// describe names what differs. An event that is missing and one too many that are about the same are compared field by field.
func describe(missing, extra []event) (what []string, detail string) {
	var told strings.Builder
	extra = slices.Clone(extra)
	for _, m := range missing {
		i := slices.IndexFunc(extra, func(e event) bool { return about(e) == about(m) })
		if i < 0 {
			what = append(what, "-"+nameOf(m))
			told.WriteString("  - " + brief(m) + "\n")
			continue
		}
		e := extra[i]
		extra = slices.Delete(extra, i, i+1)
		told.WriteString("  ~ " + about(m) + "\n")
		for _, k := range fieldsThatDiffer(m, e) {
			what = append(what, "~"+k)
			fmt.Fprintf(&told, "      %s\n        - %s\n        + %s\n", k, member(m, k), member(e, k))
		}
	}
	for _, e := range extra {
		what = append(what, "+"+nameOf(e))
		told.WriteString("  + " + brief(e) + "\n")
	}
	slices.Sort(what)
	return slices.Compact(what), told.String()
}

func fieldsThatDiffer(a, b event) []string {
	fields := event{}
	maps.Copy(fields, a)
	maps.Copy(fields, b)
	return slices.DeleteFunc(slices.Sorted(maps.Keys(fields)), func(k string) bool { return member(a, k) == member(b, k) })
}

// member is a field as JSON, "nothing" if it is not there.
func member(e event, k string) string {
	v, ok := e[k]
	if !ok {
		return "nothing"
	}
	return dump(v)
}

// brief is an event without what is the same in all.
func brief(e event) string {
	out := event{}
	for k, v := range e {
		if volatile[k] == "" && k != "audit_format_version" && k != "audit_request_remote_address" {
			out[k] = v
		}
	}
	return dump(out)
}

// about is what two events have in common that tell of the same thing.
func about(e event) string {
	var b strings.Builder
	for _, k := range []string{
		"audit_category", "audit_request_layer", "audit_transport_action", "audit_transport_request_type", "audit_trace_doc_id",
		"audit_compliance_operation",
	} {
		b.WriteString(text(e, k) + "|")
	}
	if text(e, "audit_request_layer") == "TRANSPORT" {
		b.WriteString(text(e, "audit_request_privilege"))
	}
	return b.String()
}

func nameOf(e event) string {
	name := text(e, "audit_category")
	for _, k := range []string{"audit_request_privilege", "audit_transport_action"} {
		if v := text(e, k); strings.Contains(v, ":") {
			return name + "/" + v
		}
	}
	return name
}
