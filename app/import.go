package app

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"vigil/audit"
	"vigil/config"
)

// migration is what "vigil import" makes of the files of the security plugin.
type migration struct {
	files    []*importFile
	settings *config.Translation // vigil.yml
	audit    *audit.Config       // nil if no file holds one
	entities []*entity
	// problems are why the vigil.yml would not load.
	problems []error

	node  *importFile // the opensearch.yml
	sinks bool        // whether it names a sink
}

// importFile is a file with what becomes of each of its settings.
type importFile struct {
	path     string
	findings []config.Finding
}

// entity is one user, role, … of a file.
type entity struct {
	file      *importFile
	finding   int // among those of the file
	typ, name string
	body      map[string]any
}

// documentTypes are the types of the plugin's files, by the names that the plugin ships them under.
var documentTypes = map[string]string{
	"audit": "audit", "internal_users": "internalusers", "roles": "roles", "roles_mapping": "rolesmapping", "action_groups": "actiongroups",
	"tenants": "tenants", "nodes_dn": "nodesdn", "allowlist": "allowlist", "whitelist": "whitelist", "config": "config",
}

// applied are the types that are put through the API, in the order in which they name each other.
var applied = []string{"actiongroups", "roles", "tenants", "rolesmapping", "internalusers"}

// maxImport bounds a file that is read.
const maxImport = 64 << 20

// read takes a file, or all files of a folder that the plugin would have there.
func (m *migration) read(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("read what is to be imported: %w", err)
	}
	if !info.IsDir() {
		return m.readFile(path, info.Size())
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return fmt.Errorf("read what is to be imported: %w", err)
	}
	found := false
	for _, e := range entries {
		name, isYAML := strings.CutSuffix(e.Name(), ".yml")
		if isYAML && (name == "opensearch" || name == "elasticsearch" || documentTypes[name] != "") {
			found = true
			if err := m.read(filepath.Join(path, e.Name())); err != nil {
				return err
			}
		}
	}
	if !found {
		return fmt.Errorf("%s has none of the plugin's files", path)
	}
	return nil
}

func (m *migration) readFile(path string, size int64) error {
	if size > maxImport {
		return fmt.Errorf("%s is longer than %d bytes", path, maxImport)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read what is to be imported: %w", err)
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(b, &doc); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	f := &importFile{path: path}
	m.files = append(m.files, f)
	var root *yaml.Node
	if len(doc.Content) > 0 {
		root = doc.Content[0]
	}
	typ := typeOf(path, root)
	if typ == "" {
		return m.readNode(f, b)
	}
	if root == nil {
		return nil // a file of comments
	}
	if root.Kind != yaml.MappingNode {
		return fmt.Errorf("%s: the file is not a mapping", path)
	}
	switch {
	case typ == "audit":
		return m.readAudit(f, root)
	case slices.Contains(applied, typ):
		return m.readEntities(f, typ, root)
	case typ == "config":
		readConfig(f, root)
	default:
		readOther(f, typ, root)
	}
	return nil
}

// typeOf is the type of a document: as it says itself, or as its name says. A file of neither is that of a node.
func typeOf(path string, root *yaml.Node) string {
	if root != nil {
		if t := child(child(root, "_meta"), "type"); t != nil {
			return t.Value
		}
	}
	name := strings.TrimSuffix(strings.TrimSuffix(filepath.Base(path), ".yml"), ".yaml")
	return documentTypes[name]
}

// child is a member of a mapping, nil if there is none.
func child(n *yaml.Node, name string) *yaml.Node {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == name {
			return n.Content[i+1]
		}
	}
	return nil
}

func (m *migration) readNode(f *importFile, b []byte) error {
	if m.node != nil {
		return fmt.Errorf("%s and %s are both settings of a node", m.node.path, f.path)
	}
	t, err := config.Translate(b)
	if err != nil {
		return fmt.Errorf("%s: %w", f.path, err)
	}
	m.node, m.settings, f.findings = f, t, t.Findings
	m.sinks = slices.ContainsFunc(t.Findings, func(x config.Finding) bool { return strings.HasSuffix(x.Key, "security.audit.type") })
	if !m.sinks {
		f.findings = append(f.findings, config.Finding{
			Key: "plugins.security.audit.type", Fate: config.NoEffect,
			Text: "is not set, so a node audits nothing whatever else is said; Vigil records, into audit.index",
		})
	}
	return nil
}

