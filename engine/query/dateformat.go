package query

import (
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"
)

// DefaultDateFormat is what a date field and a date without a format are read with.
const DefaultDateFormat = "strict_date_optional_time||epoch_millis"

// maxFormat bounds what a client may ask to be compiled for every date.
const maxFormat = 1000

// moment is a date and time as far as a text named them; -1 is not named.
type moment struct {
	year, month, day, hour, min, sec, nano int
	half, hour12, yearDay                  int
	isoYear, isoWeek, weekday              int
	era                                    bool
	loc                                    *time.Location
	instant                                *time.Time // formats that name an instant outright
	exactNano                              bool       // of an instant: nothing is left to round up
}

func newMoment() moment {
	return moment{
		year: -1, month: -1, day: -1, hour: -1, min: -1, sec: -1, nano: -1,
		half: -1, hour12: -1, yearDay: -1, isoYear: -1, isoWeek: -1, weekday: -1,
	}
}

// time resolves what was not named: the first month and day, and the first or, rounding up, the last time of the day.
func (m moment) time(loc *time.Location, roundUp bool) (time.Time, error) {
	if m.instant != nil {
		if roundUp && !m.exactNano {
			return m.instant.Add(time.Second - time.Nanosecond), nil
		}
		return *m.instant, nil
	}
	if m.loc != nil {
		loc = m.loc
	}
	fill := func(v, high int) int {
		switch {
		case v >= 0:
			return v
		case roundUp:
			return high
		}
		return 0
	}
	if m.hour < 0 && m.hour12 >= 0 {
		m.hour = m.hour12%12 + 12*max(m.half, 0)
	}
	h, mi, s, ns := fill(m.hour, 23), fill(m.min, 59), fill(m.sec, 59), fill(m.nano, 999999999)
	year := m.year
	if year < 0 && !m.era {
		year = 1970
	}
	switch {
	case m.isoWeek >= 0 || m.isoYear >= 0:
		if m.isoYear < 0 {
			m.isoYear = year
		}
		first := time.Date(m.isoYear, 1, 4, h, mi, s, ns, loc)
		monday := first.AddDate(0, 0, -(int(first.Weekday())+6)%7)
		return monday.AddDate(0, 0, 7*(max(m.isoWeek, 1)-1)+max(m.weekday, 1)-1), nil
	case m.yearDay >= 0:
		t := time.Date(year, 1, m.yearDay, h, mi, s, ns, loc)
		if t.Year() != year {
			return t, fmt.Errorf("invalid day of year %d", m.yearDay)
		}
		return t, nil
	}
	mo, d := max(m.month, 1), max(m.day, 1)
	t := time.Date(year, time.Month(mo), d, h, mi, s, ns, loc)
	if u := time.Date(year, time.Month(mo), d, 0, 0, 0, 0, time.UTC); mo > 12 || u.Day() != d || h > 23 || mi > 59 || s > 59 {
		return t, errors.New("invalid date")
	}
	return t, nil
}

// dateFormat is one alternative of a format.
type dateFormat struct {
	read  func(s string) (moment, bool)
	print func(t time.Time) string
}

// dateFormats splits and compiles formats; "||" separates alternatives within one.
func dateFormats(formats []string) ([]dateFormat, error) {
	if len(formats) == 0 {
		formats = []string{DefaultDateFormat}
	}
	var out []dateFormat
	for _, f := range formats {
		if len(f) > maxFormat {
			return nil, illegal("Invalid format: longer than [%d] characters", maxFormat)
		}
		for one := range strings.SplitSeq(f, "||") {
			df, err := newDateFormat(one)
			if err != nil {
				return nil, err
			}
			out = append(out, df)
		}
	}
	return out, nil
}

// CheckDateFormat says whether a format, with alternatives separated by "||", is one that dates can be read with.
func CheckDateFormat(format string) error {
	_, err := dateFormats([]string{format})
	return err
}

