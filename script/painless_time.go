package script

import (
	"strconv"
	"strings"
	"time"
)

// textOfTime prints the classes of java.time.
func textOfTime(v any) string {
	switch x := v.(type) {
	case time.Time:
		return formatInstant(x)
	case zoned:
		return formatZoned(x.t)
	case localDate:
		return x.t.Format("2006-01-02")
	case localDateTime:
		return formatLocal(x.t)
	case duration:
		return formatDuration(x.d)
	case zone:
		return x.loc.String()
	case chronoUnit:
		return x.name[:1] + strings.ToLower(x.name[1:])
	case dayOfWeek:
		return strings.ToUpper(x.day.String())
	case month:
		return strings.ToUpper(x.m.String())
	}
	return className(v)
}

// formatInstant is Instant.toString: seconds always, fractions in groups of three digits.
func formatInstant(t time.Time) string {
	t = t.UTC()
	return t.Format("2006-01-02T15:04:05") + fraction(t) + "Z"
}

func fraction(t time.Time) string {
	switch n := t.Nanosecond(); {
	case n == 0:
		return ""
	case n%1e6 == 0:
		return t.Format(".000")
	case n%1e3 == 0:
		return t.Format(".000000")
	}
	return t.Format(".000000000")
}

// formatLocal is LocalDateTime.toString, which leaves out seconds that are zero.
func formatLocal(t time.Time) string {
	if t.Second() == 0 && t.Nanosecond() == 0 {
		return t.Format("2006-01-02T15:04")
	}
	return t.Format("2006-01-02T15:04:05") + fraction(t)
}

func formatZoned(t time.Time) string {
	s := formatLocal(t) + t.Format("Z07:00")
	if name := t.Location().String(); strings.Contains(name, "/") {
		s += "[" + name + "]"
	}
	return s
}

func formatDuration(d time.Duration) string {
	if d == 0 {
		return "PT0S"
	}
	s := "PT"
	if h := d / time.Hour; h != 0 {
		s += strconv.FormatInt(int64(h), 10) + "H"
	}
	if m := d % time.Hour / time.Minute; m != 0 {
		s += strconv.FormatInt(int64(m), 10) + "M"
	}
	if sec := d % time.Minute; sec != 0 {
		s += strconv.FormatFloat(sec.Seconds(), 'f', -1, 64) + "S"
	}
	return s
}

func timeConstant(class, name string) (any, bool) {
	switch class {
	case "ChronoUnit":
		if _, ok := unitLength(name); ok || name == "MONTHS" || name == "YEARS" {
			return chronoUnit{name}, true
		}
	case "ZoneOffset":
		if name == "UTC" {
			return zone{time.UTC}, true
		}
	case "DayOfWeek":
		for d := time.Sunday; d <= time.Saturday; d++ {
			if strings.ToUpper(d.String()) == name {
				return dayOfWeek{d}, true
			}
		}
	case "Month":
		for m := time.January; m <= time.December; m++ {
			if strings.ToUpper(m.String()) == name {
				return month{m}, true
			}
		}
	case "DateTimeFormatter":
		layouts := map[string]string{
			"ISO_LOCAL_DATE": "2006-01-02", "ISO_LOCAL_DATE_TIME": "2006-01-02T15:04:05.999999999",
			"ISO_DATE_TIME": time.RFC3339Nano, "ISO_ZONED_DATE_TIME": time.RFC3339Nano, "ISO_OFFSET_DATE_TIME": time.RFC3339Nano,
			"ISO_INSTANT": "2006-01-02T15:04:05.999999999Z", "ISO_LOCAL_TIME": "15:04:05.999999999", "BASIC_ISO_DATE": "20060102",
		}
		if layout, ok := layouts[name]; ok {
			return formatter{layout}, true
		}
	}
	return nil, false
}

func isoDay(d time.Weekday) int32 {
	if d == time.Sunday {
		return 7
	}
	return int32(d)
}

// unitLength is the length of a unit that always has the same.
func unitLength(name string) (time.Duration, bool) {
	d, ok := map[string]time.Duration{
		"NANOS": 1, "MICROS": time.Microsecond, "MILLIS": time.Millisecond, "SECONDS": time.Second, "MINUTES": time.Minute,
		"HOURS": time.Hour, "HALF_DAYS": 12 * time.Hour, "DAYS": 24 * time.Hour, "WEEKS": 7 * 24 * time.Hour,
	}[name]
	return d, ok
}