// join brings the files together: an audit configuration of its own replaces the filters of opensearch.yml, as on a node.
func (m *migration) join() error {
	if m.settings == nil {
		var err error
		if m.settings, err = config.Translate(nil); err != nil {
			return err
		}
	}
	if m.audit != nil {
		if m.node != nil {
			for i, f := range m.node.findings {
				if f.Fate == config.Taken && strings.HasPrefix(f.Text, "audit.initial.") {
					m.node.findings[i].Fate = config.NoEffect
					m.node.findings[i].Text = "where there is an audit configuration of its own (audit.yml), a node does not read this"
				}
			}
		}
		if err := m.settings.Replace("audit.initial", asMap(m.audit)); err != nil {
			return err
		}
	}
	yml, err := m.settings.YAML(false)
	if err != nil {
		return err
	}
	cfg := config.Default()
	if err = config.Decode(yml, &cfg); err == nil {
		_, _, sinks := checkSinks(&cfg)
		_, static := parseStatic(&cfg)
		err = errors.Join(cfg.Validate(), sinks, static)
	}
	if err != nil {
		m.problems = append(m.problems, err)
	}
	return nil
}

// note adds a finding and returns its place.
func (f *importFile) note(key string, line int, fate config.Fate, format string, args ...any) int {
	f.findings = append(f.findings, config.Finding{Key: key, Line: line, Fate: fate, Text: fmt.Sprintf(format, args...)})
	return len(f.findings) - 1
}

// readEntities takes users, roles and their like.
func (m *migration) readEntities(f *importFile, typ string, root *yaml.Node) error {
	for i := 0; i+1 < len(root.Content); i += 2 {
		name, value := root.Content[i], root.Content[i+1]
		if name.Value == "_meta" {
			continue
		}
		var body map[string]any
		if err := value.Decode(&body); err != nil {
			f.note(typ+"/"+name.Value, name.Line, config.Refused, "is not a mapping of settings")
			continue
		}
		e := &entity{file: f, typ: typ, name: name.Value, body: body}
		e.finding = f.note(typ+"/"+name.Value, name.Line, config.Refused, "was not sent")
		if body["static"] == true {
			e.tell(config.NoEffect, "is built in and cannot be changed")
			continue
		}
		delete(body, "static")
		m.entities = append(m.entities, e)
	}
	return nil
}

func (e *entity) tell(fate config.Fate, format string, args ...any) {
	f := &e.file.findings[e.finding]
	f.Fate, f.Text = fate, fmt.Sprintf(format, args...)
}

// readConfig tells of config.yml, which says who authenticates.
func readConfig(f *importFile, root *yaml.Node) {
	dynamic := child(child(root, "config"), "dynamic")
	if dynamic == nil {
		return
	}
	for i := 0; i+1 < len(dynamic.Content); i += 2 {
		key, value := dynamic.Content[i], dynamic.Content[i+1]
		if key.Value != "authc" {
			f.note("config.dynamic."+key.Value, key.Line, config.Refused,
				"internal users and administrators' certificates are who logs in here; trusted proxies are http.trusted_proxies")
			continue
		}
		for j := 0; j+1 < len(value.Content); j += 2 {
			domain, settings := value.Content[j], value.Content[j+1]
			front, back := child(child(settings, "http_authenticator"), "type"), child(child(settings, "authentication_backend"), "type")
			off := child(settings, "http_enabled")
			path := "config.dynamic.authc." + domain.Value
			switch {
			case off != nil && off.Value == "false":
				f.note(path, domain.Line, config.NoEffect, "is switched off")
			case front != nil && front.Value == "basic" && back != nil && strings.HasPrefix(back.Value, "intern"):
				f.note(path, domain.Line, config.Taken, "internal users log in with name and password")
			default:
				f.note(path, domain.Line, config.Refused, "only internal users and administrators' certificates log in here")
			}
		}
	}
}

// readOther tells of the documents that Vigil has nothing for.
func readOther(f *importFile, typ string, root *yaml.Node) {
	for _, key := range slices.Sorted(maps.Keys(mapOf(root))) {
		if key == "_meta" {
			continue
		}
		switch typ {
		case "nodesdn":
			f.note(key, child(root, key).Line, config.Refused, "there are no other nodes that could call")
		case "allowlist", "whitelist":
			if on := child(child(root, key), "enabled"); on == nil || on.Value != "true" {
				f.note(key, child(root, key).Line, config.NoEffect, "is switched off")
				continue
			}
			f.note(key, child(root, key).Line, config.Refused, "requests are not allowed by path; take the rights from the roles")
		default:
			f.note(key, child(root, key).Line, config.Refused, "%s is no type of document that Vigil has", typ)
		}
	}
}

func mapOf(n *yaml.Node) map[string]bool {
	names := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		names[n.Content[i].Value] = true
	}
	return names
}
