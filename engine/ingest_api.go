package engine

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"vigil/engine/query"
	"vigil/rest"
)

const pipelineParams = "timeout master_timeout cluster_manager_timeout "

// maxSimulated bounds the documents of one simulation.
const maxSimulated = 1000

func (e *Engine) handlePutPipeline(q *request) (*answer, error) {
	id := q.call.Vars["id"]
	if len(q.body) == 0 {
		return nil, ingestParse("request body is required")
	}
	if _, err := parsePipeline(id, q.body); err != nil {
		return nil, err
	}
	err := e.change(func(s *state) ([]change, error) {
		if s.pipelines[id] == nil && len(s.pipelines) >= maxStored {
			return nil, badRequest("[%d] pipelines are kept already, which is the limit", maxStored)
		}
		return []change{{Pipeline: &named{id, q.body}}}, nil
	})
	if err != nil {
		return nil, err
	}
	return acknowledged()
}

func (e *Engine) handleGetPipeline(q *request) (*answer, error) {
	s := e.state.Load()
	out := map[string]json.RawMessage{}
	for _, id := range matching(s.pipelines, q.call.Vars["id"]) {
		out[id] = s.pipelines[id].body
	}
	a := &answer{status: http.StatusOK, body: out}
	if v := q.call.Vars["id"]; len(out) == 0 && v != "" && !strings.Contains(v, "*") {
		a.status = http.StatusNotFound
	}
	return a, nil
}

func (e *Engine) handleDeletePipeline(q *request) (*answer, error) {
	list := q.call.Vars["id"]
	err := e.change(func(s *state) ([]change, error) {
		var out []change
		for _, id := range matching(s.pipelines, list) {
			out = append(out, change{Pipeline: &named{Name: id}})
		}
		if len(out) == 0 && list != "*" {
			return nil, rest.Errorf(http.StatusNotFound, "resource_not_found_exception", "pipeline [%s] is missing", list)
		}
		return out, nil
	})
	if err != nil {
		return nil, err
	}
	return acknowledged()
}

// simulated is one document of a simulation.
type simulated struct {
	Index   string          `json:"_index"`
	ID      string          `json:"_id"`
	Routing string          `json:"_routing"`
	Source  json.RawMessage `json:"_source"`
}

func (e *Engine) handleSimulate(q *request) (*answer, error) {
	verbose, err := q.flag("verbose", false)
	if err != nil {
		return nil, err
	}
	var body struct {
		Pipeline json.RawMessage `json:"pipeline"`
		Docs     []simulated     `json:"docs"`
	}
	if err := q.decode(&body); err != nil {
		return nil, err
	}
	s := e.state.Load()
	var p *pipeline
	switch id := q.call.Vars["id"]; {
	case id != "":
		if p = s.pipelines[id]; p == nil {
			return nil, badRequest("pipeline [%s] does not exist", id)
		}
	case body.Pipeline == nil:
		return nil, ingestParse("[pipeline] required property is missing").With("property_name", "pipeline")
	default:
		if p, err = parsePipeline("_simulate_pipeline", body.Pipeline); err != nil {
			return nil, err
		}
	}
	switch {
	case body.Docs == nil:
		return nil, ingestParse("[docs] required property is missing").With("property_name", "docs")
	case len(body.Docs) == 0:
		return nil, badRequest("must specify at least one document in [docs]")
	case len(body.Docs) > maxSimulated:
		return nil, badRequest("a simulation takes no more than [%d] documents", maxSimulated)
	}
	out := make([]any, len(body.Docs))
	for i, d := range body.Docs {
		if out[i], err = simulate(q, s, p, d, verbose); err != nil {
			return nil, err
		}
	}
	return ok(map[string]any{"docs": out})
}

// simulate runs a pipeline over one document and tells what becomes of it, or of every step.
func simulate(q *request, s *state, p *pipeline, d simulated, verbose bool) (any, error) {
	in := &ingestion{q: q, s: s, index: d.Index, id: d.ID, routing: d.Routing}
	if in.index == "" {
		in.index = "_index"
	}
	if in.id == "" {
		in.id = "_id"
	}
	if err := decodeNumbers(d.Source, &in.source); err != nil || in.source == nil {
		return nil, ingestParse("[_source] required property is missing").With("property_name", "_source")
	}
	steps := []any{}
	var broken error
	if verbose {
		in.trace = func(p *processor, err error) {
			step := map[string]any{"processor_type": p.typ, "status": "success"}
			if p.tag != "" {
				step["tag"] = p.tag
			}
			switch {
			case err != nil:
				step["status"], step["error"] = "error", asRest(err).Body()["error"]
			case in.dropped:
				step["status"] = "dropped"
			default:
				var shown json.RawMessage
				if shown, broken = in.shown(d.Source); broken == nil {
					step["doc"] = shown
				}
			}
			steps = append(steps, step)
		}
	}
	err := in.through(p.processors, p.onFailure)
	switch {
	case broken != nil:
		return nil, broken
	case verbose:
		return map[string]any{"processor_results": steps}, nil
	case err != nil:
		return map[string]any{"error": asRest(err).Body()["error"]}, nil
	case in.dropped:
		return nil, nil //nolint:nilnil // null stands for it
	}
	shown, err := in.shown(d.Source)
	return map[string]any{"doc": shown}, err
}

// shown is the document as a simulation answers it.
func (in *ingestion) shown(original json.RawMessage) (json.RawMessage, error) {
	source, err := encodeLike(in.source, original)
	if err != nil {
		return nil, err
	}
	w := &query.Printer{}
	w.Open('{')
	w.Key("_index")
	w.Str(in.index)
	w.Key("_id")
	w.Str(in.id)
	if in.routing != "" {
		w.Key("_routing")
		w.Str(in.routing)
	}
	w.Key("_source")
	w.Raw(string(source))
	w.Key("_ingest")
	w.Open('{')
	w.Key("timestamp")
	w.Str(in.q.now.UTC().Format(time.RFC3339Nano))
	w.Close('}')
	w.Close('}')
	return w.Buf, nil
}
