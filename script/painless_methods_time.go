package script

import (
	"math"
	"strings"
	"time"
)

// timeMethod serves java.time's classes. An Instant answers the getters of a date too, in UTC.
func (r *run) timeMethod(x any, key string, args []any) (any, error) {
	switch v := x.(type) {
	case duration:
		return durationMethod(v, key, args)
	case chronoUnit:
		if key == "between/2" {
			return between(v, args[0], args[1])
		}
	case dayOfWeek:
		return enumMethod(key, isoDay(v.day), textOfTime(v))
	case month:
		return enumMethod(key, int32(v.m), textOfTime(v))
	case zone:
		if key == "getId/0" {
			return v.loc.String(), nil
		}
	case formatter:
		if key == "format/1" {
			return r.formatTime(args[0], v)
		}
	}
	t, ok := moment(x)
	if !ok {
		return nil, notFoundError{}
	}
	if len(args) == 0 {
		return timeGetter(x, t, key)
	}
	return r.timeArgument(x, t, key, args)
}

func enumMethod(key string, number int32, name string) (any, error) {
	switch key {
	case "getValue/0":
		return number, nil
	case "ordinal/0":
		return number - 1, nil
	case "name/0":
		return name, nil
	}
	return nil, notFoundError{}
}

func timeGetter(x any, t time.Time, key string) (any, error) {
	switch key {
	case "getYear/0":
		return int32(t.Year()), nil
	case "getMonthValue/0", "getMonthOfYear/0":
		return int32(t.Month()), nil
	case "getMonth/0":
		return month{t.Month()}, nil
	case "getDayOfMonth/0":
		return int32(t.Day()), nil
	case "getDayOfYear/0":
		return int32(t.YearDay()), nil
	case "getDayOfWeek/0", "getDayOfWeekEnum/0":
		return dayOfWeek{t.Weekday()}, nil
	case "getHour/0", "getHourOfDay/0":
		return int32(t.Hour()), nil
	case "getMinute/0", "getMinuteOfHour/0":
		return int32(t.Minute()), nil
	case "getSecond/0", "getSecondOfMinute/0":
		return int32(t.Second()), nil
	case "getNano/0":
		return int32(t.Nanosecond()), nil
	case "toLocalDate/0":
		return localDate{time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)}, nil
	case "toLocalDateTime/0":
		return localDateTime{time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)}, nil
	case "toEpochDay/0":
		return int64(math.Floor(float64(t.Unix()) / 86400)), nil
	case "lengthOfMonth/0":
		return int32(time.Date(t.Year(), t.Month()+1, 0, 0, 0, 0, 0, time.UTC).Day()), nil
	}
	switch x.(type) {
	case localDate, localDateTime:
		return nil, notFoundError{}
	}
	switch key {
	case "toEpochMilli/0", "getMillis/0", "getTime/0":
		return t.UnixMilli(), nil
	case "toEpochSecond/0", "getEpochSecond/0":
		return t.Unix(), nil
	case "toInstant/0":
		return t.UTC(), nil
	case "getZone/0", "getOffset/0":
		return zone{t.Location()}, nil
	}
	return nil, notFoundError{}
}

func (r *run) timeArgument(x any, t time.Time, key string, args []any) (any, error) {
	switch key {
	case "isBefore/1", "isAfter/1", "isEqual/1", "before/1", "after/1":
		o, ok := moment(args[0])
		if !ok {
			return nil, badArgument(args[0], className(x))
		}
		switch {
		case strings.HasSuffix(strings.ToLower(key), "before/1"):
			return t.Before(o), nil
		case strings.HasSuffix(strings.ToLower(key), "after/1"):
			return t.After(o), nil
		}
		return t.Equal(o), nil
	case "atZone/1", "withZoneSameInstant/1":
		z, ok := args[0].(zone)
		if !ok {
			return nil, badArgument(args[0], "java.time.ZoneId")
		}
		if l, isLocal := x.(localDateTime); isLocal {
			l := l.t
			return zoned{time.Date(l.Year(), l.Month(), l.Day(), l.Hour(), l.Minute(), l.Second(), l.Nanosecond(), z.loc)}, nil
		}
		return zoned{t.In(z.loc)}, nil
	case "format/1":
		f, ok := args[0].(formatter)
		if !ok {
			return nil, badArgument(args[0], "java.time.format.DateTimeFormatter")
		}
		return r.formatTime(x, f)
	case "truncatedTo/1":
		u, ok := args[0].(chronoUnit)
		length, fixed := unitLength(u.name)
		if !ok || !fixed || length > 24*time.Hour {
			return nil, throwf("UnsupportedTemporalTypeException", "Unit is too large to be used for truncation")
		}
		_, offset := t.Zone()
		shift := time.Duration(offset) * time.Second
		return like(x, t.Add(shift).Truncate(length).Add(-shift)), nil
	case "until/2":
		u, ok := args[1].(chronoUnit)
		if !ok {
			return nil, badArgument(args[1], "java.time.temporal.ChronoUnit")
		}
		return between(u, x, args[0])
	}
	return shiftTime(x, t, key, args)
}

// like gives a moment the class of x.
func like(x any, t time.Time) any {
	switch x.(type) {
	case zoned:
		return zoned{t}
	case localDate:
		return localDate{t}
	case localDateTime:
		return localDateTime{t}
	}
	return t
}

func (r *run) formatTime(x any, f formatter) (any, error) {
	t, ok := moment(x)
	if !ok {
		return nil, badArgument(x, "java.time.temporal.TemporalAccessor")
	}
	return r.made(t.Format(f.layout))
}

