package authn

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/crypto/bcrypt"
)

const testCost = bcrypt.MinCost

func mustHash(t testing.TB, password string) string {
	t.Helper()
	h, err := HashPasswordCost(password, testCost)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// counted returns an authenticator with the user root1, and a log of the hashes that were verified against.
func counted(t testing.TB, o BasicOptions) (*Basic, func() []string) {
	t.Helper()
	b := NewBasic(o)
	b.SetUsers(map[string]User{"root1": {Hash: mustHash(t, "river:maple"), BackendRoles: []string{"admin"}, Attributes: map[string]string{"dept": "ops"}}})
	var mu sync.Mutex
	var seen []string
	b.verify = func(hash, password []byte) error {
		mu.Lock()
		seen = append(seen, string(hash))
		mu.Unlock()
		return bcrypt.CompareHashAndPassword(hash, password)
	}
	return b, func() []string {
		mu.Lock()
		defer mu.Unlock()
		return append([]string(nil), seen...)
	}
}

func request(t testing.TB, authorization string) *http.Request {
	t.Helper()
	r, err := http.NewRequest(http.MethodGet, "/", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.RemoteAddr = "192.0.2.1:4711"
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	return r
}

func basic(name, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(name+":"+password))
}

// outcome is a result in a form that compares.
type outcome struct {
	Name   string
	Failed string
	Status int
	None   bool
}

func outcomeOf(t *testing.T, p *Principal, err error) outcome {
	t.Helper()
	if errors.Is(err, ErrNoCredentials) {
		if f, ok := errors.AsType[*FailedError](err); ok {
			return outcome{Failed: f.User, Status: f.Status}
		}
		return outcome{None: true}
	}
	if f, ok := errors.AsType[*FailedError](err); ok {
		return outcome{Failed: f.User, Status: f.Status}
	}
	if err != nil {
		t.Fatal(err)
	}
	return outcome{Name: p.Name}
}

// The names are those that the events of compat/ 01-failed-login have.
func TestChainNamesTheUserOfAFailedLoginAsRecorded(t *testing.T) {
	b, _ := counted(t, BasicOptions{})
	cert, err := NewClientCert([]string{"CN=admin"})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		header string
		want   outcome
	}{
		"right":                {basic("root1", "river:maple"), outcome{Name: "root1"}},
		"lower-case scheme":    {"basic " + basic("root1", "river:maple")[6:], outcome{Name: "root1"}},
		"wrong password":       {basic("root1", "nope"), outcome{Failed: "root1"}},
		"unknown user":         {basic("ghost", "nope"), outcome{Failed: "ghost"}},
		"none":                 {"", outcome{Failed: NoUser}},
		"not base64":           {"Basic !!!!", outcome{}},
		"no colon":             {"Basic bm9jb2xvbg==", outcome{Failed: NoUser}},
		"empty password":       {"Basic cm9vdDE6", outcome{}},
		"empty name":           {basic("", "x"), outcome{Failed: NoUser}},
		"bearer":               {"Bearer abc.def.ghi", outcome{Failed: NoUser}},
		"scheme alone":         {"Basic", outcome{Failed: NoUser}},
		"no padding":           {strings.TrimRight(basic("root1", "nope!"), "="), outcome{Failed: "root1"}},
		"password with colons": {basic("root1", "river:maple:x"), outcome{Failed: "root1"}},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := Chain{cert, b}.Authenticate(t.Context(), request(t, c.header))
			if diff := cmp.Diff(c.want, outcomeOf(t, p, err)); diff != "" {
				t.Errorf("outcome (-want +got):\n%s", diff)
			}
		})
	}
}

func TestBasicReturnsWhatIsKnownOfTheUser(t *testing.T) {
	b, _ := counted(t, BasicOptions{})
	got, err := b.Authenticate(t.Context(), request(t, basic("root1", "river:maple")))
	if err != nil {
		t.Fatal(err)
	}
	want := &Principal{
		Name: "root1", BackendRoles: []string{"admin"}, Attributes: map[string]string{"attr.internal.dept": "ops"},
		Method: "basic", Internal: true,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("principal (-want +got):\n%s", diff)
	}
}