func newDateFormat(name string) (dateFormat, error) {
	switch name {
	case "":
		return dateFormat{}, illegal("No date pattern provided")
	case "epoch_millis":
		return epoch(time.Millisecond), nil
	case "epoch_second":
		return epoch(time.Second), nil
	case "iso8601", "strict_date_optional_time", "strictDateOptionalTime", "strict_date_optional_time_nanos":
		p, err := compilePattern("uuuu[-MM[-dd]]['T'[HH[:mm[:ss[.S][,S]]]][XXX][XX][VV]]", true)
		print := "uuuu-MM-dd'T'HH:mm:ss.SSSXXX"
		if strings.HasSuffix(name, "nanos") {
			print = "uuuu-MM-dd'T'HH:mm:ss.SSSSSSSSSXXX"
		}
		return printedAs(p, print), err
	case "date_optional_time", "dateOptionalTime":
		p, err := compilePattern("uuuu[-MM[-dd]]['T'[HH[:mm[:ss[.S][,S]]]][XXX][XX][VV]]", false)
		return printedAs(p, "uuuu-MM-dd'T'HH:mm:ss.SSSXXX"), err
	}
	if pattern, ok := namedPattern(strings.TrimPrefix(name, "strict_")); ok {
		strict := strings.HasPrefix(name, "strict_") || strings.HasPrefix(name, "basic_")
		return patternFormat(pattern, strict)
	}
	f, err := patternFormat(name, true)
	if err != nil {
		e, _ := asError(err)
		return f, illegal("Invalid format: [%s]: %s", name, e.Reason)
	}
	return f, nil
}

func patternFormat(pattern string, strict bool) (dateFormat, error) {
	p, err := compilePattern(pattern, strict)
	if err != nil {
		return dateFormat{}, err
	}
	out, err := compilePattern(strings.ReplaceAll(pattern, "[XX][VV]", ""), strict)
	return dateFormat{read: p.readAll, print: out.format}, err
}

func printedAs(p pattern, print string) dateFormat {
	out, _ := compilePattern(print, true)
	return dateFormat{read: p.readAll, print: out.format}
}

// namedPattern returns the pattern behind one of the names of OpenSearch's documentation, without "strict_".
func namedPattern(name string) (string, bool) {
	const zone = "[XXX][XX][VV]"
	names := map[string]string{
		"date": "uuuu-MM-dd", "year_month_day": "uuuu-MM-dd", "year_month": "uuuu-MM", "year": "uuuu",
		"hour": "HH", "hour_minute": "HH:mm", "hour_minute_second": "HH:mm:ss",
		"hour_minute_second_millis": "HH:mm:ss.SSS", "hour_minute_second_fraction": "HH:mm:ss.S",
		"date_hour": "uuuu-MM-dd'T'HH", "date_hour_minute": "uuuu-MM-dd'T'HH:mm",
		"date_hour_minute_second":          "uuuu-MM-dd'T'HH:mm:ss",
		"date_hour_minute_second_millis":   "uuuu-MM-dd'T'HH:mm:ss.SSS",
		"date_hour_minute_second_fraction": "uuuu-MM-dd'T'HH:mm:ss.S",
		"date_time":                        "uuuu-MM-dd'T'HH:mm:ss.SSS" + zone, "date_time_no_millis": "uuuu-MM-dd'T'HH:mm:ss" + zone,
		"time": "HH:mm:ss.SSS" + zone, "time_no_millis": "HH:mm:ss" + zone,
		"t_time": "'T'HH:mm:ss.SSS" + zone, "t_time_no_millis": "'T'HH:mm:ss" + zone,
		"ordinal_date": "uuuu-DDD", "ordinal_date_time": "uuuu-DDD'T'HH:mm:ss.SSS" + zone,
		"ordinal_date_time_no_millis": "uuuu-DDD'T'HH:mm:ss" + zone,
		"week_date":                   "YYYY-'W'ww-e", "week_date_time": "YYYY-'W'ww-e'T'HH:mm:ss.SSS" + zone,
		"week_date_time_no_millis": "YYYY-'W'ww-e'T'HH:mm:ss" + zone,
		"weekyear":                 "YYYY", "weekyear_week": "YYYY-'W'ww", "weekyear_week_day": "YYYY-'W'ww-e",
		"basic_date": "uuuuMMdd", "basic_date_time": "uuuuMMdd'T'HHmmss.SSS" + zone,
		"basic_date_time_no_millis": "uuuuMMdd'T'HHmmss" + zone,
		"basic_ordinal_date":        "uuuuDDD", "basic_ordinal_date_time": "uuuuDDD'T'HHmmss.SSS" + zone,
		"basic_ordinal_date_time_no_millis": "uuuuDDD'T'HHmmss" + zone,
		"basic_time":                        "HHmmss.SSS" + zone, "basic_time_no_millis": "HHmmss" + zone,
		"basic_t_time": "'T'HHmmss.SSS" + zone, "basic_t_time_no_millis": "'T'HHmmss" + zone,
		"basic_week_date": "YYYY'W'wwe", "basic_week_date_time": "YYYY'W'wwe'T'HHmmss.SSS" + zone,
		"basic_week_date_time_no_millis": "YYYY'W'wwe'T'HHmmss" + zone,
		"rfc3339_lenient":                "uuuu[-MM[-dd['T'HH:mm[:ss[.S]][XXX]]]]",
	}
	p, ok := names[name]
	return p, ok
}

