package authn

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/bcrypt"
)

// Limits on passwords and hashes. Bcrypt reads 72 bytes; a longer password would be cut off unseen. A hash of cost 16
// takes seconds to verify; a client may not make us spend more.
const (
	DefaultCost       = 12
	maxCost           = 16
	minPasswordLength = 8
	maxPasswordBytes  = 72
)

// The reasons why a password or a hash is refused, in the words of the security plugin where it has some.
var (
	ErrPasswordTooShort = errors.New("Password is too short")            //nolint:staticcheck // shown to clients as the plugin words it
	ErrPasswordTooLong  = errors.New("Password is too long")             //nolint:staticcheck // shown to clients as the plugin words it
	ErrPasswordSimilar  = errors.New("Password is similar to user name") //nolint:staticcheck // shown to clients as the plugin words it
	ErrHashUnsupported  = errors.New("hash is not bcrypt ($2a$, $2b$ or $2y$ with a cost of at most 16)")
)

// CheckPassword tells whether a user may choose the password. The error is one of the ErrPassword values.
func CheckPassword(name, password string) error {
	switch {
	case utf8.RuneCountInString(password) < minPasswordLength:
		return ErrPasswordTooShort
	case len(password) > maxPasswordBytes:
		return ErrPasswordTooLong
	case similar(strings.ToLower(name), strings.ToLower(password)):
		return ErrPasswordSimilar
	}
	return nil
}

// similar reports whether the name, or the name backwards, makes up at least half of the password.
func similar(name, password string) bool {
	if name == "" || 2*len(name) < len(password) {
		return false
	}
	back := []rune(name)
	for i, j := 0, len(back)-1; i < j; i, j = i+1, j-1 {
		back[i], back[j] = back[j], back[i]
	}
	return strings.Contains(password, name) || strings.Contains(password, string(back))
}

// HashPassword returns the bcrypt hash of a password at [DefaultCost]. It checks nothing but the length that bcrypt reads.
func HashPassword(password string) (string, error) { return HashPasswordCost(password, DefaultCost) }

// HashPasswordCost is [HashPassword] at another cost; tests use the lowest, 4.
func HashPasswordCost(password string, cost int) (string, error) {
	if len(password) > maxPasswordBytes {
		return "", ErrPasswordTooLong
	}
	hash, err := bcrypt.GenerateFromPassword([]byte(password), cost)
	if err != nil {
		return "", fmt.Errorf("hashing password: %w", err)
	}
	return string(hash), nil
}

// CheckHash tells whether [Basic] can verify passwords against the hash. The error is [ErrHashUnsupported].
func CheckHash(hash string) error {
	if len(hash) != 60 || hash[0] != '$' || hash[1] != '2' || !strings.ContainsRune("aby", rune(hash[2])) || hash[3] != '$' || hash[6] != '$' {
		return ErrHashUnsupported
	}
	const alphabet = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	if strings.Trim(hash[7:], alphabet) != "" {
		return ErrHashUnsupported
	}
	cost, err := bcrypt.Cost([]byte(hash))
	if err != nil || cost < bcrypt.MinCost || cost > maxCost {
		return ErrHashUnsupported
	}
	return nil
}

// dummyHash returns a hash of the given cost that no password is known for. Verifying against it costs what verifying a
// real one costs, which is all it is for.
func dummyHash(cost int) string {
	return fmt.Sprintf("$2a$%02d$%s", cost, strings.Repeat(".", 53))
}
