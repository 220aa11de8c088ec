package alerting

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"vigil/cluster"
	"vigil/engine"
)

// TestScanHasNoEnd reads more documents than one search can page through: a monitor that is deleted may have more live alerts.
func TestScanHasNoEnd(t *testing.T) {
	e, err := engine.Open(engine.Options{Dir: t.TempDir(), MinFree: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	}()
	client := cluster.NewClient(e)
	s := NewStore(StoreOptions{Client: client})
	if err := client.EnsureIndex(t.Context(), s.ix.Alerts, json.RawMessage(alertMapping)); err != nil {
		t.Fatal(err)
	}
	const docs = 12_000
	var bulk strings.Builder
	for i := range docs {
		// Each value twice, as of alerts on their way into the history, and one of them 1,500 times.
		id := i / 2
		if i < 1500 {
			id = 0
		}
		fmt.Fprintf(&bulk, "{\"index\":{\"_index\":%q,\"_id\":\"%d\"}}\n{\"id\":\"%06d\",\"monitor_id\":\"m\"}\n", s.ix.Alerts, i, id)
	}
	if _, err := client.Do(t.Context(), "POST", "/_bulk", url.Values{"refresh": {"true"}}, []byte(bulk.String())); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	err = s.scan(t.Context(), []string{s.ix.Alerts}, json.RawMessage(`{"match_all":{}}`), "id", func(d cluster.Doc) error {
		if seen[d.ID] {
			t.Errorf("%s twice", d.ID)
		}
		seen[d.ID] = true
		return nil
	})
	if err != nil || len(seen) != docs {
		t.Errorf("%d of %d documents, %v", len(seen), docs, err)
	}
}
