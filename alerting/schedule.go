package alerting

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"
)

// Schedule says when a monitor runs. Exactly one member is set.
type Schedule struct {
	Period *Period `json:"period,omitempty"`
	Cron   *Cron   `json:"cron,omitempty"`
}

// Period runs every Interval units, counted from the time the monitor was enabled.
type Period struct {
	Interval int    `json:"interval"`
	Unit     string `json:"unit"`
}

// maxPeriod keeps intervals within what a time.Duration holds.
const maxPeriod = 10 * 365 * 24 * time.Hour

// ParseSchedule reads a schedule. The error is an *[Error] with the words of OpenSearch 2.19.
func ParseSchedule(raw json.RawMessage) (Schedule, error) {
	var w struct {
		Period *struct {
			Interval *int    `json:"interval"`
			Unit     *string `json:"unit"`
		} `json:"period"`
		Cron *struct {
			Expression *string `json:"expression"`
			Timezone   *string `json:"timezone"`
		} `json:"cron"`
	}
	var members map[string]json.RawMessage
	if err := errors.Join(json.Unmarshal(raw, &members), json.Unmarshal(raw, &w)); err != nil {
		return Schedule{}, errorf(BadArgument, "schedule: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if name != "period" && name != "cron" {
			return Schedule{}, errorf(BadArgument, "Invalid field: [%s] found in schedule.", name)
		}
	}
	switch {
	case w.Period != nil && w.Cron != nil:
		return Schedule{}, errorf(BadArgument, "You can only specify one type of schedule.")
	case w.Cron != nil && w.Cron.Expression == nil:
		return Schedule{}, errorf(BadArgument, "Expression in cron schedule is null.")
	case w.Cron != nil && w.Cron.Timezone == nil:
		return Schedule{}, errorf(BadArgument, "Timezone in cron schedule is null.")
	case w.Cron != nil:
		c, err := ParseCron(*w.Cron.Expression, *w.Cron.Timezone)
		return Schedule{Cron: c}, err
	case w.Period == nil:
		return Schedule{}, errorf(BadArgument, "Schedule is null.")
	case w.Period.Interval == nil:
		return Schedule{}, errorf(BadArgument, "Interval in period schedule is null.")
	case w.Period.Unit == nil:
		return Schedule{}, errorf(BadArgument, "Unit in period schedule is null.")
	}
	p := Period{*w.Period.Interval, *w.Period.Unit}
	if p.Interval <= 0 {
		return Schedule{}, errorf(BadArgument, "Interval is not allowed to be 0 or negative")
	}
	p.Unit = strings.ToUpper(p.Unit)
	unit := p.unit()
	if unit == 0 {
		return Schedule{}, errorf(BadArgument, "No enum constant java.time.temporal.ChronoUnit.%s", p.Unit)
	}
	if p.Interval > int(maxPeriod/unit) {
		return Schedule{}, errorf(BadArgument, "Interval [%d %s] is too long", p.Interval, p.Unit)
	}
	return Schedule{Period: &p}, nil
}

func (p Period) unit() time.Duration {
	switch p.Unit {
	case "SECONDS":
		return time.Second
	case "MINUTES":
		return time.Minute
	case "HOURS":
		return time.Hour
	case "DAYS":
		return 24 * time.Hour
	}
	return 0
}

func (p Period) duration() time.Duration { return time.Duration(p.Interval) * p.unit() }

// Next returns the first slot after t of a monitor that was enabled at enabled; zero if there is none.
func (s Schedule) Next(enabled, t time.Time) time.Time {
	if s.Cron != nil {
		return s.Cron.next(t)
	}
	d := s.Period.duration()
	if t.Before(enabled) {
		return enabled.Add(d)
	}
	return enabled.Add((t.Sub(enabled)/d + 1) * d)
}

// resync returns the slot to wait for now, where slot was chosen earlier: the clock may have been put back since.
func (s Schedule) resync(enabled, slot, now time.Time) time.Time {
	if next := s.Next(enabled, now); !next.IsZero() && next.Before(slot) {
		return next
	}
	return slot
}

// Start returns where the period begins that ends at end.
func (s Schedule) Start(end time.Time) time.Time {
	if s.Cron != nil {
		if p := s.Cron.previous(end); !p.IsZero() {
			return p
		}
		return end
	}
	return end.Add(-s.Period.duration())
}

// last returns the latest slot at or before t; zero if there was none since the monitor was enabled.
func (s Schedule) last(enabled, t time.Time) time.Time {
	if s.Cron != nil {
		if p := s.Cron.previous(t.Add(time.Nanosecond)); p.After(enabled) {
			return p
		}
		return time.Time{}
	}
	d := s.Period.duration()
	if k := t.Sub(enabled) / d; k > 0 {
		return enabled.Add(k * d)
	}
	return time.Time{}
}
