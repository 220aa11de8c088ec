package engine

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"

	"vigil/engine/query"
	"vigil/script"
)

// maxStored bounds how many scripts, and how many pipelines, are kept.
const maxStored = 10_000

// storedScript is a script that requests use by its name. Body is what is logged; the rest follows from it.
type storedScript struct {
	body json.RawMessage // {"lang":…,"source":…,"options":…}
	storedSource
	program  *script.Program  // of painless; nil if it does not compile
	template *script.Template // of mustache; nil if it does not parse
	err      error            // why it cannot run
}

type storedSource struct {
	Lang    string            `json:"lang"`
	Source  string            `json:"source"`
	Options map[string]string `json:"options,omitempty"`
}

// newStored compiles a stored script. What cannot run is kept all the same, as in OpenSearch, and refused when it is used.
func newStored(body json.RawMessage) (*storedScript, error) {
	s := &storedScript{body: body}
	if err := json.Unmarshal(body, &s.storedSource); err != nil {
		return nil, fmt.Errorf("read stored script: %w", err)
	}
	if s.Lang == "mustache" {
		s.template, s.err = parseTemplate(s.Source, s.Options["content_type"])
	} else {
		s.program, s.err = query.CompileScript(s.Source)
	}
	return s, nil
}

// putScript changes s as [state.apply] may; a nil body deletes.
func (s *state) putScript(c *named) error {
	s.scripts = maps.Clone(s.scripts)
	if c.Body == nil {
		delete(s.scripts, c.Name)
		return nil
	}
	stored, err := newStored(c.Body)
	if err != nil {
		return err
	}
	s.scripts[c.Name] = stored
	return nil
}

// storedOf returns the stored script of a name and language that can run.
func (s *state) storedOf(id, lang string) (*storedScript, error) {
	found := s.scripts[id]
	switch {
	case found == nil:
		e := query.Errorf("resource_not_found_exception", "unable to find script [%s] in cluster state", id)
		e.Status = http.StatusNotFound
		return nil, e
	case found.Lang != lang:
		return nil, badRequest("stored script [%s] has the language [%s] and cannot run here", id, found.Lang)
	}
	return found, found.err
}

// program returns a stored script of Painless. It is what searches find theirs with.
func (s *state) program(id string) (*script.Program, error) {
	found, err := s.storedOf(id, "painless")
	if err != nil {
		return nil, err
	}
	return found.program, nil
}

func parseTemplate(source, contentType string) (*script.Template, error) {
	escape, known := map[string]script.Escape{
		"": script.EscapeJSON, "application/json": script.EscapeJSON, "application/json; charset=UTF-8": script.EscapeJSON,
		"application/json;charset=utf-8": script.EscapeJSON, "text/plain": script.EscapeNone,
		"application/x-www-form-urlencoded": script.EscapeURL,
	}[contentType]
	if !known {
		return nil, badRequest("No encoder found for MIME type [%s]", contentType)
	}
	t, err := script.ParseTemplateWith(source, script.TemplateOptions{Escape: escape})
	if known, ok := errors.AsType[*script.Error](err); ok {
		worded := query.ScriptError(known)
		worded.Reason = known.Msg // mustache says what is wrong at once
		return nil, worded
	}
	return t, err
}