func epoch(unit time.Duration) dateFormat {
	return dateFormat{
		read: func(s string) (moment, bool) {
			m := newMoment()
			if s == "" || strings.Trim(s, "-0123456789.") != "" || strings.Contains(strings.TrimPrefix(s, "-"), "-") || len(s) > 40 {
				return m, false
			}
			r, ok := new(big.Rat).SetString(s)
			if !ok {
				return m, false
			}
			r.Mul(r, big.NewRat(int64(unit), 1))
			sec, nano := new(big.Int), new(big.Int)
			sec.DivMod(new(big.Int).Div(r.Num(), r.Denom()), big.NewInt(1e9), nano)
			if !sec.IsInt64() || sec.Int64() > 1<<48 || sec.Int64() < -1<<48 {
				return m, false
			}
			t := time.Unix(sec.Int64(), nano.Int64()).UTC()
			m.instant, m.exactNano = &t, unit == time.Millisecond || strings.Contains(s, ".")
			return m, true
		},
		print: func(t time.Time) string {
			if unit == time.Second {
				if ms := t.UnixMilli() % 1000; ms != 0 {
					return strings.TrimRight(fmt.Sprintf("%d.%03d", t.Unix(), ms), "0")
				}
				return strconv.FormatInt(t.Unix(), 10)
			}
			return strconv.FormatInt(t.UnixMilli(), 10)
		},
	}
}

// ParseDate reads a date with the first of the formats that fits; no formats means [DefaultDateFormat]. A nil loc is UTC;
// it holds for texts that name no zone.
func ParseDate(s string, formats []string, loc *time.Location) (time.Time, error) {
	return parseDate(s, formats, loc, false)
}

func parseDate(s string, formats []string, loc *time.Location, roundUp bool) (time.Time, error) {
	if loc == nil {
		loc = time.UTC
	}
	fs, err := dateFormats(formats)
	if err != nil {
		return time.Time{}, err
	}
	for _, f := range fs {
		if m, ok := f.read(s); ok {
			if t, err := m.time(loc, roundUp); err == nil {
				return t, nil
			}
		}
	}
	if len(formats) == 0 {
		formats = []string{DefaultDateFormat}
	}
	return time.Time{}, illegal("failed to parse date field [%s] with format [%s]", s, strings.Join(formats, "||"))
}

// FormatDate prints a date with the first of the formats. A nil loc is UTC.
func FormatDate(t time.Time, formats []string, loc *time.Location) (string, error) {
	if loc == nil {
		loc = time.UTC
	}
	fs, err := dateFormats(slices.Clone(formats))
	if err != nil {
		return "", err
	}
	return fs[0].print(t.In(loc)), nil
}

// Zone returns the time zone of that name: an offset such as +01:00, Z, or a name of the time zone database.
func Zone(name string) (*time.Location, error) {
	if loc, rest, ok := readOffset(name); ok && rest == "" {
		return loc, nil
	}
	switch name {
	case "UTC", "GMT", "UT":
		return time.UTC, nil
	case "", "Local":
		return nil, Errorf("zone_rules_exception", "Unknown time-zone ID: %s", name)
	}
	for _, prefix := range []string{"UTC", "GMT", "UT"} {
		if rest, ok := strings.CutPrefix(name, prefix); ok {
			if loc, rest, ok := readOffset(rest); ok && rest == "" {
				return loc, nil
			}
		}
	}
	loc, err := time.LoadLocation(name)
	if err != nil {
		return nil, Errorf("zone_rules_exception", "Unknown time-zone ID: %s", name)
	}
	return loc, nil
}
