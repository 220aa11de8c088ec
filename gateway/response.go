package gateway

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"time"

	"vigil/rest"
)

// holdBack is how much of an answer that nobody has to read is kept: so much that small answers have a length, and that
// the last bytes never leave before the events that tell of the whole.
const holdBack = 64 << 10

// pieceBytes is how large the pieces are in which a large answer is kept.
const pieceBytes = 1 << 20

// writeTimeout is how long one write to a client may take.
const writeTimeout = time.Minute

// response stands between a handler and the client. The first byte leaves when the events known by then are durable, the
// last when all are.
type response struct {
	http.ResponseWriter
	x *exchange

	status int
	full   [][]byte // what comes before buf, of a large answer that nobody reads
	buf    []byte
	// whole keeps the answer until the handler has returned, because its events are known only then.
	whole    bool
	read     bool // whether somebody reads the whole answer: it is in one piece then
	sent     bool
	err      error // of recording; once set, nothing more leaves
	inFlight int64 // bytes of the request's body

	in, out int64  // bytes of the bodies that came from and went to the connection
	gone    bool   // the connection took no more
	hits    *int64 // that a long answer tells at its beginning
}

// WriteHeader keeps the status until the first byte may leave.
func (w *response) WriteHeader(status int) {
	if status >= http.StatusOK && len(w.buf) == 0 && w.full == nil && !w.sent {
		w.status = status
	}
}

// Write keeps or sends p.
func (w *response) Write(p []byte) (int, error) {
	if w.err != nil {
		return 0, w.err
	}
	if w.whole && !w.read && len(w.buf) >= pieceBytes {
		// A buffer that grows is copied again and again, and needs more than twice its size.
		w.full, w.buf = append(w.full, w.buf), nil
	}
	if w.whole || len(w.buf)+len(p) <= holdBack {
		w.buf = append(w.buf, p...)
		return len(p), nil
	}
	if w.x.about != nil && !w.sent && isSearch(w.x) {
		w.hits = totalHits(append(slices.Clip(w.buf), p[:min(len(p), maxHead)]...))
	}
	if err := w.open(); err != nil {
		return 0, err
	}
	if err := w.send(w.buf); err != nil {
		return 0, err
	}
	now := max(0, len(p)-holdBack)
	if err := w.send(p[:now]); err != nil {
		return 0, err
	}
	w.buf = append(w.buf[:0], p[now:]...)
	return len(p), nil
}

// open waits until what is known is durable, then sends the status line.
func (w *response) open() error {
	if w.sent {
		return nil
	}
	if w.err = w.x.durable(); w.err != nil {
		return w.err
	}
	w.sent = true
	w.ResponseWriter.WriteHeader(w.status)
	return nil
}

func (w *response) send(p []byte) error {
	if len(p) == 0 {
		return nil
	}
	// Not every writer has deadlines (tests, calls within the process); those have no slow client either.
	_ = http.NewResponseController(w.ResponseWriter).SetWriteDeadline(time.Now().Add(writeTimeout))
	n, err := w.ResponseWriter.Write(p)
	w.out += int64(n)
	w.gone = w.gone || err != nil
	return err
}

// reset throws away an answer that must not be given. It reports false if some of it has left.
func (w *response) reset() bool {
	if w.sent {
		return false
	}
	w.full, w.buf, w.status = nil, w.buf[:0], http.StatusOK
	h := w.Header()
	h.Del("Content-Length")
	h.Del("Content-Type")
	h.Del("Content-Encoding")
	return true
}

// end sends what is left, once everything is durable. If that fails the client gets 503 instead of the answer, or, if the
// answer has begun, a broken connection instead of its end.
func (w *response) end() {
	if w.err == nil {
		w.x.conclude()
		w.err = w.x.durable()
	}
	if w.err != nil {
		err := w.err
		w.x.logFailure(err)
		if !w.reset() {
			panic(http.ErrAbortHandler) // the way net/http offers to end a connection without ending the answer
		}
		w.err = nil
		w.whole = true
		rest.WriteError(w, err)
	}
	w.pack()
	if !w.sent {
		if w.Header().Get("Content-Length") == "" && bodyAllowed(w.status) && (len(w.buf) > 0 || w.x.r.Method != http.MethodHead) {
			w.Header().Set("Content-Length", strconv.Itoa(w.held()))
		}
		w.sent = true
		w.ResponseWriter.WriteHeader(w.status)
	}
	// The client may have gone; what it asked for is done and recorded.
	for i, piece := range w.full {
		if w.send(piece) != nil {
			return
		}
		w.full[i] = nil
	}
	_ = w.send(w.buf)
}

// pack compresses a complete answer.
func (w *response) pack() {
	if err := w.compress(); err != nil {
		// As it is, the answer is whole.
		w.x.g.Log.ErrorContext(w.x.ctx, "answer not compressed", "request_id", w.x.id(), "error", err)
	}
}

// reader reads what of the answer has not been sent.
func (w *response) reader() io.Reader {
	pieces := make([]io.Reader, 0, len(w.full)+1)
	for _, p := range append(slices.Clip(w.full), w.buf) {
		pieces = append(pieces, bytes.NewReader(p))
	}
	return io.MultiReader(pieces...)
}

// held is how many bytes of the answer have not been sent.
func (w *response) held() int {
	n := len(w.buf)
	for _, piece := range w.full {
		n += len(piece)
	}
	return n
}

func bodyAllowed(status int) bool {
	return status >= http.StatusOK && status != http.StatusNoContent && status != http.StatusNotModified
}

// answer writes an error in the shape that the client expects.
func (x *exchange) answer(err error) {
	if x.w.err != nil || !x.w.reset() {
		x.w.err = err // the end of the response tells it
		return
	}
	if p, ok := errors.AsType[*plain](err); ok {
		for k, v := range p.header {
			x.w.Header().Set(k, v)
		}
		if p.json != nil {
			rest.WriteJSON(x.w, p.status, p.json)
			return
		}
		x.w.Header().Set("Content-Type", "text/plain; charset=UTF-8")
		x.w.WriteHeader(p.status)
		_, _ = x.w.Write([]byte(p.text))
		return
	}
	x.logFailure(err)
	rest.WriteError(x.w, err)
}

// logFailure tells the operator what the client is not told.
func (x *exchange) logFailure(err error) {
	if e := rest.AsError(err); e.Status >= http.StatusInternalServerError && e.Cause != nil {
		x.g.Log.ErrorContext(x.ctx, "request failed", "request_id", x.id(), "error", e.Cause)
	}
}

// finish ends the exchange: what it held is given back, and those who count are told.
func (x *exchange) finish() {
	x.g.inFlight.Add(-x.w.inFlight)
	if x.recording != nil {
		<-x.recording //nolint:errcheck // a panic went past it; nobody is left to tell
	}
	s := Summary{Method: x.r.Method, Status: x.w.status, Took: time.Since(x.start)}
	if x.call != nil {
		s.Action = x.call.Route.Action
	}
	if x.g.Log.Enabled(x.ctx, slog.LevelDebug) {
		// Never the query or the headers: they may hold what is nobody's business.
		x.g.Log.DebugContext(x.ctx, "request", "request_id", x.id(), "method", s.Method, "path", x.r.URL.Path, "action", s.Action,
			"status", s.Status, "took", s.Took)
	}
	x.g.Done(s)
}
