package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Fate is what becomes of a setting that was written for the security plugin.
type Fate string

// The fates. In vigil.yml everything that is not taken is an error; "vigil import" reports it.
const (
	// Taken means that Vigil does what the setting says.
	Taken Fate = "taken"
	// NoEffect means that the setting changed nothing where it came from, or kept a node from starting.
	NoEffect Fate = "had no effect"
	// Refused means that Vigil has nothing for it, or something else.
	Refused Fate = "not taken"
	// Left means that the setting is about the cluster that Vigil stands in front of.
	Left Fate = "left with the cluster"
)

// Finding says what becomes of one setting.
type Finding struct {
	// Key is the setting as it was written, all dots, and Line where.
	Key  string
	Line int
	Fate Fate
	// Text is the key here if the setting is taken; otherwise why it is not, and what to use.
	Text string
}

func (f Finding) String() string {
	return fmt.Sprintf("line %d: %s: %s: %s", f.Line, f.Key, f.Fate, f.Text)
}

// Translation is a file of an OpenSearch node in Vigil's settings.
type Translation struct {
	// Findings has one entry for every setting of the file, in its order.
	Findings []Finding

	root    *yaml.Node
	secrets map[*yaml.Node]bool
}

// Translate reads an opensearch.yml or elasticsearch.yml. The error means that it is not a YAML mapping; whatever is wrong with a
// setting is a finding.
func Translate(b []byte) (*Translation, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(b, &doc); err != nil {
		return nil, err
	}
	root := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
	if len(doc.Content) > 0 {
		if root = doc.Content[0]; root.Kind != yaml.MappingNode {
			return nil, errors.New("the file is not a mapping of settings")
		}
	}
	t := newTranslator(root)
	t.node()
	t.run()
	slices.SortStableFunc(t.Findings, func(a, b Finding) int { return a.Line - b.Line })
	return t.Translation, nil
}

// YAML returns the settings as a vigil.yml. With hide, secrets are dots.
func (t *Translation) YAML(hide bool) ([]byte, error) {
	if hide {
		for n := range t.secrets {
			was := n.Value
			n.Value = string(hidden)
			defer func() { n.Value = was }()
		}
	}
	b, err := yaml.Marshal(t.root)
	if err != nil {
		return nil, fmt.Errorf("print configuration: %w", err)
	}
	return b, nil
}

// translateOriginal replaces the settings under the plugin's names in a vigil.yml by those that Vigil has for them. Its error
// names every one that it has nothing for.
func translateOriginal(root *yaml.Node) error {
	if root.Kind != yaml.MappingNode {
		return nil
	}
	t := newTranslator(root)
	t.run()
	var errs []error
	for _, f := range t.Findings {
		if f.Fate != Taken {
			errs = append(errs, fmt.Errorf("line %d: %s: %s", f.Line, f.Key, f.Text))
		}
	}
	return errors.Join(errs...)
}

// The two prefixes of the plugin's settings.
const (
	newPrefix    = "plugins.security."
	legacyPrefix = "opendistro_security."
)

// original is one setting as it was written.
type original struct {
	key    string // all of it
	name   string // without the prefix, as under the newer one
	legacy bool
	line   int
	value  *yaml.Node
}

// translator moves settings from the plugin's names to ours within one tree.
type translator struct {
	*Translation
	settings []*original
	places   map[*original]int // where its finding stands
}

// newTranslator takes the plugin's settings out of a tree.
func newTranslator(root *yaml.Node) *translator {
	t := &translator{
		Translation: &Translation{root: root, secrets: map[*yaml.Node]bool{}}, places: map[*original]int{},
	}
	t.take(func(key string) bool {
		return strings.HasPrefix(key, newPrefix) || strings.HasPrefix(key, legacyPrefix)
	})
	return t
}

// take moves the settings whose keys are wanted out of the tree. Mappings that become empty by it go too.
func (t *translator) take(wanted func(key string) bool) {
	var walk func(n *yaml.Node, path string) (kept []*yaml.Node)
	left := maxWalked
	walk = func(n *yaml.Node, path string) (kept []*yaml.Node) {
		for i := 0; i+1 < len(n.Content); i += 2 {
			if left--; left < 0 || len(path) > maxKey {
				return append(kept, n.Content[i:]...) // whoever decodes it says what is wrong
			}
			key, value := n.Content[i], n.Content[i+1]
			full := path + key.Value
			inner := value
			if inner.Kind == yaml.AliasNode {
				inner = inner.Alias
			}
			if inner.Kind == yaml.MappingNode && couldHold(full, wanted) {
				below := *inner // what an alias names may be needed elsewhere
				if below.Content = walk(inner, full+"."); len(below.Content) > 0 || len(inner.Content) == 0 {
					kept = append(kept, key, &below)
				}
				continue
			}
			if !wanted(full) {
				kept = append(kept, key, value)
				continue
			}
			t.add(&original{key: full, line: key.Line, value: inner})
		}
		return kept
	}
	t.root.Content = walk(t.root, "")
}

