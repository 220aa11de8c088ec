package rest

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// ExpandDateMath returns the concrete name that an expression such as <logs-{now/d}> or <logs-{now-1M/M{yyyy.MM|+02:00}}>
// stands for at a moment. What is not enclosed in angle brackets is returned as it is. The default format is uuuu.MM.dd,
// the default zone UTC; a backslash takes a brace literally. Errors are OpenSearch's parse_exception.
func ExpandDateMath(expr string, now time.Time) (string, error) {
	if len(expr) < 2 || expr[0] != '<' || expr[len(expr)-1] != '>' {
		return expr, nil
	}
	var out strings.Builder
	text := expr[1 : len(expr)-1]
	for i := 0; i < len(text); i++ {
		switch c := text[i]; c {
		case '\\':
			if i++; i < len(text) {
				out.WriteByte(text[i])
			}
		case '}':
			return "", dateMathError(expr[1:], fmt.Sprintf("invalid character at position [%d]. `{` and `}` are reserved "+
				"characters and should be escaped when used as part of the index name using `\\` (e.g. `\\{text\\}`)", i+1))
		case '{':
			end, err := placeholderEnd(expr, text, i+1)
			if err != nil {
				return "", err
			}
			value, err := expandPlaceholder(text[i+1:end], now)
			if err != nil {
				return "", err
			}
			out.WriteString(value)
			i = end
		default:
			out.WriteByte(c)
		}
	}
	if out.Len() == 0 {
		return "", &Error{Status: http.StatusBadRequest, Type: "parse_exception", Reason: "nothing captured"}
	}
	return out.String(), nil
}

func dateMathError(expr, why string) *Error {
	return &Error{
		Status: http.StatusBadRequest, Type: "parse_exception",
		Reason: fmt.Sprintf("invalid dynamic name expression [%s]. %s", expr, why),
	}
}

// placeholderEnd returns the position of the brace that closes the placeholder whose text begins at from.
// A format inside it has braces of its own, one pair deep.
func placeholderEnd(expr, text string, from int) (int, error) {
	inFormat := false
	for i := from; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '{':
			if inFormat {
				return 0, dateMathError(expr[1:], fmt.Sprintf("invalid character in placeholder at position [%d]", i+1))
			}
			inFormat = true
		case '}':
			if !inFormat {
				return i, nil
			}
			inFormat = false
		}
	}
	return 0, dateMathError(expr[1:], "date math placeholder is open ended")
}

