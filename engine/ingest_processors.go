package engine

import (
	"encoding/json"
	"errors"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"vigil/engine/query"
	"vigil/script"
)

// processorTypes are the processors that are built, by the name of their type. Each reads its definition and returns what it
// does.
func processorTypes() map[string]func(c *processorConfig) func(in *ingestion) error {
	return map[string]func(c *processorConfig) func(in *ingestion) error{
		"set": setProcessor, "remove": removeProcessor, "rename": renameProcessor, "append": appendProcessor, "convert": convertProcessor,
		"lowercase": textProcessor(strings.ToLower), "uppercase": textProcessor(strings.ToUpper), "trim": textProcessor(strings.TrimSpace),
		"split": splitProcessor, "join": joinProcessor, "gsub": gsubProcessor, "date": dateProcessor, "json": jsonProcessor,
		"script": scriptProcessor, "drop": dropProcessor, "fail": failProcessor, "foreach": foreachProcessor, "pipeline": pipelineProcessor,
	}
}

func fieldMissing(field string) error {
	name := path(field)
	return badRequest("field [%s] not present as part of path [%s]", name[len(name)-1], field)
}

// value is a value of a definition: strings in it may hold mustache.
func (c *processorConfig) value(name string) func(in *ingestion) (any, error) {
	v := c.take(name)
	if v == nil {
		c.fail(name, "required property is missing")
		return nil
	}
	return c.filled(name, v)
}

func (c *processorConfig) filled(name string, v *query.Node) func(in *ingestion) (any, error) {
	if v.Kind == query.Text {
		s := c.snippet(name, v.Raw)
		return func(in *ingestion) (any, error) { return s(in) }
	}
	raw := json.RawMessage(v.JSON())
	return func(in *ingestion) (any, error) {
		if err := in.spend(len(raw)); err != nil {
			return nil, err
		}
		var out any
		return out, decodeNumbers(raw, &out)
	}
}

func setProcessor(c *processorConfig) func(in *ingestion) error {
	field := c.snippet("field", c.must("field"))
	override, skipEmpty := c.flag("override", true), c.flag("ignore_empty_value", false)
	from := c.text("copy_from", "")
	value := func(in *ingestion) (any, error) {
		v, there := in.get(from)
		if !there {
			return nil, fieldMissing(from)
		}
		raw, err := json.Marshal(v) // a copy: what happens to one does not happen to the other
		if err != nil {
			return nil, badRequest("field [%s] cannot be copied: %w", from, err)
		}
		if err := in.spend(len(raw)); err != nil {
			return nil, err
		}
		var out any
		return out, decodeNumbers(raw, &out)
	}
	if from == "" {
		value = c.value("value")
	}
	return func(in *ingestion) error {
		name, err := field(in)
		if err != nil {
			return query.WordScript(err)
		}
		if old, _ := in.get(name); !override && old != nil {
			return nil
		}
		v, err := value(in)
		if err != nil || skipEmpty && (v == nil || v == "") {
			return query.WordScript(err)
		}
		return in.set(name, v)
	}
}

func removeProcessor(c *processorConfig) func(in *ingestion) error {
	fields, lenient := c.list("field"), c.flag("ignore_missing", false)
	if len(fields) == 0 {
		c.fail("field", "required property is missing")
	}
	var names []func(in *ingestion) (string, error)
	for _, f := range fields {
		names = append(names, c.snippet("field", f))
	}
	return func(in *ingestion) error {
		for _, f := range names {
			name, err := f(in)
			if err != nil {
				return query.WordScript(err)
			}
			if !in.remove(name) && !lenient {
				return fieldMissing(name)
			}
		}
		return nil
	}
}

func renameProcessor(c *processorConfig) func(in *ingestion) error {
	field, target := c.snippet("field", c.must("field")), c.snippet("target_field", c.must("target_field"))
	lenient, override := c.flag("ignore_missing", false), c.flag("override_target", false)
	return func(in *ingestion) error {
		from, err := field(in)
		to, err2 := target(in)
		if err := errors.Join(err, err2); err != nil {
			return query.WordScript(err)
		}
		v, there := in.get(from)
		switch _, taken := in.get(to); {
		case !there && lenient:
			return nil
		case !there:
			return badRequest("field [%s] doesn't exist", from)
		case taken && !override:
			return badRequest("field [%s] already exists", to)
		}
		in.remove(from)
		return in.set(to, v)
	}
}

