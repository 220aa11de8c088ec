package app_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"vigil/app/apptest"
	"vigil/config"
)

// canaries are secrets by where they were planted. Every one is another text.
type canaries struct {
	list []string
	// stored are in documents, which the engine keeps as they were written: they are looked for everywhere else.
	stored []string
}

// plant returns a new secret.
func (c *canaries) plant(where string) string {
	s := fmt.Sprintf("Canary-%s-%d-Q", where, len(c.list)+len(c.stored))
	c.list = append(c.list, s)
	return s
}

// store returns a new secret for a document.
func (c *canaries) store(where string) string {
	s := c.plant(where)
	c.list = c.list[:len(c.list)-1]
	c.stored = append(c.stored, s)
	return s
}

// silent looks for secrets in what is at rest or leaves.
func (c *canaries) silent(t *testing.T, where string, data []byte, documents bool) {
	t.Helper()
	list := c.list
	if !documents {
		list = append(slices.Clip(list), c.stored...)
	}
	for _, s := range list {
		if at := bytes.Index(data, []byte(s)); at >= 0 {
			t.Errorf("%s holds %s: …%s…", where, s, data[max(0, at-300):min(len(data), at+60)])
		}
	}
}

// sensitive are the headers that carry secrets by their name, in the spellings of clients.
var sensitive = []string{
	"Authorization", "authorization", "Proxy-Authorization", "X-Forwarded-Authorization", "Cookie", "Set-Cookie", "X-Auth-Token", "X-Api-Key", "x_api_key",
	"X-Amz-Security-Token", "X-Csrf-Token", "X-Vault-Token", "X-Amz-Signature", "Ocp-Apim-Subscription-Key", "X-Goog-Iap-Jwt-Assertion",
}

// TestCanaries plants secrets wherever there is a place for some, with every event kept and every kind of sink, and then looks into
// every file, every sink, the log, the metrics, and the answers.
//
// What nobody can know is not planted: a password typed as a user name that no rule describes, a secret in a document or search that
// no rule names, in an index's name or in a document's id.
func TestCanaries(t *testing.T) {
	t.Parallel()
	c := &canaries{}
	out := newOutlets(t)
	key := c.plant("redact-key")
	s := apptest.Start(t, func(cfg *config.Config) {
		cfg.Log.Level, cfg.Audit.Format, cfg.Audit.Outcomes = "debug", "extended", "all"
		cfg.Audit.RedactKey = config.Secret(key)
		cfg.Audit.Redact = []config.RedactRule{
			{Index: "acc*", Field: "ssn", Action: "mask"},
			{Field: "card.number", Action: "hash"},
			{Field: "gone", Action: "remove"},
			{Header: "X-Customer*", Action: "remove"},
			{Param: "customer", Action: "mask"},
			{Pattern: `Canary-typed-\w+-Q`, Action: "mask"},
		}
		withSinks(t, cfg, out.config(c))
	})
	s.Audit(`{"enabled":true,"audit":{"disabled_rest_categories":[],"disabled_transport_categories":[],"ignore_users":[],"resolve_bulk_requests":true},` +
		`"compliance":{"enabled":true,"internal_config":true,"external_config":true,"write_watched_indices":["*"],"write_ignore_users":[],"write_metadata_only":false,` +
		`"write_log_diffs":true,"read_ignore_users":[],"read_metadata_only":false,"read_watched_fields":{"*":["*"]}}}`)
	c.plantHeaders(s)
	c.plantParams(s)
	c.plantBodies(s)
	c.plantDocuments(s)
	c.plantLogins(t, s)

	if err := s.App().Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	events := s.Must("GET", "/security-auditlog-*/_search?size=10000", nil).Body
	c.silent(t, "the audit index", events, false)
	for _, placed := range []string{"REQUEST_OUTCOME", "COMPLIANCE_DOC_READ", "COMPLIANCE_DOC_WRITE", "FAILED_LOGIN", "__SENSITIVE__", "hmac-sha256:", "REDACTED"} {
		if !bytes.Contains(events, []byte(placed)) {
			t.Errorf("no event holds %s", placed)
		}
	}
	for _, path := range []string{"/metrics", "/_vigil/sinks", "/_vigil/health", "/_cluster/settings", "/_nodes", "/_plugins/_security/api/audit"} {
		c.silent(t, "GET "+path, s.Admin("GET", path, nil).Body, false)
	}
	dump, err := s.Config.Dump()
	if err != nil {
		t.Fatal(err)
	}
	c.silent(t, "vigil config", dump, false)
	s.Stop()
	c.silent(t, "the log", []byte(s.Log()), false)
	out.silent(t, c)
	if files, packed := c.silentFiles(t, s.Config); files < 5 || packed == 0 {
		t.Errorf("looked into %d files, %d of them compressed", files, packed)
	}
}

