package segment

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// dynamicTemplate decides the mapping of new fields that it matches.
type dynamicTemplate struct {
	name                   string
	match, unmatch         string
	pathMatch, pathUnmatch string
	regex                  bool
	mappingType            string // match_mapping_type; "" and "*" match all
	mapping                json.RawMessage
}

// defaultDates is what a date field reads if its mapping names no format.
const defaultDates = "strict_date_optional_time||epoch_millis"

// defaultDateFormats make a string a date, as OpenSearch's dynamic_date_formats do by default. The one that fits becomes
// the new field's format.
var defaultDateFormats = []string{defaultDates, "yyyy/MM/dd HH:mm:ss||yyyy/MM/dd||epoch_millis"}

// checkMeta refuses root parameters that readMeta could not read.
func (m *Mapping) checkMeta() error {
	if raw, ok := m.meta["dynamic_templates"]; ok {
		if _, err := parseDynamicTemplates(raw); err != nil {
			return err
		}
	}
	for _, k := range []string{"date_detection", "numeric_detection"} {
		if raw, ok := m.meta[k]; ok {
			if _, err := parseBool(raw, k, "_doc"); err != nil {
				return err
			}
		}
	}
	if raw, ok := m.meta[timestampParam]; ok {
		if _, err := parseTimestamp(raw); err != nil {
			return err
		}
	}
	if raw, ok := m.meta["dynamic_date_formats"]; ok {
		var formats []string
		if json.Unmarshal(raw, &formats) != nil {
			return mapperParsing("Expected a list of strings for [dynamic_date_formats] but got " + javaString(raw))
		}
		for _, f := range formats {
			if err := checkDateFormats(f); err != nil {
				return illegalArgument(err.Error())
			}
		}
	}
	return nil
}

// readMeta takes dynamic rules from the root's parameters, which checkMeta has accepted.
func (m *Mapping) readMeta() {
	m.templates, m.dateFormats, m.numbers, m.timestamp = nil, defaultDateFormats, false, false
	if raw, ok := m.meta[timestampParam]; ok {
		m.timestamp, _ = parseTimestamp(raw)
	}
	if raw, ok := m.meta["dynamic_templates"]; ok {
		m.templates, _ = parseDynamicTemplates(raw)
	}
	if raw, ok := m.meta["dynamic_date_formats"]; ok {
		var formats []string
		if json.Unmarshal(raw, &formats) == nil {
			m.dateFormats = formats
		}
	}
	if strings.Contains(string(m.meta["date_detection"]), "false") {
		m.dateFormats = nil
	}
	m.numbers = strings.Contains(string(m.meta["numeric_detection"]), "true")
}

var mappingTypes = []string{"object", "string", "long", "double", "boolean", "date", "binary", "*"}

func parseDynamicTemplates(raw json.RawMessage) ([]dynamicTemplate, error) {
	var list []map[string]map[string]json.RawMessage
	if json.Unmarshal(raw, &list) != nil {
		return nil, mapperParsing("Dynamic template syntax error. An array of named objects is expected.")
	}
	var out []dynamicTemplate
	for _, named := range list {
		if len(named) != 1 {
			return nil, mapperParsing("A dynamic template must be defined with a name")
		}
		for name, def := range named {
			t, err := parseDynamicTemplate(name, def)
			if err != nil {
				return nil, err
			}
			out = append(out, t)
		}
	}
	return out, nil
}

