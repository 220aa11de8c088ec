package aggs

import (
	"context"
	"maps"
	"math"

	"vigil/engine/query"
	"vigil/script"
)

// scripted is bucket_script or bucket_selector.
type scripted struct {
	common
	script *query.Script
	raw    *query.Node
}

func parseScripted(typ string) func(n *query.Node) (pipeline, error) {
	return func(n *query.Node) (pipeline, error) {
		s := &scripted{common: common{typ: typ}}
		err := s.parse(n, func(key string, v *query.Node) (bool, error) {
			if key != "script" {
				return false, nil
			}
			s.raw = v
			var err error
			s.script, err = query.ParseScript(v)
			return true, err
		})
		switch {
		case err != nil:
		case s.script == nil:
			err = n.Parsing("Missing required field [script] for series_arithmetic aggregation [%s]", typ)
		case s.paths() == nil:
			err = n.Parsing("Missing required field [buckets_path] for series_arithmetic aggregation [%s]", typ)
		case s.vars == nil:
			s.vars, s.names = map[string]string{"_value": s.path[0]}, []string{"_value"}
		}
		return s, err
	}
}

func (s *scripted) apply(r *runner, a aggregation, list []*bucket) ([]*bucket, error) {
	program, err := s.script.Program(r.stored)
	if err != nil {
		return nil, err
	}
	var out []*bucket
	for _, b := range list {
		params := make(map[string]any, len(s.script.Params)+len(s.vars))
		maps.Copy(params, s.script.Params)
		skip := false
		for name, path := range s.vars {
			x, err := s.value(b, path)
			if err != nil {
				return nil, err
			}
			skip = skip || math.IsNaN(x)
			params[name] = x
		}
		if s.typ == "bucket_script" && skip {
			out = append(out, b)
			continue
		}
		res, err := evalScript(r.ctx, program, params)
		if err != nil {
			return nil, err
		}
		if s.typ == "bucket_selector" {
			if keep, ok := res.(bool); ok && keep {
				out = append(out, b)
			} else if !ok {
				return nil, query.Errorf("aggregation_execution_exception", "series_arithmetic script for reducer [%s] must return a boolean", a.name)
			}
			continue
		}
		if x, ok := toFloat(res); ok {
			b.subs = append(b.subs, entry{name: a.name, meta: a.meta, res: &value{kind: "simple_value", x: x}})
		} else if res != nil {
			return nil, query.Errorf("aggregation_execution_exception", "series_arithmetic script for reducer [%s] must return a Number", a.name)
		}
		out = append(out, b)
	}
	return out, nil
}

func evalScript(ctx context.Context, p *script.Program, params map[string]any) (any, error) {
	res, err := p.Eval(ctx, map[string]any{"params": params}, script.Limits{})
	return res, query.WordScript(err)
}

func toFloat(v any) (float64, bool) {
	switch v := v.(type) {
	case int64:
		return float64(v), true
	case float64:
		return v, true
	case bool:
		return 0, false
	}
	return 0, false
}

func (s *scripted) print(w *query.Printer) {
	s.printCommon(w)
	w.Key("script")
	query.PrintScript(w, s.raw)
	s.printGap(w)
}