func (c *canaries) plantHeaders(s *apptest.Server) {
	send := func(change func(http.Header)) {
		r := s.Request("GET", "/_cluster/health", nil)
		r.SetBasicAuth("admin", apptest.Password)
		change(r.Header)
		s.Send(r)
	}
	for _, name := range sensitive {
		send(func(h http.Header) {
			if !strings.EqualFold(name, "Authorization") {
				h[name] = []string{c.plant("header")}
				return
			}
			h.Del("Authorization") // two of them would be one
			h[name] = []string{"Bearer " + c.plant("bearer")}
		})
	}
	send(func(h http.Header) { h.Set("X-Original", "Bearer "+c.plant("bearer")) })
	send(func(h http.Header) { h.Set("X-Original", c.plant("typed")) })
	send(func(h http.Header) { h.Set("User-Agent", c.plant("typed")) })
	send(func(h http.Header) { h.Set("X-Request-Id", c.plant("typed")) })
	send(func(h http.Header) { h.Set("X-Customer-Id", c.plant("customer")) })
	send(func(h http.Header) {
		h.Set("Referer", "https://ada:"+c.plant("referer")+"@example.org/?a=1&token="+c.plant("referer"))
	})
	send(func(h http.Header) { // a forged header refuses the request before anybody is authenticated
		h.Set("_opendistro_security_x", "1")
		h.Set("X-Auth-Token", c.plant("forged"))
	})
}

func (c *canaries) plantParams(s *apptest.Server) {
	for _, name := range []string{"token", "access_token", "jwt", "api_key", "password", "X-Amz-Signature", "X-Amz-Security-Token", "client_secret", "customer"} {
		q := "/accounts/_search?" + name + "=" + c.plant("param")
		s.Admin("GET", q, nil)
		s.As("", "", "GET", q, nil)
	}
	s.Admin("GET", "/accounts/_search?q=ssn:"+c.store("q"), nil)
	s.Admin("GET", "/accounts/_search?df=ssn&q="+c.store("q"), nil)
	s.Admin("PUT", "/_snapshot/r?source_content_type=application/json&source="+url.QueryEscape(`{"settings":{"secret_key":"`+c.plant("source")+`"}}`), nil)
	s.Admin("GET", "/_cat/indices?x="+url.QueryEscape("https://ada:"+c.plant("userinfo")+"@example.org/"), nil)
}

// plantBodies sends credentials to every API that takes some. What is not built has events all the same.
func (c *canaries) plantBodies(s *apptest.Server) {
	secret := func() string { return c.plant("body") }
	const security, notifications, alerting = "/_plugins/_security/api", "/_plugins/_notifications/configs", "/_opendistro/_alerting/destinations"
	for _, b := range []struct{ method, path, body string }{
		{"PUT", security + "/internalusers/u", `{"password":"%s","nonsense":1}`},
		{"PUT", security + "/internalusers/u", `{"pass\u0077ord":"%s","nonsense":1}`},
		{"PATCH", security + "/internalusers", `[{"op":"add","path":"/u","value":{"password":"%s","nonsense":1}}]`},
		{"PUT", security + "/account", `{"current_password":"%s","password":"x"}`},
		{"PATCH", security + "/securityconfig", `[{"op":"add","path":"/config/dynamic/authc/ldap/authentication_backend/config/password","value":"%s"}]`},
		{"PUT", security + "/securityconfig/config", `{"dynamic":{"authc":{"jwt":{"http_authenticator":{"config":{"signing_key":"%s"}}}}}}`},
		{"POST", notifications, `{"config_id":"a","config":{"name":"a","config_type":"slack","is_enabled":true,"slack":{"url":"https://hooks.slack.com/services/%s"}}}`},
		{"PUT", notifications + "/a", `{"config":{"name":"a","config_type":"webhook","is_enabled":true,"webhook":{"url":"https://example.org/","header_params":{"X":"%s"}}}}`},
		{"POST", notifications, `{"config":{"name":"b","config_type":"webhook","webhook":{"url":"https://example.org/%s"`}, // not JSON
		{"POST", alerting, `{"name":"d","type":"slack","slack":{"url":"https://hooks.slack.com/services/%s"}}`},
		{"POST", alerting + "/email_accounts", `{"name":"m","email":"v@example.org","host":"mail.example.org","port":587,"method":"starttls","username":"u","password":"%s"}`},
		{"PUT", "/_snapshot/r", `{"type":"s3","settings":{"bucket":"b","access_key":"%s"}}`},
		{"POST", "/_reindex", `{"source":{"remote":{"host":"http://127.0.0.1:1","username":"u","password":"%s"},"index":"a"},"dest":{"index":"b"}}`},
		{"POST", "/_reindex", `{"source":{"remote":{"host":"http://u:%s@127.0.0.1:1"},"index":"a"},"dest":{"index":"b"}}`},
		{"POST", "/_nodes/reload_secure_settings", `{"secure_settings_password":"%s"}`},
		{"PUT", "/_plugins/_ism/policies/p", `{"policy":{"error_notification":{"destination":{"slack":{"url":"https://hooks.slack.com/services/%s"}}}}}`},
		{"PUT", "/.opensearch-notifications-config/_doc/x", `{"config":{"slack":{"url":"https://hooks.slack.com/services/%s"}}}`},
		{"POST", "/_bulk", `{"index":{"_index":".opensearch-notifications-config"}}` + "\n" + `{"config":{"slack":{"url":"%s"}}}` + "\n"},
	} {
		s.Admin(b.method, b.path, fmt.Sprintf(b.body, secret()))
	}
	s.Admin("DELETE", "/.opensearch-notifications-config", nil) // what was written into it past its API is the engine's own now
}

