package app

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"sync"

	"vigil/gateway"
)

// wires is a listener whose connections look at the heads of HTTP/1 requests before net/http does, because that answers by
// itself what it cannot read and keeps to itself how a client wrote the names of headers. Both must be told in events.
type wires struct {
	net.Listener
	limit int // of a line, in bytes
}

// Accept returns the next connection; one that speaks HTTP/2 as it is, for there a name has one spelling.
func (l wires) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	secure, ok := conn.(*tls.Conn)
	switch {
	case !ok:
		return newWire(conn, l.limit), nil
	case secure.ConnectionState().NegotiatedProtocol == "h2":
		return conn, nil
	default:
		return &secureWire{newWire(conn, l.limit), secure}, nil
	}
}

// wire is a connection that speaks HTTP/1. What net/http reads from it is what came, but for lines that only begin, which it
// gets when they are whole, and a request whose line is faulty, in whose place it gets one that it hands to its handler.
type wire struct {
	net.Conn
	head head

	// Of the one reader: net/http reads beside a handler, but never twice at once.
	ready []byte // looked at, not yet read
	begun []byte // the beginning of a line
	room  []byte // where to read to if the reader has no room for a line

	mu    sync.Mutex
	heads []gateway.Wire // looked at, not yet handled; in their order
}

func newWire(conn net.Conn, limit int) *wire { return &wire{Conn: conn, head: head{limit: limit}} }

// secureWire is a wire within TLS.
type secureWire struct {
	*wire
	tls *tls.Conn
}

// ConnectionState tells net/http of the TLS session.
func (s *secureWire) ConnectionState() tls.ConnectionState { return s.tls.ConnectionState() }

// roomForLines is the size of what is read at once if the reader has not even room for a line.
const roomForLines = 4 << 10

// Read implements [net.Conn].
func (w *wire) Read(p []byte) (int, error) {
	for len(p) > 0 {
		if len(w.ready) > 0 {
			n := copy(p, w.ready)
			w.ready = w.ready[n:]
			return n, nil
		}
		if w.head.state == ended {
			return 0, io.EOF
		}
		direct := len(w.begun) == 0 && len(p) >= roomForLines/8
		b := p
		if !direct {
			if w.room == nil {
				w.room = make([]byte, roomForLines)
			}
			b = w.room
		}
		n, err := w.Conn.Read(b)
		if n > 0 {
			n = w.look(p, b[:n], direct)
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
	return 0, nil
}

// look takes what came and returns how much of it has been read into p. If direct, it came into p.
func (w *wire) look(p, b []byte, direct bool) int {
	if !direct {
		w.begun = append(w.begun, b...)
		b = w.begun
	}
	whole, rest := w.head.look(b, w.push)
	var n int
	if direct {
		n = len(whole)
	} else {
		n = copy(p, whole)
		w.ready = append(w.ready[:0], whole[n:]...)
	}
	w.ready = append(w.ready, w.head.instead...)
	w.head.instead = nil
	w.begun = append(w.begun[:0], rest...)
	if n == 0 {
		n = copy(p, w.ready)
		w.ready = w.ready[n:]
	}
	return n
}

func (w *wire) push(seen gateway.Wire) {
	w.mu.Lock()
	w.heads = append(w.heads, seen)
	w.mu.Unlock()
}

// next returns what was seen of the request that comes to its handler next. All requests whose head is whole come to it, in
// their order: what net/http refuses itself ends the connection.
func (w *wire) next() gateway.Wire {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.heads) == 0 {
		return gateway.Wire{}
	}
	first := w.heads[0]
	w.heads = append(w.heads[:0], w.heads[1:]...)
	return first
}

// CloseWrite lets net/http end an answer so that the client can read it although more came than was read.
func (w *wire) CloseWrite() error {
	if c, ok := w.Conn.(interface{ CloseWrite() error }); ok {
		return c.CloseWrite()
	}
	return nil
}

type wireKey struct{}

// withWire is [http.Server.ConnContext].
func withWire(ctx context.Context, conn net.Conn) context.Context {
	if s, ok := conn.(*secureWire); ok {
		return context.WithValue(ctx, wireKey{}, s.wire)
	}
	if w, ok := conn.(*wire); ok {
		return context.WithValue(ctx, wireKey{}, w)
	}
	return ctx
}

// tellWire gives a handler's requests what their connection saw of them.
func tellWire(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if conn, ok := r.Context().Value(wireKey{}).(*wire); ok {
			if seen := conn.next(); seen.Fault != gateway.FaultNone || len(seen.Names) > 0 {
				told := seen // only what is told has to live on
				r = r.WithContext(gateway.WithWire(r.Context(), &told))
			}
		}
		h.ServeHTTP(w, r)
	})
}
