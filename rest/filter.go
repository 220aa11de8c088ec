package rest

import (
	"fmt"
	"strings"
)

// maxAnswerDepth bounds the nesting of an answer that is filtered.
const maxAnswerDepth = 1000

// Limits of a filter_path: matching costs paths × segments for each member of an answer.
const (
	maxFilterPaths    = 256
	maxFilterSegments = 64 // the bits of a set
)

// Filter chooses members of an answer, as the parameter filter_path says. It is immutable.
type Filter struct {
	include, exclude []path
}

// path is a dotted path, cut into segments. "*" within a segment stands for anything, "**" for any number of segments.
type path []string

// ParseFilter reads a filter_path: paths separated by commas, those with a leading minus sign are left out of the answer.
func ParseFilter(s string) (Filter, error) {
	var f Filter
	for p := range strings.SplitSeq(s, ",") {
		p = strings.TrimSpace(p)
		rest, exclude := strings.CutPrefix(p, "-")
		if rest == "" {
			continue
		}
		segments := strings.Split(rest, ".")
		if len(segments) > maxFilterSegments || len(f.include)+len(f.exclude) == maxFilterPaths {
			return f, illegalArgument(fmt.Sprintf("[filter_path] has more than [%d] paths or a path of more than [%d] segments",
				maxFilterPaths, maxFilterSegments))
		}
		if exclude {
			f.exclude = append(f.exclude, segments)
		} else {
			f.include = append(f.include, segments)
		}
	}
	return f, nil
}

// Apply returns the JSON value without what the filter leaves out. Objects and arrays of which nothing remains go as well,
// but for the outermost. Arrays are looked through: their elements have the path of the array.
func (f Filter) Apply(body []byte) ([]byte, error) {
	if len(f.include) == 0 && len(f.exclude) == 0 {
		return body, nil
	}
	r := filtering{Filter: f, in: scanner{src: body}, out: make([]byte, 0, len(body))}
	array := r.in.peek() == '['
	at := place{include: starts(f.include), exclude: starts(f.exclude), all: len(f.include) == 0}
	ok, err := r.value(at)
	switch {
	case err != nil:
		return nil, fmt.Errorf("filtering the answer: %w", err)
	case ok:
		return r.out, nil
	case array:
		return []byte("[]"), nil
	default:
		return []byte("{}"), nil
	}
}

// place is how far the paths have come at a value: for each path the set of segments, as bits, that the next member may
// match. It is a set because "**" may stand for more or fewer members.
type place struct {
	include, exclude []uint64
	// all tells that the value is included as a whole.
	all bool
}

func starts(paths []path) []uint64 {
	open := make([]uint64, len(paths))
	for i := range open {
		open[i] = 1
	}
	return open
}

// filtering is one run of a filter.
type filtering struct {
	Filter
	in    scanner
	out   []byte
	depth int
}

// value writes what remains of the next value and reports whether anything does.
func (r *filtering) value(at place) (bool, error) {
	switch c := r.in.peek(); {
	case at.all && len(r.exclude) == 0:
		raw, err := r.in.value()
		r.out = append(r.out, raw...)
		return true, err
	case c == '{' || c == '[':
		if r.depth++; r.depth > maxAnswerDepth {
			return false, fmt.Errorf("it is nested deeper than %d", maxAnswerDepth)
		}
		defer func() { r.depth-- }()
		if c == '{' {
			return r.object(at)
		}
		return r.array(at)
	default:
		raw, err := r.in.value()
		if at.all {
			r.out = append(r.out, raw...)
		}
		return at.all, err
	}
}

func (r *filtering) array(at place) (bool, error) {
	start, empty := len(r.out), true
	r.out = append(r.out, '[')
	err := r.in.each('[', ']', func() error {
		empty = false
		return r.part(start, nil, at)
	})
	return r.end(start, ']', at.all && empty), err
}

func (r *filtering) object(at place) (bool, error) {
	start, empty := len(r.out), true
	r.out = append(r.out, '{')
	// One place for all members: each is done with before the next begins.
	below := place{include: make([]uint64, len(r.include)), exclude: make([]uint64, len(r.exclude))}
	err := r.in.each('{', '}', func() error {
		empty = false
		raw, name, err := r.in.member()
		if err != nil {
			return err
		}
		skip := advance(r.exclude, at.exclude, below.exclude, name) == ended
		if below.all = at.all; !at.all && !skip {
			step := advance(r.include, at.include, below.include, name)
			below.all, skip = step == ended, step == lost
		}
		if skip {
			_, err = r.in.value()
			return err
		}
		return r.part(start, raw, below)
	})
	return r.end(start, '}', at.all && empty), err
}

// part writes what remains of one element or member of the container that was begun at start.
func (r *filtering) part(start int, name []byte, at place) error {
	mark := len(r.out)
	if mark > start+1 {
		r.out = append(r.out, ',')
	}
	if name != nil {
		r.out = append(append(r.out, name...), ':')
	}
	ok, err := r.value(at)
	if !ok {
		r.out = r.out[:mark]
	}
	return err
}

// end closes the container that was begun at start, or takes it back if nothing was written.
func (r *filtering) end(start int, closing byte, keep bool) bool {
	if len(r.out) == start+1 && !keep {
		r.out = r.out[:start]
		return false
	}
	r.out = append(r.out, closing)
	return true
}

// step says where a member has taken the paths.
type step int

const (
	lost  step = iota // no path leads here
	open              // some path goes on below
	ended             // some path ends here
)

// advance follows all paths by one member, from one set of open segments to the next.
func advance(paths []path, from, to []uint64, key string) step {
	result := lost
	for i, p := range paths {
		set := from[i]
		to[i] = 0
		for at := range p {
			bit := uint64(1) << at
			if set&bit == 0 {
				continue
			}
			last := at == len(p)-1
			switch {
			case p[at] == "**" && !last:
				to[i] |= bit    // it stands for this member and more
				set |= bit << 1 // or for none
			case p[at] == "**" || glob(p[at], key):
				if last {
					return ended
				}
				to[i] |= bit << 1
			}
		}
		if to[i] != 0 {
			result = open
		}
	}
	return result
}

// glob matches a name against a pattern in which "*" stands for any text. It needs no memory and no more than
// len(pattern) × len(name) steps.
func glob(pattern, name string) bool {
	star, mark := -1, 0
	p, n := 0, 0
	for n < len(name) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, n
			p++
		case p < len(pattern) && pattern[p] == name[n]:
			p++
			n++
		case star >= 0:
			mark++
			p, n = star+1, mark
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}
