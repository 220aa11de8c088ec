package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// inbox receives messages.
type inbox struct {
	url    string
	server *http.Server
	served chan error

	mu    sync.Mutex
	got   map[string][]arrival // by text
	moved chan struct{}        // closed and made anew with every message
}

// arrival is a message that came: when, and under which delivery id.
type arrival struct {
	at       time.Time
	delivery string
}

func newInbox(ctx context.Context) (*inbox, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for messages: %w", err)
	}
	in := &inbox{url: "http://" + l.Addr().String() + "/", served: make(chan error, 1), got: map[string][]arrival{}, moved: make(chan struct{})}
	in.server = &http.Server{Handler: in, ReadHeaderTimeout: 10 * time.Second}
	go func() { in.served <- in.server.Serve(l) }()
	return in, nil
}

func (in *inbox) close() error {
	err := in.server.Close()
	if served := <-in.served; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}

// wait returns the messages with a text once there are n of them, or those that came within d.
func (in *inbox) wait(ctx context.Context, text string, n int, d time.Duration) []arrival {
	limit := time.NewTimer(d)
	defer limit.Stop()
	for {
		in.mu.Lock()
		got, moved := in.got[text], in.moved
		in.mu.Unlock()
		if len(got) >= n {
			return got
		}
		select {
		case <-moved:
		case <-limit.C:
			return got
		case <-ctx.Done():
			return got
		}
	}
}

// ServeHTTP takes a message.
func (in *inbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	at := time.Now()
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	in.got[string(body)] = append(in.got[string(body)], arrival{at, r.Header.Get("X-Vigil-Delivery")})
	close(in.moved)
	in.moved = make(chan struct{})
}
