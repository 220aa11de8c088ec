package config

// Compliance is the part of compliance that the audit configuration of OpenSearch has no setting for.
type Compliance struct {
	// ReadDerived counts as read what an answer shows of a watched field in other ways than as the document's source: fields,
	// doc values, highlights, sort values, suggestions, aggregations, scripts. Off, events are OpenSearch's.
	ReadDerived bool `yaml:"read_derived"`
}