// Bounds of a tree whose aliases may stand for themselves, or for each other many times: members that are looked at, and the
// length of a key.
const (
	maxWalked = 20_000
	maxKey    = 4 << 10
)

// couldHold reports whether settings that are wanted can stand below a key.
func couldHold(key string, wanted func(string) bool) bool {
	return wanted(key+".") || strings.HasPrefix(newPrefix, key+".") || strings.HasPrefix(legacyPrefix, key+".")
}

func (t *translator) add(o *original) {
	o.name, o.legacy = strings.CutPrefix(o.key, legacyPrefix)
	if !o.legacy {
		o.name = strings.TrimPrefix(o.key, newPrefix)
	}
	if o.legacy {
		if name, ok := legacyNames()[o.name]; ok {
			o.name = name
		}
	}
	t.places[o] = len(t.Findings)
	t.Findings = append(t.Findings, Finding{Key: o.key, Line: o.line, Fate: Refused, Text: "is no setting that Vigil knows"})
	t.settings = append(t.settings, o)
}

// tell says what becomes of a setting.
func (t *translator) tell(o *original, fate Fate, format string, args ...any) {
	f := &t.Findings[t.places[o]]
	f.Fate, f.Text = fate, fmt.Sprintf(format, args...)
}

// run translates what was taken.
func (t *translator) run() {
	t.dropDoubles()
	var rest []*original
	for _, o := range t.settings {
		if !t.simple(o) {
			rest = append(rest, o)
		}
	}
	t.sinks(rest)
}

// dropDoubles keeps the newer name of a setting that is given under both, as the plugin does.
func (t *translator) dropDoubles() {
	newer := map[string]*original{}
	for _, o := range t.settings {
		if !o.legacy && newer[o.name] == nil {
			newer[o.name] = o
		}
	}
	t.settings = slices.DeleteFunc(t.settings, func(o *original) bool {
		if o.legacy && newer[o.name] != nil {
			t.tell(o, NoEffect, "%s in line %d wins", newer[o.name].key, newer[o.name].line)
			return true
		}
		return false
	})
}

// put gives a setting its place among ours. A place that is taken is the reason why the setting is not.
func (t *translator) put(o *original, path string, value *yaml.Node) {
	if line, ok := put(t.root, strings.Split(path, "."), value, o.line); !ok {
		t.tell(o, Refused, "%s in line %d says it already; keep one of them", path, line)
		return
	}
	t.tell(o, Taken, "%s", path)
}

// put sets a value in a tree. If something is there already it returns the line of that.
func put(n *yaml.Node, path []string, value *yaml.Node, line int) (there int, ok bool) {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value != path[0] {
			continue
		}
		below := n.Content[i+1]
		if len(path) == 1 || below.Kind != yaml.MappingNode {
			return n.Content[i].Line, false
		}
		return put(below, path[1:], value, line)
	}
	key := scalar(path[0])
	key.Line = line
	if len(path) == 1 {
		n.Content = append(n.Content, key, value)
		return 0, true
	}
	below := mapping()
	below.Line = line
	n.Content = append(n.Content, key, below)
	return put(below, path[1:], value, line)
}

func mapping() *yaml.Node { return &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"} }

func scalar(s string) *yaml.Node {
	n := &yaml.Node{}
	n.SetString(s)
	return n
}

func sequence(values []string, line int) *yaml.Node {
	n := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq", Line: line}
	for _, v := range values {
		e := scalar(v)
		e.Line = line
		n.Content = append(n.Content, e)
	}
	return n
}

// Replace sets what vigil.yml says at a place, dots between its parts, whatever was there.
func (t *Translation) Replace(path string, value any) error {
	var n yaml.Node
	if err := n.Encode(value); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	parts := strings.Split(path, ".")
	at := t.root
	for i, part := range parts {
		j := slices.IndexFunc(at.Content, func(e *yaml.Node) bool { return e.Value == part && e.Kind == yaml.ScalarNode })
		if j < 0 {
			put(at, parts[i:], &n, 0)
			return nil
		}
		if i == len(parts)-1 {
			at.Content[j+1] = &n
			return nil
		}
		at = at.Content[j+1]
	}
	return nil
}
