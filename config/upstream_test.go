package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestUpstreamNamesWhatIsWrong(t *testing.T) {
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
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: the error tells a secret: %v", yaml, err)
		}
	}
	upstream := func(settings string) string { return "store: embedded\ncluster: {upstream: {" + settings + "}}\n" }
	f("store: same\n", "")
	f("store: embedded\n", "")
	f(upstream("urls: ['http://127.0.0.1:9201']"), "")
	f(upstream("urls: ['https://node-1:9200/prefix', 'https://node-2:9200'], username: u, password: p, ca_file: ca.pem"), "")
	f("cluster: {upstream: {urls: ['http://127.0.0.1:9201']}}\n", "store.key_file: needed where the guarded cluster holds the state")
	f("store: {key_file: k}\ncluster: {upstream: {urls: ['http://127.0.0.1:9201']}}\n", "")
	f("store: {place: embedded, key_file: k}\n", "")
	f("store: {urls: ['http://127.0.0.1:9201']}\n", `unknown key "store.urls"`)
	f("store: elsewhere\n", `"elsewhere" is not one of same, embedded`)
	f(upstream("url: x"), `unknown key "cluster.upstream.url"`)
	f(upstream("username: u"), "cluster.upstream.urls: needed for")
	f(upstream("urls: [node-1]"), "is not an address")
	f(upstream("urls: ['https://u:hunter2@node-1:9200']"), "credentials belong into username")
	f(upstream("urls: ['https://u:hunter2@no de']"), "not an address")
	f(upstream("urls: ['http://node-1:9200']"), "in the clear beyond this machine")
	f(upstream("urls: ['http://127.0.0.1:1'], username: u"), "needed together")
	f(upstream("urls: ['http://127.0.0.1:1'], username: u, password: hunter2, api_key: hunter2"), "exclude each other")
	f(upstream("urls: ['https://n:1'], cert_file: x"), "cert_file and key_file are needed together")
	f(upstream("urls: ['http://127.0.0.1:1'], ca_file: x"), "need https")
	f(upstream("urls: ['http://127.0.0.1:1'], connect_timeout: 0s"), "connect_timeout: must be more than zero")
	f(upstream("urls: ['http://127.0.0.1:1'], max_connections: 0"), "max_connections: must be more than zero")
}

func TestUpstreamSecretsComeFromFilesAndStayHidden(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("hunter2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "vigil.yml")
	text := "store: embedded\ncluster: {upstream: {urls: ['http://127.0.0.1:1'], username: u, password_file: " + secret + "}}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Load(Source{File: file})
	if err != nil {
		t.Fatal(err)
	}
	if got := string(c.Cluster.Upstream.Password); got != "hunter2" {
		t.Errorf("got password %q", got)
	}
	dump, err := c.Dump()
	if err != nil || strings.Contains(string(dump), "hunter2") {
		t.Errorf("the dump shows the password: %v\n%s", err, dump)
	}
	c.Cluster.Upstream.Password = "x"
	if err := c.Cluster.Upstream.readSecrets("cluster.upstream"); err == nil {
		t.Error("password and password_file together must be an error")
	}
}
