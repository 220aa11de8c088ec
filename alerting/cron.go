package alerting

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // monitors name zones; hosts and containers may lack the database
)

// Cron is a classic UNIX cron expression of five fields in a time zone. It is immutable.
//
// Days match if the day of the month or the day of the week does, where both are restricted. Around changes of the clock
// the rules are those of Vixie's cron: what falls into a gap runs right after it, and what is bound to an hour runs once
// though the hour comes twice.
type Cron struct {
	expression, timezone string
	zone                 *time.Location
	minutes, hours       uint64
	days, months, week   uint64
	anyDay, anyWeekday   bool
	anyHour              bool
}

type cronField struct {
	min, max int
	names    []string
}

func cronFields() []cronField {
	return []cronField{
		{0, 59, nil},
		{0, 23, nil},
		{1, 31, nil},
		{1, 12, strings.Fields("JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC")},
		{0, 7, strings.Fields("SUN MON TUE WED THU FRI SAT")},
	}
}

// ParseCron reads an expression such as "0 9-17/2 * * MON-FRI". The error is an *[Error] in OpenSearch's words where those
// are recorded.
func ParseCron(expression, timezone string) (*Cron, error) {
	zone, err := loadZone(timezone)
	if err != nil {
		return nil, err
	}
	if len(expression) > 1024 {
		return nil, errorf(BadArgument, "Cron expression is longer than 1024 characters")
	}
	parts := strings.Fields(expression)
	if len(parts) != 5 {
		return nil, errorf(BadArgument, "Cron expression contains %d parts but we expect one of [5]", len(parts))
	}
	var sets [5]uint64
	for i, f := range cronFields() {
		if sets[i], err = f.parse(parts[i]); err != nil {
			return nil, err
		}
	}
	c := &Cron{
		expression: expression, timezone: timezone, zone: zone,
		minutes: sets[0], hours: sets[1], days: sets[2], months: sets[3], week: sets[4],
		anyDay: strings.HasPrefix(parts[2], "*"), anyWeekday: strings.HasPrefix(parts[4], "*"),
		anyHour: strings.HasPrefix(parts[1], "*"),
	}
	if c.week&(1<<7) != 0 { // 7 is Sunday, too
		c.week |= 1
	}
	return c, nil
}

func loadZone(name string) (*time.Location, error) {
	if name == "" || name == "Local" {
		return nil, errorf(BadArgument, "Timezone %s is not supported", name)
	}
	if name == "Z" {
		return time.UTC, nil
	}
	for _, layout := range []string{"-07:00", "-07", "-0700"} {
		offset := strings.TrimPrefix(strings.TrimPrefix(name, "UTC"), "GMT")
		if t, err := time.Parse(layout, offset); err == nil {
			return t.Location(), nil
		}
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, errorf(BadArgument, "Timezone %s is not supported", name)
	}
	return zone, nil
}

func (f cronField) parse(text string) (uint64, error) {
	var set uint64
	for part := range strings.SplitSeq(text, ",") {
		rng, stepText, hasStep := strings.Cut(part, "/")
		step := 1
		if hasStep {
			n, err := strconv.Atoi(stepText)
			if err != nil || n < 1 || n > f.max {
				return 0, errorf(BadArgument, "Failed to parse cron expression: step [%s] is not valid", stepText)
			}
			step = n
		}
		lo, hi, err := f.bounds(rng, hasStep)
		if err != nil {
			return 0, err
		}
		for v := lo; v <= hi; v += step {
			set |= 1 << v
		}
	}
	return set, nil
}

// bounds reads "*", "a", "a-b"; with a step a lone "a" means "a to the end".
func (f cronField) bounds(rng string, hasStep bool) (lo, hi int, err error) {
	if rng == "*" {
		return f.min, f.max, nil
	}
	from, to, isRange := strings.Cut(rng, "-")
	if lo, err = f.value(from); err != nil {
		return 0, 0, err
	}
	switch {
	case isRange:
		if hi, err = f.value(to); err != nil {
			return 0, 0, err
		}
		if hi == 0 && f.max == 7 { // FRI-SUN
			hi = 7
		}
	case hasStep:
		hi = f.max
	default:
		hi = lo
	}
	if hi < lo {
		return 0, 0, errorf(BadArgument, "Failed to parse cron expression: range [%s] is not valid", rng)
	}
	return lo, hi, nil
}

