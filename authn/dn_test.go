package authn

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"strings"
	"testing"
	"time"
)

func TestDNsAreComparedByAttributes(t *testing.T) {
	for _, c := range []struct {
		a, b  string
		equal bool
	}{
		{"CN=admin,OU=admin,O=Peer", "CN=admin,OU=admin,O=Peer", true},
		{"CN=admin,OU=admin,O=Peer", "cn=admin, ou = admin ,  o=Peer", true},
		{"CN=admin,OU=admin,O=Peer", "2.5.4.3=admin;OID.2.5.4.11=admin;oid.2.5.4.10=Peer", true},
		{"CN=admin,OU=admin,O=Peer", `CN="admin",OU=\61dmin,O=#0c0450656572`, true},
		{"CN=admin,OU=admin,O=Peer", "CN=admin,OU=admin,O=#130450656572", true}, // a printable string of the same text
		{"CN=admin,OU=admin,O=Peer", "O=Peer,OU=admin,CN=admin", false},
		{"CN=admin,OU=admin,O=Peer", "CN=admin,OU=admin", false},
		{"CN=admin,OU=admin,O=Peer", "CN=admin,OU=admin,O=Peer,C=DE", false},
		{"CN=admin,O=Peer", "CN=Admin,O=Peer", false},
		{"CN=admin,O=Peer", "OU=admin,O=Peer", false},
		{"CN=a+UID=b,O=x", "UID=b+CN=a,O=x", true},
		{"CN=a+UID=b,O=x", "CN=a,UID=b,O=x", false},
		{`CN=a\,b,O=x`, `CN="a,b",O=x`, true},
		{`CN=a\,b,O=x`, `CN=a,O=x`, false},
		{`CN=\ a\ ,O=x`, `CN=" a ",O=x`, true},
		{`CN=\ a\ ,O=x`, `CN=a,O=x`, false},
		{`CN=\C3\A9,O=x`, `CN=é,O=x`, true},
		{`EMAILADDRESS=a@b,CN=x`, `1.2.840.113549.1.9.1=a@b,CN=x`, true},
		{`E=a@b,CN=x`, `1.2.840.113549.1.9.1=#160361406\32,CN=x`, false},
		{`E=a@b,CN=x`, `1.2.840.113549.1.9.1=#1603614062,CN=x`, true},
	} {
		a, err := ParseDN(c.a)
		if err != nil {
			t.Fatal(err)
		}
		b, err := ParseDN(c.b)
		if err != nil {
			if c.equal {
				t.Errorf("%s: %v", c.b, err)
			}
			continue
		}
		if got := a.Equal(b); got != c.equal {
			t.Errorf("%s and %s: equal %v, want %v", c.a, c.b, got, c.equal)
		}
	}
}

func TestParseDNRefuses(t *testing.T) {
	for _, s := range []string{
		"", "admin", "CN", "CN=", "CN=a,", ",CN=a", "CN=a,,O=b", "XX=a", "1=a", "1.=a", "01.2=a", `CN=a\`, `CN=a\g`, `CN="a`, `CN="a"b`,
		"CN=#", "CN=#zz", "CN=#0c", "CN=a=b", "CN=a<b", "CN=a\x00", `CN=\FF`, "CN=" + strings.Repeat("a", maxDN),
	} {
		d, err := ParseDN(s)
		if err == nil && s != "CN=#0c" { // bytes that are no BER are kept as they are
			t.Errorf("ParseDN(%.40q) = %s, want an error", s, d)
		}
	}
	if (DN{}).Equal(DN{}) {
		t.Error("two empty names are equal")
	}
}

func TestDNIsPrintedAsRFC2253(t *testing.T) {
	for in, want := range map[string]string{
		"cn=admin ; ou=admin, O = Peer": "CN=admin,OU=admin,O=Peer",
		`CN="a,b+c",S=x`:                `CN=a\,b\+c,ST=x`,
		`CN=\#a\ `:                      `CN=\#a\ `,
		`CN=\0A`:                        `CN=\0A`,
		"E=a@b":                         "1.2.840.113549.1.9.1=#0c03614062",
		"UID=u+CN=c,DC=d,STREET=s,L=l":  "UID=u+CN=c,DC=d,STREET=s,L=l",
	} {
		d, err := ParseDN(in)
		if err != nil {
			t.Fatal(err)
		}
		if got := d.String(); got != want {
			t.Errorf("%s is printed %s, want %s", in, got, want)
		}
	}
}

