package gateway

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"time"

	"vigil/audit"

	"github.com/valyala/fastjson"
)

// Outcomes says which requests have an event that tells how they ended.
type Outcomes string

// The choices.
const (
	// OutcomesAudited are of the requests of which some other event is kept.
	OutcomesAudited Outcomes = "audited"
	// OutcomesAll are of every request but those of ignored users, ignored requests, and rows that are open to all.
	OutcomesAll Outcomes = "all"
	// OutcomesNone are none.
	OutcomesNone Outcomes = "none"
)

// conclude notes how the request ended, once its answer is complete but for the sending of what is left of it.
func (x *exchange) conclude() {
	if x.about == nil || x.concluded {
		return
	}
	x.concluded = true
	if !x.wantsOutcome() {
		return
	}
	o := &audit.Outcome{Status: x.w.status, RequestBytes: x.w.in}
	x.readOutcome(o)
	x.w.pack()
	o.ResponseBytes = x.w.out
	switch {
	case x.w.gone:
		o.Gone = true
	case !x.w.bodyless():
		o.ResponseBytes += int64(x.w.held())
	}
	o.Took = time.Since(x.start)
	e := x.event(audit.RequestOutcome, audit.LayerNone)
	if x.principal == nil {
		e.EffectiveUser = x.attempted
	}
	e.REST = &audit.REST{Method: x.r.Method, Path: x.r.URL.Path}
	if x.call != nil {
		e.Privilege, e.RequestType = string(x.call.Route.Action), x.call.Route.Request
	}
	e.Outcome = o
	x.note(e)
}

func (x *exchange) wantsOutcome() bool {
	switch x.g.Outcomes {
	case OutcomesNone:
		return false
	case OutcomesAll:
		if x.kept {
			return true
		}
		user, action, request := x.attempted, "", ""
		if x.principal != nil {
			user = x.principal.Name
		}
		if x.call != nil {
			if x.call.Route.Open {
				return false // health and metrics answer even if nothing can be recorded
			}
			action, request = string(x.call.Route.Action), x.call.Route.Request
		}
		return x.policy.WantsOutcome(user, x.r.URL.Path, action, request)
	case OutcomesAudited:
	}
	return x.kept
}

// maxOutcomeRead bounds the answers to reads that are parsed for their outcome. Those to writes are as long as what was asked.
const maxOutcomeRead = 1 << 20

// readOutcome takes from the answer what it says of the outcome, if it is all there, and of a longer one the hits, which stand
// at its beginning.
func (x *exchange) readOutcome(o *audit.Outcome) {
	w := x.w
	if w.sent {
		o.Hits = w.hits
		return
	}
	if len(w.full) > 0 {
		if x.call.Route.Op == "bulk" {
			readLongBulk(o, w.reader())
		}
		return
	}
	changes := x.call != nil && x.call.Route.Changes
	if len(w.buf) == 0 || w.buf[0] != '{' || w.Header().Get("Content-Encoding") != "" || !changes && len(w.buf) > maxOutcomeRead {
		if isSearch(x) {
			o.Hits = totalHits(w.buf)
		}
		return
	}
	var p fastjson.Parser
	v, err := p.ParseBytes(w.buf)
	if err != nil {
		return // text, or one JSON object behind another
	}
	if w.status >= http.StatusBadRequest {
		o.ErrorType = string(v.GetStringBytes("error", "type"))
	}
	if x.call == nil || x.call.Route.Action == "" {
		return
	}
	if changes {
		readWritten(o, v)
		return
	}
	readShown(o, v)
}

// isSearch reports whether the answer begins with how many documents were found.
func isSearch(x *exchange) bool {
	return x.call != nil && strings.HasPrefix(string(x.call.Route.Action), "indices:data/read/s")
}

