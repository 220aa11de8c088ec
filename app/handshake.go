package app

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

// maxHandshakes bounds the TLS handshakes under way at once; connections beyond wait to be accepted.
const maxHandshakes = 256

// handshakes is a listener that hands out connections whose TLS handshake is done. net/http would do it on the first read and
// tell of failures in its log only; here they are told to somebody who records them.
type handshakes struct {
	net.Listener
	config  *tls.Config
	timeout time.Duration
	failed  func(error)

	ready  chan net.Conn
	slots  chan struct{}
	closed chan struct{}
	once   sync.Once
	wg     sync.WaitGroup
	err    error // of Accept; set before ready is closed
}

// newHandshakes listens on l until it is closed. Failed is told of every handshake that did not come about.
func newHandshakes(l net.Listener, config *tls.Config, timeout time.Duration, failed func(error)) *handshakes {
	h := &handshakes{
		Listener: l, config: config, timeout: timeout, failed: failed,
		ready: make(chan net.Conn), slots: make(chan struct{}, maxHandshakes), closed: make(chan struct{}),
	}
	h.wg.Go(h.accept)
	return h
}

func (h *handshakes) accept() {
	defer close(h.ready)
	for {
		conn, err := h.Listener.Accept()
		if err != nil {
			if ne, ok := errors.AsType[net.Error](err); ok && ne.Timeout() {
				continue
			}
			h.err = err
			return
		}
		h.slots <- struct{}{}
		h.wg.Go(func() {
			defer func() { <-h.slots }()
			h.shake(conn)
		})
	}
}

func (h *handshakes) shake(raw net.Conn) {
	conn := tls.Server(raw, h.config)
	ctx, cancel := context.WithTimeout(context.Background(), h.timeout)
	defer cancel()
	if err := conn.HandshakeContext(ctx); err != nil {
		_ = raw.Close()
		// Who connects and says nothing (a port scan, a health check) has failed at nothing.
		if !errors.Is(err, io.EOF) {
			h.failed(err)
		}
		return
	}
	select {
	case h.ready <- conn:
	case <-h.closed:
		_ = conn.Close()
	}
}

// Accept returns the next connection whose handshake is done.
func (h *handshakes) Accept() (net.Conn, error) {
	select {
	case conn, ok := <-h.ready:
		if ok {
			return conn, nil
		}
		return nil, h.err
	case <-h.closed:
		return nil, net.ErrClosed
	}
}

// Close stops accepting and waits for the handshakes under way.
func (h *handshakes) Close() error {
	err := net.ErrClosed
	h.once.Do(func() {
		close(h.closed)
		err = h.Listener.Close()
		h.wg.Wait()
	})
	return err
}
