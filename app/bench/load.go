package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// load is a server's keep-alive clients.
type load struct {
	url     string
	tls     *tls.Config // of the authority that the server's certificate is from, if it has one
	request request
	text    []byte
	conns   []*conn
	header  http.Header // of an answer
}

// loaded is a server with its clients.
type loaded struct {
	*child
	*load
}

// conn is a client that only writes bytes and reads answers, so that the machine is left to the server.
type conn struct {
	net.Conn

	in *bufio.Reader
}

// startLoad starts a server, connects its clients, and sends enough for code to be warm.
func (b *bench) startLoad(ctx context.Context, mode string, r request) (*loaded, error) {
	c, err := b.start(ctx, mode)
	if err != nil {
		return nil, err
	}
	l := &loaded{child: c, load: newLoad(c.url, r)}
	if err := l.warm(ctx); err != nil {
		return nil, errors.Join(err, l.stop())
	}
	return l, nil
}

func newLoad(url string, r request) *load { return &load{url: url, request: r, text: r.text()} }

// warm connects the clients and sends enough for code to be warm.
func (l *load) warm(ctx context.Context) error {
	if err := l.connect(ctx); err != nil {
		return err
	}
	_, err := l.send(ctx, 50)
	return err
}

// connect connects the clients. The first of them sends a request, so that the credentials are known when the others come.
func (l *load) connect(ctx context.Context) error {
	for range clients {
		c, err := l.dial(ctx)
		if err != nil {
			return fmt.Errorf("connect: %w", err)
		}
		l.conns = append(l.conns, &conn{c, bufio.NewReader(c)})
		if l.header != nil {
			continue
		}
		if l.header, err = l.conns[0].do(l); err != nil {
			return err
		}
	}
	return nil
}

func (l *load) dial(ctx context.Context) (net.Conn, error) {
	if address, ok := strings.CutPrefix(l.url, "https://"); ok {
		return (&tls.Dialer{Config: l.tls}).DialContext(ctx, "tcp", address)
	}
	return new(net.Dialer).DialContext(ctx, "tcp", strings.TrimPrefix(l.url, "http://"))
}

// disconnect ends the clients, and what they are doing.
func (l *load) disconnect() {
	for _, c := range l.conns {
		_ = c.Close()
	}
}

func (l *loaded) stop() error {
	l.disconnect()
	return l.child.stop()
}

// do sends one request and checks its answer.
func (c *conn) do(l *load) (http.Header, error) {
	if _, err := c.Write(l.text); err != nil {
		return nil, fmt.Errorf("send a request: %w", err)
	}
	resp, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return nil, fmt.Errorf("read an answer: %w", err)
	}
	body, err := io.ReadAll(resp.Body)
	if err = errors.Join(err, resp.Body.Close()); err != nil {
		return nil, fmt.Errorf("read an answer: %w", err)
	}
	if resp.StatusCode != l.request.status || !l.request.answers(body) {
		return nil, fmt.Errorf("answered %d %s", resp.StatusCode, body)
	}
	return resp.Header, nil
}

// send lets every client send n requests, one after the other, and returns how long that took.
func (l *load) send(ctx context.Context, n int) (time.Duration, error) {
	began := time.Now()
	err := l.each(ctx, func(_ context.Context, c *conn) error {
		for range n {
			if _, err := c.do(l); err != nil {
				return err
			}
		}
		return nil
	})
	return time.Since(began), err
}

// keep lets the clients send for some time, so many requests per second in all, or as many as they can if rate is 0. A client
// that falls behind does not catch up.
func (l *load) keep(ctx context.Context, d time.Duration, rate float64) error {
	end := time.Now().Add(d)
	pause := time.Duration(0)
	if rate > 0 {
		pause = time.Duration(float64(len(l.conns)) / rate * float64(time.Second))
	}
	return l.each(ctx, func(ctx context.Context, c *conn) error {
		next := time.Now()
		if pause > 0 {
			next = next.Add(rand.N(pause)) // not all at once
		}
		for {
			if err := until(ctx, next); err != nil {
				return err
			}
			if !time.Now().Before(end) {
				return nil
			}
			if _, err := c.do(l); err != nil {
				return err
			}
			next = latest(next.Add(pause), time.Now())
		}
	})
}

// until waits for a time, unless it is past.
func until(ctx context.Context, t time.Time) error {
	d := time.Until(t)
	if d <= 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// each runs f for all clients at once. When the context ends they are disconnected.
func (l *load) each(ctx context.Context, f func(context.Context, *conn) error) error {
	stop := context.AfterFunc(ctx, l.disconnect)
	defer stop()
	g, ctx := errgroup.WithContext(ctx)
	for _, c := range l.conns {
		g.Go(func() error { return f(ctx, c) })
	}
	return g.Wait()
}

// cost is what a round of requests came to.
type cost struct {
	cpu  float64 // microseconds of the server for each request
	rate float64 // requests per second
}

// round measures n requests of every client, each of which must have made that many events.
func (l *loaded) round(ctx context.Context, n int, events uint64) (cost, error) {
	before, had, err := l.usage()
	if err != nil {
		return cost{}, err
	}
	took, err := l.send(ctx, n)
	if err != nil {
		return cost{}, err
	}
	after, has, err := l.usage()
	if err != nil {
		return cost{}, err
	}
	requests := n * clients
	if want := uint64(requests) * events; has-had != want {
		return cost{}, fmt.Errorf("%d requests made %d events, want %d", requests, has-had, want)
	}
	return cost{cpu: micros(after-before) / float64(requests), rate: float64(requests) / took.Seconds()}, nil
}
