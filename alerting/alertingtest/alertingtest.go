// Package alertingtest is a store in memory for tests of alerting: as much of the document API as alerting uses of it, and
// the few queries that it sends. It must not be used for anything else. Start reading at [Store] and [Store.Client].
package alertingtest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"

	"vigil/cluster"
)

// Store is an http.Handler that keeps documents in memory. It is safe for concurrent use.
type Store struct {
	mu      sync.Mutex
	indices map[string]map[string]*doc
	aliases map[string]string // to the index that is written to
	seq     int64
	// fault, if set, is asked before every request; a status other than 0 is answered and nothing is done.
	fault    func(*http.Request) int
	settings map[string]any
	// writes counts writes of documents.
	writes int
}

type doc struct {
	source       json.RawMessage
	seq, version int64
}

// New returns an empty store.
func New() *Store { return &Store{indices: map[string]map[string]*doc{}, aliases: map[string]string{}} }

// Client returns a client of the store.
func (s *Store) Client() *cluster.Client { return cluster.NewClient(s) }

// Fail has every request answered with the status that f returns, unless it is 0. Nil ends it.
func (s *Store) Fail(f func(*http.Request) int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = f
}

// Set changes a cluster setting.
func (s *Store) Set(name string, value any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.settings == nil {
		s.settings = map[string]any{}
	}
	s.settings[name] = value
}

// Writes returns how many documents were written.
func (s *Store) Writes() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.writes
}

// Put stores a document.
func (s *Store) Put(index, id, source string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.put(index, id, json.RawMessage(source))
}

// Sources returns the documents of the indices that a pattern means, by id.
func (s *Store) Sources(pattern string) map[string]json.RawMessage {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := map[string]json.RawMessage{}
	for name, docs := range s.indices {
		if ok, _ := path.Match(pattern, name); ok {
			for id, d := range docs {
				out[id] = d.source
			}
		}
	}
	return out
}

func (s *Store) put(index, id string, source json.RawMessage) *doc {
	if s.indices[index] == nil {
		s.indices[index] = map[string]*doc{}
	}
	d := &doc{source: source, seq: s.seq, version: 1}
	if old := s.indices[index][id]; old != nil {
		d.version = old.version + 1
	}
	s.indices[index][id] = d
	s.seq++
	s.writes++
	return d
}

func (s *Store) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fault != nil {
		if status := s.fault(r); status != 0 {
			fail(w, status, "test_exception", "the test says so")
			return
		}
	}
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	switch {
	case r.URL.Path == "/_cluster/settings":
		reply(w, http.StatusOK, map[string]any{"persistent": s.settings, "transient": map[string]any{}})
	case len(parts) == 1 && r.Method == http.MethodPut:
		s.create(w, parts[0], body)
	case len(parts) == 2 && parts[1] == "_alias":
		s.alias(w, parts[0])
	case len(parts) == 2 && parts[1] == "_search":
		s.search(w, strings.Split(parts[0], ","), body)
	case len(parts) == 3 && parts[1] == "_doc":
		s.document(w, r, parts[0], parts[2], body)
	default:
		fail(w, http.StatusNotImplemented, "unsupported", r.Method+" "+r.URL.Path)
	}
}

func (s *Store) alias(w http.ResponseWriter, name string) {
	index, ok := s.aliases[name]
	if !ok {
		fail(w, http.StatusNotFound, "index_not_found_exception", "no such index ["+name+"]")
		return
	}
	reply(w, http.StatusOK, map[string]any{index: map[string]any{"aliases": map[string]any{name: map[string]any{"is_write_index": true}}}})
}

func (s *Store) create(w http.ResponseWriter, index string, body []byte) {
	if s.indices[index] != nil {
		fail(w, http.StatusBadRequest, "resource_already_exists_exception", "index ["+index+"] already exists")
		return
	}
	var asked struct {
		Aliases map[string]any `json:"aliases"`
	}
	if err := json.Unmarshal(body, &asked); err != nil && len(body) > 0 {
		fail(w, http.StatusBadRequest, "parse_exception", err.Error())
		return
	}
	s.indices[index] = map[string]*doc{}
	for name := range asked.Aliases {
		s.aliases[name] = index
	}
	reply(w, http.StatusOK, map[string]any{"acknowledged": true})
}

