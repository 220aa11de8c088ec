package config

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Source says where settings come from. Flags win over the environment, the environment over the file, the file over the
// defaults.
type Source struct {
	// File is the path of the configuration file. Empty means ./vigil.yml if there is one.
	File string
	// Getenv reads the environment: VIGIL_DATA, VIGIL_LISTEN, VIGIL_ADMIN_PASSWORD, VIGIL_ADMIN_PASSWORD_FILE.
	Getenv func(string) string
	// Data, Listen and Insecure are the flags; empty and false mean not given.
	Data     string
	Listen   string
	Insecure bool
}

// DefaultFile is read when no file is named and it exists.
const DefaultFile = "vigil.yml"

// Load puts the sources together, reads secret files, and validates the result.
func Load(s Source) (Config, error) {
	c := Default()
	if err := c.readFile(s.File); err != nil {
		return Config{}, err
	}
	if s.Getenv != nil {
		set(&c.Data, s.Getenv("VIGIL_DATA"))
		set(&c.HTTP.Listen, s.Getenv("VIGIL_LISTEN"))
		if v := s.Getenv("VIGIL_ADMIN_PASSWORD"); v != "" {
			c.Security.InitialAdminPassword, c.Security.InitialAdminPasswordFile = Secret(v), ""
		} else if v := s.Getenv("VIGIL_ADMIN_PASSWORD_FILE"); v != "" {
			c.Security.InitialAdminPassword, c.Security.InitialAdminPasswordFile = "", v
		}
	}
	set(&c.Data, s.Data)
	set(&c.HTTP.Listen, s.Listen)
	c.HTTP.Insecure = c.HTTP.Insecure || s.Insecure
	if err := c.readSecrets(); err != nil {
		return Config{}, err
	}
	if err := c.Validate(); err != nil {
		return Config{}, err
	}
	return c, nil
}

func set(target *string, value string) {
	if value != "" {
		*target = value
	}
}

// readFile decodes a file over c.
func (c *Config) readFile(name string) error {
	file := name
	if name == "" {
		file = DefaultFile
	}
	b, err := os.ReadFile(file)
	if name == "" && errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read configuration: %w", err)
	}
	if err := Decode(b, c); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	if c.File, err = filepath.Abs(file); err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	return nil
}

// Decode reads YAML over c. Unknown keys are errors that name line and key; so are duplicate keys, wrong types and more
// than one document. Settings under the security plugin's names count as those that Vigil has for them; see [Translate].
func Decode(b []byte, c *Config) error {
	dec := yaml.NewDecoder(bytes.NewReader(b))
	var doc yaml.Node
	if err := dec.Decode(&doc); err != nil {
		if len(bytes.TrimSpace(b)) == 0 || doc.Kind == 0 && strings.Contains(err.Error(), "EOF") {
			return nil
		}
		return err
	}
	if err := dec.Decode(new(yaml.Node)); err == nil {
		return errors.New("only one YAML document is allowed")
	}
	if len(doc.Content) == 0 {
		return nil
	}
	err := errors.Join(translateOriginal(doc.Content[0]), unknownKeys(doc.Content[0], reflect.TypeFor[Config](), ""))
	if err != nil {
		return err
	}
	return doc.Decode(c)
}

// unknownKeys walks the document beside the type, so that the error can name the whole path of the key.
func unknownKeys(n *yaml.Node, t reflect.Type, path string) error {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if t.Kind() != reflect.Struct || n.Kind != yaml.MappingNode {
		return nil
	}
	fields := map[string]reflect.Type{}
	for _, f := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		fields[name] = f.Type
	}
	var errs []error
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		ft, ok := fields[key.Value]
		if !ok {
			errs = append(errs, fmt.Errorf("line %d: unknown key %q", key.Line, path+key.Value))
			continue
		}
		if err := unknownKeys(n.Content[i+1], ft, path+key.Value+"."); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func mapKeys[V any](m map[string]V) iter.Seq[string] { return maps.Keys(m) }

// Dump returns the effective configuration as YAML, with secrets hidden.
func (c *Config) Dump() ([]byte, error) {
	b, err := yaml.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("print configuration: %w", err)
	}
	return b, nil
}
