package audit

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/valyala/fastjson"
)

// ConfigError says why a configuration document is refused. Status is always 400.
type ConfigError struct {
	// Body is the answer, a JSON object, as OpenSearch 2.19 gives it.
	Body json.RawMessage
	// Reason says in our words what is wrong. The original's answer often does not.
	Reason string
}

func (e *ConfigError) Error() string { return "audit configuration: " + e.Reason }

func refusal(reason string, extra ...string) json.RawMessage {
	b := append([]byte(`{"status":"error","reason":`), appendString(nil, reason)...)
	for _, member := range extra {
		b = append(append(b, ','), member...)
	}
	return append(b, '}')
}

// unparsable is the answer to everything that the original finds out by deserializing.
func unparsable(format string, args ...any) *ConfigError {
	return &ConfigError{Body: refusal("Could not parse content of request."), Reason: fmt.Sprintf(format, args...)}
}

// ParseConfig reads a configuration document: the body of a PUT, or what a PATCH made of the current document. Members
// left out get the original's code defaults, which differ from [DefaultConfig]: internal_config, read_metadata_only and
// write_metadata_only are then false. All errors are [*ConfigError].
//
// As OpenSearch 2.19 does (compat/scenarios 11), with one difference: a regular expression that this engine cannot run is
// refused here and not when an event meets it.
func ParseConfig(body []byte) (Config, error) { return codeDefaults().With(body) }

// With returns the configuration with what a document says in place of its own. Errors are those of [ParseConfig].
func (c Config) With(body []byte) (Config, error) {
	v, err := parseDocument(body)
	if err == nil {
		err = decodeConfig(&c, v)
	}
	if err == nil {
		err = checkPatterns(c)
	}
	if err != nil {
		var refused *ConfigError
		if !errors.As(err, &refused) {
			refused = unparsable("%v", err)
		}
		return Config{}, refused
	}
	return c, nil
}

// parseDocument checks what the original checks before it looks at values: syntax, emptiness, top-level keys, the types
// of the sections, nulls in lists; in this order.
func parseDocument(body []byte) (*fastjson.Value, error) {
	required := &ConfigError{Body: refusal("Request body required for this action."), Reason: "the document is empty"}
	if len(strings.TrimSpace(string(body))) == 0 {
		return nil, required
	}
	// fastjson accepts more than JSON, so the standard library decides what is JSON.
	if !json.Valid(body) {
		return nil, unparsable("not JSON")
	}
	v, err := fastjson.ParseBytes(body)
	if err != nil {
		return nil, unparsable("not JSON: %v", err)
	}
	if isEmpty(v) {
		return nil, required
	}
	nulls := false
	if key, twice := inspect(v, &nulls); twice {
		return nil, unparsable("key %q is given twice", key)
	}
	if err := checkSections(v); err != nil {
		return nil, err
	}
	if nulls {
		return nil, &ConfigError{Body: refusal("`null` is not allowed as json array element"), Reason: "null in a list"}
	}
	return v, nil
}

// isEmpty counts scalars as empty, as the original's parser does.
func isEmpty(v *fastjson.Value) bool {
	switch v.Type() {
	case fastjson.TypeObject:
		return v.GetObject().Len() == 0
	case fastjson.TypeArray:
		return len(v.GetArray()) == 0
	default:
		return true
	}
}

// inspect finds a key that an object has twice, and nulls in arrays.
func inspect(v *fastjson.Value, nulls *bool) (key string, twice bool) {
	switch v.Type() {
	case fastjson.TypeArray:
		for _, e := range v.GetArray() {
			*nulls = *nulls || e.Type() == fastjson.TypeNull
			if key, twice = inspect(e, nulls); twice {
				return key, true
			}
		}
	case fastjson.TypeObject:
		seen := make(map[string]bool)
		v.GetObject().Visit(func(k []byte, e *fastjson.Value) {
			if twice {
				return
			}
			if seen[string(k)] {
				key, twice = string(k), true
				return
			}
			seen[string(k)] = true
			key, twice = inspect(e, nulls)
		})
	default:
	}
	return key, twice
}

func checkSections(v *fastjson.Value) error {
	o := v.GetObject()
	if o == nil {
		return nil // an array; decoding refuses it
	}
	var unknown []string
	var wrong *ConfigError
	o.Visit(func(k []byte, e *fastjson.Value) {
		switch key := string(k); key {
		case "enabled":
		case "audit", "compliance":
			if e.Type() != fastjson.TypeObject && wrong == nil {
				wrong = &ConfigError{
					Body:   refusal("Wrong datatype", `"`+key+`":"Object expected"`),
					Reason: key + " is not an object",
				}
			}
		default:
			unknown = append(unknown, key)
		}
	})
	if len(unknown) > 0 {
		keys := strings.Join(unknown, ",")
		return &ConfigError{
			Body:   refusal("Invalid configuration", `"invalid_keys":{"keys":`+string(appendString(nil, keys))+`}`),
			Reason: "unknown keys " + keys,
		}
	}
	if wrong != nil {
		return wrong
	}
	return nil
}

