package script

import (
	"encoding/json"
	"math"
	"strconv"
	"time"
)

// textWriter writes plain data as Java prints it or, with json set, as OpenSearch encodes it.
type textWriter struct {
	m    *meter
	out  []byte
	json bool
}

func (w *textWriter) value(v any) error {
	if err := w.m.step(); err != nil {
		return err
	}
	if len(w.out) > w.m.bytes {
		return w.m.alloc(len(w.out))
	}
	defer w.m.leave()
	if err := w.m.enter(); err != nil {
		return err
	}
	switch x := v.(type) {
	case string:
		if w.json {
			x = jsonQuote(x)
		}
		w.out = append(w.out, x...)
		return nil
	case map[string]any:
		return writeMap(w, x)
	case map[string]string:
		return writeMap(w, x)
	}
	if items, ok := elements(v); ok {
		return w.list(items)
	}
	s, err := w.scalar(v)
	w.out = append(w.out, s...)
	return err
}

func (w *textWriter) scalar(v any) (string, error) {
	switch x := v.(type) {
	case nil, bool, int32, int64:
		return text(x), nil
	case json.Number:
		return text(parseNumber(x)), nil
	case int:
		return strconv.Itoa(x), nil
	case float32:
		return w.double(float64(x), 32), nil
	case float64:
		return w.double(x, 64), nil
	case time.Time:
		if w.json {
			return jsonQuote(formatInstant(x)), nil
		}
		return formatInstant(x), nil
	}
	return "", argumentFault("a variable holds a value that templates do not know: %T", v)
}

func (w *textWriter) double(f float64, bits int) string {
	s := formatDouble(f, bits)
	if w.json && (math.IsNaN(f) || math.IsInf(f, 0)) {
		return jsonQuote(s)
	}
	return s
}

func (w *textWriter) separator(i int) {
	switch {
	case i == 0:
	case w.json:
		w.out = append(w.out, ',')
	default:
		w.out = append(w.out, ", "...)
	}
}

func (w *textWriter) list(items []any) error {
	w.out = append(w.out, '[')
	for i, v := range items {
		w.separator(i)
		if err := w.value(v); err != nil {
			return err
		}
	}
	w.out = append(w.out, ']')
	return nil
}

func (w *textWriter) indexed(items []any) error {
	w.out = append(w.out, '{')
	for i, v := range items {
		w.separator(i)
		w.out = append(strconv.AppendInt(w.out, int64(i), 10), '=')
		if err := w.value(v); err != nil {
			return err
		}
	}
	w.out = append(w.out, '}')
	return nil
}

func writeMap[V any](w *textWriter, m map[string]V) error {
	if err := w.m.spend(len(m)); err != nil {
		return err
	}
	w.out = append(w.out, '{')
	for i, k := range hashOrder(m) {
		w.separator(i)
		if w.json {
			w.out = append(append(w.out, jsonQuote(k)...), ':')
		} else {
			w.out = append(append(w.out, k...), '=')
		}
		if err := w.value(m[k]); err != nil {
			return err
		}
	}
	w.out = append(w.out, '}')
	return nil
}