// timeStatic serves the static methods of java.time.
func (r *run) timeStatic(class, name string, args []any) (any, error) {
	switch class + "." + methodKey(name, len(args)) {
	case "Instant.ofEpochMilli/1", "Instant.ofEpochSecond/1":
		n, err := longArg(args, 0)
		if name == "ofEpochSecond" {
			return time.Unix(n, 0).UTC(), err
		}
		return time.UnixMilli(n).UTC(), err
	case "Instant.parse/1", "ZonedDateTime.parse/1", "ZonedDateTime.parse/2", "LocalDate.parse/1", "LocalDate.parse/2",
		"LocalDateTime.parse/1", "LocalDateTime.parse/2":
		if err := r.m.spend(zoneSteps / 10); err != nil {
			return nil, err
		}
		return parseTime(class, args)
	case "ZonedDateTime.ofInstant/2":
		return r.timeMethod(args[0], "atZone/1", args[1:])
	case "LocalDate.of/3", "LocalDateTime.of/5", "LocalDateTime.of/6", "LocalDateTime.of/7", "ZonedDateTime.of/8":
		return dateOf(class, args)
	case "ZoneId.of/1", "ZoneOffset.of/1":
		s, err := strArg(args, 0)
		if err != nil {
			return nil, err
		}
		if err := r.m.spend(zoneSteps); err != nil {
			return nil, err
		}
		return zoneOf(s)
	case "DateTimeFormatter.ofPattern/1":
		s, err := strArg(args, 0)
		if err != nil {
			return nil, err
		}
		layout, err := timeLayout(s)
		return formatter{layout}, err
	case "Duration.between/2":
		a, aok := moment(args[0])
		b, bok := moment(args[1])
		if !aok || !bok {
			return nil, castFault("Cannot cast %s to java.time.temporal.Temporal", className(args[0]))
		}
		return duration{b.Sub(a)}, nil
	case "Duration.ofDays/1", "Duration.ofHours/1", "Duration.ofMinutes/1", "Duration.ofSeconds/1", "Duration.ofMillis/1":
		n, err := longArg(args, 0)
		unit, _ := unitLength(strings.ToUpper(strings.TrimPrefix(name, "of")))
		return duration{time.Duration(n) * unit}, err
	case "Date.from/1":
		return args[0], nil
	}
	return nil, notFoundError{}
}

func dateOf(class string, args []any) (any, error) {
	n := make([]int, 7)
	loc := time.UTC
	for i := range args {
		if z, ok := args[i].(zone); ok && i == 7 {
			loc = z.loc
			continue
		}
		if m, ok := args[i].(month); ok && i == 1 {
			n[i] = int(m.m)
			continue
		}
		v, err := intArg(args, i)
		if err != nil || i >= 7 {
			return nil, badArgument(args[i], "int")
		}
		n[i] = v
	}
	if n[1] < 1 || n[1] > 12 || n[2] < 1 || n[2] > 31 || n[3] < 0 || n[3] > 23 || n[4] < 0 || n[4] > 59 || n[5] < 0 || n[5] > 59 {
		return nil, throwf("DateTimeException", "a field of the date is out of its range")
	}
	t := time.Date(n[0], time.Month(n[1]), n[2], n[3], n[4], n[5], n[6], loc)
	if t.Day() != n[2] {
		return nil, throwf("DateTimeException", "Invalid date '%s %d'", strings.ToUpper(time.Month(n[1]).String()), n[2])
	}
	switch class {
	case "LocalDate":
		return localDate{t}, nil
	case "LocalDateTime":
		return localDateTime{t}, nil
	}
	return zoned{t}, nil
}

// moment is the point in time behind a value of java.time; local ones count as UTC.
func moment(v any) (time.Time, bool) {
	switch x := v.(type) {
	case time.Time:
		return x, true
	case zoned:
		return x.t, true
	case localDate:
		return x.t, true
	case localDateTime:
		return x.t, true
	}
	return time.Time{}, false
}

// zoneSteps is the price of a look into the database of time zones.
const zoneSteps = 1000

