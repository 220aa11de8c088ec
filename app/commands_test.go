package app_test

import (
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"vigil/app/apptest"
)

// TestCommands runs the commands that end by themselves.
func TestCommands(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	good, bad, rules := filepath.Join(dir, "good.yml"), filepath.Join(dir, "bad.yml"), filepath.Join(dir, "rules.yml")
	for file, text := range map[string]string{
		good: "cluster_name: other\n", bad: "http:\n  lisen: here\n",
		rules: "audit:\n  redact:\n    - field: ssn\n      action: hash\n    - pattern: '('\n      action: mask\n",
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f := func(status int, out, log string, args ...string) {
		t.Helper()
		p := run(t, nil, args...)
		got := p.wait()
		gotOut, gotLog := p.said()
		if got != status || !strings.Contains(gotOut, out) || !strings.Contains(gotLog, log) || out == "" && gotOut != "" {
			t.Errorf("vigil %v: ended with %d, want %d\nout: %s\nlog: %s\nwant %q and %q", args, got, status, gotOut, gotLog, out, log)
		}
	}
	f(0, "vigil 0.1.0", "", "version")
	f(0, "usage: vigil", "", "help")
	f(0, "usage: vigil", "", "serve", "--help")
	f(0, "usage: vigil sink", "", "sink", "--help")
	f(2, "", `unknown command "swerve"`, "swerve")
	f(2, "", "flag provided but not defined: -nonsense", "serve", "--nonsense")
	f(2, "", `unexpected argument "now"`, "check", "now")
	f(0, "the configuration is valid", "", "check")
	f(0, "the configuration is valid", "", "check", "--config", good)
	f(1, "", `line 2: unknown key "http.lisen"`, "check", "--config", bad)
	f(1, "", `line 2: unknown key "http.lisen"`, "serve", "--config", bad)
	for _, command := range []string{"check", "serve"} {
		f(1, "", "line 3: audit.redact: action hash needs a key", command, "--config", rules)
		f(1, "", "line 5: audit.redact: pattern: ", command, "--config", rules)
	}
	f(1, "", "no such file", "check", "--config", filepath.Join(dir, "none.yml"))
	f(0, "cluster_name: other", "", "config", "--config", good)
	f(0, "listen: 127.0.0.1:1", "", "config", "--listen", "127.0.0.1:1")
	f(1, "", "is reachable from other machines and has no TLS", "serve", "--listen", "0.0.0.0:0")
	f(1, "", "is reachable from other machines and has no TLS", "--listen", ":0")
	f(0, "insecure: true", "", "config", "--listen", "0.0.0.0:0", "--insecure")
	f(1, "", "data folder", "serve", "--data", good, "--listen", "127.0.0.1:0")
}

// TestPrintedConfigurationIsValid takes what "vigil config" prints for a configuration.
func TestPrintedConfigurationIsValid(t *testing.T) {
	t.Parallel()
	printed := run(t, nil, "config")
	if status := printed.wait(); status != 0 {
		t.Fatalf("ended with %d", status)
	}
	out, _ := printed.said()
	file := filepath.Join(t.TempDir(), "vigil.yml")
	if err := os.WriteFile(file, []byte(out), 0o600); err != nil {
		t.Fatal(err)
	}
	p := run(t, nil, "check", "--config", file)
	if status := p.wait(); status != 0 {
		_, log := p.said()
		t.Errorf("ended with %d: %s\n%s", status, log, out)
	}
}

// TestPasswdPrintsAHashThatTheAPITakes reads the password from standard input.
func TestPasswdPrintsAHashThatTheAPITakes(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte("From-standard-input-1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	in, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	p := runWith(t, in, nil, "passwd")
	if status := p.wait(); status != 0 {
		t.Fatalf("ended with %d", status)
	}
	out, _ := p.said()
	if err := bcrypt.CompareHashAndPassword([]byte(strings.TrimSpace(out)), []byte("From-standard-input-1")); err != nil {
		t.Errorf("%q: %v", out, err)
	}
}

// TestFirstStartMakesAnAdministrator lets the program make its own password, which then is where only its owner reads it,
// until it is changed.
func TestFirstStartMakesAnAdministrator(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	p := run(t, []string{"VIGIL_ADMIN_PASSWORD="}, "--data", data, "--listen", "127.0.0.1:0")
	p.url = p.serving()
	file := p.logged("password_file=")
	if want := filepath.Join(data, "initial-admin-password"); strings.TrimSpace(file) != want {
		t.Errorf("the password is in %s, want %s", file, want)
	}
	password := readPrivate(t, filepath.Join(data, "initial-admin-password"))
	out, log := p.said()
	if out != "" || strings.Contains(log, password) {
		t.Errorf("the password is shown: %s%s", out, log)
	}
	if a, err := p.send("admin", password, "GET", "/_plugins/_security/authinfo", ""); err != nil || a.Status != http.StatusOK {
		t.Fatalf("admin cannot log in: %d %s %v", a.Status, a.Body, err)
	}
	change := `{"current_password":"` + password + `","password":"Another-good-password-1"}`
	if a, err := p.send("admin", password, "PUT", "/_plugins/_security/api/account", change); err != nil || a.Status != http.StatusOK {
		t.Fatalf("the password cannot be changed: %d %s %v", a.Status, a.Body, err)
	}
	if _, err := os.Stat(filepath.Join(data, "initial-admin-password")); !os.IsNotExist(err) {
		t.Errorf("the file of the first password is still there: %v", err)
	}
	if info, err := os.Stat(data); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the data folder is %v: %v", info.Mode(), err)
	}
}

func readPrivate(t *testing.T, file string) string {
	t.Helper()
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != fs.FileMode(0o600) {
		t.Errorf("%s is %v, want it private", file, info.Mode())
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(b))
}

// TestAdministratorsPasswordMayBeGiven takes it from the environment, for the first start only.
func TestAdministratorsPasswordMayBeGiven(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	p := run(t, []string{"VIGIL_ADMIN_PASSWORD=" + apptest.Password}, "serve", "--data", data, "--listen", "127.0.0.1:0")
	p.serving() // that the password is right, TestDemo knows
	if _, err := os.Stat(filepath.Join(data, "initial-admin-password")); !os.IsNotExist(err) {
		t.Errorf("a file holds the password that was given: %v", err)
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if status := p.wait(); status != 0 {
		t.Errorf("ended with %d", status)
	}
}

// TestBadPasswordsAreRefusedAtTheFirstStart names what is wrong with it.
func TestBadPasswordsAreRefusedAtTheFirstStart(t *testing.T) {
	t.Parallel()
	p := run(t, []string{"VIGIL_ADMIN_PASSWORD=short"}, "serve", "--data", t.TempDir(), "--listen", "127.0.0.1:0")
	status := p.wait()
	if _, log := p.said(); status != 1 || !strings.Contains(log, "Password is too short") {
		t.Errorf("ended with %d: %s", status, log)
	}
}

// TestDemo plays the story of the documentation.
func TestDemo(t *testing.T) {
	t.Parallel()
	p := run(t, nil, "demo", "--once")
	status := p.wait()
	out, log := p.said()
	if status != 0 || !strings.HasSuffix(out, "demo: 9 of 9 steps held\n") || log != "" {
		t.Errorf("ended with %d:\n%s%s", status, out, log)
	}
}
