package config

import (
	"path/filepath"
	"testing"
)

func TestStoreKeyIsMadeOnlyWhereItIsNotNamed(t *testing.T) {
	c := Default()
	c.Data = "/var/lib/vigil"
	if file, create := c.StoreKey(); file != filepath.Join(c.Data, "store.key") || !create {
		t.Errorf("got %s, %t by default", file, create)
	}
	if err := Decode([]byte("store: {key_file: /etc/vigil/key}"), &c); err != nil {
		t.Fatal(err)
	}
	if file, create := c.StoreKey(); file != "/etc/vigil/key" || create {
		t.Errorf("got %s, %t for a named file", file, create)
	}
}