func appendProcessor(c *processorConfig) func(in *ingestion) error {
	field := c.snippet("field", c.must("field"))
	twice := c.flag("allow_duplicates", true)
	var values []func(in *ingestion) (any, error)
	if v := c.members["value"]; v != nil && v.Kind == query.Array {
		for _, it := range c.take("value").Items {
			values = append(values, c.filled("value", it))
		}
	} else {
		values = append(values, c.value("value"))
	}
	return func(in *ingestion) error {
		name, err := field(in)
		if err != nil {
			return query.WordScript(err)
		}
		old, _ := in.get(name)
		list, isList := old.([]any)
		if !isList && old != nil {
			list = []any{old}
		}
		for _, value := range values {
			v, err := value(in)
			if err != nil {
				return query.WordScript(err)
			}
			if twice || !slices.ContainsFunc(list, func(e any) bool { return same(e, v) }) {
				list = append(list, v)
			}
		}
		return in.set(name, list)
	}
}

func same(a, b any) bool {
	x, err := json.Marshal(a)
	y, err2 := json.Marshal(b)
	return err == nil && err2 == nil && string(x) == string(y)
}

// changed is a processor that changes one field, element by element if it is a list, into another or itself.
func changed(c *processorConfig, change func(in *ingestion, v any) (any, error)) func(in *ingestion) error {
	field := c.must("field")
	target, lenient := c.text("target_field", field), c.flag("ignore_missing", false)
	return func(in *ingestion) error {
		v, there := in.get(field)
		if !there || v == nil {
			switch {
			case lenient:
				return nil
			case !there:
				return fieldMissing(field)
			}
			return badRequest("field [%s] is null, cannot be processed", field)
		}
		list, isList := v.([]any)
		if !isList {
			out, err := change(in, v)
			if err != nil {
				return err
			}
			return in.set(target, out)
		}
		out := make([]any, len(list))
		for i, e := range list {
			var err error
			if out[i], err = change(in, e); err != nil {
				return err
			}
		}
		return in.set(target, out)
	}
}

func ofText(c *processorConfig, change func(in *ingestion, s string) (any, error)) func(in *ingestion) error {
	return changed(c, func(in *ingestion, v any) (any, error) {
		s, ok := v.(string)
		if !ok {
			return nil, badRequest("value of type [%s] cannot be cast to [java.lang.String]", javaType(v))
		}
		return change(in, s)
	})
}

func textProcessor(f func(string) string) func(c *processorConfig) func(in *ingestion) error {
	return func(c *processorConfig) func(in *ingestion) error {
		return ofText(c, func(_ *ingestion, s string) (any, error) { return f(s), nil })
	}
}

func (c *processorConfig) pattern(name string) *regexp.Regexp {
	re, err := regexp.Compile(c.must(name))
	if err != nil {
		c.fail(name, "Invalid regex pattern. "+err.Error())
	}
	return re
}

func splitProcessor(c *processorConfig) func(in *ingestion) error {
	re, keep := c.pattern("separator"), c.flag("preserve_trailing", false)
	return ofText(c, func(_ *ingestion, s string) (any, error) {
		parts := re.Split(s, -1)
		for !keep && len(parts) > 1 && parts[len(parts)-1] == "" {
			parts = parts[:len(parts)-1]
		}
		out := make([]any, len(parts))
		for i, p := range parts {
			out[i] = p
		}
		return out, nil
	})
}

func gsubProcessor(c *processorConfig) func(in *ingestion) error {
	re, by := c.pattern("pattern"), c.must("replacement")
	by = regexp.MustCompile(`\$(\d)`).ReplaceAllString(by, "$${$1}") // Java's $1 ends with its digit
	groups := strings.Count(by, "$")
	return ofText(c, func(in *ingestion, s string) (any, error) {
		// All matches together are no longer than the text, so each group adds that much at most.
		most := len(s)*(1+groups) + len(by)*len(re.FindAllStringIndex(s, -1))
		if err := in.spend(most); err != nil {
			return nil, err
		}
		return re.ReplaceAllString(s, by), nil
	})
}

