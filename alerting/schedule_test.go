package alerting

import (
	"encoding/json"
	"testing"
	"time"
)

func at(t testing.TB, text string) time.Time {
	t.Helper()
	v, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestCronNext(t *testing.T) {
	tests := []struct{ name, expression, zone, after, want string }{
		{"every minute", "* * * * *", "UTC", "2026-11-21T10:00:00Z", "2026-11-21T10:01:00Z"},
		{"seconds are cut off", "* * * * *", "UTC", "2026-11-21T10:00:59.9Z", "2026-11-21T10:01:00Z"},
		{"steps", "*/15 * * * *", "UTC", "2026-11-21T10:31:00Z", "2026-11-21T10:45:00Z"},
		{"step from a value", "5/20 * * * *", "UTC", "2026-11-21T10:26:00Z", "2026-11-21T10:45:00Z"},
		{"list and range", "0 9-11,17 * * *", "UTC", "2026-11-21T11:00:00Z", "2026-11-21T17:00:00Z"},
		{"names", "0 12 * JAN mon", "UTC", "2026-11-21T10:00:00Z", "2027-01-04T12:00:00Z"},
		{"sunday as seven", "0 0 * * 7", "UTC", "2026-11-21T10:00:00Z", "2026-11-22T00:00:00Z"},
		{"friday to sunday", "0 0 * * FRI-SUN", "UTC", "2026-11-22T00:00:00Z", "2026-11-27T00:00:00Z"},
		{"day of month or of week", "0 0 13 * FRI", "UTC", "2026-11-21T10:00:00Z", "2026-11-27T00:00:00Z"},
		{"zone", "0 1 * * *", "America/Los_Angeles", "2026-11-21T10:00:00Z", "2026-11-22T09:00:00Z"},
		{"offset", "0 1 * * *", "+02:00", "2026-11-21T10:00:00Z", "2026-11-21T23:00:00Z"},
		{"leap day", "0 0 29 2 *", "UTC", "2096-03-01T00:00:00Z", "2104-02-29T00:00:00Z"},
		{"never", "0 0 31 2 *", "UTC", "2026-11-21T10:00:00Z", ""},
		{"gap: right after it", "30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-29T01:00:00Z"},
		{"gap: back to normal", "30 2 * * *", "Europe/Berlin", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"},
		{"gap: every hour goes on", "30 * * * *", "Europe/Berlin", "2026-03-29T00:30:00Z", "2026-03-29T01:30:00Z"},
		{"hour that comes twice: once", "30 2 * * *", "Europe/Berlin", "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"},
		{"hour that comes twice: every hour goes on", "30 * * * *", "Europe/Berlin", "2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, err := ParseCron(tt.expression, tt.zone)
			if err != nil {
				t.Fatal(err)
			}
			got := c.next(at(t, tt.after))
			if tt.want == "" {
				if !got.IsZero() {
					t.Errorf("got %v, want never", got)
				}
				return
			}
			if want := at(t, tt.want); !got.Equal(want) {
				t.Errorf("got %v, want %v", got, want)
			}
		})
	}
}

func TestCronPeriodBeginsAtThePreviousSlot(t *testing.T) {
	for _, tt := range []struct{ expression, end, want string }{
		{"0 * * * *", "2026-11-21T10:00:00Z", "2026-11-21T09:00:00Z"},
		{"0 9 * * MON", "2026-11-23T09:00:00Z", "2026-11-16T09:00:00Z"},
		{"0 0 1 1 *", "2026-11-23T09:00:00Z", "2026-01-01T00:00:00Z"},
	} {
		c, err := ParseCron(tt.expression, "UTC")
		if err != nil {
			t.Fatal(err)
		}
		if got := (Schedule{Cron: c}).Start(at(t, tt.end)); !got.Equal(at(t, tt.want)) {
			t.Errorf("%s: got %v, want %s", tt.expression, got, tt.want)
		}
	}
}

func TestParseScheduleRefuses(t *testing.T) {
	tests := []struct{ schedule, want string }{
		{`{"cron":{"expression":"nope","timezone":"UTC"}}`, "Cron expression contains 1 parts but we expect one of [5]"},
		{`{"cron":{"expression":"0 0 * * *","timezone":"Mars/X"}}`, "Timezone Mars/X is not supported"},
		{`{"cron":{"expression":"0 0 * * *"}}`, "Timezone in cron schedule is null."},
		{`{"cron":{"expression":"60 0 * * *","timezone":"UTC"}}`, "Failed to parse cron expression: value [60] is not in range [0, 59]"},
		{`{"cron":{"expression":"5-1 0 * * *","timezone":"UTC"}}`, "Failed to parse cron expression: range [5-1] is not valid"},
		{`{"cron":{"expression":"*/0 0 * * *","timezone":"UTC"}}`, "Failed to parse cron expression: step [0] is not valid"},
		{`{"period":{"interval":0,"unit":"MINUTES"}}`, "Interval is not allowed to be 0 or negative"},
		{`{"period":{"interval":1,"unit":"FORTNIGHT"}}`, "No enum constant java.time.temporal.ChronoUnit.FORTNIGHT"},
		{`{"period":{"interval":999999999,"unit":"DAYS"}}`, "Interval [999999999 DAYS] is too long"},
		{`{"period":{"interval":1,"unit":"MINUTES"},"cron":{}}`, "You can only specify one type of schedule."},
		{`{}`, "Schedule is null."},
	}
	for _, tt := range tests {
		_, err := ParseSchedule(json.RawMessage(tt.schedule))
		if err == nil || err.Error() != tt.want {
			t.Errorf("%s:\n got %v\nwant %s", tt.schedule, err, tt.want)
		}
	}
}

func TestPeriodIsLockedToTheTimeOfEnabling(t *testing.T) {
	s := Schedule{Period: &Period{5, "MINUTES"}}
	enabled := at(t, "2026-11-21T10:00:07Z")
	for _, tt := range []struct{ now, next, last string }{
		{"2026-11-21T10:00:07Z", "2026-11-21T10:05:07Z", ""},
		{"2026-11-21T10:05:06Z", "2026-11-21T10:05:07Z", ""},
		{"2026-11-21T10:05:07Z", "2026-11-21T10:10:07Z", "2026-11-21T10:05:07Z"},
		{"2026-11-21T12:00:00Z", "2026-11-21T12:00:07Z", "2026-11-21T11:55:07Z"},
	} {
		if got := s.Next(enabled, at(t, tt.now)); !got.Equal(at(t, tt.next)) {
			t.Errorf("next after %s: got %v, want %s", tt.now, got, tt.next)
		}
		got := s.last(enabled, at(t, tt.now))
		if tt.last == "" {
			if !got.IsZero() {
				t.Errorf("last before %s: got %v, want none", tt.now, got)
			}
		} else if !got.Equal(at(t, tt.last)) {
			t.Errorf("last before %s: got %v, want %s", tt.now, got, tt.last)
		}
	}
}

func FuzzParseCron(f *testing.F) {
	for _, s := range []string{"* * * * *", "0 12 * * 1", "*/5 1-3,7 1 JAN MON-FRI", "30 2 29 2 *", "nope", "0 0 31 2 SUN"} {
		f.Add(s, "Europe/Berlin")
	}
	f.Add("0 0 * * *", "+02:00")
	f.Fuzz(func(t *testing.T, expression, zone string) {
		c, err := ParseCron(expression, zone)
		if err != nil {
			return
		}
		from := time.Date(2026, 3, 28, 23, 0, 0, 0, time.UTC)
		n := c.next(from)
		if n.IsZero() {
			return
		}
		if !n.After(from) {
			t.Errorf("%q: the slot after %v is %v", expression, from, n)
		}
		// Nothing lies between the slot and the one before it.
		if p := c.previous(n); !p.IsZero() && !c.next(p).Equal(n) {
			t.Errorf("%q: the slot after %v is %v, not %v", expression, p, c.next(p), n)
		}
	})
}

// TestClockThatIsPutBack waits for the slots of the new time, not for the one that was next by the old.
func TestClockThatIsPutBack(t *testing.T) {
	at := func(s string) time.Time {
		u, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return u
	}
	daily, err := ParseCron("0 12 * * *", "UTC")
	if err != nil {
		t.Fatal(err)
	}
	enabled, slot := at("2026-01-01T00:00:00Z"), at("2026-03-02T12:00:00Z")
	for _, tt := range []struct {
		name     string
		schedule Schedule
		now      string
		want     string
	}{
		{"as it was", Schedule{Period: &Period{12, "HOURS"}}, "2026-03-02T11:59:00Z", "2026-03-02T12:00:00Z"},
		{"a day back", Schedule{Period: &Period{12, "HOURS"}}, "2026-03-01T11:59:00Z", "2026-03-01T12:00:00Z"},
		{"cron, a day back", Schedule{Cron: daily}, "2026-03-01T11:59:00Z", "2026-03-01T12:00:00Z"},
		{"the slot is due", Schedule{Cron: daily}, "2026-03-02T12:00:00Z", "2026-03-02T12:00:00Z"},
	} {
		if got := tt.schedule.resync(enabled, slot, at(tt.now)); !got.Equal(at(tt.want)) {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}
