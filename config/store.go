package config

import "path/filepath"

// Store is where events and state live, and how what is secret in them is kept from their readers.
type Store struct {
	// Place is same (the cluster that is guarded, the default; several gateways may share it) or embedded. "store: embedded" is
	// short for it.
	Place string `yaml:"place"`
	// KeyFile holds the key that encrypts the secrets of destinations; every gateway over one store has the same. Empty means
	// store.key in the data folder, which is made when it is first needed. A file that is named here must be there.
	KeyFile string `yaml:"key_file"`
}

// StoreKey returns the file of the key that encrypts secrets, and whether it may be made if it is not there.
func (c *Config) StoreKey() (file string, create bool) {
	if c.Store.KeyFile != "" {
		return c.Store.KeyFile, false
	}
	return filepath.Join(c.Data, "store.key"), true
}