func joinProcessor(c *processorConfig) func(in *ingestion) error {
	field, separator := c.must("field"), c.must("separator")
	target := c.text("target_field", field)
	return func(in *ingestion) error {
		v, there := in.get(field)
		list, isList := v.([]any)
		switch {
		case !there:
			return fieldMissing(field)
		case !isList:
			return badRequest("field [%s] of type [%s] cannot be cast to [java.util.List]", field, javaType(v))
		}
		parts := make([]string, len(list))
		for i, e := range list {
			parts[i] = plain(e)
		}
		return in.set(target, strings.Join(parts, separator))
	}
}

// plain is a value as text.
func plain(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	b, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return string(b)
}

func convertProcessor(c *processorConfig) func(in *ingestion) error {
	typ := strings.ToLower(c.must("type"))
	convert := map[string]func(s string) (any, error){
		"integer": func(s string) (any, error) { n, err := strconv.ParseInt(s, 0, 32); return n, err },
		"long":    func(s string) (any, error) { n, err := strconv.ParseInt(s, 0, 64); return n, err },
		"float":   func(s string) (any, error) { f, err := strconv.ParseFloat(s, 32); return f, err },
		"double":  func(s string) (any, error) { f, err := strconv.ParseFloat(s, 64); return f, err },
		"string":  func(s string) (any, error) { return s, nil },
		"boolean": func(s string) (any, error) { return parseBoolean(s) },
		"ip":      func(s string) (any, error) { _, err := netip.ParseAddr(s); return s, err },
		"auto":    func(s string) (any, error) { return guess(s), nil },
	}[typ]
	if convert == nil {
		c.fail("type", "type ["+typ+"] not supported, cannot convert field.")
		return nil
	}
	return changed(c, func(_ *ingestion, v any) (any, error) {
		if typ == "auto" {
			if _, isText := v.(string); !isText {
				return v, nil
			}
		}
		out, err := convert(plain(v))
		if err != nil {
			return nil, badRequest("unable to convert [%s] to %s", plain(v), typ)
		}
		return out, nil
	})
}

func parseBoolean(s string) (bool, error) {
	switch strings.ToLower(s) {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, strconv.ErrSyntax
}

// guess returns a text as what it looks like.
func guess(s string) any {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return n
	}
	if f, err := strconv.ParseFloat(s, 64); err == nil && !strings.ContainsAny(s, "nNiIxX_") {
		return f
	}
	if b, err := parseBoolean(s); err == nil {
		return b
	}
	return s
}

func dateProcessor(c *processorConfig) func(in *ingestion) error {
	field, target := c.must("field"), c.text("target_field", "@timestamp")
	formats, output := c.list("formats"), c.text("output_format", "yyyy-MM-dd'T'HH:mm:ss.SSSXXX")
	zone, err := time.LoadLocation(c.text("timezone", "UTC"))
	if err != nil {
		c.fail("timezone", "is not known")
	}
	if locale := c.text("locale", "ENGLISH"); !strings.EqualFold(locale, "english") && !strings.EqualFold(locale, "en") && !strings.EqualFold(locale, "root") {
		c.fail("locale", "["+locale+"] is not supported")
	}
	if len(formats) == 0 {
		c.fail("formats", "required property is missing")
	}
	for i, f := range formats {
		if known := map[string]string{"ISO8601": "date_optional_time", "UNIX": "epoch_second", "UNIX_MS": "epoch_millis"}[f]; known != "" {
			formats[i] = known
		}
		if err := query.CheckDateFormat(formats[i]); err != nil {
			c.fail("formats", "format ["+f+"] is not supported")
		}
	}
	return func(in *ingestion) error {
		v, there := in.get(field)
		if !there || v == nil {
			return fieldMissing(field)
		}
		t, err := query.ParseDate(plain(v), formats, zone)
		if err != nil {
			return badRequest("unable to parse date [%s]", plain(v))
		}
		s, err := query.FormatDate(t, []string{output}, zone)
		if err != nil {
			return err
		}
		return in.set(target, s)
	}
}

