package rest

import (
	"bytes"
	"encoding/json"
	"fmt"

	"go.yaml.in/yaml/v3"
)

// yamlOf converts JSON, keeping the order of members. Strings are quoted, as OpenSearch writes them, so that none of them is
// taken for a number or a date.
func yamlOf(body []byte) ([]byte, error) {
	s := scanner{src: body}
	node, err := yamlNode(&s, 0)
	if err != nil {
		return nil, fmt.Errorf("converting the answer to YAML: %w", err)
	}
	var b bytes.Buffer
	b.WriteString("---\n")
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := enc.Encode(node); err != nil {
		return nil, fmt.Errorf("encoding the answer as YAML: %w", err)
	}
	return b.Bytes(), nil
}

func yamlNode(s *scanner, depth int) (*yaml.Node, error) {
	if depth > maxAnswerDepth {
		return nil, fmt.Errorf("it is nested deeper than %d", maxAnswerDepth)
	}
	switch s.peek() {
	case '{':
		n := &yaml.Node{Kind: yaml.MappingNode}
		err := s.each('{', '}', func() error {
			_, name, err := s.member()
			if err != nil {
				return err
			}
			member, err := yamlNode(s, depth+1)
			key := &yaml.Node{}
			key.SetString(name)
			n.Content = append(n.Content, key, member)
			return err
		})
		return n, err
	case '[':
		n := &yaml.Node{Kind: yaml.SequenceNode}
		err := s.each('[', ']', func() error {
			element, err := yamlNode(s, depth+1)
			n.Content = append(n.Content, element)
			return err
		})
		return n, err
	}
	raw, err := s.value()
	if err != nil || raw[0] != '"' {
		return &yaml.Node{Kind: yaml.ScalarNode, Value: string(raw)}, err
	}
	n := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Style: yaml.DoubleQuotedStyle}
	return n, json.Unmarshal(raw, &n.Value)
}