func (f cronField) value(s string) (int, error) {
	for i, name := range f.names {
		if strings.EqualFold(s, name) {
			return i + f.min, nil
		}
	}
	n, err := strconv.Atoi(s)
	if err != nil || s[0] == '+' || s[0] == '-' || n < f.min || n > f.max {
		return 0, errorf(BadArgument, "Failed to parse cron expression: value [%s] is not in range [%d, %d]", s, f.min, f.max)
	}
	return n, nil
}

// horizon is how far a next slot is looked for: the 29th of February comes within eight years.
const horizon = 9 * 366 * 24 * time.Hour

// next returns the first slot after t, or zero if there is none.
func (c *Cron) next(t time.Time) time.Time {
	end := t.Add(horizon)
	for u := t.In(c.zone).Truncate(time.Minute).Add(time.Minute); u.Before(end); {
		if c.afterGap(u) {
			return u.UTC()
		}
		switch {
		case !c.matchesDay(u):
			u = c.skip(u, time.Date(u.Year(), u.Month(), u.Day()+1, 0, 0, 0, 0, c.zone))
		case c.hours&(1<<u.Hour()) == 0:
			u = c.skip(u, u.Add(time.Duration(60-u.Minute())*time.Minute))
		case c.minutes&(1<<u.Minute()) == 0 || c.isSecond(u):
			u = u.Add(time.Minute)
		default:
			return u.UTC()
		}
	}
	return time.Time{}
}

// skip jumps to v unless the clock changes on the way; then it goes by minutes, so that afterGap sees the change.
func (c *Cron) skip(u, v time.Time) time.Time {
	_, before := u.Zone()
	_, after := v.Zone()
	if before != after || !v.After(u) {
		return u.Add(time.Minute)
	}
	return v
}

// afterGap reports whether u is the first minute after the clock was put forward over a slot that is bound to an hour.
func (c *Cron) afterGap(u time.Time) bool {
	if c.anyHour {
		return false
	}
	prev := u.Add(-time.Minute)
	_, before := prev.Zone()
	_, after := u.Zone()
	for s := 60; s <= after-before; s += 60 {
		// The wall clock would have shown this, had it not been put forward.
		w := time.Date(prev.Year(), prev.Month(), prev.Day(), prev.Hour(), prev.Minute(), s, 0, time.UTC)
		if c.matchesDay(w) && c.hours&(1<<w.Hour()) != 0 && c.minutes&(1<<w.Minute()) != 0 {
			return true
		}
	}
	return false
}

// isSecond reports whether the wall clock showed u's minute an hour ago already and the slot is bound to an hour.
func (c *Cron) isSecond(u time.Time) bool {
	if c.anyHour {
		return false
	}
	h := u.Add(-time.Hour)
	return h.Hour() == u.Hour() && h.Minute() == u.Minute()
}

func (c *Cron) matchesDay(u time.Time) bool {
	if c.months&(1<<int(u.Month())) == 0 {
		return false
	}
	day, week := c.days&(1<<u.Day()) != 0, c.week&(1<<int(u.Weekday())) != 0
	if c.anyDay || c.anyWeekday {
		return day && week
	}
	return day || week
}

// previous returns the last slot before t, or zero if there is none within the horizon.
func (c *Cron) previous(t time.Time) time.Time {
	for _, window := range []time.Duration{2 * time.Hour, 50 * time.Hour, 40 * 24 * time.Hour, 370 * 24 * time.Hour, horizon} {
		var last time.Time
		for s := c.next(t.Add(-window)); !s.IsZero() && s.Before(t); s = c.next(s) {
			last = s
		}
		if !last.IsZero() {
			return last
		}
	}
	return time.Time{}
}

// MarshalJSON returns the expression as it was written.
func (c *Cron) MarshalJSON() ([]byte, error) {
	return json.Marshal(map[string]string{"expression": c.expression, "timezone": c.timezone})
}
