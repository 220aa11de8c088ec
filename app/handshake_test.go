package app

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"os"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// testCertificate is self-signed for 127.0.0.1.
func testCertificate(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func TestHandshakesTellFailuresAndGoOn(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	failures := make(chan error, 4)
	h := newHandshakes(l, &tls.Config{Certificates: []tls.Certificate{testCertificate(t)}}, 10*time.Second, func(_ net.Addr, err error) { failures <- err })
	accepted := make(chan net.Conn, 1)
	go func() {
		defer close(accepted)
		for {
			conn, err := h.Accept()
			if err != nil {
				return
			}
			accepted <- conn
		}
	}()

	silent, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	_ = silent.Close()
	plain, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(plain, "GET / HTTP/1.1\r\n\r\n")
	if err := <-failures; err == nil {
		t.Error("plain text on the TLS port was not told")
	}
	_ = plain.Close()

	client, err := tls.Dial("tcp", l.Addr().String(), &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := (<-accepted).(*tls.Conn); !ok {
		t.Error("net/http gets no TLS connection")
	}
	_ = client.Close()
	if err := h.Close(); err != nil {
		t.Error(err)
	}
	<-accepted
	if len(failures) != 0 {
		t.Errorf("a client that said nothing was told as a failure: %v", <-failures)
	}
	if _, err := h.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("got %v after Close", err)
	}
}

// scripted accepts what it is told to.
type scripted struct {
	accepts chan func() (net.Conn, error)
	closed  chan struct{}
}

func (s *scripted) Accept() (net.Conn, error) {
	select {
	case f := <-s.accepts:
		return f()
	case <-s.closed:
		return nil, net.ErrClosed
	}
}

func (s *scripted) Close() error   { close(s.closed); return nil }
func (s *scripted) Addr() net.Addr { return &net.TCPAddr{} }

// from is one end of a pipe that says it comes from an address.
type from struct {
	net.Conn
	addr string
}

func (c from) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.ParseIP(c.addr), Port: 1} }

func startScripted(t *testing.T, failed func(net.Addr, error)) (*handshakes, *scripted) {
	t.Helper()
	s := &scripted{accepts: make(chan func() (net.Conn, error)), closed: make(chan struct{})}
	return newHandshakes(s, &tls.Config{}, 10*time.Second, failed), s
}

func TestHandshakesOutlastRunningOutOfFiles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, s := startScripted(t, func(_ net.Addr, err error) { t.Errorf("told %v", err) })
		want := []time.Duration{0, 5 * time.Millisecond, 10 * time.Millisecond, 20 * time.Millisecond}
		for _, d := range want {
			began := time.Now()
			s.accepts <- func() (net.Conn, error) {
				return nil, &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", syscall.EMFILE)}
			}
			if got := time.Since(began); got != d {
				t.Errorf("accepted again after %v, want %v", got, d)
			}
		}
		began := time.Now()
		if err := h.Close(); err != nil {
			t.Error(err)
		}
		if got := time.Since(began); got != 0 {
			t.Errorf("Close waited %v for a pause to end", got)
		}
		if _, err := h.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("got %v after Close", err)
		}
	})
}

func TestHandshakesEndWithAnErrorThatStays(t *testing.T) {
	h, s := startScripted(t, func(net.Addr, error) {})
	s.accepts <- func() (net.Conn, error) { return nil, syscall.EINVAL }
	if _, err := h.Accept(); !errors.Is(err, syscall.EINVAL) {
		t.Errorf("got %v, want the listener's error", err)
	}
	_ = h.Close()
}

func TestSilentConnectionsOfOneAddressLeaveRoomForOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, s := startScripted(t, func(_ net.Addr, err error) { t.Errorf("told %v", err) })
		var clients []net.Conn
		dial := func(addr string) net.Conn {
			client, server := net.Pipe()
			clients = append(clients, client)
			s.accepts <- func() (net.Conn, error) { return from{server, addr}, nil }
			synctest.Wait()
			return client
		}
		closed := func(c net.Conn) bool {
			_ = c.SetReadDeadline(time.Now().Add(time.Millisecond))
			_, err := c.Read(make([]byte, 1))
			return errors.Is(err, io.EOF)
		}
		for i := range maxFromAddress {
			if closed(dial("192.0.2.1")) {
				t.Fatalf("connection %d was closed", i)
			}
		}
		if !closed(dial("192.0.2.1")) {
			t.Error("one connection too many was kept")
		}
		if closed(dial("192.0.2.2")) {
			t.Error("another address is kept out")
		}
		began := time.Now()
		_ = h.Close()
		if got := time.Since(began); got != 0 || len(h.from) != 0 {
			t.Errorf("Close took %v and left %v under way", got, h.from)
		}
		for _, c := range clients {
			_ = c.Close()
		}
	})
}

func TestCloseWithEveryHandshakeUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, s := startScripted(t, func(_ net.Addr, err error) { t.Errorf("told %v", err) })
		for i := range maxHandshakes + 1 {
			client, server := net.Pipe()
			defer client.Close()
			s.accepts <- func() (net.Conn, error) { return from{server, net.IPv4(192, 0, 2, byte(i)).String()}, nil }
		}
		synctest.Wait()
		began := time.Now()
		_ = h.Close()
		if got := time.Since(began); got != 0 {
			t.Errorf("Close took %v", got)
		}
	})
}

func TestCloseWhileHandshakesEnd(t *testing.T) {
	config := &tls.Config{Certificates: []tls.Certificate{testCertificate(t)}}
	for range 20 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		h := newHandshakes(l, config, 10*time.Second, func(net.Addr, error) {})
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				if c, err := tls.Dial("tcp", l.Addr().String(), &tls.Config{InsecureSkipVerify: true}); err == nil {
					_ = c.Close()
				}
			})
		}
		if conn, err := h.Accept(); err == nil {
			_ = conn.Close()
		}
		_ = h.Close()
		wg.Wait()
	}
}
