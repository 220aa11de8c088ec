package engine

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"vigil/rest"
)

// dataStream is a name under which documents with a timestamp are appended to the newest of several hidden indices. It is
// immutable; every change makes a new one.
type dataStream struct {
	Name string `json:"name"`
	// Generation counts the rollovers from 1 and never goes back.
	Generation int `json:"generation"`
	// Indices are there and oldest first. The last one takes what is written.
	Indices []string `json:"indices"`
}

func (d *dataStream) writeIndex() string { return d.Indices[len(d.Indices)-1] }

// backingName is the name of the index that a generation begins.
func (d *dataStream) backingName(generation int) string {
	return fmt.Sprintf(".ds-%s-%06d", d.Name, generation)
}

// putStream changes s as [state.apply] may.
func (s *state) putStream(d *dataStream) {
	s.streams = maps.Clone(s.streams)
	s.streams[d.Name] = d
	s.indexStreams()
}

func (s *state) dropStream(name string) {
	s.streams = maps.Clone(s.streams)
	delete(s.streams, name)
	s.indexStreams()
}

// leaveStream takes an index that was deleted out of its data stream.
func (s *state) leaveStream(name string) {
	d := s.streams[s.streamOf[name]]
	if d == nil {
		return
	}
	n := *d
	n.Indices = slices.DeleteFunc(slices.Clone(d.Indices), func(i string) bool { return i == name })
	if len(n.Indices) == 0 {
		s.dropStream(d.Name)
		return
	}
	s.putStream(&n)
}

func (s *state) indexStreams() {
	s.streamOf = map[string]string{}
	for _, d := range s.streams {
		for _, name := range d.Indices {
			s.streamOf[name] = d.Name
		}
	}
}

// keepsWriteIndex refuses the deletion of an index that a data stream writes to.
func (s *state) keepsWriteIndex(x *index) error {
	if d := s.streams[s.streamOf[x.Name]]; d != nil && d.writeIndex() == x.Name {
		return badRequest("index [%s] is the write index for data stream [%s] and cannot be deleted", x.Name, d.Name)
	}
	return nil
}

// streamTemplate returns the template that makes a data stream of a name; nil if what is written to it becomes an index.
func (s *state) streamTemplate(name string) *indexTemplate {
	if _, t := s.composable(name); t != nil && t.DataStream != nil {
		return t
	}
	return nil
}

// checkDataStream refuses what a template says of its data streams and this engine does not do.
func (t *indexTemplate) checkDataStream() error {
	if t.DataStream == nil {
		return nil
	}
	var def struct {
		Field struct {
			Name string `json:"name"`
		} `json:"timestamp_field"`
	}
	if err := decodeStrict(t.DataStream, &def); err != nil {
		return err
	}
	if def.Field.Name != "" && def.Field.Name != "@timestamp" {
		return badRequest("[data_stream.timestamp_field] other than [@timestamp] is not supported")
	}
	return nil
}

// backingSpec describes the indices of a data stream.
func (s *state) backingSpec(t *indexTemplate, name string) (indexSpec, error) {
	layers, err := s.composed(t)
	if err != nil {
		return indexSpec{}, err
	}
	first := indexSpec{Mappings: json.RawMessage(`{"properties":{"@timestamp":{"type":"date"}}}`)}
	last := indexSpec{
		Settings: json.RawMessage(`{"index.hidden":"true"}`), Mappings: json.RawMessage(`{"_data_stream_timestamp":{"enabled":true}}`),
	}
	return mergeSpecs(name, slices.Concat([]indexSpec{first}, layers, []indexSpec{last}))
}

// createStream makes a data stream with its first index.
func (e *Engine) createStream(name string) error {
	if err := validateStreamName(name); err != nil {
		return err
	}
	if err := e.disk.check(); err != nil {
		return blocked(name)
	}
	return e.change(func(s *state) ([]change, error) {
		if s.streams[name] != nil {
			return nil, rest.Errorf(http.StatusBadRequest, "resource_already_exists_exception", "data_stream [%s] already exists", name)
		}
		if err := s.nameFree(name); err != nil {
			return nil, err
		}
		return s.nextBacking(&dataStream{Name: name}, e.opts.Now().UnixMilli())
	})
}

