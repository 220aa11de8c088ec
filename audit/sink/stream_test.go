package sink

import (
	"bytes"
	"context"
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"time"

	"vigil/audit/sinktest"
)

func contextFor(t testing.TB, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(t.Context(), d)
}

// place is the tail that Native adds to a document.
var place = regexp.MustCompile(`,"audit_vigil_id":"([^"]*)","audit_vigil_sequence":[0-9]+}$`)

// delivery undoes Native.
func delivery(t testing.TB, line string) sinktest.Delivery {
	t.Helper()
	m := place.FindStringSubmatchIndex(line)
	if m == nil || !json.Valid([]byte(line)) {
		t.Fatalf("got line %.200q", line)
	}
	return sinktest.Delivery{ID: line[m[2]:m[3]], Doc: line[:m[0]] + "}"}
}

func deliveries(t testing.TB, b []byte) []sinktest.Delivery {
	t.Helper()
	var list []sinktest.Delivery
	for line := range bytes.Lines(b) {
		list = append(list, delivery(t, strings.TrimSuffix(string(line), "\n")))
	}
	return list
}
