package cluster

import "strings"

// Sources returns the other fields of a concrete index whose values a field shows. Mappings of indices that are only read are
// not remembered, so every dotted name counts as a sub-field: owner.keyword shows owner. Aliases of fields and fields that
// others are copied to are not known.
func (r *Remote) Sources(_, field string) []string {
	if at := strings.LastIndexByte(field, '.'); at > 0 {
		return []string{field[:at]}
	}
	return nil
}
