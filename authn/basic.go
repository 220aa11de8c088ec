package authn

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/bcrypt"
)

// User is an internal user as [Basic] needs it.
type User struct {
	// Hash is the bcrypt hash of the password. A user whose hash [CheckHash] refuses cannot log in.
	Hash          string
	BackendRoles  []string
	SecurityRoles []string
	// Attributes are the user's own, without the prefix "attr.internal." that they get in a [Principal].
	Attributes map[string]string
}

// BasicOptions are the settings of [NewBasic]. Zero values mean the defaults.
type BasicOptions struct {
	// CacheSize is how many verified credentials are remembered, 4096 by default.
	CacheSize int
	// CacheTTL is for how long, 5 minutes by default.
	CacheTTL time.Duration
	// MaxWaiting is how many logins may wait for their password to be hashed, 64 by default, and MaxWaitingPerClient how many of
	// one client address (of IPv6 one /64 network), 16 by default. Those beyond are refused with status 429.
	MaxWaiting, MaxWaitingPerClient int
	// ClientAddr tells the client's address; by default the host part of the request's RemoteAddr.
	ClientAddr func(*http.Request) string
	// Admins are the names of administrators. A user that is named like one of them is refused with 403, since events could
	// not tell the two apart.
	Admins []DN
}

// Basic authenticates internal users by HTTP Basic credentials.
//
// A password is hashed at most once per [BasicOptions.CacheTTL]; one core at most is spent on hashing, in turns that are fair to
// client addresses; equal credentials that arrive together are hashed once. An unknown name costs as much as a known one. Nothing is remembered
// of wrong passwords: one that is repeated takes as long as a new one.
type Basic struct {
	o     BasicOptions
	users atomic.Pointer[userSet]
	cache *cache
	queue *queue
	// verify compares a hash and a password; tests count its calls.
	verify func(hash, password []byte) error

	mu      sync.Mutex
	flights map[proof]*flight
}

type userSet struct {
	byName map[string]*internalUser
	// dummies are what unknown users are verified against, one for each known user and of the same cost: where costs differ,
	// the time that a name takes tells nothing either.
	dummies []string
}

type internalUser struct {
	hash      string
	principal *Principal
	adminName bool
}

// maxSharing is how many may wait for one verification beside the one who asked for it: a client that opens all its
// connections at once, but not a flood with one wrong password.
const maxSharing = 256

// flight is one verification that is under way.
type flight struct {
	done    chan struct{}
	sharing int // guarded by Basic.mu
	ok      bool
	err     error // why it did not happen
}

// NewBasic returns an authenticator without users.
func NewBasic(o BasicOptions) *Basic {
	setDefault(&o.CacheSize, 4096)
	setDefault(&o.CacheTTL, 5*time.Minute)
	setDefault(&o.MaxWaiting, 64)
	setDefault(&o.MaxWaitingPerClient, 16)
	if o.ClientAddr == nil {
		o.ClientAddr = remoteHost
	}
	b := &Basic{
		o: o, cache: newCache(o.CacheSize, o.CacheTTL), queue: newQueue(o.MaxWaiting, o.MaxWaitingPerClient),
		verify: bcrypt.CompareHashAndPassword, flights: map[proof]*flight{},
	}
	b.SetUsers(nil)
	return b
}

func setDefault[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}

// SetUsers replaces all users at once. A login that is being checked succeeds only if its user is still the same.
func (b *Basic) SetUsers(users map[string]User) {
	set := &userSet{byName: make(map[string]*internalUser, len(users))}
	byCost := map[int]string{}
	for _, name := range slices.Sorted(maps.Keys(users)) {
		u := users[name]
		if CheckHash(u.Hash) != nil {
			continue // nothing verifies against it: as unknown as a name that is not there
		}
		cost, _ := bcrypt.Cost([]byte(u.Hash))
		if byCost[cost] == "" {
			byCost[cost] = dummyHash(cost)
		}
		set.dummies = append(set.dummies, byCost[cost])
		set.byName[name] = &internalUser{hash: u.Hash, principal: u.principal(name), adminName: b.isAdminName(name)}
	}
	if set.dummies == nil {
		set.dummies = []string{dummyHash(DefaultCost)}
	}
	b.users.Store(set)
}

func (u User) principal(name string) *Principal {
	p := &Principal{
		Name: name, BackendRoles: u.BackendRoles, SecurityRoles: u.SecurityRoles, Method: "basic", Internal: true,
		Attributes: make(map[string]string, len(u.Attributes)),
	}
	for k, v := range u.Attributes {
		p.Attributes["attr.internal."+k] = v
	}
	return p
}

func (b *Basic) isAdminName(name string) bool {
	dn, err := ParseDN(name)
	if err != nil {
		return false
	}
	for _, a := range b.o.Admins {
		if a.Equal(dn) {
			return true
		}
	}
	return false
}

// Flush forgets which credentials were verified.
func (b *Basic) Flush() { b.cache.clear() }

