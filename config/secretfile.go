package config

import (
	"fmt"
	"os"
	"strings"
)

// readSecretFile sets a secret to what its _file setting names, without the line ends behind it. No file changes nothing; a secret
// that is set already, or a file without one, is an error that names the key.
func readSecretFile(key string, value *Secret, file string) error {
	if file == "" {
		return nil
	}
	if *value != "" {
		return fmt.Errorf("%s: it and %s_file exclude each other", key, key)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("%s_file: %w", key, err)
	}
	if *value = Secret(strings.TrimRight(string(b), "\r\n")); *value == "" {
		return fmt.Errorf("%s_file: %s is empty", key, file)
	}
	return nil
}