func zoneOf(name string) (any, error) {
	switch name {
	case "Z", "UTC", "GMT", "UT":
		return zone{time.UTC}, nil
	}
	if t, err := time.Parse("Z07:00", name); err == nil {
		_, offset := t.Zone()
		return zone{time.FixedZone(name, offset)}, nil
	}
	loc, err := time.LoadLocation(name)
	if err != nil || name == "" || name == "Local" {
		return nil, throwf("DateTimeException", "Unknown time-zone ID: %s", name)
	}
	return zone{loc}, nil
}

func parseTime(class string, args []any) (any, error) {
	s, err := strArg(args, 0)
	if err != nil {
		return nil, err
	}
	layouts := map[string][]string{
		"Instant":       {time.RFC3339Nano},
		"ZonedDateTime": {time.RFC3339Nano, "2006-01-02T15:04Z07:00"},
		"LocalDate":     {"2006-01-02"},
		"LocalDateTime": {"2006-01-02T15:04:05.999999999", "2006-01-02T15:04"},
	}[class]
	if len(args) == 2 {
		f, ok := args[1].(formatter)
		if !ok {
			return nil, badArgument(args[1], "java.time.format.DateTimeFormatter")
		}
		layouts = []string{f.layout}
	}
	text, zoneName := s, ""
	if i := strings.IndexByte(s, '['); i > 0 && class == "ZonedDateTime" && strings.HasSuffix(s, "]") {
		text, zoneName = s[:i], s[i+1:len(s)-1]
	}
	for _, layout := range layouts {
		t, err := time.Parse(layout, text)
		if err != nil {
			continue
		}
		switch class {
		case "Instant":
			return t.UTC(), nil
		case "LocalDate":
			return localDate{t}, nil
		case "LocalDateTime":
			return localDateTime{t}, nil
		}
		if zoneName == "" {
			return zoned{t}, nil
		}
		z, err := zoneOf(zoneName)
		if z, ok := z.(zone); ok {
			return zoned{t.In(z.loc)}, nil
		}
		return nil, err
	}
	return nil, throwf("DateTimeParseException", "Text '%s' could not be parsed at index 0", s)
}

// timeLayout translates a pattern of letters such as yyyy-MM-dd'T'HH:mm into Go's layout; what has no counterpart is refused.
func timeLayout(pattern string) (string, error) {
	layouts := map[string]string{
		"yyyy": "2006", "uuuu": "2006", "yy": "06", "uu": "06", "MM": "01", "M": "1", "MMM": "Jan", "MMMM": "January",
		"dd": "02", "d": "2", "HH": "15", "hh": "03", "h": "3", "mm": "04", "m": "4", "ss": "05", "s": "5",
		"EEE": "Mon", "E": "Mon", "EEEE": "Monday", "a": "PM", "XXX": "Z07:00", "XX": "Z0700", "X": "Z07", "Z": "-0700", "xxx": "-07:00",
		"z": "MST", "DDD": "002",
	}
	var b strings.Builder
	for i := 0; i < len(pattern); {
		c := pattern[i]
		switch {
		case c == '\'':
			end := strings.IndexByte(pattern[i+1:], '\'')
			if end < 0 {
				return "", argumentFault("Pattern ends with an incomplete string literal: %s", pattern)
			}
			literal := pattern[i+1 : i+1+end]
			if end == 0 {
				literal = "'"
			}
			if time.Unix(0, 0).Format(literal) != literal {
				return "", argumentFault("literal [%s] in pattern [%s] is not supported", literal, pattern)
			}
			b.WriteString(literal)
			i += end + 2
		case isLetter(c) && c != '_':
			end := i
			for end < len(pattern) && pattern[end] == c {
				end++
			}
			letters := pattern[i:end]
			layout, ok := layouts[letters]
			if c == 'S' && len(letters) <= 9 && i > 0 && (pattern[i-1] == '.' || pattern[i-1] == ',') {
				layout, ok = strings.Repeat("0", len(letters)), true
			}
			if !ok {
				return "", argumentFault("letters [%s] in pattern [%s] are not supported", letters, pattern)
			}
			b.WriteString(layout)
			i = end
		case isDigit(c) || c == '_':
			return "", argumentFault("character [%c] in pattern [%s] must be quoted", c, pattern)
		default:
			b.WriteByte(c)
			i++
		}
	}
	return b.String(), nil
}
