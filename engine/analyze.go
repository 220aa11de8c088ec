package engine

import (
	"net/http"
	"unicode/utf16"

	"vigil/engine/analysis"
	"vigil/engine/segment"
	"vigil/rest"
)

// maxAnalyzed is index.analyze.max_token_count.
const maxAnalyzed = 10_000

type analyzedToken struct {
	Token    string `json:"token"`
	Start    int    `json:"start_offset"`
	End      int    `json:"end_offset"`
	Type     string `json:"type"`
	Position int    `json:"position"`
}

func (e *Engine) handleAnalyze(q *request) (*answer, error) {
	var body struct {
		Analyzer   string    `json:"analyzer"`
		Field      string    `json:"field"`
		Normalizer string    `json:"normalizer"`
		Text       oneOrMany `json:"text"`
	}
	body.Analyzer, body.Field = q.str("analyzer", ""), q.str("field", "")
	if v, given := q.call.Param("text"); given {
		body.Text = oneOrMany{v}
	}
	if len(q.body) > 0 {
		if err := q.decode(&body); err != nil {
			return nil, err
		}
	}
	if len(body.Text) == 0 {
		return nil, validation("text is missing")
	}
	if body.Normalizer != "" {
		return normalized(body.Normalizer, body.Text)
	}
	name := body.Analyzer
	if name == "" && body.Field != "" {
		var err error
		if name, err = e.fieldAnalyzer(q, body.Field); err != nil {
			return nil, err
		}
	}
	a, err := analysis.New(name)
	if err != nil {
		return nil, badRequest("failed to find global analyzer [%s]", name)
	}
	out := []analyzedToken{}
	offset, position := 0, 0
	for _, text := range body.Text {
		last := -1
		for _, t := range a.Tokens(text) {
			out = append(out, analyzedToken{
				Token: t.Term, Start: offset + units(text[:t.Start]), End: offset + units(text[:t.End]), Type: tokenType(name, t.Term), Position: position + t.Position,
			})
			last = t.Position
		}
		if len(out) > maxAnalyzed {
			return nil, rest.Errorf(http.StatusInternalServerError, "illegal_state_exception",
				"The number of tokens produced by calling _analyze has exceeded the allowed maximum of [%d]. This limit can be set by changing the "+
					"[index.analyze.max_token_count] index level setting.", maxAnalyzed)
		}
		offset += units(text) + 1
		position += last + 101 // the gap between values
	}
	return ok(map[string]any{"tokens": out})
}

// oneOrMany is a text or a list of texts; commas do not separate.
type oneOrMany []string

// UnmarshalJSON reads "a" and ["a","b"].
func (l *oneOrMany) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		b = append(append([]byte{'['}, b...), ']')
	}
	var list []string
	err := decodeNumbers(b, &list)
	*l = list
	return err
}

func normalized(name string, texts []string) (*answer, error) {
	f, err := analysis.Normalizer(name)
	if err != nil {
		return nil, badRequest("failed to find global normalizer under [%s]", name)
	}
	out := []analyzedToken{}
	for i, t := range texts {
		out = append(out, analyzedToken{Token: f(t), End: units(t), Type: "word", Position: i})
	}
	return ok(map[string]any{"tokens": out})
}

func (e *Engine) fieldAnalyzer(q *request, field string) (string, error) {
	if len(q.indices()) == 0 {
		return "", validation("field can be used only if an index is given")
	}
	x, err := e.single(e.state.Load(), q.indices()[0])
	if err != nil {
		return "", err
	}
	f := x.mapping.Field(field)
	switch {
	case f == nil:
		return "standard", nil
	case f.Type == segment.Text:
		return f.Analyzer, nil
	case f.Type == segment.Keyword:
		return "keyword", nil
	}
	return "", badRequest("Can't process field [%s], Analysis requests are only supported on tokenized fields", field)
}

// units counts UTF-16 code units, which offsets are told in.
func units(s string) int {
	n := 0
	for _, r := range s {
		n += max(utf16.RuneLen(r), 1)
	}
	return n
}

func tokenType(analyzer, term string) string {
	switch analyzer {
	case "", "standard", "default", "english":
		for _, r := range term {
			if r < '0' || r > '9' {
				return "<ALPHANUM>"
			}
		}
		return "<NUM>"
	}
	return "word"
}
