package segment

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"vigil/engine/analysis"
)

// param says what a mapping parameter may hold, what it is when absent and whether it may change later.
type param struct {
	kind string // "bool", "int", "float", "string", "any"
	// def is the default as JSON; a value equal to it is not shown, as OpenSearch shows only what differs.
	def       string
	updatable bool
}

// paramOrder is the order in which parameters are told.
var paramOrder = []string{
	"path", "boost", "index", "doc_values", "store", "index_options", "norms", "similarity", "analyzer", "search_analyzer", "search_quote_analyzer",
	"position_increment_gap", "term_vector", "index_phrases", "fielddata", "eager_global_ordinals", "format", "print_format", "locale",
	"scaling_factor", "ignore_malformed", "ignore_z_value", "coerce", "null_value", "ignore_above", "normalizer", "split_queries_on_whitespace",
	"meta", "copy_to",
}

// commonParams are those of every leaf but aliases.
var commonParams = map[string]param{
	"index": {"bool", "true", false}, "store": {"bool", "false", false}, "doc_values": {"bool", "true", false},
	"meta": {"any", "{}", true}, "copy_to": {"any", "[]", true}, "boost": {"float", "1", true},
}

var numberParams = map[string]param{
	"coerce": {"bool", "true", true}, "ignore_malformed": {"bool", "false", true}, "null_value": {"any", "null", false},
}

// typeParams are the parameters of each leaf type beyond the common ones. A type that is missing here is not supported.
var typeParams = map[Type]map[string]param{
	Keyword: {
		"ignore_above": {"int", "2147483647", true}, "null_value": {"string", "null", false}, "normalizer": {"string", `"default"`, false},
		"norms": {"bool", "false", false}, "eager_global_ordinals": {"bool", "false", true}, "index_options": {"string", `"docs"`, false},
		"split_queries_on_whitespace": {"bool", "false", true}, "similarity": {"string", `"BM25"`, false},
	},
	Text: {
		"analyzer": {"string", `"default"`, false}, "search_analyzer": {"string", `"default"`, true},
		"search_quote_analyzer": {"string", `"default"`, true}, "norms": {"bool", "true", true}, "index_options": {"string", `"positions"`, false},
		"fielddata": {"bool", "false", true}, "position_increment_gap": {"int", "100", false}, "index_phrases": {"bool", "false", false},
		"term_vector": {"string", `"no"`, false}, "eager_global_ordinals": {"bool", "false", true}, "similarity": {"string", `"BM25"`, false},
	},
	Long: numberParams, Integer: numberParams, Short: numberParams, Byte: numberParams,
	Double: numberParams, Float: numberParams, HalfFloat: numberParams, UnsignedLg: numberParams,
	ScaledFl: {
		"coerce": {"bool", "true", true}, "ignore_malformed": {"bool", "false", true}, "null_value": {"any", "null", false},
		"scaling_factor": {"float", "0", false},
	},
	Date:      dateParams,
	DateNanos: dateParams,
	Boolean:   {"null_value": {"any", "null", false}},
	IP:        {"ignore_malformed": {"bool", "false", true}, "null_value": {"string", "null", false}},
	Binary:    {},
	GeoPoint: {
		"ignore_malformed": {"bool", "false", true}, "ignore_z_value": {"bool", "true", true}, "null_value": {"any", "null", false},
	},
	FlatObject: {},
	Alias:      {"path": {"string", "null", true}},
}

var dateParams = map[string]param{
	"format": {"string", `"strict_date_optional_time||epoch_millis"`, false}, "print_format": {"string", "null", false},
	"locale": {"string", `""`, false}, "ignore_malformed": {"bool", "false", true}, "null_value": {"any", "null", false},
}

func lookupParam(t Type, name string) (param, bool) {
	if p, ok := typeParams[t][name]; ok {
		return p, true
	}
	if t == Alias {
		return param{}, false
	}
	p, ok := commonParams[name]
	return p, ok
}

