package app

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"slices"
	"sync"
	"syscall"
	"time"
)

// Bounds of the TLS handshakes under way at once. Connections beyond maxHandshakes wait to be accepted; those of one address
// beyond maxFromAddress are closed, so that nobody who connects and says nothing keeps the others out.
const (
	maxHandshakes  = 256
	maxFromAddress = 64
)

// How long to wait before accepting again when the process or the machine is out of something: doubled each time in a row.
const (
	minAcceptPause = 5 * time.Millisecond
	maxAcceptPause = time.Second
)

// handshakes is a listener that hands out connections whose TLS handshake is done. net/http would do it on the first read and
// tell of failures in its log only; here they are told to somebody who records them.
type handshakes struct {
	net.Listener
	config  *tls.Config
	timeout time.Duration
	failed  func(net.Addr, error)

	ready  chan net.Conn // never closed: handshakes may still be sending
	slots  chan struct{}
	closed <-chan struct{}
	done   chan struct{} // closed when nothing is accepted any more
	err    error         // why; set before done is closed
	cancel context.CancelFunc
	once   sync.Once
	wg     sync.WaitGroup

	mu   sync.Mutex
	from map[netip.Addr]int // handshakes under way by [source]
}

// newHandshakes listens on l until it is closed. Failed is told of every handshake that did not come about.
func newHandshakes(l net.Listener, config *tls.Config, timeout time.Duration, failed func(net.Addr, error)) *handshakes {
	ctx, cancel := context.WithCancel(context.Background())
	h := &handshakes{
		Listener: l, config: config, timeout: timeout, failed: failed,
		ready: make(chan net.Conn), slots: make(chan struct{}, maxHandshakes), closed: ctx.Done(), done: make(chan struct{}),
		cancel: cancel, from: map[netip.Addr]int{},
	}
	h.wg.Go(func() { h.accept(ctx) })
	return h
}

func (h *handshakes) accept(ctx context.Context) {
	defer close(h.done)
	pause := minAcceptPause
	for {
		conn, err := h.Listener.Accept()
		if err != nil {
			if !passing(err) {
				h.err = err
				return
			}
			if !h.wait(pause) {
				h.err = net.ErrClosed
				return
			}
			pause = min(2*pause, maxAcceptPause)
			continue
		}
		pause = minAcceptPause
		addr := source(conn)
		if !h.enter(addr) {
			_ = conn.Close()
			continue
		}
		select {
		case h.slots <- struct{}{}:
		case <-h.closed:
			_ = conn.Close()
			h.err = net.ErrClosed
			return
		}
		h.wg.Go(func() {
			defer func() {
				h.leave(addr)
				<-h.slots
			}()
			h.shake(ctx, conn)
		})
	}
}

// passing reports whether accepting may work again later.
func passing(err error) bool {
	if ne, ok := errors.AsType[net.Error](err); ok && ne.Timeout() {
		return true
	}
	return slices.ContainsFunc([]error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.ECONNABORTED},
		func(e error) bool { return errors.Is(err, e) })
}

// wait returns false if the listener is closed before the time is over.
func (h *handshakes) wait(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-h.closed:
		return false
	}
}

// source is where a connection comes from, as far as it is counted: of IPv6 the network, since a host has all of it.
func source(conn net.Conn) netip.Addr {
	at, err := netip.ParseAddrPort(conn.RemoteAddr().String())
	if err != nil {
		return netip.Addr{}
	}
	addr := at.Addr().Unmap().WithZone("")
	if addr.Is6() {
		return netip.PrefixFrom(addr, 64).Masked().Addr()
	}
	return addr
}

// enter counts a handshake from addr; false if there are too many.
func (h *handshakes) enter(addr netip.Addr) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.from[addr] >= maxFromAddress {
		return false
	}
	h.from[addr]++
	return true
}

func (h *handshakes) leave(addr netip.Addr) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.from[addr]--; h.from[addr] == 0 {
		delete(h.from, addr)
	}
}

func (h *handshakes) shake(ctx context.Context, raw net.Conn) {
	conn := tls.Server(raw, h.config)
	ctx, cancel := context.WithTimeout(ctx, h.timeout)
	defer cancel()
	if err := conn.HandshakeContext(ctx); err != nil {
		_ = raw.Close()
		// Who connects and says nothing (a port scan, a health check) has failed at nothing, nor who was under way at the end.
		if !errors.Is(err, io.EOF) && !errors.Is(err, context.Canceled) {
			h.failed(raw.RemoteAddr(), err)
		}
		return
	}
	select {
	case h.ready <- conn:
	case <-h.closed:
		_ = raw.Close()
	}
}

// Accept returns the next connection whose handshake is done.
func (h *handshakes) Accept() (net.Conn, error) {
	select {
	case conn := <-h.ready:
		return conn, nil
	case <-h.closed:
		return nil, net.ErrClosed
	case <-h.done:
		return nil, h.err
	}
}

// Close stops accepting, breaks off the handshakes under way and waits for them to end.
func (h *handshakes) Close() error {
	err := net.ErrClosed
	h.once.Do(func() {
		h.cancel()
		err = h.Listener.Close()
		h.wg.Wait()
	})
	return err
}
