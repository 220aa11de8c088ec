package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"text/tabwriter"

	"vigil/config"
)

const importUsage = `usage: vigil import FILE|DIR… [flags]

Says what becomes of the files of the security plugin: opensearch.yml or elasticsearch.yml, and audit.yml, internal_users.yml, roles.yml,
roles_mapping.yml, action_groups.yml, tenants.yml (DIR: all of a folder). Without --apply nothing is changed: users and roles are tried on
a server of its own that is thrown away.

Flags:
  --out DIR              write vigil.yml and audit.json there instead of printing them; only there are secrets written
  --apply                put users, roles and the audit configuration into a running server, one after the other
  --url URL, --user NAME, --password-file FILE, --cert FILE, --key FILE, --ca-file FILE, --config FILE, --data DIR
                         which server, and who asks, as for vigil sink
`

// importCommand is what "vigil import" was asked.
type importCommand struct {
	paths  []string
	out    string
	apply  bool
	client adminClient
	// super is whether an administrator by certificate asks, who may set what is reserved.
	super bool
}

func (c *command) importFiles(ctx context.Context, args []string) error {
	o, err := c.parseImport(args)
	if err != nil {
		return c.wrongUsage("import", importUsage, err)
	}
	m := &migration{}
	for _, path := range o.paths {
		if err := m.read(path); err != nil {
			return err
		}
	}
	if err := m.join(); err != nil {
		return err
	}
	send, end := o.client.send, func() error { return nil }
	if !o.apply {
		if send, end, err = trialServer(ctx, o.super); err != nil {
			return err
		}
	}
	failed, err := m.put(ctx, o, send)
	// What has been sent is reported also if the server has gone away since.
	if err := errors.Join(err, end(), c.report(o, m)); err != nil {
		return err
	}
	if o.apply && failed > 0 {
		return fmt.Errorf("%d of what was to be applied was refused; the report says why", failed)
	}
	return nil
}

func (c *command) parseImport(args []string) (*importCommand, error) {
	o := &importCommand{}
	s := config.Source{Getenv: c.getenv}
	set, access := o.client.flags("import", &s)
	set.StringVar(&o.out, "out", "", "")
	set.BoolVar(&o.apply, "apply", false, "")
	// Files and flags may come in any order.
	for len(args) > 0 {
		if err := set.Parse(args); err != nil {
			return nil, err
		}
		if args = set.Args(); len(args) > 0 {
			o.paths, args = append(o.paths, args[0]), args[1:]
		}
	}
	if len(o.paths) == 0 {
		return nil, errors.New("no file is named")
	}
	o.super = access.cert != ""
	if !o.apply {
		return o, nil
	}
	cfg, err := config.Load(s)
	if err != nil {
		return nil, err
	}
	return o, o.client.prepare(&cfg, access)
}

// report prints the findings and, or else writes, the configuration.
func (c *command) report(o *importCommand, m *migration) error {
	w := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	for _, f := range m.files {
		fmt.Fprintln(w, f.path)
		slices.SortStableFunc(f.findings, func(a, b config.Finding) int { return a.Line - b.Line })
		for _, finding := range f.findings {
			fmt.Fprintf(w, "  %d\t%s\t%s\t%s\n", finding.Line, finding.Key, finding.Fate, finding.Text)
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, problem := range m.problems {
		fmt.Fprintf(c.out, "vigil.yml would not load: %v\n", problem)
	}
	yml, err := m.settings.YAML(o.out == "")
	if err != nil {
		return err
	}
	var doc []byte
	if m.audit != nil {
		if doc, err = json.MarshalIndent(m.audit, "", "  "); err != nil {
			return err
		}
		doc = append(doc, '\n')
	}
	if o.out == "" {
		if string(yml) != "{}\n" {
			fmt.Fprintf(c.out, "\n# vigil.yml\n%s", yml)
		}
		if doc != nil {
			fmt.Fprintf(c.out, "\n# PUT _plugins/_security/api/audit/config\n%s", doc)
		}
		return nil
	}
	if err := os.MkdirAll(o.out, 0o700); err != nil {
		return fmt.Errorf("make %s: %w", o.out, err)
	}
	for name, content := range map[string][]byte{config.DefaultFile: yml, "audit.json": doc} {
		if content == nil {
			continue
		}
		if err := writeNew(filepath.Join(o.out, name), content); err != nil {
			return err
		}
	}
	return nil
}

// writeNew writes a file that only its owner reads, and never over one that is there.
func writeNew(path string, content []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("write what was imported: %w", err)
	}
	_, err = f.Write(content)
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// sender sends a request to the security API. A refusal is not an error.
type sender func(ctx context.Context, method, path string, body any) (status int, answer []byte, err error)

// send is a sender to a running server.
func (a *adminClient) send(ctx context.Context, method, path string, body any) (int, []byte, error) {
	answer, err := a.do(ctx, method, path, body)
	if e, ok := errors.AsType[*answerError](err); ok {
		return e.status, e.body, nil
	}
	return http.StatusOK, answer, err
}