func jsonProcessor(c *processorConfig) func(in *ingestion) error {
	field := c.must("field")
	target, root := c.text("target_field", field), c.flag("add_to_root", false)
	return func(in *ingestion) error {
		v, there := in.get(field)
		if !there {
			return fieldMissing(field)
		}
		s, isText := v.(string)
		var out any
		if !isText {
			return badRequest("field [%s] of type [%s] cannot be cast to [java.lang.String]", field, javaType(v))
		}
		if n, err := query.ParseJSON([]byte(s)); err != nil {
			return err
		} else if err := decodeNumbers(json.RawMessage(n.JSON()), &out); err != nil {
			return err
		}
		if !root {
			return in.set(target, out)
		}
		members, isObject := out.(map[string]any)
		if !isObject {
			return badRequest("cannot add non-map fields to root of document")
		}
		maps.Copy(in.source, members)
		return nil
	}
}

func scriptProcessor(c *processorConfig) func(in *ingestion) error {
	def := &query.Node{Kind: query.Object}
	for _, key := range []string{"source", "id", "lang", "params"} {
		if v := c.take(key); v != nil {
			def.Keys, def.Items = append(def.Keys, key), append(def.Items, v)
		}
	}
	s, err := query.ParseScript(def)
	if err != nil && c.err == nil {
		c.err = err
	}
	return func(in *ingestion) error {
		program, err := s.Program(in.s.program)
		if err != nil {
			return err
		}
		vars := in.vars()
		if _, err := program.Eval(in.q, map[string]any{"ctx": vars, "params": s.Params}, script.Limits{}); err != nil {
			return query.WordScript(err)
		}
		in.index, in.id = plain(vars["_index"]), plain(vars["_id"])
		if in.routing = ""; vars["_routing"] != nil {
			in.routing = plain(vars["_routing"])
		}
		for _, own := range []string{"_index", "_id", "_routing", "_source", "_ingest"} {
			delete(vars, own)
		}
		in.source = vars
		return nil
	}
}

func dropProcessor(*processorConfig) func(in *ingestion) error {
	return func(in *ingestion) error {
		in.dropped = true
		return nil
	}
}

func failProcessor(c *processorConfig) func(in *ingestion) error {
	message := c.snippet("message", c.must("message"))
	return func(in *ingestion) error {
		s, err := message(in)
		if err != nil {
			return query.WordScript(err)
		}
		e := badRequest("%s", s)
		e.Type = "fail_processor_exception"
		e.Status = 500
		return e
	}
}

func foreachProcessor(c *processorConfig) func(in *ingestion) error {
	field, lenient := c.must("field"), c.flag("ignore_missing", false)
	def := c.take("processor")
	if def == nil || def.Kind != query.Object || len(def.Keys) != 1 {
		c.fail("processor", "required property is missing")
		return nil
	}
	p, err := parseProcessor(def.Keys[0], def.Items[0], c.left)
	if err != nil && c.err == nil {
		c.err = err
	}
	return func(in *ingestion) error {
		v, there := in.get(field)
		list, isList := v.([]any)
		switch {
		case (!there || v == nil) && lenient:
			return nil
		case !there:
			return fieldMissing(field)
		case !isList:
			return badRequest("field [%s] of type [%s] cannot be cast to a list", field, javaType(v))
		case in.depth >= maxPipelineDepth:
			return badRequest("[foreach] is nested more than [%d] deep", maxPipelineDepth)
		}
		was := in.value
		in.depth++
		defer func() { in.value, in.depth = was, in.depth-1 }()
		out := make([]any, 0, len(list))
		for _, e := range list {
			in.value = e
			if err := in.step(p); err != nil {
				return err
			}
			out = append(out, in.value)
		}
		return in.set(field, out)
	}
}

func pipelineProcessor(c *processorConfig) func(in *ingestion) error {
	name, lenient := c.snippet("name", c.must("name")), c.flag("ignore_missing_pipeline", false)
	return func(in *ingestion) error {
		id, err := name(in)
		if err != nil {
			return query.WordScript(err)
		}
		if in.s.pipelines[id] == nil && lenient {
			return nil
		}
		return in.runPipeline(id)
	}
}
