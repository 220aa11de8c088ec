package alerting

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
)

// NewID returns a random id in the form of OpenSearch's: 20 characters, safe in URLs.
func NewID() string {
	var b [15]byte
	// crypto/rand.Read never fails.
	_, _ = rand.Read(b[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// newUUID returns a random UUID: execution ids end in one.
func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