func TestChainAddsTheRequestedTenant(t *testing.T) {
	b, _ := counted(t, BasicOptions{})
	r := request(t, basic("root1", "river:maple"))
	r.Header.Set("securitytenant", "ops")
	with, err := Chain{b}.Authenticate(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	without, err := Chain{b}.Authenticate(t.Context(), request(t, basic("root1", "river:maple")))
	if err != nil {
		t.Fatal(err)
	}
	if with.RequestedTenant != "ops" || without.RequestedTenant != "" {
		t.Errorf("tenants %q and %q, want ops and none", with.RequestedTenant, without.RequestedTenant)
	}
}

func TestBasicVerifiesAgainOnlyWhenSomethingChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, seen := counted(t, BasicOptions{CacheTTL: time.Minute})
		login := func(password string) error {
			_, err := b.Authenticate(t.Context(), request(t, basic("root1", password)))
			return err
		}
		step := func(what string, wantCalls int, wantOK bool, password string) {
			t.Helper()
			if err := login(password); (err == nil) != wantOK {
				t.Fatalf("%s: error %v", what, err)
			}
			if got := len(seen()); got != wantCalls {
				t.Fatalf("%s: %d verifications, want %d", what, got, wantCalls)
			}
		}
		step("first", 1, true, "river:maple")
		step("again", 1, true, "river:maple")
		step("wrong", 2, false, "nope")
		step("wrong again", 3, false, "nope")
		<-time.After(time.Minute)
		step("after the time to live", 4, true, "river:maple")
		b.Flush()
		step("after a flush", 5, true, "river:maple")
		b.SetUsers(map[string]User{"root1": {Hash: mustHash(t, "river:maple")}})
		step("another hash of the same password", 6, true, "river:maple")
		b.SetUsers(map[string]User{"root1": {Hash: mustHash(t, "other")}})
		step("another password", 7, false, "river:maple")
		b.SetUsers(nil)
		step("the user is gone", 8, false, "river:maple")
	})
}

func TestUnknownUsersCostWhatKnownOnesDo(t *testing.T) {
	b, seen := counted(t, BasicOptions{})
	for _, name := range []string{"root1", "ghost"} {
		if _, err := b.Authenticate(t.Context(), request(t, basic(name, "nope"))); err == nil {
			t.Fatalf("%s: no error", name)
		}
	}
	hashes := seen()
	if len(hashes) != 2 {
		t.Fatalf("%d verifications, want one each", len(hashes))
	}
	for _, h := range hashes {
		if cost, err := bcrypt.Cost([]byte(h)); err != nil || cost != testCost {
			t.Errorf("cost %d, %v; want %d", cost, err, testCost)
		}
	}
}

func TestUserWithAHashOfAnotherKindCannotLogIn(t *testing.T) {
	b := NewBasic(BasicOptions{})
	b.SetUsers(map[string]User{"x": {Hash: "plain"}, "y": {Hash: mustHash(t, "y-password")}})
	for _, password := range []string{"plain", "y-password"} {
		if _, err := b.Authenticate(t.Context(), request(t, basic("x", password))); err == nil {
			t.Errorf("password %q was accepted", password)
		}
	}
}

func TestUserNamedLikeAnAdministratorIsRefused(t *testing.T) {
	dn, err := ParseDN("CN=admin,O=Example")
	if err != nil {
		t.Fatal(err)
	}
	b := NewBasic(BasicOptions{Admins: []DN{dn}})
	b.SetUsers(map[string]User{"cn=admin, o=Example": {Hash: mustHash(t, "password1")}})
	p, err := b.Authenticate(t.Context(), request(t, basic("cn=admin, o=Example", "password1")))
	if got, want := outcomeOf(t, p, err), (outcome{Failed: "cn=admin, o=Example", Status: http.StatusForbidden}); got != want {
		t.Errorf("outcome %+v, want %+v", got, want)
	}
}

