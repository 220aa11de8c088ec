package app

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"vigil/api/security"
	"vigil/audit"
	"vigil/audit/sink"
	"vigil/authn"
	"vigil/authz"
	"vigil/cluster"
	"vigil/gateway"
)

// securityIndex holds users, roles, mappings and the audit configuration.
const securityIndex = ".opendistro_security"

// passwordFile holds the random password of the first start, until it is changed.
const passwordFile = "initial-admin-password"

// systemIndices are protected from clients as the security plugin protects its own.
var systemIndices = []string{
	securityIndex, ".opendistro-alerting-*", ".opensearch-alerting-*", ".opensearch-notifications-config", ".vigil-*", ".tasks",
}

// securityState follows the documents of the security index and puts them into force.
type securityState struct {
	current atomic.Pointer[security.State]
	watch   *cluster.Watch
	// failed is why the newest documents are not in force.
	mu     sync.Mutex
	failed error
}

// openSecurity makes the first documents, reads them, and prepares the API that changes them.
func (s *Server) openSecurity(ctx context.Context) error {
	var err error
	if s.indexName, err = sink.ParseIndexName(s.cfg.Audit.Index); err != nil {
		return fmt.Errorf("audit.index: %w", err)
	}
	static, err := parseStatic(&s.cfg)
	if err != nil {
		return err
	}
	if err := s.patiently(ctx, func() error { return s.bootstrap(ctx, static.audit) }); err != nil {
		return err
	}
	if s.certs, err = authn.NewClientCert(s.cfg.AdminSubjects); err != nil {
		return err
	}
	s.basic = authn.NewBasic(authn.BasicOptions{
		CacheTTL: time.Duration(s.cfg.Security.CredentialCacheTTL), Admins: s.certs.Admins(),
		ClientAddr: func(r *http.Request) string { return gateway.ClientAddress(r, s.proxies).String() },
	})
	s.state = &securityState{}
	s.state.watch = cluster.NewWatch(cluster.WatchOptions{
		Client: s.store, Index: s.place.security, IDs: security.DocumentIDs(), Log: s.log,
		Changed: func(docs map[string]cluster.Doc) { s.state.note(s.apply(docs)) },
	})
	if err := s.reload(ctx); err != nil {
		return fmt.Errorf("security configuration: %w", err)
	}
	s.tellInitial(ctx, static.audit)
	s.security, err = security.New(security.Options{
		Client: s.store, Index: s.place.security, Changed: s.reload, Caller: gateway.Principal, Evaluator: s.evaluator.Load,
		ReadOnly:      s.cfg.Audit.ReadOnly,
		CheckPassword: s.basic.CheckPassword, Flush: s.basic.Flush, Log: s.log,
	})
	return err
}

func (st *securityState) note(err error) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.failed = err
}

// reload reads the documents and puts them into force before it returns.
func (s *Server) reload(ctx context.Context) error {
	if err := s.state.watch.Read(ctx); err != nil {
		return err
	}
	s.state.mu.Lock()
	defer s.state.mu.Unlock()
	return s.state.failed
}

// apply puts documents into force, all of them or none.
func (s *Server) apply(docs map[string]cluster.Doc) error {
	state, err := security.Parse(docs)
	if err != nil {
		return err
	}
	c := state.AuthzConfig(systemIndices)
	c.RESTAdminRoles, c.RESTDisabled = s.cfg.Security.RESTRoles, s.cfg.Security.RESTDisabled
	if w := s.indexName.Wildcard(); w != "*" {
		c.GuardedNames = []string{w} // an alias of tomorrow's name would send the events elsewhere
	}
	evaluator, err := authz.New(c)
	if err != nil {
		return fmt.Errorf("roles: %w", err)
	}
	policy, err := audit.NewPolicy(state.Audit, s.policyIndices())
	if err != nil {
		return fmt.Errorf("audit configuration: %w", err)
	}
	for _, problem := range evaluator.Problems() {
		s.log.Warn("a part of a role is not in force", "error", problem)
	}
	before := s.state.current.Swap(&state)
	s.basic.SetUsers(state.AuthnUsers())
	s.evaluator.Store(evaluator)
	if s.trail != nil {
		s.trail.SetPolicy(policy)
		s.tellConfig(context.Background())
	}
	if before != nil && before.Users["admin"].Hash != state.Users["admin"].Hash {
		s.forgetInitialPassword()
	}
	return nil
}

// patience is how long a gateway waits at its start for a cluster that is being started, or in which another one makes the indices.
const patience = 30 * time.Second

// patiently tries again what failed because the cluster that holds the state cannot do it yet.
func (s *Server) patiently(ctx context.Context, try func() error) error {
	if !s.sharesStore() {
		return try()
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(patience / 100)
	defer tick.Stop()
	for first := true; ; first = false {
		err := try()
		if answer, ok := errors.AsType[*cluster.Error](err); !ok || answer.Status < http.StatusInternalServerError {
			return err
		}
		if first {
			s.log.WarnContext(ctx, "the cluster cannot tell the state yet", "error", err)
		}
		select {
		case <-ctx.Done():
			return err
		case <-tick.C:
		}
	}
}

// bootstrap creates the first documents. The password of admin is the configured one, or random.
func (s *Server) bootstrap(ctx context.Context, first audit.Config) error {
	password := string(s.cfg.Security.InitialAdminPassword)
	random := ""
	created, err := security.Bootstrap(ctx, security.BootstrapOptions{
		Client: s.store, Index: s.place.security, Audit: &first,
		AdminHash: func() (string, error) {
			if password == "" {
				random = rand.Text()
				password = random
			} else if err := authn.CheckPassword("admin", password); err != nil {
				return "", err
			}
			return authn.HashPassword(password)
		},
	})
	if err != nil {
		return fmt.Errorf("first start: %w", err)
	}
	if created {
		s.initialPassword = random
	}
	return nil
}

// writeInitialPassword leaves the random password where only the owner of the data folder reads it, and returns the path.
func (s *Server) writeInitialPassword() (string, error) {
	path := filepath.Join(s.cfg.Data, passwordFile)
	if err := os.WriteFile(path, []byte(s.initialPassword+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("keep the initial password: %w", err)
	}
	return path, nil
}

// forgetInitialPassword removes the file of the first password, which is no longer it.
func (s *Server) forgetInitialPassword() {
	err := os.Remove(filepath.Join(s.cfg.Data, passwordFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.log.Warn("the file of the initial password could not be removed", "error", err)
	}
}

// nodeID returns the node's id, which the file keeps.
func nodeID(path string) (string, error) {
	var kept struct {
		NodeID string `json:"node_id"`
	}
	b, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(b, &kept)
	}
	if err == nil && kept.NodeID != "" {
		return kept.NodeID, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("read %s: %w", path, err)
	}
	var raw [16]byte
	// rand.Read never fails.
	_, _ = rand.Read(raw[:])
	kept.NodeID = base64.RawURLEncoding.EncodeToString(raw[:])
	if b, err = json.Marshal(kept); err != nil {
		return "", err
	}
	// Renamed into place: a process that dies on the way must not leave half a file, which would stop the next start.
	if err := os.WriteFile(path+".new", append(b, '\n'), 0o600); err != nil {
		return "", fmt.Errorf("keep the node's id: %w", err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return "", fmt.Errorf("keep the node's id: %w", err)
	}
	return kept.NodeID, nil
}

func diskSize(dir string) (int64, error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return 0, err
	}
	return int64(st.Blocks) * st.Bsize, nil
}
