package engine

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

func openPIT(t *testing.T, e *Engine, keep string) string {
	t.Helper()
	var a struct {
		ID string `json:"pit_id"`
	}
	if err := json.Unmarshal([]byte(want(t, e, 200, "POST", "/a/_search/point_in_time?keep_alive="+keep, "")), &a); err != nil {
		t.Fatal(err)
	}
	return a.ID
}

func TestPITsAreBounded(t *testing.T) {
	now := noon()
	e := open(t, Options{Now: func() time.Time { return now }})
	want(t, e, 201, "PUT", "/a/_doc/1", `{}`)
	ids := map[string]bool{}
	for range maxPITs {
		ids[openPIT(t, e, "1m")] = true
	}
	if len(ids) != maxPITs {
		t.Errorf("%d points in time have %d ids", maxPITs, len(ids))
	}
	if got := want(t, e, 429, "POST", "/a/_search/point_in_time?keep_alive=1m", ""); !strings.Contains(got, "less than or equal to: [300]") {
		t.Errorf("got %s", got)
	}
	want(t, e, 200, "DELETE", "/_search/point_in_time/_all", "")
	openPIT(t, e, "1m")
	if e.pits.docs != 1 {
		t.Errorf("one open point in time of one document counts %d", e.pits.docs)
	}
}

func TestPITsLiveAsLongAsTheyAreAskedTo(t *testing.T) {
	now := noon()
	e := open(t, Options{Now: func() time.Time { return now }})
	want(t, e, 201, "PUT", "/a/_doc/1", `{}`)
	id := openPIT(t, e, "1m")
	search := func(status int, keep string) {
		t.Helper()
		want(t, e, status, "GET", "/_search", `{"pit":{"id":"`+id+`"`+keep+`}}`)
	}
	now = now.Add(50 * time.Second)
	search(200, "")
	now = now.Add(5 * time.Second)
	search(200, `,"keep_alive":"2m"`)
	now = now.Add(110 * time.Second)
	search(200, "")
	e.pits.expire(now)
	search(200, "")
	now = now.Add(20 * time.Second)
	search(404, "")
	if got := want(t, e, 200, "GET", "/_search/point_in_time/_all", ""); got != `{"pits":[]}` {
		t.Errorf("what ran out is listed: %s", got)
	}
	e.pits.expire(now)
	if len(e.pits.open) != 0 || e.pits.docs != 0 {
		t.Errorf("what ran out is kept")
	}
}
