package aggs

import (
	"encoding/json"

	"vigil/engine/query"
)

// Normalize returns the body of a search as OpenSearch re-serialises it: every default written out, members in its order.
// That is how monitors store their queries and how audit events show them; see compat/scenarios/alerting/golden.
func Normalize(body json.RawMessage) (json.RawMessage, error) {
	r, err := query.ParseRequest(body)
	if err != nil {
		return nil, err
	}
	a, err := Parse(r.Aggs)
	if err != nil {
		return nil, err
	}
	return Print(r, a), nil
}

// Print is [Normalize] for a search that was read already, with its aggregations.
func Print(r *query.Request, a Aggs) json.RawMessage {
	w := &query.Printer{}
	if r.Aggs == nil {
		r.Print(w, nil)
	} else {
		r.Print(w, a.print)
	}
	return w.Buf
}

func (a Aggs) print(w *query.Printer) {
	w.Open('{')
	for _, agg := range a.list {
		w.Key(agg.name)
		w.Open('{')
		if agg.meta != nil {
			w.Key("meta")
			w.Node(agg.meta)
		}
		w.Key(agg.typ)
		if _, ok := agg.kind.(filter); ok {
			agg.kind.print(w)
		} else {
			w.Open('{')
			if agg.kind != nil {
				agg.kind.print(w)
			} else {
				agg.pipe.print(w)
			}
			w.Close('}')
		}
		if !agg.subs.Empty() {
			w.Key("aggregations")
			agg.subs.print(w)
		}
		w.Close('}')
	}
	w.Close('}')
}
