package app

import (
	"encoding/base64"
	"strconv"
	"testing"
	"time"

	"vigil/audit"
	"vigil/audit/sink"
	"vigil/cluster"
	"vigil/engine"
)

// BenchmarkIndexSink takes batches of the two events of a search to the embedded engine.
func BenchmarkIndexSink(b *testing.B) {
	e, err := engine.Open(engine.Options{Dir: b.TempDir(), MinFree: -1})
	if err != nil {
		b.Fatal(err)
	}
	defer e.Close()
	name, err := sink.ParseIndexName("'security-auditlog-'YYYY.MM.dd")
	if err != nil {
		b.Fatal(err)
	}
	s, err := sink.NewIndex(sink.IndexOptions{Cluster: cluster.NewClient(e), Index: name})
	if err != nil {
		b.Fatal(err)
	}
	const size = 500
	docs := searchEvents()
	batch := make([]audit.Entry, size)
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		for i := range batch {
			n++
			id := base64.RawURLEncoding.EncodeToString([]byte("0123456789abcdef" + strconv.Itoa(n)))
			batch[i] = audit.Entry{Seq: uint64(n), ID: id, Time: time.Now(), Doc: docs[i%len(docs)]}
		}
		if err := s.Write(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/1e3/float64(n), "us/event")
}

func searchEvents() [][]byte {
	body, sent := `{"from":0,"size":10,"query":{"term":{"state":{"value":"open","boost":1.0}}}}`, `{"query":{"term":{"state":"open"}},"size":10}`
	node := &audit.Node{Cluster: "vigil", ID: "q3pZ0h1xTTuN1e0vX2aWbg", Name: "vigil-1", Host: "vigil-1.example.org", Address: "192.0.2.10"}
	return [][]byte{
		audit.AppendJSON(nil, node, &audit.Event{
			Time: time.Now(), Category: audit.Authenticated, Layer: audit.LayerREST, Origin: audit.OriginREST, RemoteAddress: "192.0.2.7",
			EffectiveUser: "ada", InitiatingUser: "ada", IsAdmin: new(bool), Body: &sent,
			REST: &audit.REST{
				Method: "POST", Path: "/accounts/_search", Params: map[string]string{"index": "accounts"},
				Header: map[string][]string{
					"Host": {"127.0.0.1:9200"}, "User-Agent": {"opensearch-py/2.8.0 (Python 3.12.3)"}, "Accept-Encoding": {"identity"},
					"Connection": {"keep-alive"}, "Content-Type": {"application/json"}, "Content-Length": {"45"},
				},
			},
		}),
		audit.AppendJSON(nil, node, &audit.Event{
			Time: time.Now(), Category: audit.GrantedPrivileges, Layer: audit.LayerTransport, Origin: audit.OriginREST, RemoteAddress: "192.0.2.7",
			EffectiveUser: "ada", Privilege: "indices:data/read/search", RequestType: "SearchRequest", Indices: []string{"accounts"},
			Resolved: []string{"accounts"}, TaskID: "q3pZ0h1xTTuN1e0vX2aWbg:81723", Body: &body,
		}),
	}
}
