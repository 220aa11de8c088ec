package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestDefaultIsValid(t *testing.T) {
	c := Default()
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
}

func TestDecodeNamesWhatIsWrong(t *testing.T) {
	f := func(yaml, want string) {
		t.Helper()
		c := Default()
		err := Decode([]byte(yaml), &c)
		if err == nil {
			err = c.Validate()
		}
		if want == "" {
			if err != nil {
				t.Errorf("%q: %v", yaml, err)
			}
			return
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got error %v, want one with %q", yaml, err, want)
		}
	}
	f("", "")
	f("# only a comment\n", "")
	f("cluster_name: a\nlisen: x\n", `line 2: unknown key "lisen"`)
	f("http:\n  tls:\n    cert: x\n", `line 3: unknown key "http.tls.cert"`)
	f("http:\n  listen: 1\n  listen: 2\n", "already defined")
	f("http: []\n", "cannot unmarshal")
	f("a: 1\n---\nb: 2\n", "only one YAML document")
	f("http: {max_content_length: 10 apples}\n", "line 1: \"10 apples\" is not a size")
	f("http: {max_content_length: -1}\n", "is not a size")
	f("http: {idle_timeout: soon}\n", "is not a duration")
	f("http: {idle_timeout: 0s}\n", "http.idle_timeout: must be more than zero")
	f("http: {listen: '0.0.0.0:9200'}\n", "has no TLS")
	f("http: {listen: ':9200'}\n", "has no TLS")
	f("http: {listen: '[::1]:9200'}\n", "")
	f("http: {listen: '0.0.0.0:9200', insecure: true}\n", "")
	f("http: {listen: nowhere}\n", "is not host:port")
	f("http: {tls: {cert_file: a}}\n", "cert_file and key_file are needed together")
	f("http: {tls: {cert_file: a, key_file: b, client_auth: required}}\n", "client_ca_file: needed to require")
	f("admin_dns: ['CN=a']\n", "needed for admin_dns")
	f("audit: {on_failure: shrug}\n", `audit.on_failure: "shrug" is not one of refuse, allow`)
	f("notify: {allow_networks: [localhost]}\n", "is not a network")
	f("audit: {fold: {window: 1ms}}\n", "audit.fold.window: must be 0 or between 1s and 1h")
	f("audit: {fold: {window: 1d}}\n", "audit.fold.window: must be 0 or between 1s and 1h")
	f("audit: {max_body_bytes: 64mb}\n", "must be at most 24mb")
}

func TestLoadOrder(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "vigil.yml")
	if err := os.WriteFile(file, []byte("data: from-file\nhttp: {listen: '127.0.0.1:1'}\nsecurity: {initial_admin_password: file-secret}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{"VIGIL_DATA": "from-env", "VIGIL_LISTEN": "127.0.0.1:2"}
	c, err := Load(Source{File: file, Getenv: func(k string) string { return env[k] }, Listen: "127.0.0.1:3"})
	if err != nil {
		t.Fatal(err)
	}
	if c.Data != "from-env" || c.HTTP.Listen != "127.0.0.1:3" || string(c.Security.InitialAdminPassword) != "file-secret" {
		t.Errorf("got data %q, listen %q, password %q", c.Data, c.HTTP.Listen, string(c.Security.InitialAdminPassword))
	}
	if _, err := Load(Source{File: filepath.Join(dir, "none.yml")}); err == nil {
		t.Error("a named file that is missing must be an error")
	}
}

func TestSecretFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pw")
	if err := os.WriteFile(file, []byte("s3cret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	c, err := Load(Source{Getenv: func(k string) string {
		if k == "VIGIL_ADMIN_PASSWORD_FILE" {
			return file
		}
		return ""
	}})
	if err != nil {
		t.Fatal(err)
	}
	if got := string(c.Security.InitialAdminPassword); got != "s3cret" {
		t.Errorf("got %q", got)
	}
}

func TestSecretsAreNotPrinted(t *testing.T) {
	c := Default()
	c.Security.InitialAdminPassword = "canary"
	dump, err := c.Dump()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{string(dump), fmt.Sprintf("%v %+v %#v %s", c, c, c, c.Security.InitialAdminPassword)} {
		if strings.Contains(s, "canary") {
			t.Errorf("the secret is printed: %s", s)
		}
	}
	back := Default()
	if err := Decode(dump, &back); err != nil {
		t.Fatalf("the dump does not load: %v", err)
	}
	if back.HTTP.MaxContentLength != c.HTTP.MaxContentLength || back.Audit.Log.Keep != Duration(24*time.Hour) {
		t.Errorf("the dump loads differently: %+v", back)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte("http: {listen: a}"))
	f.Add([]byte("a: &a [*a]"))
	f.Add([]byte("&a a: *a"))
	f.Fuzz(func(_ *testing.T, b []byte) {
		c := Default()
		if Decode(b, &c) == nil {
			_ = c.Validate()
		}
	})
}
