package query

import (
	"strconv"
	"strings"
	"time"
)

// DateMath evaluates an expression such as now-5m, now/d or 2020-01-01||+1M/d. Rounding goes down, or to the last
// millisecond of the unit if roundUp is set; the same holds for what a date leaves out. A nil loc is UTC.
func DateMath(expr string, now time.Time, roundUp bool, formats []string, loc *time.Location) (time.Time, error) {
	if loc == nil {
		loc = time.UTC
	}
	if math, ok := strings.CutPrefix(expr, "now"); ok {
		return dateMath(math, now, roundUp, loc)
	}
	date, math, ok := strings.Cut(expr, "||")
	t, err := parseDate(date, formats, loc, roundUp && math == "")
	if err != nil {
		if e, ok := asError(err); ok {
			err = &Error{Type: "parse_exception", Reason: e.Reason + ": [" + e.Reason + "]", CausedBy: e}
		}
		return t, err
	}
	if !ok || math == "" {
		return t, nil
	}
	return dateMath(math, t, roundUp, loc)
}

func dateMath(expr string, t time.Time, roundUp bool, loc *time.Location) (time.Time, error) {
	bad := func(format string, args ...any) (time.Time, error) {
		return t, Errorf("parse_exception", format, args...)
	}
	t = t.In(loc)
	for s := expr; s != ""; {
		op := s[0]
		if strings.IndexByte("+-/", op) < 0 {
			return bad("operator not supported for date math [%s]", expr)
		}
		s = s[1:]
		digits := len(s) - len(strings.TrimLeft(s, "0123456789"))
		n := 1
		if digits > 0 {
			var err error
			if n, err = strconv.Atoi(s[:digits]); err != nil || n > 1<<40 {
				return bad("failed to parse date math [%s]", expr)
			}
			if s = s[digits:]; op == '/' && n != 1 {
				return bad("rounding `/` can only be used on single unit types [%s]", expr)
			}
		}
		if s == "" {
			return bad("truncated date math [%s]", expr)
		}
		unit := s[0]
		s = s[1:]
		if strings.IndexByte("yMwdhHms", unit) < 0 {
			return bad("unit [%c] not supported for date math [%s]", unit, expr)
		}
		switch op {
		case '/':
			t = floorTo(t, unit)
			if roundUp {
				t = addUnits(t, unit, 1).Add(-time.Millisecond)
			}
		case '-':
			t = addUnits(t, unit, -n)
		default:
			t = addUnits(t, unit, n)
		}
		if t.Year() > 292278993 || t.Year() < -292275054 {
			return bad("date math out of range [%s]", expr)
		}
	}
	return t, nil
}

func addUnits(t time.Time, unit byte, n int) time.Time {
	switch unit {
	case 'y':
		return addMonths(t, 12*n)
	case 'M':
		return addMonths(t, n)
	case 'w':
		return t.AddDate(0, 0, 7*n)
	case 'd':
		return t.AddDate(0, 0, n)
	}
	sec := int64(n)
	switch unit {
	case 'h', 'H':
		sec *= 3600
	case 'm':
		sec *= 60
	}
	return time.Unix(t.Unix()+sec, int64(t.Nanosecond())).In(t.Location())
}

// addMonths keeps to the month: a month after January 31 is the last of February.
func addMonths(t time.Time, n int) time.Time {
	first := time.Date(t.Year(), t.Month(), 1, t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), t.Location()).AddDate(0, n, 0)
	last := first.AddDate(0, 1, -1).Day()
	return first.AddDate(0, 0, min(t.Day(), last)-1)
}

func floorTo(t time.Time, unit byte) time.Time {
	y, mo, d := t.Date()
	loc := t.Location()
	switch unit {
	case 'y':
		return time.Date(y, 1, 1, 0, 0, 0, 0, loc)
	case 'M':
		return time.Date(y, mo, 1, 0, 0, 0, 0, loc)
	case 'w':
		return time.Date(y, mo, d-(int(t.Weekday())+6)%7, 0, 0, 0, 0, loc)
	case 'd':
		return time.Date(y, mo, d, 0, 0, 0, 0, loc)
	case 'h', 'H':
		return t.Add(-time.Duration(t.Minute())*time.Minute - time.Duration(t.Second())*time.Second - time.Duration(t.Nanosecond()))
	case 'm':
		return t.Add(-time.Duration(t.Second())*time.Second - time.Duration(t.Nanosecond()))
	}
	return t.Add(-time.Duration(t.Nanosecond()))
}
