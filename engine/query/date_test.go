package query_test

import (
	"testing"
	"time"

	"vigil/engine/query"
)

func TestDatesAreRead(t *testing.T) {
	for _, tc := range []struct{ text, format, want string }{
		{"2026-11-21T10:29:00.123Z", "", "2026-11-21T10:29:00.123Z"},
		{"2026-11-21T10:29:00.123456789+01:00", "", "2026-11-21T09:29:00.123456789Z"},
		{"2026-11-21T10:29:00+0100", "", "2026-11-21T09:29:00Z"},
		{"2026-11-21T10:29", "", "2026-11-21T10:29:00Z"},
		{"2026-11-21T10", "", "2026-11-21T10:00:00Z"},
		{"2026-11-21", "", "2026-11-21T00:00:00Z"},
		{"2026-11", "", "2026-11-01T00:00:00Z"},
		{"2026", "", "2026-01-01T00:00:00Z"},
		{"1795256940123", "", "2026-11-21T10:29:00.123Z"},
		{"-1", "epoch_millis", "1969-12-31T23:59:59.999Z"},
		{"1795256940", "epoch_second", "2026-11-21T10:29:00Z"},
		{"1795256940.5", "epoch_second", "2026-11-21T10:29:00.5Z"},
		{"20261121", "basic_date", "2026-11-21T00:00:00Z"},
		{"20261121T102900.123Z", "basic_date_time", "2026-11-21T10:29:00.123Z"},
		{"2026-11-21 10:29:00", "yyyy-MM-dd HH:mm:ss", "2026-11-21T10:29:00Z"},
		{"21/Nov/2026:10:29:00 +0200", "dd/MMM/yyyy:HH:mm:ss Z", "2026-11-21T08:29:00Z"},
		{"2026-325", "ordinal_date", "2026-11-21T00:00:00Z"},
		{"2026-W47-6", "strict_week_date", "2026-11-21T00:00:00Z"},
		{"3:05 PM", "h:mm a", "1970-01-01T15:05:00Z"},
		{"2026-1-2", "date_optional_time", "2026-01-02T00:00:00Z"},
		{"x", "yyyy||'x'", "1970-01-01T00:00:00Z"},
		{"2026-1-2", "", ""},
		{"2026-13-01", "", ""},
		{"2026-02-30", "", ""},
		{"2026-11-21T25:00", "", ""},
		{"2026-11-21T10:29:00Z trailing", "", ""},
		{"", "", ""},
		{"2026-11-21 10:29:00", "yyyy-MM-dd", ""},
	} {
		var formats []string
		if tc.format != "" {
			formats = []string{tc.format}
		}
		got, err := query.ParseDate(tc.text, formats, nil)
		if tc.want == "" {
			if err == nil {
				t.Errorf("%q as %q: got %v, want an error", tc.text, tc.format, got)
			}
			continue
		}
		if err != nil || got.UTC().Format(time.RFC3339Nano) != tc.want {
			t.Errorf("%q as %q: got %v, %v, want %s", tc.text, tc.format, got.UTC().Format(time.RFC3339Nano), err, tc.want)
		}
	}
}

func TestDateMath(t *testing.T) {
	rome, err := query.Zone("Europe/Rome")
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		expr string
		up   bool
		loc  *time.Location
		want string
	}{
		{"now", false, nil, "2026-11-21T10:30:00Z"},
		{"now-5m", false, nil, "2026-11-21T10:25:00Z"},
		{"now+1h-1d", false, nil, "2026-11-20T11:30:00Z"},
		{"now/d", false, nil, "2026-11-21T00:00:00Z"},
		{"now/d", true, nil, "2026-11-21T23:59:59.999Z"},
		{"now/w", false, nil, "2026-11-16T00:00:00Z"},
		{"now/M", true, nil, "2026-11-30T23:59:59.999Z"},
		{"now/y", false, nil, "2026-01-01T00:00:00Z"},
		{"now-1d/d", false, rome, "2026-11-19T23:00:00Z"},
		{"2020-01-31||+1M", false, nil, "2020-02-29T00:00:00Z"},
		{"2020-01-01||+1M/d", true, nil, "2020-02-01T23:59:59.999Z"},
		{"2020-01-01", true, nil, "2020-01-01T23:59:59.999Z"},
		{"2020-01-01T10:15", true, nil, "2020-01-01T10:15:59.999Z"},
		{"2020", true, nil, "2020-01-01T23:59:59.999Z"},
		{"2020-06-01", false, rome, "2020-05-31T22:00:00Z"},
		{"1577836800000", true, nil, "2020-01-01T00:00:00Z"},
		{"now-", false, nil, ""},
		{"now*2", false, nil, ""},
		{"now/2d", false, nil, ""},
		{"now-5q", false, nil, ""},
		{"nowish", false, nil, ""},
	} {
		got, err := query.DateMath(tc.expr, now, tc.up, nil, tc.loc)
		if tc.want == "" {
			if err == nil {
				t.Errorf("%s: got %v, want an error", tc.expr, got)
			}
			continue
		}
		if s := got.UTC().Truncate(time.Millisecond).Format(time.RFC3339Nano); err != nil || s != tc.want {
			t.Errorf("%s: got %s, %v, want %s", tc.expr, s, err, tc.want)
		}
	}
}

func TestDatesArePrinted(t *testing.T) {
	at := time.Date(2026, 3, 4, 15, 6, 7, 89e6, time.UTC)
	for format, want := range map[string]string{
		"": "2026-03-04T15:06:07.089Z", "strict_date_optional_time": "2026-03-04T15:06:07.089Z", "epoch_millis": "1772636767089",
		"epoch_second": "1772636767.089", "yyyy-MM-dd HH:mm:ss": "2026-03-04 15:06:07", "date": "2026-03-04", "yy/M/d": "26/3/4",
		"EEE, dd MMM yyyy hh:mm a": "Wed, 04 Mar 2026 03:06 PM", "basic_date_time": "20260304T150607.089Z",
	} {
		var formats []string
		if format != "" {
			formats = []string{format}
		}
		if got, err := query.FormatDate(at, formats, nil); err != nil || got != want {
			t.Errorf("%q: got %q, %v, want %q", format, got, err, want)
		}
	}
}

func TestJavaNumbers(t *testing.T) {
	for x, want := range map[float64]string{
		0: "0.0", 1: "1.0", -2.5: "-2.5", 1e7: "1.0E7", 9999999: "9999999.0", 0.001: "0.001", 0.0001: "1.0E-4", 1.7952192e12: "1.7952192E12",
	} {
		if got := string(query.AppendDouble(nil, x)); got != want {
			t.Errorf("%v: got %s, want %s", x, got, want)
		}
	}
}