// expandPlaceholder evaluates math{format|zone}.
func expandPlaceholder(text string, now time.Time) (string, error) {
	math, format, zone := text, "uuuu.MM.dd", time.UTC
	if open := strings.IndexByte(text, '{'); open >= 0 {
		switch {
		case !strings.HasSuffix(text, "}"):
			return "", dateMathError(text, "missing closing `}` for date math format")
		case open == len(text)-2:
			return "", dateMathError(text, "missing date format")
		}
		math = text[:open]
		pattern, name, ok := strings.Cut(text[open+1:len(text)-1], "|")
		format = strings.ReplaceAll(pattern, `\`, "")
		if ok {
			z, err := parseZone(name)
			if err != nil {
				return "", dateMathError(text, err.Error())
			}
			zone = z
		}
	}
	t, err := addDateMath(math, now.In(zone))
	if err == nil {
		var s string
		if s, err = formatJava(t, format); err == nil {
			return s, nil
		}
	}
	return "", dateMathError(text, err.Error())
}

func parseZone(name string) (*time.Location, error) {
	switch name {
	case "Z", "UTC":
		return time.UTC, nil
	}
	if t, err := time.Parse("-07:00", name); err == nil {
		return t.Location(), nil
	}
	// The local zone of this process is not a zone that a client may mean.
	if name == "" || name == "Local" {
		return nil, fmt.Errorf("unknown time zone [%s]", name)
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf("unknown time zone [%s]", name)
	}
	return zone, nil
}

// addDateMath evaluates now, followed by steps such as +1d, -2M and /d.
func addDateMath(math string, now time.Time) (time.Time, error) {
	rest, ok := strings.CutPrefix(math, "now")
	if !ok {
		return now, fmt.Errorf("date math [%s] must begin with now", math)
	}
	t := now
	for rest != "" {
		op := rest[0]
		digits := 1
		for digits < len(rest) && rest[digits] >= '0' && rest[digits] <= '9' {
			digits++
		}
		if digits == len(rest) {
			return now, fmt.Errorf("truncated date math [%s]", math)
		}
		n, err := 1, error(nil)
		if digits > 1 {
			n, err = strconv.Atoi(rest[1:digits])
		}
		if err != nil || n > 100_000 {
			return now, fmt.Errorf("the number in date math [%s] is too large", math)
		}
		unit := rest[digits]
		rest = rest[digits+1:]
		switch op {
		case '+':
			t, err = addUnit(t, n, unit)
		case '-':
			t, err = addUnit(t, -n, unit)
		case '/':
			if n != 1 {
				err = fmt.Errorf("rounding `/` can only be used on single unit types [%s]", math)
			} else {
				t, err = roundDown(t, unit)
			}
		default:
			err = fmt.Errorf("operator not supported for date math [%s]", math)
		}
		if err != nil {
			return now, err
		}
	}
	return t, nil
}

func addUnit(t time.Time, n int, unit byte) (time.Time, error) {
	switch unit {
	case 'y':
		return addMonths(t, 12*n), nil
	case 'M':
		return addMonths(t, n), nil
	case 'w':
		return t.AddDate(0, 0, 7*n), nil
	case 'd':
		return t.AddDate(0, 0, n), nil
	case 'h', 'H':
		return t.Add(time.Duration(n) * time.Hour), nil
	case 'm':
		return t.Add(time.Duration(n) * time.Minute), nil
	case 's':
		return t.Add(time.Duration(n) * time.Second), nil
	}
	return t, fmt.Errorf("unit [%c] not supported for date math", unit)
}

// addMonths stays within the month that is meant: a month after January 31 is the last of February.
func addMonths(t time.Time, n int) time.Time {
	first := time.Date(t.Year(), t.Month()+time.Month(n), 1, t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), t.Location())
	last := first.AddDate(0, 1, -1).Day()
	return first.AddDate(0, 0, min(t.Day(), last)-1)
}

func roundDown(t time.Time, unit byte) (time.Time, error) {
	y, m, d := t.Date()
	hour, minute, second := t.Clock()
	switch unit {
	case 'y':
		m, d, hour, minute, second = 1, 1, 0, 0, 0
	case 'M':
		d, hour, minute, second = 1, 0, 0, 0
	case 'w':
		d -= (int(t.Weekday()) + 6) % 7
		hour, minute, second = 0, 0, 0
	case 'd':
		hour, minute, second = 0, 0, 0
	case 'h', 'H':
		minute, second = 0, 0
	case 'm':
		second = 0
	case 's':
	default:
		return t, fmt.Errorf("unit [%c] not supported for date math", unit)
	}
	return time.Date(y, m, d, hour, minute, second, 0, t.Location()), nil
}

// formatJava formats by the letters of Java's DateTimeFormatter that make sense in a name.
func formatJava(t time.Time, pattern string) (string, error) {
	var out strings.Builder
	for i := 0; i < len(pattern); {
		c := pattern[i]
		if c == '\'' {
			end := strings.IndexByte(pattern[i+1:], '\'')
			if end < 0 {
				return "", errors.New("the date format has an open quote")
			}
			out.WriteString(pattern[i+1 : i+1+end])
			i += end + 2
			continue
		}
		n := 1
		for i+n < len(pattern) && pattern[i+n] == c {
			n++
		}
		i += n
		if c < 'A' || c > 'Z' && c < 'a' || c > 'z' {
			out.WriteString(strings.Repeat(string(rune(c)), n))
			continue
		}
		s, err := dateField(t, c, n)
		if err != nil {
			return "", err
		}
		out.WriteString(s)
	}
	return out.String(), nil
}

func dateField(t time.Time, letter byte, n int) (string, error) {
	week, weekYear := 0, 0
	if strings.IndexByte("Yxw", letter) >= 0 {
		weekYear, week = t.ISOWeek()
	}
	switch {
	case n > 9:
		// Nothing that long has a meaning; the error below names it.
	case (letter == 'y' || letter == 'u') && n == 2:
		return fmt.Sprintf("%02d", t.Year()%100), nil
	case letter == 'y' || letter == 'u':
		return fmt.Sprintf("%0*d", n, t.Year()), nil
	case letter == 'Y' || letter == 'x':
		return fmt.Sprintf("%0*d", n, weekYear), nil
	case letter == 'w' && n <= 2:
		return fmt.Sprintf("%0*d", n, week), nil
	case letter == 'M' && n <= 2:
		return fmt.Sprintf("%0*d", n, t.Month()), nil
	case letter == 'M' && n == 3:
		return t.Month().String()[:3], nil
	case letter == 'M' && n == 4:
		return t.Month().String(), nil
	case letter == 'd' && n <= 2:
		return fmt.Sprintf("%0*d", n, t.Day()), nil
	case letter == 'D' && n <= 3:
		return fmt.Sprintf("%0*d", n, t.YearDay()), nil
	case letter == 'e' && n == 1:
		return strconv.Itoa((int(t.Weekday())+6)%7 + 1), nil
	case letter == 'H' && n <= 2:
		return fmt.Sprintf("%0*d", n, t.Hour()), nil
	case letter == 'm' && n <= 2:
		return fmt.Sprintf("%0*d", n, t.Minute()), nil
	case letter == 's' && n <= 2:
		return fmt.Sprintf("%0*d", n, t.Second()), nil
	case letter == 'S':
		return fmt.Sprintf("%09d", t.Nanosecond())[:n], nil
	}
	return "", fmt.Errorf("the date format [%s] is not supported", strings.Repeat(string(rune(letter)), n))
}
