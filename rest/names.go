package rest

import (
	"fmt"
	"net/http"
	"strings"
)

// maxNameBytes bounds the names of indices and aliases, as in OpenSearch.
const maxNameBytes = 255

// ValidateIndexName reports why a name cannot be that of a new index, in OpenSearch's words (an [Error] of type
// invalid_index_name_exception). Names with a leading dot are allowed: they are hidden.
func ValidateIndexName(name string) error {
	why := nameFault(name)
	if why == "" && strings.ToLower(name) != name {
		why = "must be lowercase"
	}
	if why == "" {
		return nil
	}
	return invalidIndexName(name, why)
}

// ValidateAliasName reports why a name cannot be that of an alias. Unlike an index an alias may have capitals.
func ValidateAliasName(name string) error {
	if strings.TrimSpace(name) == "" {
		return &Error{Status: http.StatusBadRequest, Type: "illegal_argument_exception", Reason: "alias name is required"}
	}
	why := nameFault(name)
	if why == "" {
		return nil
	}
	return &Error{
		Status: http.StatusBadRequest, Type: "invalid_alias_name_exception",
		Reason: fmt.Sprintf("Invalid alias name [%s]: %s", name, why),
	}
}

// CheckExpressions refuses index expressions that can only be a mistyped API, such as the _no_such_api of
// GET /_no_such_api, with the error that OpenSearch 2.19 answers before it asks for privileges.
func CheckExpressions(expressions []string) error {
	for _, e := range expressions {
		if strings.HasPrefix(e, "_") && e != "_all" {
			return invalidIndexName(e, "must not start with '_'.")
		}
	}
	return nil
}

func invalidIndexName(name, why string) *Error {
	return &Error{
		Status: http.StatusBadRequest, Type: "invalid_index_name_exception",
		Reason: fmt.Sprintf("Invalid index name [%s], %s", name, why),
		Extra:  map[string]any{"index": name, "index_uuid": "_na_"},
	}
}

// nameFault finds the first rule that a name breaks, in OpenSearch's order.
func nameFault(name string) string {
	switch {
	case strings.ContainsAny(name, `\/*?"<>| ,`):
		return `must not contain the following characters [ , ", *, \, <, |, ,, >, /, ?]`
	case name == "":
		return "must not be empty"
	case strings.Contains(name, "#"):
		return "must not contain '#'"
	case strings.Contains(name, ":"):
		return "must not contain ':'"
	case strings.ContainsAny(name[:1], "_-+"):
		return "must not start with '_', '-', or '+'"
	case len(name) > maxNameBytes:
		return fmt.Sprintf("index name is too long, (%d > %d)", len(name), maxNameBytes)
	case name == "." || name == "..":
		return "must not be '.' or '..'"
	}
	return ""
}
