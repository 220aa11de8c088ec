package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"vigil/alerting"
	alertapi "vigil/api/alerting"
	"vigil/audit"
	"vigil/authn"
	"vigil/cluster"
	"vigil/engine/aggs"
	"vigil/gateway"
	"vigil/notify"
	"vigil/rest"
)

// alertingParts is the alerting of one cluster.
type alertingParts struct {
	store     *alerting.Store
	scheduler *alerting.Scheduler
	api       *alertapi.API
	log       *slog.Logger
}

// run runs monitors until ctx ends; none if the destinations were sealed with another key.
func (a *alertingParts) run(ctx context.Context) error {
	if err := a.store.CheckKey(ctx); errors.Is(err, alerting.ErrOtherKey) {
		a.log.ErrorContext(ctx, "destinations cannot be opened: monitors do not run here; set store.key_file to the key that sealed them", "error", err)
		<-ctx.Done()
		return nil
	} else if err != nil && ctx.Err() == nil {
		a.log.WarnContext(ctx, "destinations cannot be read", "error", err)
	}
	return ignoreCanceled(a.scheduler.Run(ctx))
}

func (a *alertingParts) routes() []rest.Route { return a.api.Routes() }

func (s *Server) openAlerting(context.Context) error {
	metrics, err := newAlertingMetrics(s.registry)
	if err != nil {
		return fmt.Errorf("metrics: %w", err)
	}
	o := notify.Options{
		AWS: notify.AWS{
			Endpoint: s.cfg.Notify.AWS.Endpoint, AccessKeyID: s.cfg.Notify.AWS.AccessKeyID,
			SecretAccessKey: string(s.cfg.Notify.AWS.SecretAccessKey), SessionToken: string(s.cfg.Notify.AWS.SessionToken),
		},
		Version: Version, AllowHosts: s.cfg.Notify.AllowHosts, DenyHosts: s.cfg.Notify.DenyHosts, Log: s.log, OnSend: metrics.sent,
	}
	for _, n := range s.cfg.Notify.AllowNetworks {
		p, err := netip.ParsePrefix(n)
		if err != nil {
			return fmt.Errorf("notify.allow_networks: %w", err)
		}
		o.AllowNetworks = append(o.AllowNetworks, p)
	}
	notifier, err := notify.New(o)
	if err != nil {
		return fmt.Errorf("notify: %w", err)
	}
	keyFile, create := s.cfg.StoreKey()
	key, err := alerting.LoadKey(keyFile, create)
	if err != nil {
		return fmt.Errorf("store.key_file: %w", err)
	}
	store := alerting.NewStore(alerting.StoreOptions{Client: s.store, Sealer: key, Indices: s.place.alerting})
	searcher := userSearcher{s}
	runner := alerting.NewRunner(alerting.RunnerOptions{
		Store: store, Searcher: searcher, Cluster: searcher, ClusterName: s.cfg.ClusterName, Sender: notifier,
		OnRun: metrics.ran, OnDelivery: s.onDelivery(), Log: s.log,
	})
	options := alerting.SchedulerOptions{Store: store, Runner: runner, Fields: s.fieldOf, Names: s.whatIsGuarded().Aliases, Log: s.log}
	if s.sharesStore() {
		options.Poll = time.Second
		options.Members = alerting.NewMembers(alerting.MembersOptions{
			Client: s.store, Index: s.place.members, ID: s.self.ID, Takes: true, Log: s.log,
		})
	}
	s.alerting = &alertingParts{store: store, log: s.log, scheduler: alerting.NewScheduler(options)}
	s.nudges = newNudges(func(ctx context.Context, index string) error {
		return cluster.NewClient(s.remote).Refresh(ctx, index)
	}, s.alerting.scheduler.Nudge, s.log)
	s.alerting.api = alertapi.New(alertapi.Options{
		Store: store, Runner: runner, Scheduler: s.alerting.scheduler, Searcher: searcher, Sender: notifier, Caller: callerOf,
		Normalize: normalize, ClusterName: s.cfg.ClusterName, NodeName: s.nodeName(), Log: s.log,
	})
	return nil
}