func TestEqualCredentialsShareOneVerification(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, _ := counted(t, BasicOptions{MaxWaiting: 1, MaxWaitingPerClient: 1})
		var calls atomic.Int32
		release := make(chan struct{})
		b.verify = func(_, _ []byte) error { calls.Add(1); <-release; return nil }
		var wg sync.WaitGroup
		for range 32 {
			wg.Go(func() {
				if _, err := b.Authenticate(t.Context(), request(t, basic("root1", "river:maple"))); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		close(release)
		wg.Wait()
		if got := calls.Load(); got != 1 {
			t.Errorf("%d verifications, want 1", got)
		}
	})
}

func TestOneVerificationAtATimeAndTheRestIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, _ := counted(t, BasicOptions{MaxWaiting: 5, MaxWaitingPerClient: 2})
		var running, most atomic.Int32
		release := make(chan struct{})
		b.verify = func(_, _ []byte) error {
			most.Store(max(most.Load(), running.Add(1)))
			<-release
			running.Add(-1)
			return errors.New("no")
		}
		var refused, checked atomic.Int32
		var wg sync.WaitGroup
		login := func(name, addr string) {
			wg.Go(func() {
				r := request(t, basic(name, "x"))
				r.RemoteAddr = addr
				_, err := b.Authenticate(t.Context(), r)
				if f, ok := errors.AsType[*FailedError](err); ok && f.Status == http.StatusTooManyRequests && f.User == name {
					refused.Add(1)
				} else if ok && f.Status == 0 {
					checked.Add(1)
				}
			})
			synctest.Wait()
		}
		for _, name := range []string{"a", "b", "c", "d", "e"} {
			login(name, "[2001:db8::1]:1") // one runs, two wait, two are too many
		}
		login("f", "[2001:db8::2]:1") // the same network: too many
		login("g", "192.0.2.9:1")
		if got := refused.Load(); got != 3 {
			t.Errorf("%d refused, want 3", got)
		}
		close(release)
		wg.Wait()
		if checked.Load() != 4 || most.Load() != 1 {
			t.Errorf("%d checked, at most %d at once; want 4 and 1", checked.Load(), most.Load())
		}
	})
}

func TestWaiterThatGoesAwayLeavesNoTrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, _ := counted(t, BasicOptions{MaxWaiting: 1, MaxWaitingPerClient: 1})
		release := make(chan struct{})
		b.verify = func(_, _ []byte) error { <-release; return nil }
		var wg sync.WaitGroup
		wg.Go(func() { _, _ = b.Authenticate(t.Context(), request(t, basic("a", "x"))) })
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		wg.Go(func() {
			if _, err := b.Authenticate(ctx, request(t, basic("root1", "y"))); !errors.Is(err, context.Canceled) {
				t.Errorf("error %v, want canceled", err)
			}
		})
		synctest.Wait()
		follower := make(chan error, 1)
		wg.Go(func() { // shares the flight of the one who leaves, and takes it over
			_, err := b.Authenticate(t.Context(), request(t, basic("root1", "y")))
			follower <- err
		})
		synctest.Wait()
		cancel()
		synctest.Wait()
		close(release)
		wg.Wait()
		if err := <-follower; err != nil {
			t.Errorf("follower: %v", err)
		}
	})
}

func TestQueueTakesTurnsByKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(100, 100)
		if err := q.enter(t.Context(), "first"); err != nil {
			t.Fatal(err)
		}
		var mu sync.Mutex
		var order []string
		var wg sync.WaitGroup
		for _, key := range []string{"flood", "flood", "flood", "one", "two", "one"} {
			wg.Go(func() {
				if err := q.enter(t.Context(), key); err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				order = append(order, key)
				mu.Unlock()
				q.leave()
			})
			synctest.Wait()
		}
		q.leave()
		wg.Wait()
		want := []string{"flood", "one", "two", "flood", "one", "flood"}
		if diff := cmp.Diff(want, order); diff != "" {
			t.Errorf("order (-want +got):\n%s", diff)
		}
		if q.busy || q.waiting != 0 || len(q.keys) != 0 || len(q.lines) != 0 {
			t.Errorf("queue is not empty: %+v", q)
		}
	})
}

