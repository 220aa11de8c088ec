package rest

import (
	"encoding/json"
	"errors"
	"fmt"
)

// errJSON tells that an answer is not the JSON that it should be.
var errJSON = errors.New("the answer is not JSON")

// scanner walks over JSON without decoding it, so that numbers and strings stay as they were written. It trusts that the text
// is JSON and finds out if it is not only where that would lead it astray.
type scanner struct {
	src []byte
	pos int
}

// peek returns the first byte of the next token, or 0 at the end.
func (s *scanner) peek() byte {
	s.pos = skipSpace(s.src, s.pos)
	if s.pos == len(s.src) {
		return 0
	}
	return s.src[s.pos]
}

// take consumes c if it comes next.
func (s *scanner) take(c byte) bool {
	if s.peek() != c {
		return false
	}
	s.pos++
	return true
}

// quoted consumes a string and returns it with its quotes.
func (s *scanner) quoted() ([]byte, error) {
	if s.peek() != '"' {
		return nil, errJSON
	}
	start := s.pos
	for s.pos++; s.pos < len(s.src); s.pos++ {
		switch s.src[s.pos] {
		case '\\':
			s.pos++
		case '"':
			s.pos++
			return s.src[start:s.pos], nil
		}
	}
	return nil, errJSON
}

// member consumes a member's name and the colon. It returns the name as it is written and decoded.
func (s *scanner) member() (raw []byte, name string, err error) {
	raw, err = s.quoted()
	if err != nil {
		return nil, "", err
	}
	if !s.take(':') {
		return nil, "", errJSON
	}
	for _, c := range raw {
		if c == '\\' {
			if err := json.Unmarshal(raw, &name); err != nil {
				return nil, "", fmt.Errorf("%w: %w", errJSON, err)
			}
			return raw, name, nil
		}
	}
	return raw, string(raw[1 : len(raw)-1]), nil
}

// value consumes a whole value and returns it as it is written.
func (s *scanner) value() ([]byte, error) {
	c := s.peek()
	start := s.pos
	switch c {
	case '"':
		return s.quoted()
	case '{', '[':
		return s.container(start)
	case 0, '}', ']', ',', ':':
		return nil, errJSON
	}
	for s.pos < len(s.src) {
		switch s.src[s.pos] {
		case ' ', '\n', '\t', '\r', ',', '}', ']':
			return s.src[start:s.pos], nil
		}
		s.pos++
	}
	return s.src[start:], nil
}

// container consumes an object or array by counting brackets.
func (s *scanner) container(start int) ([]byte, error) {
	depth := 0
	for s.pos < len(s.src) {
		switch s.src[s.pos] {
		case '"':
			if _, err := s.quoted(); err != nil {
				return nil, err
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				s.pos++
				return s.src[start:s.pos], nil
			}
		}
		s.pos++
	}
	return nil, errJSON
}

// each calls f for what lies between the brackets of the container that comes next, as often as there are commas, plus one;
// f consumes an element or a member.
func (s *scanner) each(open, closing byte, f func() error) error {
	if !s.take(open) {
		return errJSON
	}
	if s.take(closing) {
		return nil
	}
	for {
		if err := f(); err != nil {
			return err
		}
		if s.take(closing) {
			return nil
		}
		if !s.take(',') {
			return errJSON
		}
	}
}