// readWritten counts the documents that a write changed, as the answer tells it.
func readWritten(o *audit.Outcome, v *fastjson.Value) {
	var n int64
	switch {
	case v.Exists("items"): // of a bulk
		for _, item := range v.GetArray("items") {
			item.GetObject().Visit(func(_ []byte, r *fastjson.Value) {
				if r.Exists("error") {
					if o.Failed++; o.ErrorType == "" {
						o.ErrorType = string(r.GetStringBytes("error", "type"))
					}
				} else if wrote(r) {
					n++
				}
			})
		}
	case v.Exists("result"): // of one document
		if wrote(v) {
			n = 1
		}
	case v.Exists("failures") && v.Exists("total"): // by query, reindex
		n = v.GetInt64("created") + v.GetInt64("updated") + v.GetInt64("deleted")
		failures := v.GetArray("failures")
		if o.Failed = int64(len(failures)); o.Failed > 0 && o.ErrorType == "" {
			o.ErrorType = string(failures[0].GetStringBytes("cause", "type"))
		}
	default:
		return
	}
	o.Documents = &n
}

func wrote(v *fastjson.Value) bool { return changed(string(v.GetStringBytes("result"))) }

func changed(result string) bool {
	return result == "created" || result == "updated" || result == "deleted"
}

// readLongBulk is readWritten for the answer to a bulk that is too long to be parsed at once. What cannot be read tells nothing.
func readLongBulk(o *audit.Outcome, answer io.Reader) {
	var n int64
	dec := json.NewDecoder(answer)
	for t, err := dec.Token(); t != "items"; t, err = dec.Token() {
		if err != nil {
			return
		}
	}
	if t, err := dec.Token(); err != nil || t != json.Delim('[') {
		return
	}
	for dec.More() {
		var item map[string]struct {
			Result string `json:"result"`
			Error  *struct {
				Type string `json:"type"`
			} `json:"error"`
		}
		if dec.Decode(&item) != nil {
			return
		}
		for _, r := range item {
			if r.Error == nil {
				if changed(r.Result) {
					n++
				}
			} else if o.Failed++; o.ErrorType == "" {
				o.ErrorType = r.Error.Type
			}
		}
	}
	o.Documents = &n
}

// readShown counts what a read found, and the documents that its answer shows.
func readShown(o *audit.Outcome, v *fastjson.Value) {
	var hits, shown int64
	switch {
	case v.Exists("hits"):
		hits, shown = foundIn(v)
		o.Hits, o.Documents = &hits, &shown
	case v.Exists("responses"): // of a msearch
		for _, r := range v.GetArray("responses") {
			h, s := foundIn(r)
			hits, shown = hits+h, shown+s
			if r.Exists("error") {
				if o.Failed++; o.ErrorType == "" {
					o.ErrorType = string(r.GetStringBytes("error", "type"))
				}
			}
		}
		o.Hits, o.Documents = &hits, &shown
	case v.Exists("count"):
		hits = v.GetInt64("count")
		o.Hits = &hits
	case v.Exists("docs"): // of a mget
		for _, d := range v.GetArray("docs") {
			if d.GetBool("found") {
				shown++
			}
		}
		o.Documents = &shown
	case v.Exists("found"):
		if v.GetBool("found") {
			shown = 1
		}
		o.Documents = &shown
	}
}

// foundIn reads the answer to one search. A total is an object, or with rest_total_hits_as_int a number.
func foundIn(v *fastjson.Value) (hits, shown int64) {
	total := v.Get("hits", "total")
	if total != nil && total.Type() == fastjson.TypeObject {
		total = total.Get("value")
	}
	if total != nil {
		hits = total.GetInt64()
	}
	return hits, int64(len(v.GetArray("hits", "hits")))
}

// maxHead is how much of an answer's beginning is searched for the total.
const maxHead = 4 << 10

// totalHits finds the total at the beginning of an answer to a search that is too long to be parsed, or has not come to its
// end; nil if it is not there.
func totalHits(answer []byte) *int64 {
	head := string(answer[:min(len(answer), maxHead)])
	for _, before := range []string{`"hits":{"total":{"value":`, `"hits":{"total":`} {
		if _, rest, ok := strings.Cut(head, before); ok {
			var n int64
			digits := 0
			for digits < len(rest) && rest[digits] >= '0' && rest[digits] <= '9' && digits < 18 {
				n = n*10 + int64(rest[digits]-'0')
				digits++
			}
			if digits > 0 && digits < len(rest) {
				return &n
			}
		}
	}
	return nil
}
