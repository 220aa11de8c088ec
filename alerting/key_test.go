package alerting

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vigil/alerting/alertingtest"
	"vigil/notify"
)

func loadKey(t testing.TB, file string) *Key {
	t.Helper()
	k, err := LoadKey(file, true)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestKeyFileIsMadeOnceForItsOwnerAlone(t *testing.T) {
	file := filepath.Join(t.TempDir(), "store.key")
	if _, err := LoadKey(file, false); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that was named and is missing: %v", err)
	}
	first := loadKey(t, file)
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode().Perm(); got != 0o600 {
		t.Errorf("mode %o, want 600", got)
	}
	if second := loadKey(t, file); second.ID() != first.ID() {
		t.Error("the key changed when it was read again")
	}
	if entries, _ := os.ReadDir(filepath.Dir(file)); len(entries) != 1 {
		t.Errorf("%d files are left, want the key alone", len(entries))
	}
}

func TestKeyFileThatCannotBeTrusted(t *testing.T) {
	secret := strings.Repeat("ab", 32)
	for name, tt := range map[string]struct {
		text string
		mode os.FileMode
	}{
		"open to others": {secret, 0o644}, "short": {secret[2:], 0o600}, "not hexadecimal": {secret[1:] + "x", 0o600}, "empty": {"", 0o600},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "k")
			if err := os.WriteFile(file, []byte(tt.text), tt.mode); err != nil {
				t.Fatal(err)
			}
			if _, err := LoadKey(file, true); err == nil || strings.Contains(err.Error(), "abab") {
				t.Errorf("got %v, want an error without the key", err)
			}
		})
	}
}

func TestSealedOpensOnlyForItsDocumentAndKey(t *testing.T) {
	k, other := loadKey(t, filepath.Join(t.TempDir(), "a")), loadKey(t, filepath.Join(t.TempDir(), "b"))
	box, err := k.Seal("doc-1", []byte("secret"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := k.Open("doc-1", box); err != nil || string(got) != "secret" {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := k.Open("doc-2", box); err == nil {
		t.Error("it opens for another document")
	}
	if _, err := other.Open("doc-1", box); !errors.Is(err, ErrOtherKey) || !strings.Contains(err.Error(), k.ID()) {
		t.Errorf("another key: %v", err)
	}
	again, _ := k.Seal("doc-1", []byte("secret"))
	if string(again) == string(box) {
		t.Error("two seals are the same")
	}
	for i := range box {
		bad := append([]byte(nil), box...)
		bad[i] ^= 1
		if _, err := k.Open("doc-1", bad); err == nil {
			t.Errorf("a flipped bit in byte %d is not noticed", i)
		}
		if _, err := k.Open("doc-1", box[:i]); err == nil {
			t.Errorf("%d bytes of it open", i)
		}
	}
}

func TestDestinationsAreSealedAtTheNextWrite(t *testing.T) {
	docs := alertingtest.New()
	plain := NewStore(StoreOptions{Client: docs.Client()})
	key := loadKey(t, filepath.Join(t.TempDir(), "k"))
	store := NewStore(StoreOptions{Client: docs.Client(), Sealer: key})
	for _, legacy := range []bool{false, true} {
		c := Channel{Enabled: true, Legacy: legacy, Destination: notify.Destination{
			ID: "c", Name: "room", Type: notify.Chime, Config: json.RawMessage(`{"url":"https://hooks.example/planted-secret"}`),
		}}
		if _, err := plain.SaveChannel(t.Context(), c, true, nil); err != nil {
			t.Fatal(err)
		}
		old, err := store.Channel(t.Context(), "c", legacy)
		if err != nil || string(old.Config) != string(c.Config) {
			t.Fatalf("a plain destination: %s, %v", old.Config, err)
		}
		if _, err := store.SaveChannel(t.Context(), old, false, &old.Version); err != nil {
			t.Fatal(err)
		}
		for id, doc := range docs.Sources("*") {
			if legacy && strings.Contains(string(doc), "planted-secret") {
				t.Errorf("%s holds the secret: %s", id, doc)
			}
		}
		if got, err := store.Channel(t.Context(), "c", legacy); err != nil || string(got.Config) != string(c.Config) {
			t.Errorf("a sealed destination: %s, %v", got.Config, err)
		}
	}
	if err := store.CheckKey(t.Context()); err != nil {
		t.Errorf("the right key: %v", err)
	}
	wrong := NewStore(StoreOptions{Client: docs.Client(), Sealer: loadKey(t, filepath.Join(t.TempDir(), "k"))})
	if err := wrong.CheckKey(t.Context()); !errors.Is(err, ErrOtherKey) {
		t.Errorf("another key: %v", err)
	}
	if err := plain.CheckKey(t.Context()); err == nil {
		t.Error("no key: no error")
	}
}

func FuzzOpen(f *testing.F) {
	k := loadKey(f, filepath.Join(f.TempDir(), "k"))
	box, _ := k.Seal("d", []byte("plain"))
	f.Add(box)
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		if got, err := k.Open("d", b); err == nil && string(got) != "plain" {
			t.Errorf("opened %x to %q", b, got)
		}
	})
}