// nextBacking returns the changes that make the next index of a data stream, and with the first of them the stream itself.
func (s *state) nextBacking(d *dataStream, now int64) ([]change, error) {
	title, t := s.composable(d.Name)
	switch {
	case t == nil:
		return nil, badRequest("no matching index template found for data stream [%s]", d.Name)
	case t.DataStream == nil:
		return nil, badRequest("matching index template [%s] for data stream [%s] has no data stream template", title, d.Name)
	}
	next := &dataStream{Name: d.Name, Generation: d.Generation + 1}
	name := next.backingName(next.Generation)
	next.Indices = append(slices.Clone(d.Indices), name)
	if err := s.nameFree(name); err != nil {
		return nil, err
	}
	spec, err := s.backingSpec(t, name)
	if err != nil {
		return nil, err
	}
	changes, err := s.newIndex(name, spec, now)
	if err != nil {
		return nil, err
	}
	return append(changes, change{Stream: next}), nil
}

func validateStreamName(name string) error {
	if err := rest.ValidateIndexName(name); err != nil {
		_, why, _ := strings.Cut(asRest(err).Reason, "], ")
		return badRequest("data_stream [%s] %s", name, why)
	}
	if strings.HasPrefix(name, ".") {
		return badRequest("data_stream [%s] must not start with '.'", name)
	}
	return nil
}

// appendOnly refuses operations on a data stream that do not append, and those on its indices that would append past it.
func (s *state) appendOnly(name string, x *index, op *docOp) error {
	if d := s.streams[name]; d != nil {
		if op.Op != "create" {
			return badRequest("only write ops with an op_type of create are allowed in data streams")
		}
		if op.Routing != "" {
			return badRequest("index request targeting data stream [%s] specifies a custom routing. target the backing indices directly or "+
				"remove the custom routing.", name)
		}
		return nil
	}
	stream := s.streamOf[x.Name]
	switch {
	case stream == "":
		return nil
	case op.Op == "create":
		return badRequest("index request with op_type=create targeting backing indices is disallowed, target corresponding data stream [%s] instead", stream)
	case op.Op == "index" && op.IfSeqNo == nil:
		return badRequest("index request with op_type=index and no if_primary_term and if_seq_no set targeting backing indices is disallowed, "+
			"target corresponding data stream [%s] instead", stream)
	}
	return nil
}

// rollStream gives a data stream its next index.
func (e *Engine) rollStream(name string) error {
	return e.change(func(s *state) ([]change, error) {
		d := s.streams[name]
		if d == nil {
			return nil, notFound(name)
		}
		return s.nextBacking(d, e.opts.Now().UnixMilli())
	})
}

// matchStreams returns the data streams that a list of names and patterns selects, by name; nothing selects all. A name that
// is not there is an error, unless it does not matter.
func (s *state) matchStreams(list string, lenient bool) ([]*dataStream, error) {
	exprs := rest.SplitIndices(list)
	if len(exprs) == 0 {
		exprs = []string{"*"}
	}
	set := map[string]*dataStream{}
	for _, expr := range exprs {
		if expr == "_all" {
			expr = "*"
		}
		found := false
		for name, d := range s.streams {
			if rest.MatchName(expr, name) {
				set[name], found = d, true
			}
		}
		if !found && !lenient && !strings.Contains(expr, "*") {
			return nil, notFound(expr)
		}
	}
	out := make([]*dataStream, 0, len(set))
	for _, name := range slices.Sorted(maps.Keys(set)) {
		out = append(out, set[name])
	}
	return out, nil
}

// newestTimestamp is the newest @timestamp of an index in ms since the epoch; 0 if it has none.
func newestTimestamp(x *index) int64 {
	var newest int64
	for _, d := range x.docs.snapshot() {
		for _, v := range d.Values["@timestamp"] {
			newest = max(newest, v.Int)
		}
	}
	return newest
}
