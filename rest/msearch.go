package rest

import (
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"strings"

	"github.com/valyala/fastjson"
)

// SearchItem is one search of a msearch as the client wrote it.
type SearchItem struct {
	// Indices are index expressions; nil means all.
	Indices []string
	// Params are the other keys of the header line under the names of the search's query parameters ("search_type",
	// "ignore_unavailable", …), as text.
	Params map[string]string
	// Body is the line after the header, unparsed. It is a part of the request's body.
	Body json.RawMessage
	// Line is the number of the header line, counting from 1.
	Line int
}

// Searches reads the body of a msearch. Searches whose header names no index have the default ones. Errors are told like
// those of [Bulk].
func Searches(body []byte, defaults []string) iter.Seq2[SearchItem, error] {
	return func(yield func(SearchItem, error) bool) {
		if len(body) == 0 {
			yield(SearchItem{}, bodyRequired("request body or source parameter is required"))
			return
		}
		p := searchParser{
			lines:    lines{rest: body, unterminated: "The msearch request must be terminated by a newline [\n]"},
			defaults: defaults,
		}
		n := 0
		for {
			item, ok, err := p.next()
			if err != nil {
				yield(SearchItem{}, err)
				return
			}
			if !ok {
				break
			}
			n++
			if !yield(item, nil) {
				return
			}
		}
		if n == 0 {
			yield(SearchItem{}, validationFailed([]string{"no requests added"}))
		}
	}
}

type searchParser struct {
	lines
	json     fastjson.Parser
	defaults []string
}

func (p *searchParser) next() (SearchItem, bool, error) {
	header, ok, err := p.lines.next()
	// An empty line is a header without keys, but the first one is skipped: older clients begin with a newline.
	for ok && err == nil && p.line == 1 && len(header) == 0 {
		header, ok, err = p.lines.next()
	}
	if !ok || err != nil {
		return SearchItem{}, false, err
	}
	item := SearchItem{Indices: p.defaults, Line: p.line}
	if !blank(header) {
		if err := p.header(&item, header); err != nil {
			return SearchItem{}, false, err
		}
	}
	body, ok, err := p.lines.next()
	if err != nil {
		return SearchItem{}, false, err
	}
	if !ok {
		return SearchItem{}, false, illegalArgument(fmt.Sprintf(
			"Malformed header line [%d], expected a search after it but found the end", item.Line))
	}
	item.Body = json.RawMessage(body)
	return item, true, nil
}

func (p *searchParser) header(item *SearchItem, line []byte) error {
	if len(line) > maxMetadataLine {
		return illegalArgument(fmt.Sprintf("header line [%d] is longer than [%d] bytes", p.line, maxMetadataLine))
	}
	v, err := parseLine(&p.json, line)
	if err != nil || v.Type() != fastjson.TypeObject {
		return &Error{
			Status: http.StatusBadRequest, Type: "json_parse_exception",
			Reason: fmt.Sprintf("Malformed header line [%d], it is not a JSON object", p.line), Cause: err,
		}
	}
	seen := make(map[string]bool, 4)
	v.GetObject().Visit(func(key []byte, v *fastjson.Value) {
		if err != nil {
			return
		}
		name, known := headerKey(string(key))
		switch {
		case !known:
			err = illegalArgument("key [" + string(key) + "] is not supported in the metadata section")
		case seen[name]:
			err = illegalArgument("duplicate key [" + string(key) + "] in the metadata section")
		case name == "index":
			item.Indices, err = indexList(v)
		default:
			err = setParam(item, name, v)
		}
		seen[name] = true
	})
	return err
}

// headerKey returns the query parameter that a key of a header line stands for.
func headerKey(key string) (string, bool) {
	switch key {
	case "index", "indices":
		return "index", true
	case "search_type", "searchType":
		return "search_type", true
	case "ccs_minimize_roundtrips", "ccsMinimizeRoundtrips":
		return "ccs_minimize_roundtrips", true
	case "request_cache", "requestCache":
		return "request_cache", true
	case "expand_wildcards", "expandWildcards":
		return "expand_wildcards", true
	case "ignore_unavailable", "ignoreUnavailable":
		return "ignore_unavailable", true
	case "allow_no_indices", "allowNoIndices":
		return "allow_no_indices", true
	case "ignore_throttled", "ignoreThrottled":
		return "ignore_throttled", true
	case "cancel_after_time_interval", "cancelAfterTimeInterval":
		return "cancel_after_time_interval", true
	case "preference", "routing", "allow_partial_search_results", "phase_took":
		return key, true
	}
	return "", false
}

// indexList reads "a,b" and ["a","b"].
func indexList(v *fastjson.Value) ([]string, error) {
	switch v.Type() {
	case fastjson.TypeNull:
		return nil, nil
	case fastjson.TypeObject:
		return nil, illegalArgument("[index] must be a string or a list of strings but is [START_OBJECT]")
	case fastjson.TypeArray:
		var list []string
		for _, e := range v.GetArray() {
			if e.Type() == fastjson.TypeObject || e.Type() == fastjson.TypeArray || e.Type() == fastjson.TypeNull {
				return nil, illegalArgument("[index] must hold strings but holds [" + token(e) + "]")
			}
			list = append(list, text(e))
		}
		return list, nil
	default:
		return SplitIndices(text(v)), nil
	}
}

func setParam(item *SearchItem, name string, v *fastjson.Value) error {
	value := ""
	switch v.Type() {
	case fastjson.TypeNull:
		return nil
	case fastjson.TypeArray:
		if name != "expand_wildcards" {
			return illegalArgument("[" + name + "] must not be a list")
		}
		var list []string
		for _, e := range v.GetArray() {
			list = append(list, text(e))
		}
		value = strings.Join(list, ",")
	case fastjson.TypeObject:
		return illegalArgument("[" + name + "] must not be an object")
	default:
		value = text(v)
	}
	if item.Params == nil {
		item.Params = make(map[string]string, 2)
	}
	item.Params[name] = value
	return nil
}