func TestCacheIsBounded(t *testing.T) {
	c := newCache(64, time.Hour)
	for i := range 10_000 {
		c.add(c.proofOf("n", string(rune('a'+i%26))+strings.Repeat("x", i%97), "h"))
	}
	n := 0
	for i := range c.shards {
		n += len(c.shards[i].until)
	}
	if n > 64 {
		t.Errorf("%d entries, want at most 64", n)
	}
}

func TestProofsOfDifferentCredentialsDiffer(t *testing.T) {
	c := newCache(64, time.Hour)
	seen := map[proof][3]string{}
	for _, x := range [][3]string{{"a", "b", "c"}, {"ab", "", "c"}, {"", "ab", "c"}, {"a", "bc", ""}, {"abc", "", ""}} {
		p := c.proofOf(x[0], x[1], x[2])
		if other, ok := seen[p]; ok {
			t.Errorf("%q and %q have the same proof", x, other)
		}
		if p != c.proofOf(x[0], x[1], x[2]) {
			t.Errorf("%q has two proofs", x)
		}
		seen[p] = x
	}
	if newCache(64, time.Hour).proofOf("a", "b", "c") == c.proofOf("a", "b", "c") {
		t.Error("two processes make the same proof")
	}
}

func BenchmarkBasicCached(b *testing.B) {
	a, _ := counted(b, BasicOptions{})
	r := request(b, basic("root1", "river:maple"))
	if _, err := a.Authenticate(b.Context(), r); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := (Chain{a}).Authenticate(context.Background(), r); err != nil {
				b.Error(err)
			}
		}
	})
}

func TestTurnThatComesWhenItsOwnerLeavesIsPassedOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for range 50 { // who is faster, the waiter or the one who leaves, is up to chance
			q := newQueue(10, 10)
			if err := q.enter(t.Context(), "a"); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			var wg sync.WaitGroup
			wg.Go(func() {
				if q.enter(ctx, "b") == nil {
					q.leave()
				}
			})
			synctest.Wait()
			cancel()
			q.leave()
			wg.Wait()
			if q.busy {
				t.Fatal("the turn is lost")
			}
		}
	})
}

// TestQueueMakesRoomForThoseWhoHaveLess fills the queue from a few addresses.
func TestQueueMakesRoomForThoseWhoHaveLess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(4, 3)
		if err := q.enter(t.Context(), "first"); err != nil {
			t.Fatal(err)
		}
		var mu sync.Mutex
		var order []string
		var wg sync.WaitGroup
		for _, key := range []string{"a", "a", "a", "b", "c", "b", "d", "a"} {
			wg.Go(func() {
				err := q.enter(t.Context(), key)
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					order = append(order, key+" "+err.Error())
					return
				}
				order = append(order, key)
				q.leave()
			})
			synctest.Wait()
		}
		// c takes the place of the last a, and d that of the other one: a keeps one, and may have no second.
		q.leave()
		wg.Wait()
		busy := " " + errBusy.Error()
		want := []string{"a" + busy, "b" + busy, "a" + busy, "a" + busy, "a", "b", "c", "d"}
		if diff := cmp.Diff(want, order); diff != "" {
			t.Errorf("order (-want +got):\n%s", diff)
		}
		if q.busy || q.waiting != 0 || len(q.keys) != 0 || len(q.lines) != 0 {
			t.Errorf("queue is not empty: %+v", q)
		}
	})
}

