package app_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"vigil/app/apptest"
	"vigil/config"
)

// TestDataStreamSink appends to a stream of the embedded engine, which rolls over in between, and replays everything into it.
func TestDataStreamSink(t *testing.T) {
	s := apptest.Start(t, func(c *config.Config) {
		withSinks(t, c, `{stream: {type: index, index: logs-audit, data_stream: true}, lines: {type: file, path: a.json}}`)
	})
	s.Audit(apptest.Everything)
	indices := map[string]bool{}
	ids := func() map[string]int {
		var found struct {
			Hits struct {
				Hits []struct {
					ID    string `json:"_id"`
					Index string `json:"_index"`
				} `json:"hits"`
			} `json:"hits"`
		}
		resp, err := s.App().Store().Do(t.Context(), "POST", "/logs-audit/_search", nil, []byte(`{"size":10000,"query":{"match_all":{}}}`))
		if err == nil {
			err = json.Unmarshal(resp.Body, &found)
		}
		if err != nil {
			t.Fatal(err)
		}
		count := map[string]int{}
		for _, h := range found.Hits.Hits {
			count[h.ID]++
			indices[h.Index] = true
		}
		return count
	}
	for i := range 3 {
		s.As("eve", "wrong", "GET", "/_cat/health", nil)
		if err := s.App().Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := s.App().Store().Do(t.Context(), "POST", "/logs-audit/_rollover", nil, nil); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			s.Must("POST", "/_plugins/_alerting/monitors", hourly("logins", "logs-audit",
				`{"size":0,"query":{"term":{"audit_category":"FAILED_LOGIN"}}}`, "ctx.results[0].hits.total.value > 0"))
		}
	}
	eventually(t, func() error {
		a := s.Must("GET", "/_plugins/_alerting/monitors/alerts", nil)
		if !bytes.Contains(a.Body, []byte(`"monitor_name":"logins"`)) {
			return fmt.Errorf("no alert of a monitor over the stream: %s", a.Body)
		}
		return nil
	})
	before := ids()
	s.Admin("POST", "/_vigil/sinks/stream/_replay", `{"from":1}`)
	if err := s.App().Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(s.Config.Data, "a.json"))
	if err != nil {
		t.Fatal(err)
	}
	want := bytes.Count(b, []byte("\n"))
	after := ids()
	if len(before) == 0 || len(after) != want {
		t.Errorf("the stream has %d events, then %d; want %d", len(before), len(after), want)
	}
	if len(indices) < 3 {
		t.Errorf("the events are in %v, want the indices of a stream that rolled over", indices)
	}
	for id, n := range after {
		if n != 1 {
			t.Errorf("event %s is there %d times", id, n)
		}
	}
}