func decodeConfig(c *Config, v *fastjson.Value) error {
	if v.Type() != fastjson.TypeObject {
		return errors.New("the document is not an object")
	}
	if e := v.Get("enabled"); e != nil {
		on, err := decodeEnabled(e)
		if err != nil {
			return err
		}
		c.Enabled = on
	}
	a, w := &c.Audit, &c.Compliance
	err := decodeMembers("audit", v.Get("audit"), map[string]func(*fastjson.Value) error{
		"ignore_users":                  list(&a.IgnoreUsers),
		"ignore_requests":               list(&a.IgnoreRequests),
		"ignore_headers":                list(&a.IgnoreHeaders),
		"ignore_url_params":             list(&a.IgnoreURLParams),
		"disabled_rest_categories":      categories(&a.DisabledRESTCategories, restCategories),
		"disabled_transport_categories": categories(&a.DisabledTransportCategories, transportCategories),
		"disabled_categories":           categories(&a.DisabledCategories, Categories()),
		"log_request_body":              boolean(&a.LogRequestBody),
		"resolve_indices":               boolean(&a.ResolveIndices),
		"resolve_bulk_requests":         boolean(&a.ResolveBulkRequests),
		"exclude_sensitive_headers":     boolean(&a.ExcludeSensitiveHeaders),
		"enable_transport":              boolean(&a.EnableTransport),
		"enable_rest":                   boolean(&a.EnableREST),
	})
	if err != nil {
		return err
	}
	return decodeMembers("compliance", v.Get("compliance"), map[string]func(*fastjson.Value) error{
		"enabled":               boolean(&w.Enabled),
		"write_log_diffs":       boolean(&w.WriteLogDiffs),
		"read_watched_fields":   watchedFields(&w.ReadWatchedFields),
		"read_ignore_users":     list(&w.ReadIgnoreUsers),
		"write_watched_indices": list(&w.WriteWatchedIndices),
		"write_ignore_users":    list(&w.WriteIgnoreUsers),
		"read_metadata_only":    boolean(&w.ReadMetadataOnly),
		"write_metadata_only":   boolean(&w.WriteMetadataOnly),
		"external_config":       boolean(&w.ExternalConfig),
		"internal_config":       boolean(&w.InternalConfig),
	})
}

// decodeEnabled reads the top-level switch as leniently as the original: text and numbers count, and null is false.
// See compat/scenarios 11 put-enabled-string, -number, -null; after the last one nothing is audited.
func decodeEnabled(v *fastjson.Value) (bool, error) {
	switch v.Type() {
	case fastjson.TypeTrue:
		return true, nil
	case fastjson.TypeFalse, fastjson.TypeNull:
		return false, nil
	case fastjson.TypeNumber:
		if n, err := v.Int64(); err == nil {
			return n != 0, nil
		}
	case fastjson.TypeString:
		switch string(v.GetStringBytes()) {
		case "true", "True", "TRUE":
			return true, nil
		case "false", "False", "FALSE":
			return false, nil
		}
	default:
	}
	return false, errors.New("enabled is not a boolean")
}

// decodeMembers hands every member of a section to its decoder. A member that is null counts as left out.
func decodeMembers(section string, v *fastjson.Value, known map[string]func(*fastjson.Value) error) error {
	if v == nil {
		return nil
	}
	var err error
	v.GetObject().Visit(func(k []byte, e *fastjson.Value) {
		if err != nil {
			return
		}
		decode, ok := known[string(k)]
		switch {
		case !ok:
			err = fmt.Errorf("%s.%s is not known", section, k)
		case e.Type() != fastjson.TypeNull:
			if failed := decode(e); failed != nil {
				err = fmt.Errorf("%s.%s %w", section, k, failed)
			}
		}
	})
	return err
}

func boolean(to *bool) func(*fastjson.Value) error {
	return func(v *fastjson.Value) error {
		b, err := v.Bool()
		if err != nil {
			return errors.New("is not a boolean")
		}
		*to = b
		return nil
	}
}

// list reads a set of strings and keeps its order.
func list(to *[]string) func(*fastjson.Value) error {
	return func(v *fastjson.Value) error {
		values, err := v.Array()
		if err != nil {
			return errors.New("is not a list")
		}
		*to = make([]string, 0, len(values))
		for _, e := range values {
			if e.Type() != fastjson.TypeString {
				return errors.New("holds something that is not a string")
			}
			if s := string(e.GetStringBytes()); !slices.Contains(*to, s) {
				*to = append(*to, s)
			}
		}
		return nil
	}
}

func categories(to *[]Category, allowed []Category) func(*fastjson.Value) error {
	return func(v *fastjson.Value) error {
		var names []string
		if err := list(&names)(v); err != nil {
			return err
		}
		*to = make([]Category, 0, len(names))
		for _, name := range names {
			c, _ := ParseCategory(name)
			if !slices.Contains(allowed, c) {
				return fmt.Errorf("holds %q, which is not a category of this layer", name)
			}
			if !slices.Contains(*to, c) {
				*to = append(*to, c)
			}
		}
		return nil
	}
}

func watchedFields(to *map[string][]string) func(*fastjson.Value) error {
	return func(v *fastjson.Value) error {
		o, err := v.Object()
		if err != nil {
			return errors.New("is not an object")
		}
		fields := make(map[string][]string, o.Len())
		o.Visit(func(k []byte, e *fastjson.Value) {
			if err != nil || len(k) == 0 {
				return // the original ignores an empty key
			}
			var names []string
			if err = list(&names)(e); err == nil {
				fields[string(k)] = names
			}
		})
		*to = fields
		return err
	}
}

// checkPatterns refuses what no [Policy] could be made of.
func checkPatterns(c Config) error {
	_, err := NewPolicy(c, Indices{})
	if err == nil {
		return nil
	}
	return &ConfigError{Body: refusal("Unsupported " + err.Error()), Reason: err.Error()}
}