func FuzzParseDN(f *testing.F) {
	for _, s := range []string{"CN=admin,OU=admin,O=Peer", `CN="a,b"+UID=\2C\ ,O=#0c0161;1.2.3=x`, `E=a@b,CN=\C3\A9`, "CN=#0c"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := ParseDN(s)
		if err != nil {
			return
		}
		again, err := ParseDN(d.String())
		if err != nil {
			t.Fatalf("%q is printed %q: %v", s, d, err)
		}
		if !d.Equal(again) {
			t.Fatalf("%q is printed %q, which is another name", s, d)
		}
	})
}

func FuzzSubjectDN(f *testing.F) {
	der, err := asn1.Marshal(pkix.Name{CommonName: "admin", Organization: []string{"Peer"}}.ToRDNSequence())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(der)
	f.Fuzz(func(t *testing.T, der []byte) {
		d, err := subjectDN(der)
		if err == nil && len(d.rdns) > 0 && !d.Equal(d) {
			t.Fatalf("%s is not equal to itself", d)
		}
	})
}

// certificate returns a self-signed certificate with a subject of relative names, the most general first.
func certificate(t *testing.T, rdns pkix.RDNSequence) *x509.Certificate {
	t.Helper()
	raw, err := asn1.Marshal(rdns)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), RawSubject: raw, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func TestClientCertRecognisesAdministrators(t *testing.T) {
	attr := func(last int, v string) pkix.AttributeTypeAndValue {
		return pkix.AttributeTypeAndValue{Type: asn1.ObjectIdentifier{2, 5, 4, last}, Value: v}
	}
	admin := certificate(t, pkix.RDNSequence{{attr(10, "Peer")}, {attr(11, "admin")}, {attr(3, "admin")}})
	other := certificate(t, pkix.RDNSequence{{attr(10, "Peer")}, {attr(11, "users")}, {attr(3, "admin")}})
	multi := certificate(t, pkix.RDNSequence{{attr(10, "Peer")}, {attr(3, "root"), attr(5, "7")}})
	c, err := NewClientCert([]string{"CN=admin, OU=admin, O=Peer", "SERIALNUMBER=7+CN=root,O=Peer"})
	if err != nil {
		t.Fatal(err)
	}
	for name, x := range map[string]struct {
		state *tls.ConnectionState
		want  string
	}{
		"no TLS":         {nil, ""},
		"no certificate": {&tls.ConnectionState{}, ""},
		"admin":          {verified(admin), "CN=admin,OU=admin,O=Peer"},
		"multi-valued":   {verified(multi), "CN=root+2.5.4.5=#130137,O=Peer"},
		"somebody else":  {verified(other), ""},
		"not verified":   {&tls.ConnectionState{PeerCertificates: []*x509.Certificate{admin}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := request(t, "")
			r.TLS = x.state
			p, err := c.Authenticate(t.Context(), r)
			got := outcomeOf(t, p, err)
			if want := (outcome{Name: x.want, None: x.want == ""}); got != want {
				t.Fatalf("outcome %+v, want %+v", got, want)
			}
			if p != nil && (!p.IsAdmin || p.Method != "clientcert") {
				t.Errorf("principal %+v is no administrator by certificate", p)
			}
		})
	}
}

func verified(cert *x509.Certificate) *tls.ConnectionState {
	return &tls.ConnectionState{PeerCertificates: []*x509.Certificate{cert}, VerifiedChains: [][]*x509.Certificate{{cert}}}
}

func TestNewClientCertNamesTheBadName(t *testing.T) {
	if _, err := NewClientCert([]string{"CN=a", "nonsense"}); err == nil || !strings.Contains(err.Error(), "nonsense") {
		t.Errorf("error %v does not name the value", err)
	}
}

func TestImpersonationIsRefusedAsRecorded(t *testing.T) {
	r := request(t, "")
	if reason, refused := ImpersonationRefusal(&Principal{Name: "root1"}, r); refused {
		t.Errorf("refused without the header: %s", reason)
	}
	r.Header.Set("opendistro_security_impersonate_as", "limited")
	reason, refused := ImpersonationRefusal(&Principal{Name: "root1"}, r)
	if want := "'root1' is not allowed to impersonate as 'limited'"; !refused || reason != want {
		t.Errorf("refused %v: %s; want %s", refused, reason, want)
	}
}