// onDelivery returns what records the attempts at messages, nil where the format of the audit log has no events for them.
func (s *Server) onDelivery() func(context.Context, alerting.Delivery, notify.Type, int, error) {
	if s.cfg.Audit.Format != "extended" {
		return nil
	}
	return func(ctx context.Context, d alerting.Delivery, t notify.Type, status int, err error) {
		told := &audit.Delivery{
			ID: d.ID, AlertID: d.AlertID, ActionID: d.ActionID, DestinationID: d.DestinationID, DestinationType: string(t),
			Attempt: d.Attempts + 1, Delivered: err == nil, Status: status,
		}
		if err != nil {
			told.Error = err.Error()
		}
		e := &audit.Event{Time: time.Now(), Category: audit.AlertDelivery, Origin: audit.OriginLocal, Delivery: told}
		if err := s.trail.Record(context.WithoutCancel(ctx), e); err != nil {
			s.log.ErrorContext(ctx, "an attempt to deliver a message is not recorded", "delivery_id", d.ID, "error", err)
		}
	}
}

// userSearcher searches through the gateway with the roles that a user had when it stored the monitor: authorized and
// audited like any other request of that user.
type userSearcher struct{ s *Server }

func (u userSearcher) Search(ctx context.Context, as *alerting.User, indices []string, body json.RawMessage) (json.RawMessage, error) {
	return u.do(ctx, as, "POST", cluster.Path(strings.Join(indices, ","), "_search"), nil, body)
}

// Read asks about the state of the cluster, with the same rights.
func (u userSearcher) Read(ctx context.Context, as *alerting.User, path string, query url.Values) (json.RawMessage, error) {
	return u.do(ctx, as, "GET", path, query, nil)
}

func (u userSearcher) do(ctx context.Context, as *alerting.User, method, path string, query url.Values, body []byte) (json.RawMessage, error) {
	p := &authn.Principal{Name: "plugin"}
	if as != nil {
		// The backend roles say whom a monitor is shared with: those of its first author, or what an administrator wrote. They give
		// its last editor nothing.
		p = &authn.Principal{Name: as.Name, SecurityRoles: as.Roles, Settled: true}
	}
	resp, err := cluster.NewClient(u.s.gateway.As(p)).Do(ctx, method, path, query, body)
	if err != nil {
		return nil, err
	}
	return resp.Body, nil
}

// callerOf returns the caller of a request as alerting keeps it.
func callerOf(ctx context.Context) alerting.User {
	p, roles := gateway.Principal(ctx)
	if p == nil {
		return alerting.User{}
	}
	u := alerting.User{Name: p.Name, BackendRoles: p.BackendRoles, Roles: roles, CustomAttributeNames: []string{}}
	for name := range p.Attributes {
		u.CustomAttributeNames = append(u.CustomAttributeNames, name)
	}
	return u
}

// normalize writes a search as OpenSearch does.
func normalize(body json.RawMessage) (json.RawMessage, error) {
	b, err := aggs.Normalize(body)
	if err != nil {
		return nil, engineError(err)
	}
	return b, nil
}

// alertingMetrics counts runs and messages.
type alertingMetrics struct{ runs, messages *prometheus.CounterVec }

func newAlertingMetrics(r prometheus.Registerer) (*alertingMetrics, error) {
	m := &alertingMetrics{
		runs: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "vigil_alerting_runs_total", Help: "Runs of monitors by what caused them and what came of them.",
		}, []string{"cause", "result"}),
		messages: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "vigil_notify_messages_total", Help: "Attempts to deliver a message by type of destination and result.",
		}, []string{"type", "result"}),
	}
	return m, errors.Join(r.Register(m.runs), r.Register(m.messages))
}

func (m *alertingMetrics) ran(c alerting.Cause, result string, _ time.Duration) {
	m.runs.WithLabelValues(string(c), result).Inc()
}

func (m *alertingMetrics) sent(t notify.Type, err error) {
	result := "ok"
	if err != nil {
		result = "error"
	}
	m.messages.WithLabelValues(string(t), result).Inc()
}