// Authenticate implements [Authenticator]. Credentials are not recognised if there is no Authorization header, its scheme is
// not Basic, or its value holds no name before a colon. A value that is not base64 or has no password fails without a name,
// as OpenSearch 2.19 does; see compat/ 01-failed-login.
func (b *Basic) Authenticate(ctx context.Context, r *http.Request) (*Principal, error) {
	name, password, err := credentials(r)
	if err != nil {
		return nil, err
	}
	u, err := b.login(ctx, r, name, password)
	if err != nil {
		return nil, err
	}
	if u.adminName {
		return nil, &FailedError{User: name, Status: http.StatusForbidden, Cause: errAdminName}
	}
	return u.principal, nil
}

var errAdminName = errors.New("the name is an administrator's distinguished name")

// CheckPassword verifies the password of a user, at the same price and in the same turns as a login by that client. It is
// for the account API, which asks for the current password. The error is as of [Basic.Authenticate].
func (b *Basic) CheckPassword(ctx context.Context, r *http.Request, name, password string) error {
	_, err := b.login(ctx, r, name, password)
	return err
}

// login finds the user that name and password belong to.
func (b *Basic) login(ctx context.Context, r *http.Request, name, password string) (*internalUser, error) {
	u, hash := b.find(name)
	ok, err := b.check(ctx, r, b.cache.proofOf(name, password, hash), hash, password)
	switch {
	case errors.Is(err, errBusy):
		return nil, &FailedError{User: name, Status: http.StatusTooManyRequests, Cause: err}
	case err != nil:
		return nil, fmt.Errorf("checking a password: %w", err)
	case !ok || u == nil:
		return nil, &FailedError{User: name}
	}
	// It may have waited for its turn while the password was changed or the user deleted.
	now, is := b.find(name)
	if now == nil || is != hash {
		return nil, &FailedError{User: name}
	}
	return now, nil
}

// find returns a user and the hash to verify against. An unknown name has no user, and always the same dummy while the users
// are the same; which one, nobody can tell who does not know the key of the cache.
func (b *Basic) find(name string) (u *internalUser, hash string) {
	set := b.users.Load()
	if u := set.byName[name]; u != nil {
		return u, u.hash
	}
	p := b.cache.proofOf(name, "", "")
	return nil, set.dummies[binary.BigEndian.Uint64(p[:])%uint64(len(set.dummies))]
}

// check verifies the password, from memory if it can. Callers with equal credentials share one verification.
func (b *Basic) check(ctx context.Context, r *http.Request, p proof, hash, password string) (bool, error) {
	for {
		if b.cache.has(p) {
			return true, nil
		}
		b.mu.Lock()
		f, shared := b.flights[p]
		if !shared {
			f = &flight{done: make(chan struct{})}
			b.flights[p] = f
		} else if f.sharing++; f.sharing > maxSharing {
			b.mu.Unlock()
			return false, errBusy
		}
		b.mu.Unlock()
		if !shared {
			b.run(ctx, r, p, f, hash, password)
			return f.ok, f.err
		}
		select {
		case <-f.done:
		case <-ctx.Done():
			return false, context.Cause(ctx)
		}
		if f.err == nil || errors.Is(f.err, errBusy) {
			return f.ok, f.err
		}
		// The one we waited for went away; try ourselves.
	}
}

// run does what a flight is for.
func (b *Basic) run(ctx context.Context, r *http.Request, p proof, f *flight, hash, password string) {
	defer func() {
		b.mu.Lock()
		delete(b.flights, p)
		b.mu.Unlock()
		close(f.done)
	}()
	if f.err = b.queue.enter(ctx, clientKey(b.o.ClientAddr(r))); f.err != nil {
		return
	}
	defer b.queue.leave()
	if f.ok = b.verify([]byte(hash), []byte(password)) == nil; f.ok {
		b.cache.add(p)
	}
}

// credentials takes name and password out of the Authorization header.
func credentials(r *http.Request) (name, password string, err error) {
	const scheme = "basic "
	v := strings.TrimSpace(r.Header.Get("Authorization"))
	if len(v) < len(scheme) || !strings.EqualFold(v[:len(scheme)], scheme) {
		return "", "", ErrNoCredentials
	}
	word, _, _ := strings.Cut(v[len(scheme):], " ") // what follows the first blank counts, be it nothing
	raw, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(word, "="))
	if err != nil {
		return "", "", &FailedError{Cause: errors.New("basic credentials are not base64")}
	}
	name, password, found := strings.Cut(string(raw), ":")
	if !found || name == "" {
		return "", "", ErrNoCredentials
	}
	if password == "" {
		return "", "", &FailedError{Cause: errors.New("empty password")}
	}
	return name, password, nil
}

func remoteHost(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// clientKey makes one client of all addresses of an IPv6 network, which one machine usually has to itself.
func clientKey(addr string) string {
	ip, err := netip.ParseAddr(addr)
	if err != nil {
		return addr
	}
	if ip = ip.Unmap(); ip.Is4() {
		return ip.String()
	}
	net, err := ip.WithZone("").Prefix(64)
	if err != nil {
		return addr
	}
	return net.String()
}
