package engine

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"vigil/engine/query"
	"vigil/engine/segment"
	"vigil/rest"
	"vigil/wal"
)

// handleClone copies an index that takes no writes into a new one.
func (e *Engine) handleClone(q *request) (*answer, error) {
	spec, err := parseIndexSpec(q.body)
	if err != nil {
		return nil, err
	}
	if spec.Mappings != nil {
		return nil, badRequest("unknown key [mappings] for resize request")
	}
	if err := q.warnSettings(spec.Settings); err != nil {
		return nil, err
	}
	target := q.call.Vars["target"]
	if err := rest.ValidateIndexName(target); err != nil {
		return nil, err
	}
	if err := e.disk.check(); err != nil {
		return nil, blocked(target)
	}
	if err := e.clone(q, target, spec); err != nil {
		return nil, err
	}
	return ok(created{true, true, target})
}

// clone makes the new index and writes the documents into it as they are, ids, versions and all, in one step of the log.
func (e *Engine) clone(q *request, target string, spec indexSpec) error {
	f, err := e.tryClone(q, target, spec)
	if err != nil {
		return err
	}
	return logRefused(f.wait())
}

func (e *Engine) tryClone(q *request, target string, spec indexSpec) (*flush, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.begin(); err != nil {
		return nil, logRefused(err)
	}
	x, err := e.single(e.next, q.call.Vars["index"])
	if err != nil {
		return nil, err
	}
	if x.setting("blocks.write", "false") != "true" && x.setting("blocks.read_only", "false") != "true" || len(x.docs.pending) > 0 {
		return nil, rest.Errorf(http.StatusInternalServerError, "illegal_state_exception",
			"index %s must be read-only to resize index. use \"index.blocks.write=true\"", x.Name)
	}
	if err := e.next.nameFree(target); err != nil {
		return nil, err
	}
	if err := inherit(x, &spec); err != nil {
		return nil, err
	}
	changes, err := e.next.newIndex(target, spec, e.opts.Now().UnixMilli())
	if err != nil {
		return nil, err
	}
	return e.prepareClone(x, target, changes)
}

// maxClone is the size in bytes of the largest group that a clone may be in the log; a part of it is left for the framing.
const maxClone = wal.MaxGroupBytes - wal.MaxGroupBytes/16

// prepareClone enqueues the new index and its documents as one group, which the log takes as a whole or not at all, and
// which becomes visible as a whole: half a clone is never seen, not even after a crash. The caller holds mu.
func (e *Engine) prepareClone(x *index, target string, changes []change) (*flush, error) {
	next, err := e.next.with(changes)
	if err != nil {
		return nil, err
	}
	meta, err := encodeMeta(changes)
	if err != nil {
		return nil, err
	}
	docs := x.docs.snapshot()
	f := &flush{entries: make([][]byte, 0, len(docs)+1), done: make(chan struct{})}
	f.add(meta)
	made := next.indices[target]
	copies := make([]*segment.Doc, len(docs))
	for i, d := range docs {
		c := *d
		c.Term = next.term(made)
		copies[i] = &c
		entry := docEntry{
			uuid: made.UUID, id: c.ID, routing: c.Routing, shard: c.Shard, seq: c.Seq, term: c.Term, version: c.Version,
			time: c.Indexed.UnixMilli(), source: c.Source,
		}
		if f.add(entry.encode()); f.bytes > maxClone {
			return nil, badRequest("index [%s] is too large to be cloned: the limit is [%d] bytes", x.Name, maxClone)
		}
		made.docs.nextSeq[c.Shard] = max(made.docs.nextSeq[c.Shard], c.Seq+1)
		made.docs.prepare(c.ID, record{doc: &c})
	}
	f.publish = []func(){func() { e.publishClone(next, made, copies) }}
	f.settle = []func(){func() {
		for _, d := range copies {
			made.docs.settle(d.ID, d.Seq)
		}
	}}
	e.next = next
	e.queue = append(e.queue, f)
	e.signal()
	return f, nil
}

func (e *Engine) publishClone(next *state, made *index, docs []*segment.Doc) {
	for _, d := range docs {
		made.docs.publish(d.ID, d.Shard, record{doc: d})
	}
	e.state.Store(next)
	if e.opts.OnWrite != nil {
		for _, d := range docs {
			e.opts.OnWrite(made.Name, d.ID, nil, d.Source)
		}
	}
}

// inherit gives the copy what the source has, under what the client says.
func inherit(x *index, spec *indexSpec) error {
	settings := maps.Clone(x.Settings)
	delete(settings, "index.blocks.write")
	delete(settings, "index.blocks.read_only")
	flat, err := flattenSettings(spec.Settings)
	if err != nil {
		return err
	}
	if n, given := flat["index.number_of_shards"]; given && n != strconv.Itoa(x.shards()) {
		return badRequest("cannot clone: the number of target shards [%v] must be equal to the number of source shards [%d]", n, x.shards())
	}
	maps.Copy(settings, flat)
	if spec.Settings, err = json.Marshal(settings); err != nil {
		return err
	}
	spec.Mappings, err = json.Marshal(x.mapping)
	return err
}

// rolloverBody is the body of a rollover.
type rolloverBody struct {
	Conditions map[string]json.RawMessage `json:"conditions"`
	Settings   json.RawMessage            `json:"settings"`
	Mappings   json.RawMessage            `json:"mappings"`
	Aliases    map[string]json.RawMessage `json:"aliases"`
}

