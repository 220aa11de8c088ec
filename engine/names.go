package engine

import (
	"maps"
	"slices"
	"time"

	"vigil/engine/segment"
)

// Aliases returns the other names of a concrete index, sorted: its aliases, and the data stream that it is a part of. None
// if it is not there.
func (e *Engine) Aliases(index string) []string {
	s := e.state.Load()
	x, stream := s.indices[index], s.streamOf[index]
	if x == nil || len(x.Aliases) == 0 && stream == "" {
		return nil
	}
	names := slices.Collect(maps.Keys(x.Aliases))
	if stream != "" {
		names = append(names, stream)
	}
	slices.Sort(names)
	return names
}

// Shards returns how many primary shards a concrete index has; 1 if it is not there.
func (e *Engine) Shards(index string) int {
	x := e.state.Load().indices[index]
	if x == nil {
		return 1
	}
	return x.shards()
}

// Operation is the newest operation on a document, as far as it is remembered.
type Operation struct {
	Version int64
	At      time.Time
	Deleted bool
}

// Last returns the newest operation on a document of a concrete index. Deletions are remembered for a while only; ok is false
// if nothing is known of the id.
func (e *Engine) Last(index, id string) (op Operation, ok bool) {
	x := e.state.Load().indices[index]
	if x == nil {
		return Operation{}, false
	}
	if d := x.docs.get(id); d != nil {
		return Operation{Version: d.Version, At: d.Indexed}, true
	}
	if t, ok := x.docs.tombstones()[id]; ok {
		return Operation{Version: t.version, At: t.at, Deleted: true}, true
	}
	return Operation{}, false
}

// Source returns a document of a concrete index as it is stored; nil if it is not there. It must not be changed.
func (e *Engine) Source(index, id string) []byte {
	x := e.state.Load().indices[index]
	if x == nil {
		return nil
	}
	if d := x.docs.get(id); d != nil {
		return d.Source
	}
	return nil
}

// Field returns how a field of a concrete index is indexed, aliases resolved; nil if the index or the field is not there.
func (e *Engine) Field(index, name string) *segment.Field {
	x := e.state.Load().indices[index]
	if x == nil {
		return nil
	}
	return x.mapping.Field(name)
}

// Sources returns the other fields of a concrete index whose values a field shows, sorted: the field that it is a sub-field or
// an alias of, and those that are copied to it.
func (e *Engine) Sources(index, field string) []string {
	x := e.state.Load().indices[index]
	if x == nil {
		return nil
	}
	return x.mapping.Sources(field)
}