// plantDocuments writes, reads and looks for documents whose fields the rules name.
func (c *canaries) plantDocuments(s *apptest.Server) {
	ssn := func() string { return c.store("ssn") }
	for _, b := range []struct{ method, path, body string }{
		{"PUT", "/accounts/_doc/1?refresh=true", `{"ssn":"%s","open":1}`},
		{"PUT", "/accounts/_doc/1?refresh=true", `{"ssn":["%s"],"open":2}`},
		{"POST", "/accounts/_update/1?refresh=true", `{"doc":{"ssn":"%s"}}`},
		{"POST", "/accounts/_update/1?refresh=true", `{"script":{"source":"ctx._source.ssn = params.v","params":{"v":"%s"}}}`},
		{"POST", "/accounts/_update_by_query?refresh=true", `{"script":{"source":"ctx._source.ssn = '%s'"}}`},
		{"POST", "/_bulk?refresh=true", `{"index":{"_index":"accounts","_id":"2"}}` + "\n" + `{"nested":{"ssn":"%s"}}` + "\n"},
		{"PUT", "/other/_doc/1?refresh=true", `{"card":{"number":"%s"},"open":1}`},
		{"PUT", "/other/_doc/1?refresh=true", `{"card":[{"number":"%s"}],"open":1}`},
		{"PUT", "/other/_doc/2?refresh=true", `{"gone":{"deep":"%s"},"open":1}`},
		{"PUT", "/other/_doc/3?refresh=true", `{"note":"a Canary-typed-1-Q and %s"}`},
		{"POST", "/accounts/_search", `{"query":{"term":{"ssn":"%s"}}}`},
		{"POST", "/accounts/_search", `{"query":{"match":{"ssn":{"query":"%s"}}}}`},
		{"POST", "/accounts/_search", `{"query":{"query_string":{"query":"open:1 AND ssn:\"%s\""}}}`},
		{"POST", "/accounts/_search", `{"query":{"multi_match":{"query":"%s","fields":["open","ssn"]}}}`},
		{"POST", "/_msearch", `{"index":"accounts"}` + "\n" + `{"query":{"term":{"ssn.keyword":"%s"}}}` + "\n"},
		{"POST", "/accounts/_search", `{"query":{"term":{"ssn":"%s"}}`}, // not JSON
	} {
		text := b.body
		if strings.Contains(text, "and %s") {
			c.stored = append(c.stored, "Canary-typed-1-Q")
			text = fmt.Sprintf(text, c.store("typed"))
		} else {
			text = fmt.Sprintf(text, ssn())
		}
		s.Admin(b.method, b.path, text)
	}
	for _, path := range []string{"/accounts/_search", "/accounts/_doc/1", "/other/_search", "/other/_source/1", "/accounts/_search?docvalue_fields=ssn.keyword"} {
		s.Must("GET", path, nil)
	}
	s.Must("DELETE", "/accounts/_doc/2", nil)
}

