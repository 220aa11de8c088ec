package notify

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
)

func TestAddresses(t *testing.T) {
	allow := []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")}
	g, err := newGuard(Options{AllowNetworks: allow, DenyHosts: []string{"203.0.113.0/24", "10.1.2.3", "::ffff:198.51.100.0/120"}})
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		address string
		allowed bool
	}{
		{"93.184.216.34", true},
		{"2606:2800:220:1::1", true},
		{"10.1.9.9", true},
		{"10.2.9.9", false},
		{"10.1.2.3", false},
		{"203.0.113.7", false},
		{"127.0.0.1", false},
		{"127.8.9.10", false},
		{"0.0.0.0", false},
		{"169.254.169.254", false},
		{"172.16.0.1", false},
		{"172.32.0.1", true},
		{"192.168.1.1", false},
		{"100.64.0.1", false},
		{"198.18.0.1", false},
		{"224.0.0.1", false},
		{"255.255.255.255", false},
		{"::", false},
		{"::1", false},
		{"::ffff:127.0.0.1", false},
		{"::ffff:10.1.9.9", true},
		{"::127.0.0.1", false},
		{"64:ff9b::7f00:1", false},
		{"2002:7f00:1::", false},
		{"2001:0:1::", false},
		{"fd00:ec2::254", false},
		{"fe80::1", false},
		{"fe80::1%eth0", false},
		{"ff02::1", false},
		{"168.63.129.16", false},
		{"198.51.100.7", false},
	}
	for _, tt := range tests {
		address := net.JoinHostPort(tt.address, "443")
		err := g.control(t.Context(), "tcp", address, nil)
		if allowed := err == nil; allowed != tt.allowed {
			t.Errorf("%s: %v", tt.address, err)
		}
		if err != nil && !errors.Is(err, ErrForbidden) {
			t.Errorf("%s: %v is not ErrForbidden", tt.address, err)
		}
	}
}

func TestHosts(t *testing.T) {
	tests := []struct {
		allow, deny []string
		host        string
		allowed     bool
	}{
		{nil, nil, "example.com", true},
		{nil, []string{"Example.com"}, "example.COM.", false},
		{nil, []string{"*.example.com"}, "a.example.com", false},
		{nil, []string{"*.example.com"}, "badexample.com", true},
		{[]string{"hooks.slack.com"}, nil, "hooks.slack.com", true},
		{[]string{"hooks.slack.com"}, nil, "example.com", false},
		{[]string{"*.example.com"}, []string{"a.example.com"}, "a.example.com", false},
	}
	for _, tt := range tests {
		g, err := newGuard(Options{AllowHosts: tt.allow, DenyHosts: tt.deny})
		if err != nil {
			t.Fatal(err)
		}
		if err := g.host(tt.host); (err == nil) != tt.allowed {
			t.Errorf("%+v: %v", tt, err)
		}
	}
	for _, bad := range []string{"", "a b", "a*b", "http://x", "x:80"} {
		if _, err := New(Options{DenyHosts: []string{bad}}); err == nil {
			t.Errorf("the host list takes %q", bad)
		}
	}
}

// TestNothingOfOursIsReached sends to ways of writing addresses that must not be reached.
func TestNothingOfOursIsReached(t *testing.T) {
	n := open(t, Options{})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	port := strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
	for _, host := range []string{"127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "[::]", "169.254.169.254"} {
		_, err := n.Send(t.Context(), webhook("http://"+host+":"+port+"/"), Message{})
		if !errors.Is(err, ErrForbidden) {
			t.Errorf("%s: %v", host, err)
		}
		if e, ok := errors.AsType[*Error](err); ok && e.Retry {
			t.Errorf("%s: worth a retry?", host)
		}
	}
}

// TestRebinding resolves a name to a public address first and to a private one whenever it is asked again.
func TestRebinding(t *testing.T) {
	dns := newNameServer(t, func(asked int32) [4]byte {
		if asked == 1 {
			return [4]byte{93, 184, 216, 34}
		}
		return [4]byte{127, 0, 0, 1}
	})
	// The first question is one that somebody asked to check the name.
	r := dns.resolver()
	if got, err := r.LookupNetIP(t.Context(), "ip4", "rebind.example."); err != nil || got[0].String() != "93.184.216.34" {
		t.Fatalf("the check sees %v, %v", got, err)
	}
	n := open(t, Options{Resolver: r})
	_, err := n.Send(t.Context(), webhook("http://rebind.example.:9/"), Message{})
	if !errors.Is(err, ErrForbidden) {
		t.Errorf("got %v", err)
	}
	if !strings.Contains(err.Error(), "127.0.0.1") {
		t.Errorf("the refusal does not name the address: %v", err)
	}
}

// nameServer answers every question for an IPv4 address.
type nameServer struct {
	conn  net.PacketConn
	asked atomic.Int32
}

func newNameServer(t *testing.T, answer func(asked int32) [4]byte) *nameServer {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &nameServer{conn: conn}
	done := make(chan struct{})
	go func() {
		defer close(done)
		b := make([]byte, 512)
		for {
			n, from, err := conn.ReadFrom(b)
			if err != nil {
				return
			}
			_, _ = conn.WriteTo(s.reply(b[:n], answer), from)
		}
	}()
	t.Cleanup(func() { conn.Close(); <-done })
	return s
}

func (s *nameServer) reply(q []byte, answer func(int32) [4]byte) []byte {
	end := 12
	for q[end] != 0 {
		end += int(q[end]) + 1
	}
	question := q[12 : end+5]
	out := append([]byte{q[0], q[1], 0x84, 0, 0, 1, 0, 0, 0, 0, 0, 0}, question...)
	if binary.BigEndian.Uint16(q[end+1:]) != 1 { // only A has an answer
		return out
	}
	out[7] = 1
	ip := answer(s.asked.Add(1))
	return append(append(out, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4), ip[:]...)
}

func (s *nameServer) resolver() *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "udp", s.conn.LocalAddr().String())
	}}
}