// normalize returns a parameter's value in the form that is stored and told, or "" if it equals the default.
func (p param) normalize(name, full string, raw json.RawMessage) (json.RawMessage, *Error) {
	raw = compact(raw)
	text := string(raw)
	if unquoted, err := strconv.Unquote(text); err == nil && p.kind != "string" && p.kind != "any" {
		text = unquoted
	}
	bad := func() (json.RawMessage, *Error) {
		return nil, mapperParsing(fmt.Sprintf("Failed to parse value [%s] of parameter [%s] on mapper [%s]", strings.Trim(text, `"`), name, full))
	}
	switch p.kind {
	case "bool":
		if text != "true" && text != "false" {
			return bad()
		}
	case "int":
		n, err := strconv.ParseInt(text, 10, 32)
		if err != nil || n < 0 {
			return bad()
		}
	case "float":
		f, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return bad()
		}
		if name == "boost" && f == 1 {
			return nil, nil
		}
		text = formatFloat(f)
	case "string":
		if text == "null" {
			return nil, nil
		}
		if text[0] != '"' {
			if text[0] == '{' || text[0] == '[' {
				return bad()
			}
			text = `"` + text + `"`
		}
	default:
		if name == "copy_to" && text[0] == '"' {
			text = "[" + text + "]"
		}
	}
	if text == p.def {
		return nil, nil
	}
	return json.RawMessage(text), nil
}

func formatFloat(f float64) string {
	s := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

func compact(raw json.RawMessage) json.RawMessage {
	var b bytes.Buffer
	if err := json.Compact(&b, raw); err != nil {
		return raw // not JSON: the caller's parser has refused it before
	}
	return b.Bytes()
}

func (m *mapper) param(name string) string {
	raw, ok := m.params[name]
	if !ok {
		return ""
	}
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	return string(raw)
}

// makeField derives the field from the mapper's parameters.
func (m *mapper) makeField() *Error {
	f := &Field{
		Name: m.path, Type: m.typ, Target: m.param("path"),
		Analyzer: m.param("analyzer"), SearchAnalyzer: m.param("search_analyzer"), Normalizer: m.param("normalizer"),
		IgnoreMalformed: m.param("ignore_malformed") == "true",
		NotIndexed:      m.param("index") == "false" || m.typ == Binary,
		NoDocValues:     m.param("doc_values") == "false" || m.typ == Text || m.typ == Binary,
	}
	f.IgnoreAbove, _ = strconv.Atoi(m.param("ignore_above"))
	f.Scale, _ = strconv.ParseFloat(m.param("scaling_factor"), 64)
	if m.param("fielddata") == "true" {
		f.NoDocValues = false
	}
	if v := m.param("format"); v != "" {
		f.Formats = strings.Split(v, "||")
		if err := checkDateFormats(v); err != nil {
			return mapperParsing(fmt.Sprintf("Error parsing [format] on field [%s]: %s", m.name, err))
		}
	}
	if raw, ok := m.params["copy_to"]; ok {
		if json.Unmarshal(raw, &f.CopyTo) != nil {
			return mapperParsing(fmt.Sprintf("[copy_to] on field [%s] must be a string or a list of strings", m.path))
		}
	}
	if raw, ok := m.params["null_value"]; ok && json.Unmarshal(raw, &f.NullValue) != nil {
		return mapperParsing(fmt.Sprintf("Failed to parse [null_value] of field [%s]", m.path))
	}
	for _, name := range []string{f.Analyzer, f.SearchAnalyzer, m.param("search_quote_analyzer")} {
		if _, err := analysis.New(name); err != nil {
			return mapperParsing("analyzer [" + name + "] has not been configured in mappings")
		}
	}
	if _, err := analysis.Normalizer(f.Normalizer); err != nil {
		return mapperParsing("normalizer [" + f.Normalizer + "] not found for field [" + m.name + "]")
	}
	if m.typ == ScaledFl && f.Scale <= 0 {
		return mapperParsing("Field [scaling_factor] is required and must be a positive number, on mapper [" + m.path + "]")
	}
	if m.typ == Alias && f.Target == "" {
		return mapperParsing("The [path] property must be specified for field [" + m.name + "].")
	}
	m.field = f
	return nil
}
