package segment

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// ParseDate reads a date in one of the formats (names such as "epoch_millis" or Java patterns), in their order; none means
// strict_date_optional_time||epoch_millis. Dates without a zone are in loc (nil is UTC).
func ParseDate(formats []string, s string, loc *time.Location) (time.Time, error) {
	if loc == nil {
		loc = time.UTC
	}
	if len(formats) == 0 {
		if t, ok := parseISO(s, loc, true); ok {
			return t, nil
		}
		if t, ok := parseEpoch(s, time.Millisecond); ok {
			return t, nil
		}
		return time.Time{}, fmt.Errorf("failed to parse date field [%s] with format [%s]", s, defaultDates)
	}
	for _, f := range formats {
		if t, ok := parseDateAs(f, s, loc); ok {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("failed to parse date field [%s] with format [%s]", s, strings.Join(formats, "||"))
}

func parseDateAs(format, s string, loc *time.Location) (time.Time, bool) {
	switch format {
	case "strict_date_optional_time", "strict_date_optional_time_nanos", "iso8601", "rfc3339_lenient":
		return parseISO(s, loc, true)
	case "date_optional_time":
		return parseISO(s, loc, false)
	case "epoch_millis":
		return parseEpoch(s, time.Millisecond)
	case "epoch_second":
		return parseEpoch(s, time.Second)
	}
	if p, ok := namedDatePattern(format); ok {
		format = p
	}
	return parsePattern(format, s, loc)
}

// namedDatePattern returns the pattern of a named format. The lenient names are read as strictly as the strict ones.
func namedDatePattern(name string) (string, bool) {
	switch strings.TrimPrefix(name, "strict_") {
	case "basic_date":
		return "yyyyMMdd", true
	case "basic_date_time":
		return "yyyyMMdd'T'HHmmss.SSSX", true
	case "basic_date_time_no_millis":
		return "yyyyMMdd'T'HHmmssX", true
	case "date", "year_month_day":
		return "yyyy-MM-dd", true
	case "date_time":
		return "yyyy-MM-dd'T'HH:mm:ss.SSSX", true
	case "date_time_no_millis":
		return "yyyy-MM-dd'T'HH:mm:ssX", true
	case "date_hour_minute_second":
		return "yyyy-MM-dd'T'HH:mm:ss", true
	case "date_hour_minute_second_millis", "date_hour_minute_second_fraction":
		return "yyyy-MM-dd'T'HH:mm:ss.SSS", true
	case "date_hour_minute":
		return "yyyy-MM-dd'T'HH:mm", true
	case "date_hour":
		return "yyyy-MM-dd'T'HH", true
	case "hour_minute_second":
		return "HH:mm:ss", true
	case "hour_minute":
		return "HH:mm", true
	case "year_month":
		return "yyyy-MM", true
	case "year":
		return "yyyy", true
	}
	return "", false
}

// checkDateFormats refuses formats that cannot be read: "a||b".
func checkDateFormats(formats string) error {
	for f := range strings.SplitSeq(formats, "||") {
		switch f {
		case "strict_date_optional_time", "strict_date_optional_time_nanos", "iso8601", "rfc3339_lenient", "date_optional_time",
			"epoch_millis", "epoch_second":
			continue
		}
		if _, ok := namedDatePattern(f); ok {
			continue
		}
		if err := checkPattern(f); err != nil {
			return fmt.Errorf("Invalid format: [%s]: %w", f, err) //nolint:staticcheck // OpenSearch's text, which clients read
		}
	}
	return nil
}

func parseEpoch(s string, unit time.Duration) (time.Time, bool) {
	whole, frac, _ := strings.Cut(s, ".")
	n, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || frac != "" && strings.Trim(frac, "0123456789") != "" {
		return time.Time{}, false
	}
	if unit == time.Second {
		f, err := strconv.ParseFloat("0."+frac+"0", 64)
		if err != nil || n > 1<<53 || n < -1<<53 {
			return time.Time{}, false
		}
		return time.Unix(n, int64(f*1e9)).UTC(), true
	}
	return time.UnixMilli(n).UTC(), true
}

// reader consumes a date from the left.
type reader struct{ s string }

func (r *reader) digits(least, most int) (int, bool) {
	n := 0
	for n < len(r.s) && n < most && r.s[n] >= '0' && r.s[n] <= '9' {
		n++
	}
	if n < least {
		return 0, false
	}
	v, err := strconv.Atoi(r.s[:n])
	r.s = r.s[n:]
	return v, err == nil
}

func (r *reader) literal(c byte) bool {
	if r.s == "" || r.s[0] != c {
		return false
	}
	r.s = r.s[1:]
	return true
}

// zone reads Z, ±hh, ±hhmm or ±hh:mm.
func (r *reader) zone() (*time.Location, bool) {
	if r.literal('Z') || r.literal('z') {
		return time.UTC, true
	}
	sign := 1
	if r.literal('-') {
		sign = -1
	} else if !r.literal('+') {
		return nil, false
	}
	h, ok := r.digits(2, 2)
	if !ok || h > 18 {
		return nil, false
	}
	m := 0
	if r.literal(':') || r.s != "" {
		if m, ok = r.digits(2, 2); !ok || m > 59 {
			return nil, false
		}
	}
	if h == 0 && m == 0 {
		return time.UTC, true
	}
	return time.FixedZone("", sign*(h*3600+m*60)), true
}

func (r *reader) nanos(least, most int) (int, bool) {
	was := len(r.s)
	n, ok := r.digits(least, most)
	for i := was - len(r.s); i < 9; i++ {
		n *= 10
	}
	return n, ok
}

// parts are the fields of a date; the zero of day and month is 1.
type parts struct {
	year, month, day, hour, minute, second, nano int
	pm, hasPM                                    bool
	loc                                          *time.Location
}

func (p *parts) time() (time.Time, bool) {
	if p.hasPM {
		p.hour %= 12
		if p.pm {
			p.hour += 12
		}
	}
	if p.month < 1 || p.month > 12 || p.day < 1 || p.hour > 23 || p.minute > 59 || p.second > 59 {
		return time.Time{}, false
	}
	t := time.Date(p.year, time.Month(p.month), p.day, p.hour, p.minute, p.second, p.nano, p.loc)
	if t.Day() != p.day {
		return time.Time{}, false
	}
	return t.UTC(), true
}

// parseISO reads yyyy[-MM[-dd['T'HH[:mm[:ss[.fraction]]][zone]]]]. Strict wants full widths.
func parseISO(s string, loc *time.Location, strict bool) (time.Time, bool) {
	r, p := reader{s}, parts{month: 1, day: 1, loc: loc}
	two, four := 2, 4
	if !strict {
		two, four = 1, 1
	}
	neg := r.literal('-')
	var ok bool
	if p.year, ok = r.digits(four, 4+5*btoi(!strict)); !ok {
		return time.Time{}, false
	}
	if neg {
		p.year = -p.year
	}
	for _, f := range []*int{&p.month, &p.day} {
		if r.s == "" || r.s[0] == 'T' {
			break
		}
		if !r.literal('-') {
			return time.Time{}, false
		}
		if *f, ok = r.digits(two, 2); !ok {
			return time.Time{}, false
		}
	}
	if r.literal('T') && r.s != "" && !r.clock(&p, two) {
		return time.Time{}, false
	}
	if r.s != "" {
		return time.Time{}, false
	}
	return p.time()
}

func (r *reader) clock(p *parts, two int) bool {
	var ok bool
	if p.hour, ok = r.digits(two, 2); !ok {
		return false
	}
	for _, f := range []*int{&p.minute, &p.second} {
		if !r.literal(':') {
			break
		}
		if *f, ok = r.digits(two, 2); !ok {
			return false
		}
	}
	if r.literal('.') || r.literal(',') {
		if p.nano, ok = r.nanos(1, 9); !ok {
			return false
		}
	}
	if r.s != "" {
		p.loc, ok = r.zone()
	}
	return ok
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

var errPattern = errors.New("unsupported pattern")