// maxShift bounds amounts of time, in any unit, so that dates stay in a range that can be calculated with.
const maxShift = 1_000_000_000_000_000

// shiftTime serves plusDays(n) and its like, plus(n, unit) and plus(duration).
func shiftTime(x any, t time.Time, key string, args []any) (any, error) {
	name, sign := strings.CutPrefix(key, "plus")
	if !sign {
		var ok bool
		if name, ok = strings.CutPrefix(key, "minus"); !ok {
			return nil, notFoundError{}
		}
	}
	if name == "/1" {
		d, ok := args[0].(duration)
		if !ok {
			return nil, badArgument(args[0], "java.time.Duration")
		}
		if !sign {
			d.d = -d.d
		}
		return like(x, t.Add(d.d)), nil
	}
	n, err := longArg(args, 0)
	if err != nil {
		return nil, err
	}
	if n > maxShift || n < -maxShift {
		return nil, throwf("DateTimeException", "%d is too much time to add", n)
	}
	if !sign {
		n = -n
	}
	unit := strings.ToUpper(strings.TrimSuffix(name, "/1"))
	if name == "/2" {
		u, ok := args[1].(chronoUnit)
		if !ok {
			return nil, badArgument(args[1], "java.time.temporal.ChronoUnit")
		}
		unit = u.name
	}
	if out, ok := addUnits(t, n, unit); ok {
		if y := out.Year(); y < -999_999_999 || y > 999_999_999 {
			return nil, throwf("DateTimeException", "the year %d is out of range", y)
		}
		return like(x, out), nil
	}
	return nil, notFoundError{}
}

func addUnits(t time.Time, n int64, unit string) (time.Time, bool) {
	switch unit {
	case "YEARS", "MONTHS":
		months := n
		if unit == "YEARS" {
			months *= 12
		}
		if months > 12e9 || months < -12e9 {
			return outOfRange(), true
		}
		first := time.Date(t.Year(), t.Month()+time.Month(months), 1, 0, 0, 0, 0, time.UTC)
		last := first.AddDate(0, 1, -1).Day() // January 31 and a month is February's last day
		return time.Date(first.Year(), first.Month(), min(t.Day(), last), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), t.Location()), true
	case "WEEKS", "DAYS":
		days := n
		if unit == "WEEKS" {
			days *= 7
		}
		if days > 1e12 || days < -1e12 {
			return outOfRange(), true
		}
		return t.AddDate(0, 0, int(days)), true
	}
	length, ok := unitLength(unit)
	if !ok {
		return t, false
	}
	var seconds, rest int64
	if length < time.Second {
		perSecond := int64(time.Second / length)
		seconds, rest = n/perSecond, n%perSecond*int64(length)
	} else if per := int64(length / time.Second); n > maxSeconds/per || n < -maxSeconds/per {
		return outOfRange(), true
	} else {
		seconds = n * per
	}
	return time.Unix(t.Unix()+seconds, int64(t.Nanosecond())+rest).In(t.Location()), true
}

// maxSeconds is a little more than the years that dates may have.
const maxSeconds = 40_000_000_000_000_000

// outOfRange is a date that no date may be.
func outOfRange() time.Time { return time.Time{}.AddDate(2_000_000_000, 0, 0) }

// between counts whole units from a to b.
func between(u chronoUnit, from, to any) (any, error) {
	a, aok := moment(from)
	b, bok := moment(to)
	if !aok || !bok {
		return nil, badArgument(to, "java.time.temporal.Temporal")
	}
	if u.name == "MONTHS" || u.name == "YEARS" {
		n := wholeMonths(a, b.In(a.Location()))
		if u.name == "YEARS" {
			n /= 12
		}
		return n, nil
	}
	length, _ := unitLength(u.name)
	seconds := b.Unix() - a.Unix()
	nanos := int64(b.Nanosecond() - a.Nanosecond())
	if length >= time.Second {
		if seconds > 0 && nanos < 0 {
			seconds--
		} else if seconds < 0 && nanos > 0 {
			seconds++
		}
		return seconds / int64(length/time.Second), nil
	}
	perSecond := int64(time.Second / length)
	return seconds*perSecond + nanos/int64(length), nil
}

func wholeMonths(a, b time.Time) int64 {
	if b.Before(a) {
		return -wholeMonths(b, a)
	}
	n := int64(b.Year()-a.Year())*12 + int64(b.Month()-a.Month())
	if rest, _ := addUnits(a, n, "MONTHS"); rest.After(b) {
		n--
	}
	return n
}

func durationMethod(d duration, key string, args []any) (any, error) {
	switch key {
	case "toMillis/0":
		return d.d.Milliseconds(), nil
	case "getSeconds/0":
		return int64(math.Floor(d.d.Seconds())), nil
	case "toMinutes/0":
		return int64(d.d / time.Minute), nil
	case "toHours/0":
		return int64(d.d / time.Hour), nil
	case "toDays/0":
		return int64(d.d / (24 * time.Hour)), nil
	case "toNanos/0":
		return d.d.Nanoseconds(), nil
	case "isNegative/0":
		return d.d < 0, nil
	case "isZero/0":
		return d.d == 0, nil
	case "abs/0":
		return duration{d.d.Abs()}, nil
	case "plus/1", "minus/1":
		o, ok := args[0].(duration)
		if !ok {
			return nil, badArgument(args[0], "java.time.Duration")
		}
		if key == "minus/1" {
			o.d = -o.d
		}
		return duration{d.d + o.d}, nil
	}
	return nil, notFoundError{}
}
