package segment

import "encoding/json"

// timestampParam is the root parameter that marks the mapping of a data stream's indices.
const timestampParam = "_data_stream_timestamp"

// timestampField is what documents of a data stream are ordered by. OpenSearch lets templates choose another; this engine
// does not.
const timestampField = "@timestamp"

// parseTimestamp reads whether documents need a timestamp.
func parseTimestamp(raw json.RawMessage) (bool, *Error) {
	def, err := object(raw, timestampParam)
	if err != nil {
		return false, err
	}
	on := false
	for k, v := range def {
		switch k {
		case "enabled":
			if on, err = parseBool(v, k, timestampParam); err != nil {
				return false, err
			}
		case "timestamp_field":
			var field struct {
				Name string `json:"name"`
			}
			if json.Unmarshal(v, &field) != nil || field.Name != timestampField {
				return false, illegalArgument("[timestamp_field] other than [" + timestampField + "] is not supported")
			}
		default:
			return false, mapperParsing("unknown parameter [" + k + "] on metadata field [" + timestampParam + "]")
		}
	}
	return on, nil
}

// checkTimestamp refuses a document of a data stream that does not have exactly one timestamp.
func (m *Mapping) checkTimestamp(p *Parsed) error {
	if !m.timestamp || len(p.Values[timestampField]) == 1 {
		return nil
	}
	err := mapperParsing("failed to parse")
	err.Cause = illegalArgument("documents must contain a single-valued timestamp field '" + timestampField + "' of date type")
	return err
}