func parseDynamicTemplate(name string, def map[string]json.RawMessage) (dynamicTemplate, error) {
	t := dynamicTemplate{name: name}
	for k, raw := range def {
		var s string
		if k != "mapping" && json.Unmarshal(raw, &s) != nil {
			return t, mapperParsing(fmt.Sprintf("Dynamic template [%s]: [%s] must be a string", name, k))
		}
		switch k {
		case "match":
			t.match = s
		case "unmatch":
			t.unmatch = s
		case "path_match":
			t.pathMatch = s
		case "path_unmatch":
			t.pathUnmatch = s
		case "match_mapping_type":
			if !slices.Contains(mappingTypes, s) {
				return t, illegalArgument(fmt.Sprintf("No field type matched on [%s], possible values are [object, string, long, double, boolean, date, binary]", s))
			}
			t.mappingType = s
		case "match_pattern":
			if s != "simple" && s != "regex" {
				return t, illegalArgument("No matching pattern matched on [" + s + "]")
			}
			t.regex = s == "regex"
		case "mapping":
			t.mapping = raw
		default:
			return t, illegalArgument(fmt.Sprintf("Illegal dynamic template parameter: [%s]", k))
		}
	}
	if t.mapping == nil {
		return t, mapperParsing("template must have mapping set")
	}
	if t.match == "" && t.pathMatch == "" && t.mappingType == "" {
		return t, mapperParsing("template must have match, path_match or match_mapping_type set")
	}
	if t.regex {
		for _, p := range []string{t.match, t.unmatch} {
			if _, err := regexp.Compile(p); err != nil {
				return t, illegalArgument(fmt.Sprintf("Pattern [%s] of type [REGEX] is invalid. Cannot create dynamic template [%s].", p, name))
			}
		}
	}
	return t, nil
}

func (t *dynamicTemplate) matches(full, mappingType string) bool {
	name := base(full)
	if t.mappingType != "" && t.mappingType != "*" && t.mappingType != mappingType {
		return false
	}
	if t.pathMatch != "" && !matchSimple(t.pathMatch, full) || t.pathUnmatch != "" && matchSimple(t.pathUnmatch, full) {
		return false
	}
	return (t.match == "" || t.matchName(t.match, name)) && (t.unmatch == "" || !t.matchName(t.unmatch, name))
}

func (t *dynamicTemplate) matchName(pattern, name string) bool {
	if !t.regex {
		return matchSimple(pattern, name)
	}
	re, err := regexp.Compile("^(?:" + pattern + ")$")
	return err == nil && re.MatchString(name)
}

// newMapper makes the mapping of a new field: mappingType is what templates match on ("string", "long", …, "object").
// format is the one that a new date matched.
func (m *Mapping) newMapper(full, mappingType, format string) (*mapper, *Error) {
	name := base(full)
	for i := range m.templates {
		t := &m.templates[i]
		if t.matches(full, mappingType) {
			return t.instantiate(name, full, mappingType)
		}
	}
	if mappingType == "object" {
		return newObject(name, full), nil
	}
	def := map[string]json.RawMessage{}
	typ := defaultTypes[mappingType]
	if typ == Text {
		def["fields"] = json.RawMessage(`{"keyword":{"type":"keyword","ignore_above":256}}`)
	}
	if typ == Date && format != defaultDates {
		def["format"] = appendString(nil, format)
	}
	return defineLeaf(name, full, typ, def, true)
}

// defaultTypes are what new fields become. Decimals become float, as in OpenSearch 2.19 (compat: 1e3 is a float).
var defaultTypes = map[string]Type{"string": Text, "long": Long, "double": Float, "boolean": Boolean, "date": Date}

func (t *dynamicTemplate) instantiate(name, full, mappingType string) (*mapper, *Error) {
	dynType := mappingType
	if mappingType == "string" {
		dynType = "text"
	}
	quoted := func(s string) string { q := string(appendString(nil, s)); return q[1 : len(q)-1] }
	text := strings.NewReplacer("{name}", quoted(name), "{dynamic_type}", dynType, "{dynamicType}", dynType).Replace(string(t.mapping))
	def, err := object(json.RawMessage(text), full)
	if err != nil {
		return nil, err
	}
	var typ Type
	if _, given := def["type"]; given {
		if typ, err = definedType(def, name); err != nil {
			return nil, err
		}
	} else if mappingType == "object" {
		typ = Object
	} else {
		typ = defaultTypes[mappingType]
	}
	if typ == Object || typ == Nested {
		return defineObject(name, full, typ, def, 0)
	}
	return defineLeaf(name, full, typ, def, true)
}
