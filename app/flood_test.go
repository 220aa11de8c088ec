package app_test

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"vigil/app/apptest"
	"vigil/authn"
)

// TestFloodsOfFailedLogins sends 2,000 failed logins of each kind, or VIGIL_TEST_FLOOD, while one user works with a credential
// in the cache and others log in for the first time from another address. Each attempt is recorded once, the users notice
// nothing, and the memory does not grow with the flood.
func TestFloodsOfFailedLogins(t *testing.T) {
	n := number(t, "VIGIL_TEST_FLOOD", 2000)
	// The cost of a real installation is 12; this one is 16 times cheaper, and still far dearer than a request.
	hash, err := authn.HashPasswordCost(apptest.Password, 8)
	if err != nil {
		t.Fatal(err)
	}
	for name, attempt := range map[string]func(r *http.Request, i int){
		"without credentials": func(*http.Request, int) {},
		"one wrong password":  func(r *http.Request, _ int) { r.SetBasicAuth("victim", "wrong") },
		"distinct guesses":    func(r *http.Request, i int) { r.SetBasicAuth("victim", "guess"+strconv.Itoa(i)) },
		"distinct guesses through a proxy": func(r *http.Request, i int) {
			r.SetBasicAuth("victim", "guess"+strconv.Itoa(i))
			r.Header.Set("X-Forwarded-For", "203.0.113.7")
		},
		"distinct names": func(r *http.Request, i int) { r.SetBasicAuth("ghost"+strconv.Itoa(i), "guess") },
	} {
		t.Run(name, func(t *testing.T) {
			s := bulkServer(t, `{"enabled":true}`)
			for _, user := range []string{"victim", "worker", "newcomer0", "newcomer1", "newcomer2"} {
				s.Must("PUT", "/_plugins/_security/api/internalusers/"+user, map[string]any{"hash": hash, "opendistro_security_roles": []string{"all_access"}})
			}
			as(t, s, "127.0.0.1", "worker") // into the cache
			before := failedLogins(t, s)
			f := &flood{t: t, s: s, attempt: attempt, elsewhere: "127.0.0.2"}
			if strings.Contains(name, "proxy") {
				f.elsewhere = "198.51.100.9"
			}
			peak, after := livePeak(func() {
				f.run(n)
			})
			if got := failedLogins(t, s) - before; got != n {
				t.Errorf("%d failed logins are recorded, want %d", got, n)
			}
			if f.answers(http.StatusUnauthorized)+f.answers(http.StatusTooManyRequests) != n {
				t.Errorf("answered %v", &f.statuses)
			}
			t.Logf("%d failed logins in %v, %d of them told that there are too many; %d bytes at most beside what stays; worker %v, newcomers %v",
				n, f.took.Round(time.Millisecond), f.answers(http.StatusTooManyRequests), int64(peak)-int64(after), f.worker, f.newcomers)
			if int64(peak)-int64(after) > 32<<20 {
				t.Errorf("needed %d bytes for the flood", int64(peak)-int64(after))
			}
		})
	}
}

// flood is many clients at one address.
type flood struct {
	t       *testing.T
	s       *apptest.Server
	attempt func(r *http.Request, i int)
	// elsewhere is another address.
	elsewhere string

	statuses  [600]atomic.Int32
	took      time.Duration
	worker    time.Duration   // the slowest request of the user in the cache
	newcomers []time.Duration // their first logins
}

func (f *flood) answers(status int) int { return int(f.statuses[status].Load()) }

// run sends n attempts from 32 clients.
func (f *flood) run(n int) {
	var clients, users sync.WaitGroup
	var next atomic.Int64
	begin, done := time.Now(), make(chan struct{})
	for range 32 {
		clients.Go(func() {
			for i := next.Add(1); i <= int64(n); i = next.Add(1) {
				r := f.s.Request("GET", "/_cluster/health", nil)
				f.attempt(r, int(i))
				reply, err := f.s.Try(r)
				if err != nil {
					f.t.Error(err)
					return
				}
				f.statuses[reply.Status].Add(1)
				if reply.Status == http.StatusTooManyRequests && reply.Header.Get("Retry-After") == "" {
					f.t.Error("429 without Retry-After")
				}
			}
		})
	}
	users.Go(func() {
		for i := 0; ; i++ {
			if i < 3 {
				f.newcomers = append(f.newcomers, as(f.t, f.s, f.elsewhere, "newcomer"+strconv.Itoa(i)))
			}
			f.worker = max(f.worker, as(f.t, f.s, "127.0.0.1", "worker"))
			select {
			case <-done:
				return
			default:
			}
		}
	})
	clients.Wait()
	f.took = time.Since(begin)
	close(done)
	users.Wait()
}

// as sends a request of a user from an address of this machine, or from another one through a proxy on it, and wants it served.
// It returns how long that took.
func as(t *testing.T, s *apptest.Server, from, user string) time.Duration {
	t.Helper()
	r := s.Request("GET", "/_cluster/health", nil)
	dialer := &net.Dialer{}
	if ip := net.ParseIP(from); ip.IsLoopback() {
		dialer.LocalAddr = &net.TCPAddr{IP: ip}
	} else {
		r.Header.Set("X-Forwarded-For", from)
	}
	client := &http.Transport{DialContext: dialer.DialContext}
	defer client.CloseIdleConnections()
	r.SetBasicAuth(user, apptest.Password)
	begin := time.Now()
	resp, err := client.RoundTrip(r)
	if err != nil {
		t.Error(err)
		return 0
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != http.StatusOK {
		t.Errorf("%s was answered %s %v", user, resp.Status, err)
	}
	return time.Since(begin).Round(time.Millisecond)
}

// failedLogins counts the events in the files of [bulkServer].
func failedLogins(t *testing.T, s *apptest.Server) (n int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	if err := s.App().Drain(ctx); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(filepath.Join(s.Config.Data, "events.json"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if bytes.Contains(lines.Bytes(), []byte(`"FAILED_LOGIN"`)) {
			n++
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return n
}
