package engine

import (
	"encoding/json"
	"net/http"
	"slices"

	"vigil/engine/query"
	"vigil/engine/segment"
	"vigil/rest"
)

const vectorParams = "fields offsets positions payloads field_statistics term_statistics routing preference realtime version version_type "

// vectorSpec is one document whose terms are asked for.
type vectorSpec struct {
	Index, ID, Routing string
	// doc is a document that is not stored; nil if there is an id.
	doc     json.RawMessage
	fields  []string // nil: those that are mapped with term_vector
	version *int64
	query.VectorOptions
}

// vectorDefaults reads what the URL says for all documents.
func (q *request) vectorDefaults() (vectorSpec, error) {
	s := vectorSpec{
		Index: q.call.Vars["index"], ID: q.call.Vars["id"], Routing: q.str("routing", ""), fields: q.list("fields"),
		VectorOptions: query.VectorOptions{Positions: true, Offsets: true, FieldStatistics: true},
	}
	for name, to := range map[string]*bool{
		"positions": &s.Positions, "offsets": &s.Offsets, "field_statistics": &s.FieldStatistics, "term_statistics": &s.TermStatistics,
	} {
		var err error
		if *to, err = q.flag(name, *to); err != nil {
			return s, err
		}
	}
	if _, given := q.call.Param("version"); given {
		n, err := q.number("version", 0)
		if err != nil {
			return s, err
		}
		s.version = &n
	}
	return s, nil
}

// read reads the object that asks for one document's terms.
func (s *vectorSpec) read(n *query.Node) error {
	if n.Kind != query.Object {
		return rest.Errorf(http.StatusBadRequest, "parse_exception", "failed to parse term vectors request. unexpected token [%s]", n.Token())
	}
	for i, key := range n.Keys {
		v := n.Items[i]
		var err error
		switch key {
		case "fields":
			err = json.Unmarshal([]byte(v.JSON()), (*stringList)(&s.fields))
		case "offsets":
			s.Offsets, err = v.Bool()
		case "positions":
			s.Positions, err = v.Bool()
		case "payloads":
			_, err = v.Bool() // there are none
		case "field_statistics", "fieldStatistics":
			s.FieldStatistics, err = v.Bool()
		case "term_statistics", "termStatistics":
			s.TermStatistics, err = v.Bool()
		case "_index":
			s.Index, err = v.Text()
		case "_id":
			s.ID, err = v.Text()
		case "routing", "_routing":
			s.Routing, err = v.Text()
		case "doc":
			s.doc = json.RawMessage(v.JSON())
		case "filter", "per_field_analyzer", "version", "version_type", "_version", "_version_type":
			err = badRequest("[%s] of a term vectors request is not supported", key)
		default:
			err = rest.Errorf(http.StatusBadRequest, "parse_exception", "failed to parse term vectors request. unknown field [%s]", key)
		}
		if err != nil {
			return err
		}
	}
	if s.doc != nil && s.ID != "" {
		return rest.Errorf(http.StatusBadRequest, "parse_exception",
			"failed to parse term vectors request. either [id] or [doc] can be specified, but not both!")
	}
	return nil
}

func (q *request) vectorSpec() (vectorSpec, error) {
	s, err := q.vectorDefaults()
	if err == nil && len(q.body) > 0 {
		var n *query.Node
		if n, err = query.ParseJSON(q.body); err == nil {
			err = s.read(n)
		}
	}
	if err == nil && s.ID == "" && s.doc == nil {
		err = validation("id or doc is missing")
	}
	return s, err
}

