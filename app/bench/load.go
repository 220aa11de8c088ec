package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// loaded is a server with its keep-alive clients.
type loaded struct {
	*child

	request request
	text    []byte
	conns   []*conn
	header  http.Header // of an answer
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
	l := &loaded{child: c, request: r, text: r.text()}
	if err = l.connect(ctx); err == nil {
		_, err = l.send(ctx, 50)
	}
	if err != nil {
		return nil, errors.Join(err, l.stop())
	}
	return l, nil
}

// connect connects the clients. The first of them sends a request, so that the credentials are known when the others come.
func (l *loaded) connect(ctx context.Context) error {
	for range clients {
		c, err := new(net.Dialer).DialContext(ctx, "tcp", strings.TrimPrefix(l.url, "http://"))
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

func (l *loaded) stop() error {
	for _, c := range l.conns {
		_ = c.Close()
	}
	return l.child.stop()
}

// do sends one request and checks its answer.
func (c *conn) do(l *loaded) (http.Header, error) {
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
	if resp.StatusCode != l.request.status || string(body) != l.request.answer {
		return nil, fmt.Errorf("answered %d %s", resp.StatusCode, body)
	}
	return resp.Header, nil
}

// send lets every client send n requests, one after the other, and returns how long that took.
func (l *loaded) send(ctx context.Context, n int) (time.Duration, error) {
	stop := context.AfterFunc(ctx, func() {
		for _, c := range l.conns {
			_ = c.Close()
		}
	})
	defer stop()
	began := time.Now()
	var g errgroup.Group
	for _, c := range l.conns {
		g.Go(func() error {
			for range n {
				if _, err := c.do(l); err != nil {
					return err
				}
			}
			return nil
		})
	}
	err := g.Wait()
	return time.Since(began), err
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
