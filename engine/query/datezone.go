package query

import (
	"strconv"
	"strings"
	"time"
)

func (e element) readZone(s string, m *moment) (string, bool) {
	loc, rest, ok := readOffset(s)
	if !ok {
		return "", false
	}
	m.loc = loc
	return rest, true
}

// readOffset reads Z, +01, +0100, +01:00 or +01:00:00.
func readOffset(s string) (loc *time.Location, rest string, ok bool) {
	if rest, ok := strings.CutPrefix(s, "Z"); ok {
		return time.UTC, rest, true
	}
	if s == "" || s[0] != '+' && s[0] != '-' {
		return nil, "", false
	}
	sign := 1
	if s[0] == '-' {
		sign = -1
	}
	s = s[1:]
	total, unit := 0, 3600
	for i := range 3 {
		part := s
		if i > 0 {
			part = strings.TrimPrefix(s, ":")
		}
		if len(part) < 2 {
			break
		}
		v, err := strconv.ParseUint(part[:2], 10, 8)
		if err != nil || v > 59 {
			break
		}
		total += int(v) * unit
		unit /= 60
		s = part[2:]
	}
	if unit == 3600 || total > 18*3600 {
		return nil, "", false
	}
	if total == 0 {
		return time.UTC, s, true
	}
	return time.FixedZone("", sign*total), s, true
}

func readZoneName(s string, m *moment) (string, bool) {
	n := strings.IndexFunc(s, func(r rune) bool {
		letter := r|0x20 >= 'a' && r|0x20 <= 'z'
		return !letter && !strings.ContainsRune("0123456789/_-+:", r)
	})
	if n < 0 {
		n = len(s)
	}
	loc, err := Zone(s[:n])
	if err != nil {
		return "", false
	}
	m.loc = loc
	return s[n:], true
}
