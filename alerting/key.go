package alerting

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"vigil/notify"
)

const (
	keySize = 32
	// sealVersion begins everything that is sealed; the key's id and a nonce follow.
	sealVersion = 1
	keyIDSize   = 8
)

// ErrOtherKey says that something was sealed with another key than ours.
var ErrOtherKey = errors.New("sealed with another key")

// Key is a [Sealer] by AES-256-GCM. What it seals names the key, so that a wrong one is told from damage. It is safe for
// concurrent use.
type Key struct {
	aead cipher.AEAD
	id   [keyIDSize]byte
}

// LoadKey reads a key file: 64 hexadecimal digits. With create set a file that does not exist is made, with a random key and
// for its owner alone. One that others may read is refused.
func LoadKey(file string, create bool) (*Key, error) {
	text, err := readKeyFile(file)
	if create && errors.Is(err, fs.ErrNotExist) {
		if err = makeKeyFile(file); err == nil || errors.Is(err, fs.ErrExist) {
			text, err = readKeyFile(file)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("key file: %w", err)
	}
	raw, err := hex.DecodeString(strings.TrimSpace(text))
	if err != nil || len(raw) != keySize {
		// The cause would quote the key.
		return nil, fmt.Errorf("key file %s: not %d hexadecimal digits", file, 2*keySize)
	}
	return newKey(raw)
}

func newKey(raw []byte) (*Key, error) {
	block, err := aes.NewCipher(raw)
	if err != nil {
		return nil, fmt.Errorf("key: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("key: %w", err)
	}
	k := &Key{aead: aead}
	sum := sha256.Sum256(append([]byte("vigil key id\x00"), raw...))
	copy(k.id[:], sum[:])
	return k, nil
}

func readKeyFile(file string) (string, error) {
	info, err := os.Stat(file)
	if err != nil {
		return "", err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return "", fmt.Errorf("%s can be read by others; its mode must be 0600", file)
	}
	b, err := os.ReadFile(file)
	return string(b), err
}

// makeKeyFile makes the file appear whole or not at all, and never in the place of another.
func makeKeyFile(file string) (err error) {
	dir := filepath.Dir(file)
	f, err := os.CreateTemp(dir, ".key-*") // 0600
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(f.Name())) }()
	var raw [keySize]byte
	// crypto/rand.Read never fails.
	_, _ = rand.Read(raw[:])
	_, err = f.WriteString(hex.EncodeToString(raw[:]) + "\n")
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), file); err != nil {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// ID names the key without telling anything of it.
func (k *Key) ID() string { return hex.EncodeToString(k.id[:]) }

// Seal encrypts; id binds the result to one document.
func (k *Key) Seal(id string, plain []byte) ([]byte, error) {
	out := make([]byte, 0, 1+keyIDSize+k.aead.NonceSize()+len(plain)+k.aead.Overhead())
	out = append(append(out, sealVersion), k.id[:]...)
	nonce := out[len(out) : len(out)+k.aead.NonceSize()]
	_, _ = rand.Read(nonce)
	out = out[:len(out)+len(nonce)]
	return k.aead.Seal(out, nonce, plain, []byte(id)), nil
}

// Open decrypts what Seal returned for the same document. It is [ErrOtherKey] if that was the Seal of another key.
func (k *Key) Open(id string, box []byte) ([]byte, error) {
	head := 1 + keyIDSize + k.aead.NonceSize()
	if len(box) < head || box[0] != sealVersion {
		return nil, errors.New("not in a form that this version can open")
	}
	if by := box[1 : 1+keyIDSize]; string(by) != string(k.id[:]) {
		return nil, fmt.Errorf("%w: by %x, ours is %s", ErrOtherKey, by, k.ID())
	}
	plain, err := k.aead.Open(nil, box[1+keyIDSize:head], box[head:], []byte(id))
	if err != nil {
		return nil, errors.New("damaged, or moved here from another document")
	}
	return plain, nil
}

// CheckKey opens every destination. It returns an [ErrOtherKey] if one of them was sealed with another key.
func (s *Store) CheckKey(ctx context.Context) error {
	for _, legacy := range []bool{false, true} {
		if _, err := s.Channels(ctx, legacy); err != nil {
			return err
		}
	}
	for _, t := range []notify.Type{notify.SMTPAccount, notify.EmailGroup} {
		if _, err := s.LegacyEmail(ctx, t); err != nil {
			return err
		}
	}
	return nil
}