// TestFloodsLetOthersLogIn lets 1,000 guess from one address, all differently or all alike, while somebody logs in from
// elsewhere for the first time and somebody else again.
func TestFloodsLetOthersLogIn(t *testing.T) {
	for name, guess := range map[string]func(int) string{
		"distinct guesses": func(i int) string { return "guess" + strconv.Itoa(i) },
		"one wrong guess":  func(int) string { return "guess" },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const hashing = 250 * time.Millisecond
				b, seen := counted(t, BasicOptions{})
				b.SetUsers(map[string]User{"root1": {Hash: mustHash(t, "river:maple")}, "other": {Hash: mustHash(t, "other-password")}})
				from := func(addr, name, password string) error {
					r := request(t, basic(name, password))
					r.RemoteAddr = addr + ":1"
					_, err := b.Authenticate(t.Context(), r)
					return err
				}
				if err := from("192.0.2.1", "root1", "river:maple"); err != nil {
					t.Fatal(err)
				}
				verify := b.verify
				b.verify = func(hash, password []byte) error {
					time.Sleep(hashing) //nolint:forbidigo // the clock of the bubble
					return verify(hash, password)
				}
				var wg sync.WaitGroup
				var busy, wrong atomic.Int32
				for i := range 1000 {
					wg.Go(func() {
						f, ok := errors.AsType[*FailedError](from("203.0.113.7", "root1", guess(i)))
						switch {
						case ok && f.Status == http.StatusTooManyRequests:
							busy.Add(1)
						case ok && f.Status == 0:
							wrong.Add(1)
						}
					})
				}
				synctest.Wait()
				begin := time.Now()
				if err := from("192.0.2.1", "root1", "river:maple"); err != nil || time.Since(begin) != 0 {
					t.Errorf("a credential in the cache took %v: %v", time.Since(begin), err)
				}
				if err := from("192.0.2.2", "other", "other-password"); err != nil || time.Since(begin) > 3*hashing {
					t.Errorf("a first login from elsewhere took %v: %v", time.Since(begin), err)
				}
				wg.Wait()
				if busy.Load() == 0 || busy.Load()+wrong.Load() != 1000 {
					t.Errorf("%d guesses were wrong and %d too many, want 1000 together", wrong.Load(), busy.Load())
				}
				if n := len(seen()); n > 2+1+16 {
					t.Errorf("%d passwords were hashed for the flood", n)
				}
			})
		})
	}
}

// TestLoginThatWaitsIsJudgedByTheUsersOfItsEnd changes the users while a login waits for its turn.
func TestLoginThatWaitsIsJudgedByTheUsersOfItsEnd(t *testing.T) {
	for name, users := range map[string]map[string]User{
		"deleted": {}, "another password": {"root1": {Hash: mustHash(t, "another-password")}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, _ := counted(t, BasicOptions{})
				release := make(chan struct{})
				b.verify = func(hash, password []byte) error {
					<-release
					return bcrypt.CompareHashAndPassword(hash, password)
				}
				done := make(chan error, 1)
				go func() {
					_, err := b.Authenticate(t.Context(), request(t, basic("root1", "river:maple")))
					done <- err
				}()
				synctest.Wait()
				b.SetUsers(users)
				close(release)
				if f, ok := errors.AsType[*FailedError](<-done); !ok || f.User != "root1" {
					t.Error("the login succeeded")
				}
			})
		})
	}
}

// TestUnknownUsersCostWhatKnownOnesDoWhereCostsDiffer wants the costs of unknown names spread like those of known ones.
func TestUnknownUsersCostWhatKnownOnesDoWhereCostsDiffer(t *testing.T) {
	b := NewBasic(BasicOptions{})
	users := map[string]User{}
	for i := range 8 {
		users["u"+strconv.Itoa(i)] = User{Hash: dummyHash(testCost + i%2)}
	}
	b.SetUsers(users)
	costs := map[int]int{}
	for i := range 400 {
		name := "ghost" + strconv.Itoa(i)
		u, hash := b.find(name)
		if _, again := b.find(name); u != nil || hash != again {
			t.Fatalf("%s is not always the same", name)
		}
		cost, err := bcrypt.Cost([]byte(hash))
		if err != nil {
			t.Fatal(err)
		}
		costs[cost]++
	}
	if len(costs) != 2 || costs[testCost] < 100 || costs[testCost+1] < 100 {
		t.Errorf("unknown names have the costs %v, want about as many of either", costs)
	}
}
