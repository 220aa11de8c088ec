package sink

import (
	"context"
	"errors"
	"fmt"
	"io"

	"vigil/audit"
)

// Stdout writes events to a stream, one line of JSON each. The stream is not closed.
type Stdout struct {
	name string
	w    io.Writer
	// pending is the end of a write that a cancelled Write left behind: a stream that nobody reads cannot be interrupted.
	pending chan written
	// torn says that the stream ends within a line.
	torn bool
}

// written is the end of a write.
type written struct {
	n   int
	err error
}

// NewStdout returns the sink.
func NewStdout(name string, w io.Writer) (*Stdout, error) {
	if name == "" || w == nil {
		return nil, errors.New("stdout sink: no stream or no name")
	}
	return &Stdout{name: name, w: w}, nil
}

// Name implements [audit.Sink].
func (s *Stdout) Name() string { return s.name }

// Close implements [audit.Sink].
func (s *Stdout) Close() error { return nil }

// Write hands a batch to the stream. What was handed over cannot be known to have arrived.
func (s *Stdout) Write(ctx context.Context, batch []audit.Entry) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if s.pending != nil {
		select {
		case w := <-s.pending: // its batch comes again in any case
			s.pending, s.torn = nil, w.err != nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	done := make(chan written, 1)
	b := lines(batch)
	if s.torn {
		b = append([]byte{'\n'}, b...)
	}
	go func() {
		n, err := s.w.Write(b)
		done <- written{n, err}
	}()
	select {
	case w := <-done:
		if w.err != nil {
			s.torn = s.torn || w.n > 0
			return fmt.Errorf("write to standard output: %w", w.err)
		}
		s.torn = false
		return nil
	case <-ctx.Done():
		s.pending = done
		return ctx.Err()
	}
}