func (c *canaries) plantLogins(t *testing.T, s *apptest.Server) {
	t.Helper()
	s.As("admin", c.plant("wrong"), "GET", "/", nil)
	s.As("nobody", c.plant("wrong"), "GET", "/no/such/path", nil)
	s.As(c.plant("typed"), "x", "GET", "/", nil) // a password where the name belongs, and a rule that knows what passwords look like
	r := s.Request("GET", "/", nil)
	r.Header.Set("Authorization", c.plant("no-scheme"))
	s.Send(r)
	r = s.Request("GET", "/", nil)
	r.Header.Set("Authorization", "Basic "+c.plant("not-base64"))
	s.Send(r)
	for _, head := range []string{ // what net/http would refuse by itself
		"GET /%zz?token=" + c.plant("bad-uri") + " HTTP/1.1\r\nX-Auth-Token: " + c.plant("bad-uri") + "\r\n",
		"GET http://ada:" + c.plant("absolute") + "@localhost/_cat/health HTTP/1.1\r\nHost: ada:" + c.plant("host") + "@localhost\r\n",
		"GET / HTTP/1.7\r\nCookie: " + c.plant("bad-version") + "\r\n", c.plant("no-http") + "\r\n",
	} {
		conn := dial(t, strings.TrimPrefix(s.URL, "http://"))
		if _, err := io.WriteString(conn, head+"Connection: close\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		answer, _ := io.ReadAll(conn)
		c.silent(t, "the answer to "+head, answer, false)
	}
}

// silentFiles looks into every file of the data folder, unpacked where it is compressed.
func (c *canaries) silentFiles(t *testing.T, cfg config.Config) (files, packed int) {
	t.Helper()
	err := filepath.WalkDir(cfg.Data, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if strings.HasSuffix(path, ".gz") {
			packed++
			z, err := gzip.NewReader(bytes.NewReader(b))
			if err != nil {
				return err
			}
			if b, err = io.ReadAll(z); err != nil {
				return err
			}
		}
		files++
		name := strings.TrimPrefix(path, cfg.Data)
		c.silent(t, name, b, strings.HasPrefix(path, cfg.EngineDir()))
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	return files, packed
}

// TestCanariesOnStdout is TestCanaries for the events that a program writes to its standard output.
func TestCanariesOnStdout(t *testing.T) {
	t.Parallel()
	cfg := apptest.Config(t)
	c := &canaries{}
	dir := t.TempDir()
	key := filepath.Join(dir, "key")
	file := filepath.Join(dir, "vigil.yml")
	text := "data: " + cfg.Data + "\nhttp: {listen: '127.0.0.1:0'}\n" +
		"audit: {log: {max_bytes: 256mb}, sinks: {out: {type: stdout}}, redact_key_file: " + key + ", redact: [{field: ssn, action: hash}]}\n"
	for name, content := range map[string]string{key: c.plant("redact-key") + "\n", file: text} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	admin := c.plant("admin")
	p := run(t, []string{"VIGIL_ADMIN_PASSWORD=" + admin, "AWS_SECRET_ACCESS_KEY=" + c.plant("environment")}, "serve", "--config", file)
	p.url = p.serving()
	const everything = `{"enabled":true,"audit":{"disabled_rest_categories":[]},"compliance":{"enabled":true,"internal_config":true,"external_config":true}}`
	if _, err := p.send("admin", admin, "PUT", "/_plugins/_security/api/audit/config", everything); err != nil {
		t.Fatal(err)
	}
	if _, err := p.send("eve", c.plant("wrong"), "GET", "/_search?token="+c.plant("param"), `{"ssn":"x"}`); err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	p.wait()
	out, log := p.said()
	for _, placed := range []string{"FAILED_LOGIN", "REDACTED", "COMPLIANCE_INTERNAL_CONFIG_WRITE"} {
		if !strings.Contains(out, placed) {
			t.Errorf("standard output has no event with %s: %s", placed, out)
		}
	}
	if files, _ := c.silentFiles(t, cfg); files < 5 {
		t.Errorf("looked into %d files", files)
	}
	c.silent(t, "standard output", []byte(out), false)
	c.silent(t, "standard error", []byte(log), false)
	printed := run(t, nil, "config", "--config", file)
	printed.wait()
	out, log = printed.said()
	c.silent(t, "vigil config", []byte(out+log), false)
}
