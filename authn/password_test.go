package authn

import (
	"errors"
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"
)

func TestCheckPassword(t *testing.T) {
	for _, c := range []struct {
		name, password string
		want           error
	}{
		{"tmpuser", "Zq7#birch-Hill5", nil},
		{"u", "short", ErrPasswordTooShort},
		{"u", "1234567", ErrPasswordTooShort},
		{"u", "12345678", nil},
		{"u", strings.Repeat("x", 72), nil},
		{"u", strings.Repeat("x", 73), ErrPasswordTooLong},
		{"u", strings.Repeat("ü", 37), ErrPasswordTooLong},
		{"elisabeth", "Elisabeth1", ErrPasswordSimilar},
		{"elisabeth", "htebasile!", ErrPasswordSimilar},
		{"el", "elephant-in-the-room", nil},
		{"", "12345678", nil},
	} {
		if got := CheckPassword(c.name, c.password); !errors.Is(got, c.want) {
			t.Errorf("CheckPassword(%q, %q) = %v, want %v", c.name, c.password, got, c.want)
		}
	}
}

func TestCheckHash(t *testing.T) {
	good, err := HashPasswordCost("password", bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	for hash, ok := range map[string]bool{
		good: true, "$2b" + good[3:]: true, "$2y" + good[3:]: true, dummyHash(16): true,
		"": false, "x": false, "$2x" + good[3:]: false, good[:59]: false, good + "a": false, dummyHash(17): false, dummyHash(31): false,
		good[:59] + "!": false, "$argon2id$v=19$m=65536,t=3,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA": false,
	} {
		if err := CheckHash(hash); (err == nil) != ok {
			t.Errorf("CheckHash(%q) = %v, want ok %v", hash, err, ok)
		}
	}
}

func TestHashesOfAllBcryptLettersVerify(t *testing.T) {
	hash, err := HashPasswordCost("river-maple", bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	for _, letter := range []string{"a", "b", "y"} {
		b := NewBasic(BasicOptions{})
		b.SetUsers(map[string]User{"u": {Hash: "$2" + letter + hash[3:]}})
		if _, err := b.Authenticate(t.Context(), request(t, basic("u", "river-maple"))); err != nil {
			t.Errorf("$2%s$: %v", letter, err)
		}
	}
}

func TestHashPasswordRefusesWhatBcryptWouldCutOff(t *testing.T) {
	if _, err := HashPasswordCost(strings.Repeat("x", 73), bcrypt.MinCost); !errors.Is(err, ErrPasswordTooLong) {
		t.Errorf("error %v, want %v", err, ErrPasswordTooLong)
	}
}

func TestNothingIsKnownOfTheDummyHash(t *testing.T) {
	for _, password := range []string{"", ".", "password", strings.Repeat(".", 53)} {
		// Any other error would mean that nothing was computed, and that unknown users are told apart by time.
		err := bcrypt.CompareHashAndPassword([]byte(dummyHash(bcrypt.MinCost)), []byte(password))
		if !errors.Is(err, bcrypt.ErrMismatchedHashAndPassword) {
			t.Errorf("password %q: %v", password, err)
		}
	}
}
