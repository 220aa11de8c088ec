package sink

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"vigil/audit/sinktest"
	"vigil/cluster"
)

// fakeCluster is what an index sink needs of OpenSearch: create by id, templates, and the rules for names of fields.
type fakeCluster struct {
	mu         sync.Mutex
	broken     int // answer to everything, if set
	maxBytes   int // of a bulk, 413 beyond
	autoCreate bool
	poison     map[string]bool
	items      map[string]cluster.Error // by id
	templates  map[string]any
	indices    map[string]bool
	docs       []sinktest.Delivery
	in         map[string]string // index by id, the last one
	held       map[string]bool   // index and id
	bulks      int
	aliases    map[string]string // index by alias
	late       bool              // the aliases are not there yet when they are looked for
	searches   int
	unsure     func(http.ResponseWriter) // answers a bulk that was carried out
}

func newFake() *fakeCluster {
	return &fakeCluster{
		autoCreate: true, poison: map[string]bool{}, items: map[string]cluster.Error{}, templates: map[string]any{},
		indices: map[string]bool{}, in: map[string]string{}, aliases: map[string]string{},
		held: map[string]bool{},
	}
}

func (f *fakeCluster) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	body, _ := io.ReadAll(r.Body)
	status, answer := http.StatusOK, any(map[string]any{"acknowledged": true})
	switch name, isTemplate := strings.CutPrefix(r.URL.Path, "/_index_template/"); {
	case f.broken != 0:
		status, answer = f.broken, failure("cluster_block_exception", "no")
	case isTemplate:
		var template any
		_ = json.Unmarshal(body, &template)
		f.templates[name] = template
	case strings.HasSuffix(r.URL.Path, "/_alias"):
		name := strings.TrimSuffix(r.URL.Path[1:], "/_alias")
		if index := f.aliases[name]; index != "" && !f.late {
			answer = map[string]any{index: map[string]any{}}
		} else if f.indices[name] {
			answer = map[string]any{name: map[string]any{}}
		} else {
			status, answer = http.StatusNotFound, failure("index_not_found_exception", "no such index")
		}
	case r.URL.Path == "/_bulk" && f.maxBytes > 0 && len(body) > f.maxBytes:
		status, answer = http.StatusRequestEntityTooLarge, "too large"
	case r.URL.Path == "/_bulk" && f.unsure != nil:
		f.bulk(body)
		f.unsure(w)
		return
	case r.URL.Path == "/_bulk":
		answer = f.bulk(body)
	case strings.HasSuffix(r.URL.Path, "/_refresh"):
	case strings.HasSuffix(r.URL.Path, "/_search"):
		answer = f.search(body)
	default:
		f.indices[r.URL.Path[1:]] = true
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(answer)
}

func failure(typ, reason string) any {
	return map[string]any{"error": map[string]any{"type": typ, "reason": reason}}
}

func (f *fakeCluster) bulk(body []byte) any {
	f.bulks++
	lines := bytes.Split(bytes.TrimSuffix(body, []byte("\n")), []byte("\n"))
	var items []any
	for i := 0; i+1 < len(lines); i += 2 {
		var action struct {
			Create struct {
				Index string `json:"_index"`
				ID    string `json:"_id"`
			} `json:"create"`
		}
		_ = json.Unmarshal(lines[i], &action)
		index := action.Create.Index
		if concrete := f.aliases[index]; concrete != "" {
			index = concrete
		}
		result := map[string]any{"status": 201, "_index": index}
		if e := f.create(index, action.Create.ID, lines[i+1]); e != nil {
			result = map[string]any{"status": e.Status, "_index": index, "error": map[string]any{"type": e.Type, "reason": e.Reason}}
		}
		items = append(items, map[string]any{"create": result})
	}
	return map[string]any{"errors": true, "items": items}
}

// search answers a query by ids over everything, as behind an alias or in a stream.
func (f *fakeCluster) search(body []byte) any {
	f.searches++
	var q struct {
		Query struct {
			IDs struct {
				Values []string `json:"values"`
			} `json:"ids"`
		} `json:"query"`
	}
	_ = json.Unmarshal(body, &q)
	hits := []any{}
	for _, id := range q.Query.IDs.Values {
		if index := f.in[id]; index != "" {
			hits = append(hits, map[string]any{"_index": index, "_id": id})
		}
	}
	return map[string]any{"_shards": map[string]any{"failed": 0}, "hits": map[string]any{"hits": hits}}
}

func (f *fakeCluster) create(index, id string, doc []byte) *cluster.Error {
	switch e, ok := f.items[id]; {
	case ok:
		return &e
	case !f.autoCreate && !f.indices[index]:
		return &cluster.Error{Status: 404, Type: "index_not_found_exception", Reason: "no such index"}
	case f.held[index+"/"+id]:
		return &cluster.Error{Status: 409, Type: "version_conflict_engine_exception", Reason: "exists"}
	case f.poison[id] || len(f.templates) == 0 || !takes(doc):
		return &cluster.Error{Status: 400, Type: "mapper_parsing_exception", Reason: "no"}
	}
	f.in[id], f.held[index+"/"+id] = index, true
	f.docs = append(f.docs, sinktest.Delivery{ID: id, Doc: string(doc)})
	return nil
}

// takes applies OpenSearch's rules for names with dots to the objects whose names clients choose.
func takes(doc []byte) bool {
	var m map[string]any
	if json.Unmarshal(doc, &m) != nil {
		return false
	}
	for _, field := range chosen {
		o, _ := m[field].(map[string]any)
		for name := range o {
			for step := range strings.SplitSeq(name, ".") {
				if strings.TrimSpace(step) == "" {
					return false
				}
			}
			if strings.HasPrefix(name, "Host.") {
				return false
			}
		}
	}
	return true
}

func (f *fakeCluster) delivered() []sinktest.Delivery {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]sinktest.Delivery{}, f.docs...)
}

func (f *fakeCluster) client() *cluster.Client { return cluster.NewClient(f) }

func newSink(t *testing.T, f *fakeCluster, o IndexOptions) *Index {
	t.Helper()
	name, err := ParseIndexName(DefaultIndex)
	if err != nil {
		t.Fatal(err)
	}
	o.Cluster, o.Index = f.client(), name
	s, err := NewIndex(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
