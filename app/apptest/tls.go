package apptest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"vigil/config"
)

// AdminSubject is the subject of the administrator's certificate that [NewTLS] makes.
const AdminSubject = "CN=admin,OU=admin,O=Peer"

// TLS is a certificate authority with the certificates that a test needs.
type TLS struct {
	// CA is what servers and clients trust.
	CA *x509.CertPool
	// Admin is an administrator, Client nobody in particular; the authority vouches for both.
	Admin, Client tls.Certificate
	// Dir holds ca.pem, and NAME.pem and NAME.key of node, admin and client, for programs that read files.
	Dir string
}

// NewTLS makes a certificate authority and certificates for the server on 127.0.0.1, an administrator and a client, in a
// folder that goes when the test ends.
func NewTLS(t testing.TB) *TLS {
	t.Helper()
	c := &TLS{CA: x509.NewCertPool(), Dir: t.TempDir()}
	m := maker{t: t}
	m.parent, m.signer = m.sign(&x509.Certificate{
		Subject: pkix.Name{CommonName: "peer-ca", OrganizationalUnit: []string{"CA"}, Organization: []string{"Peer"}},
		IsCA:    true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	})
	c.CA.AddCert(m.parent)
	m.write(c.file("ca.pem"), "CERTIFICATE", m.parent.Raw)
	node := m.leaf("node-0", "node")
	c.Admin, c.Client = m.leaf("admin", "admin"), m.leaf("client0", "client")
	for name, cert := range map[string]tls.Certificate{"node": node, "admin": c.Admin, "client": c.Client} {
		key, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
		if err != nil {
			t.Fatal(err)
		}
		m.write(c.file(name+".pem"), "CERTIFICATE", cert.Certificate[0])
		m.write(c.file(name+".key"), "PRIVATE KEY", key)
	}
	return c
}

func (c *TLS) file(name string) string { return filepath.Join(c.Dir, name) }

// Apply makes a configuration serve TLS and know the administrator.
func (c *TLS) Apply(cfg *config.Config) {
	cfg.HTTP.TLS = config.TLS{
		CertFile: c.file("node.pem"), KeyFile: c.file("node.key"), ClientCAFile: c.file("ca.pem"), ClientAuth: "optional",
	}
	cfg.AdminSubjects = []string{AdminSubject}
}

// Dial returns what a client needs to connect, with a certificate of its own or nil.
func (c *TLS) Dial(cert *tls.Certificate) *tls.Config {
	d := &tls.Config{RootCAs: c.CA, ServerName: "127.0.0.1", MinVersion: tls.VersionTLS12}
	if cert != nil {
		d.Certificates = []tls.Certificate{*cert}
	}
	return d
}

// maker signs certificates. The first one that it signs is signed by itself.
type maker struct {
	t      testing.TB
	parent *x509.Certificate
	signer *ecdsa.PrivateKey
	serial int64
}

func (m *maker) leaf(name, unit string) tls.Certificate {
	m.t.Helper()
	cert, key := m.sign(&x509.Certificate{
		Subject:     pkix.Name{CommonName: name, OrganizationalUnit: []string{unit}, Organization: []string{"Peer"}},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	})
	return tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key, Leaf: cert}
}

func (m *maker) sign(template *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	m.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		m.t.Fatal(err)
	}
	m.serial++
	template.SerialNumber = big.NewInt(m.serial)
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(24*time.Hour)
	parent, signer := m.parent, m.signer
	if parent == nil {
		parent, signer = template, key
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		m.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(raw)
	if err != nil {
		m.t.Fatal(err)
	}
	return cert, key
}

func (m *maker) write(path, kind string, raw []byte) {
	m.t.Helper()
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: raw}), 0o600); err != nil {
		m.t.Fatal(err)
	}
}