func (s *Store) document(w http.ResponseWriter, r *http.Request, index, id string, body []byte) {
	if target, ok := s.aliases[index]; ok {
		index = target
	} else if r.URL.Query().Get("require_alias") == "true" {
		noIndex(w, index)
		return
	}
	if s.indices[index] == nil && r.Method != http.MethodPut {
		noIndex(w, index)
		return
	}
	old, q := s.indices[index][id], r.URL.Query()
	switch r.Method {
	case http.MethodGet:
		if old == nil {
			reply(w, http.StatusNotFound, map[string]any{"_index": index, "_id": id, "found": false})
			return
		}
		reply(w, http.StatusOK, map[string]any{
			"_index": index, "_id": id, "found": true, "_source": old.source, "_seq_no": old.seq, "_primary_term": 1, "_version": old.version,
		})
	case http.MethodPut:
		if why := conflict(old, q.Get("op_type"), q.Get("if_seq_no"), id); why != "" {
			fail(w, http.StatusConflict, "version_conflict_engine_exception", why)
			return
		}
		d := s.put(index, id, json.RawMessage(body))
		result := "updated"
		if old == nil {
			result = "created"
		}
		reply(w, http.StatusOK, map[string]any{"_index": index, "_id": id, "result": result, "_seq_no": d.seq, "_primary_term": 1, "_version": d.version})
	case http.MethodDelete:
		if old == nil {
			reply(w, http.StatusNotFound, map[string]any{"_index": index, "_id": id, "result": "not_found"})
			return
		}
		delete(s.indices[index], id)
		s.seq++
		s.writes++
		reply(w, http.StatusOK, map[string]any{"_index": index, "_id": id, "result": "deleted", "_seq_no": s.seq - 1, "_primary_term": 1, "_version": old.version + 1})
	}
}

func conflict(old *doc, opType, ifSeqNo, id string) string {
	switch {
	case opType == "create" && old != nil:
		return fmt.Sprintf("[%s]: version conflict, document already exists (current version [%d])", id, old.version)
	case ifSeqNo != "" && old == nil:
		return fmt.Sprintf("[%s]: version conflict, required seqNo [%s], primary term [1]. but no document was found", id, ifSeqNo)
	case ifSeqNo != "" && ifSeqNo != strconv.FormatInt(old.seq, 10):
		return fmt.Sprintf("[%s]: version conflict, required seqNo [%s], primary term [1]. current document has seqNo [%d] and primary term [1]", id, ifSeqNo, old.seq)
	}
	return ""
}

type hit struct {
	index, id string
	d         *doc
	fields    map[string]any
}

func (s *Store) search(w http.ResponseWriter, patterns []string, body []byte) {
	var q struct {
		Query any              `json:"query"`
		Size  *int             `json:"size"`
		From  int              `json:"from"`
		Sort  []map[string]any `json:"sort"`
		After []any            `json:"search_after"`
	}
	if err := json.Unmarshal(body, &q); err != nil && len(body) > 0 {
		fail(w, http.StatusBadRequest, "parsing_exception", err.Error())
		return
	}
	var hits []hit
	for _, p := range patterns {
		if s.indices[p] == nil && !strings.Contains(p, "*") {
			noIndex(w, p)
			return
		}
		for name, docs := range s.indices {
			if ok, _ := path.Match(p, name); !ok {
				continue
			}
			for id, d := range docs {
				h := hit{name, id, d, map[string]any{}}
				var source any
				_ = json.Unmarshal(d.source, &source)
				flatten("", source, h.fields)
				if matches(h, q.Query) {
					hits = append(hits, h)
				}
			}
		}
	}
	slices.SortFunc(hits, func(a, b hit) int {
		for _, by := range q.Sort {
			for field, o := range by {
				field = strings.TrimSuffix(field, ".keyword")
				c := compare(a.fields[field], b.fields[field])
				if m, ok := o.(map[string]any); ok && m["order"] == "desc" {
					c = -c
				}
				if c != 0 {
					return c
				}
			}
		}
		return cmp.Compare(a.d.seq, b.d.seq)
	})
	total := len(hits)
	hits = slices.DeleteFunc(hits, func(h hit) bool { return q.After != nil && compare(sortValue(h, q.Sort), q.After[0]) <= 0 })
	hits = hits[min(q.From, len(hits)):]
	size := 10
	if q.Size != nil {
		size = *q.Size
	}
	hits = hits[:min(size, len(hits))]
	list := []any{}
	for _, h := range hits {
		found := map[string]any{
			"_index": h.index, "_id": h.id, "_score": 1.0, "_source": h.d.source, "_seq_no": h.d.seq, "_primary_term": 1, "_version": h.d.version,
		}
		if q.Sort != nil {
			found["sort"] = []any{sortValue(h, q.Sort)}
		}
		list = append(list, found)
	}
	reply(w, http.StatusOK, map[string]any{
		"took": 1, "timed_out": false, "_shards": map[string]int{"total": 1, "successful": 1, "skipped": 0, "failed": 0},
		"hits": map[string]any{"total": map[string]any{"value": total, "relation": "eq"}, "max_score": 1.0, "hits": list},
	})
}