func (e *Engine) handleRollover(q *request) (*answer, error) {
	var body rolloverBody
	if len(q.body) > 0 {
		if err := q.decode(&body); err != nil {
			return nil, err
		}
	}
	if err := q.warnSettings(body.Settings); err != nil {
		return nil, err
	}
	dry, err := q.flag("dry_run", false)
	if err != nil {
		return nil, err
	}
	s := e.state.Load()
	resolved, _ := e.Resolve(q.indices())
	stats := rest.Action{
		Name: "indices:monitor/stats", Request: "IndicesStatsRequest", Parent: "indices:admin/rollover", Indices: q.indices(), Resolved: resolved,
	}
	if d := s.streams[q.call.Vars["index"]]; d != nil {
		if err := q.fx.Begin(stats); err != nil {
			return nil, err
		}
		return e.handleRollStream(q, s, d, body, dry)
	}
	old, err := rolloverSource(s, q.call.Vars["index"])
	if err != nil {
		return nil, err
	}
	name, err := rolloverName(old.Name, q.call.Vars["new_index"])
	if err != nil {
		return nil, err
	}
	// OpenSearch asks for the index's figures before it decides.
	if err := q.fx.Begin(stats); err != nil {
		return nil, err
	}
	met, some, err := body.met(old, q.now)
	if err != nil {
		return nil, err
	}
	roll := (len(met) == 0 || some) && !dry
	if roll {
		if err := e.rollover(q, old.Name, name, body); err != nil {
			return nil, err
		}
	}
	return ok(rolled(roll, dry, old.Name, name, met))
}

// rolloverSource returns the index that an alias writes to.
func rolloverSource(s *state, name string) (*index, error) {
	if s.aliases[name] == nil {
		return nil, badRequest("rollover target [%s] does not exist or is not an alias", name)
	}
	x, err := s.writable(name)
	if err != nil {
		return nil, badRequest("rollover target [%s] does not point to a write index", name)
	}
	return x, nil
}

func rolloverName(old, given string) (string, error) {
	if given != "" {
		return given, rest.ValidateIndexName(given)
	}
	dash := strings.LastIndexByte(old, '-')
	n, err := strconv.ParseUint(old[dash+1:], 10, 32)
	if dash < 0 || err != nil {
		return "", badRequest("index name [%s] does not match pattern '^.*-\\d+$'", old)
	}
	return fmt.Sprintf("%s-%06d", old[:dash], n+1), nil
}

// met says which conditions hold. None at all: roll over.
func (b *rolloverBody) met(x *index, now time.Time) (map[string]bool, bool, error) {
	out := map[string]bool{}
	some := false
	st := x.docs.stats()
	for name, raw := range b.Conditions {
		v := strings.Trim(string(raw), `"`)
		holds := false
		switch name {
		case "max_age":
			d, err := query.ParseTime(v, "max_age")
			if err != nil {
				return nil, false, err
			}
			holds = now.UnixMilli()-x.Created >= d.Milliseconds()
		case "max_docs":
			n, err := strconv.Atoi(v)
			if err != nil {
				return nil, false, badRequest("[max_docs] must be a number but was [%s]", v)
			}
			holds = st.Docs >= n
		case "max_size":
			n, err := parseBytes(v)
			if err != nil {
				return nil, false, err
			}
			holds = st.Bytes >= n
		default:
			return nil, false, badRequest("[conditions] unknown field [%s]", name)
		}
		out["["+name+": "+v+"]"] = holds
		some = some || holds
	}
	return out, some, nil
}

func parseBytes(v string) (int64, error) {
	s := strings.ToLower(v)
	for i, u := range []string{"b", "kb", "mb", "gb", "tb", "pb"} {
		num, found := strings.CutSuffix(s, u)
		if !found || i == 0 && strings.ContainsAny(num, "kmgtp") {
			continue
		}
		if n, err := strconv.ParseInt(num, 10, 64); err == nil && n >= 0 && n < 1<<60>>(10*i) {
			return n << (10 * i), nil
		}
	}
	return 0, badRequest("failed to parse [%s] as a size in bytes: unit is missing or unrecognized", v)
}

// rollover makes the new index and moves the alias, at once.
func (e *Engine) rollover(q *request, old, name string, body rolloverBody) error {
	a := q.call.Vars["index"]
	return e.change(func(s *state) ([]change, error) {
		x := s.indices[old]
		if x == nil {
			return nil, notFound(old)
		}
		if err := s.nameFree(name); err != nil {
			return nil, err
		}
		full, err := s.templated(name, indexSpec{Settings: body.Settings, Mappings: body.Mappings, Aliases: body.Aliases})
		if err != nil {
			return nil, err
		}
		changes, err := s.newIndex(name, full, e.opts.Now().UnixMilli())
		if err != nil {
			return nil, err
		}
		def := x.Aliases[a]
		meta := x.indexMeta
		meta.Aliases = maps.Clone(x.Aliases)
		if def.IsWriteIndex != nil {
			// The old index keeps the alias and gives up the writes.
			off := false
			was := def
			was.IsWriteIndex = &off
			meta.Aliases[a] = was
		} else {
			delete(meta.Aliases, a)
		}
		changes[0].Put.Aliases[a] = def
		return slices.Concat([]change{{Put: &meta}}, changes), nil
	})
}
