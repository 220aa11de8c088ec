package segment

import (
	"maps"
	"slices"
	"strings"
)

// Sources returns the other fields whose values a field shows, sorted: the field that it is a sub-field or an alias of, those
// that are copied to it, and what these show in turn.
func (m *Mapping) Sources(field string) []string {
	seen := map[string]bool{field: true}
	for todo := []string{field}; len(todo) > 0; {
		name := todo[0]
		todo = todo[1:]
		for _, from := range m.directSources(name) {
			if !seen[from] {
				seen[from] = true
				todo = append(todo, from)
			}
		}
	}
	delete(seen, field)
	if len(seen) == 0 {
		return nil
	}
	return slices.Sorted(maps.Keys(seen))
}

func (m *Mapping) directSources(name string) []string {
	if to := m.Alias(name); to != "" {
		return []string{to}
	}
	var list []string
	if at := strings.LastIndexByte(name, '.'); at > 0 && m.fields[name[:at]] != nil {
		list = append(list, name[:at])
	}
	for _, f := range m.fields {
		if slices.Contains(f.CopyTo, name) {
			list = append(list, f.Name)
		}
	}
	return list
}