// sortValue is a document's value of the first field by which hits are sorted.
func sortValue(h hit, by []map[string]any) any {
	for _, s := range by {
		for field := range s {
			return h.fields[strings.TrimSuffix(field, ".keyword")]
		}
	}
	return nil
}

func flatten(at string, v any, into map[string]any) {
	switch v := v.(type) {
	case map[string]any:
		for k, x := range v {
			flatten(strings.TrimPrefix(at+"."+k, "."), x, into)
		}
	case nil:
	case []any:
		for _, x := range v {
			flatten(at, x, into)
		}
	default:
		into[at] = v
	}
}

func compare(a, b any) int {
	x, okx := a.(float64)
	y, oky := b.(float64)
	if okx && oky {
		return cmp.Compare(x, y)
	}
	return cmp.Compare(fmt.Sprint(a), fmt.Sprint(b))
}

func matches(h hit, q any) bool {
	m, ok := q.(map[string]any)
	if !ok {
		return true
	}
	for name, arg := range m {
		body, _ := arg.(map[string]any)
		switch name {
		case "match_all":
		case "ids":
			if ids, _ := body["values"].([]any); !slices.Contains(ids, any(h.id)) {
				return false
			}
		case "bool":
			for _, part := range []string{"must", "filter"} {
				list, _ := body[part].([]any)
				for _, x := range list {
					if !matches(h, x) {
						return false
					}
				}
			}
			if not, ok := body["must_not"]; ok && matches(h, not) {
				return false
			}
			if list, ok := body["should"].([]any); ok && !slices.ContainsFunc(list, func(x any) bool { return matches(h, x) }) {
				return false
			}
		case "exists":
			field, _ := body["field"].(string)
			if !has(h, field) {
				return false
			}
		case "query_string":
			text := fmt.Sprint(h.fields["monitor_name"], " ", h.fields["trigger_name"])
			for w := range strings.FieldsSeq(body["query"].(string)) {
				if !strings.Contains(strings.ToLower(text), strings.ToLower(strings.Trim(w, "*"))) {
					return false
				}
			}
		default:
			for field, v := range body {
				if !leaf(name, h.fields[strings.TrimSuffix(field, ".keyword")], v) {
					return false
				}
			}
		}
	}
	return true
}

func has(h hit, field string) bool {
	for k := range h.fields {
		if k == field || strings.HasPrefix(k, field+".") {
			return true
		}
	}
	return false
}

func leaf(name string, got, want any) bool {
	if list, ok := want.([]any); ok {
		return slices.ContainsFunc(list, func(w any) bool { return leaf("term", got, w) })
	}
	if m, ok := want.(map[string]any); ok {
		if gt, ok := m["gt"]; ok {
			n, ok := got.(float64)
			return ok && n > gt.(float64)
		}
		if want = m["value"]; want == nil {
			want = m["query"]
		}
	}
	if name == "match" {
		return got != nil && strings.Contains(fmt.Sprint(got), fmt.Sprint(want))
	}
	return fmt.Sprint(got) == fmt.Sprint(want)
}

func noIndex(w http.ResponseWriter, index string) {
	fail(w, http.StatusNotFound, "index_not_found_exception", "no such index ["+index+"]")
}

func fail(w http.ResponseWriter, status int, typ, reason string) {
	reply(w, status, map[string]any{"error": map[string]any{"type": typ, "reason": reason}, "status": status})
}

func reply(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}