// vectorSpecs reads {"docs":[…]} and {"ids":[…],"parameters":{…}}.
func (q *request) vectorSpecs() ([]vectorSpec, error) {
	def, err := q.vectorDefaults()
	if err != nil {
		return nil, err
	}
	n := &query.Node{Kind: query.Object}
	if len(q.body) > 0 {
		if n, err = query.ParseJSON(q.body); err != nil {
			return nil, err
		}
	}
	ids := q.list("ids")
	var docs []*query.Node
	for i, key := range n.Keys {
		v := n.Items[i]
		switch {
		case key == "parameters":
			if err := def.read(v); err != nil {
				return nil, err
			}
		case key == "docs" && v.Kind == query.Array:
			docs = v.Items
		case key == "ids" && v.Kind == query.Array:
			for _, it := range v.Items {
				id, err := it.Text()
				if err != nil {
					return nil, err
				}
				ids = append(ids, id)
			}
		default:
			return nil, rest.Errorf(http.StatusBadRequest, "parsing_exception", "unknown key [%s] for a %s, expected [docs] or [ids]", key, v.Token())
		}
	}
	var out []vectorSpec
	for _, d := range docs {
		s := def
		if err := s.read(d); err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	for _, id := range ids {
		s := def
		s.ID = id
		out = append(out, s)
	}
	return out, checkVectors(out)
}

func checkVectors(specs []vectorSpec) error {
	if len(specs) == 0 {
		return validation("multi term vectors: no documents requested")
	}
	for i, s := range specs {
		switch {
		case s.Index == "":
			return validation("index is missing;2: at multi term vectors for doc " + itoa(i))
		case s.ID == "" && s.doc == nil:
			return validation("id or doc is missing;2: at multi term vectors for doc " + itoa(i))
		}
	}
	return nil
}

// vectorized is the answer for one document.
type vectorized struct {
	Index   string          `json:"_index"`
	ID      string          `json:"_id,omitempty"`
	Version int64           `json:"_version"`
	Found   bool            `json:"found"`
	Took    int64           `json:"took"`
	Vectors json.RawMessage `json:"term_vectors,omitempty"`
}

// vectors answers documents of one request. Statistics are taken once for each shard.
type vectors struct {
	e        *Engine
	q        *request
	s        *state
	contexts map[shardKey]*query.Context
}

func (v *vectors) of(x *index, spec *vectorSpec) (*vectorized, error) {
	out := &vectorized{Index: x.Name, ID: spec.ID, Found: true}
	var d *segment.Doc
	if spec.doc == nil {
		if d = v.q.lookup(x, spec.ID, spec.Routing); d == nil {
			out.Found = false
			return out, nil
		}
		if out.Version = d.Version; spec.version != nil && *spec.version != d.Version {
			return nil, rest.Errorf(http.StatusConflict, "version_conflict_engine_exception",
				"[%s]: version conflict, current version [%d] is different than the one provided [%d]", d.ID, d.Version, *spec.version)
		}
	} else {
		parsed, err := x.mapping.Parse("", spec.doc, x.limits())
		if err != nil {
			return nil, err
		}
		d = newDoc(parsed, spec.doc)
	}
	c := v.context(x, d.Shard)
	out.Vectors = c.Vectors(d, x.vectorFields(spec), spec.VectorOptions)
	out.Took = v.e.took(v.q)
	return out, nil
}

func (v *vectors) context(x *index, shard int) *query.Context {
	key := shardKey{x.Name, shard}
	if v.contexts[key] == nil {
		t := query.Target{Index: x.Name, Fields: x.mapping}
		if !v.q.hides(x) {
			t.Docs = x.docs.snapshot() // else statistics would tell of them
		}
		v.contexts[key] = query.ShardContext(v.q, t, shard, v.q.now)
	}
	return v.contexts[key]
}

// vectorFields lists the fields whose terms are asked for; of an artificial document that is all.
func (x *index) vectorFields(spec *vectorSpec) []*segment.Field {
	var out []*segment.Field
	seen := map[*segment.Field]bool{}
	for _, f := range x.mapping.Match("*") {
		wanted := slices.ContainsFunc(spec.fields, func(p string) bool { return rest.MatchName(p, f.Name) })
		if spec.fields == nil {
			wanted = spec.doc != nil || x.storesVectors(f)
		}
		if wanted && query.Terms(f) && !seen[f] {
			seen[f] = true
			out = append(out, f)
		}
	}
	return out
}

func (x *index) storesVectors(f *segment.Field) bool {
	var def struct {
		TermVector string `json:"term_vector"`
	}
	return f.Type == segment.Text && json.Unmarshal(x.mapping.Definition(f.Name), &def) == nil && def.TermVector != "" && def.TermVector != "no"
}

func (e *Engine) newVectors(q *request) *vectors {
	return &vectors{e: e, q: q, s: e.state.Load(), contexts: map[shardKey]*query.Context{}}
}

func (e *Engine) handleTermVectors(q *request) (*answer, error) {
	spec, err := q.vectorSpec()
	if err != nil {
		return nil, err
	}
	v := e.newVectors(q)
	x, err := e.single(v.s, spec.Index)
	if err != nil {
		return nil, err
	}
	if err := q.judged(x.Name); err != nil {
		return nil, err
	}
	out, err := v.of(x, &spec)
	if err != nil {
		return nil, err
	}
	return ok(out)
}

// handleMultiTermVectors answers each document for itself; what fails fails alone.
func (e *Engine) handleMultiTermVectors(q *request) (*answer, error) {
	specs, err := q.vectorSpecs()
	if err != nil {
		return nil, err
	}
	v := e.newVectors(q)
	docs := make([]mgetDoc, len(specs))
	for i, s := range specs {
		docs[i] = mgetDoc{Index: s.Index, ID: s.ID, Routing: s.Routing}
	}
	denied := e.allowShardsOf(q, v.s, docs, "indices:data/read/mtv[shard]", "MultiTermVectorsShardRequest")
	out := make([]any, len(specs))
	for i := range specs {
		out[i] = e.vectorsOne(v, &specs[i], docs[i], denied)
	}
	return ok(map[string]any{"docs": out})
}

func (e *Engine) vectorsOne(v *vectors, spec *vectorSpec, d mgetDoc, denied map[shardKey]error) any {
	x, err := e.single(v.s, d.Index)
	if err != nil {
		return mgetFailed(d, d.Index, err)
	}
	if err := denied[shardKey{x.Name, x.shardOf(d.ID, d.Routing)}]; err != nil {
		return mgetFailed(d, x.Name, err)
	}
	out, err := v.of(x, spec)
	if err != nil {
		return mgetFailed(d, x.Name, err)
	}
	return out
}
