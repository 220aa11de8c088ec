// Package notify delivers messages to destinations: Chime, Slack, Microsoft Teams, Mattermost, PagerDuty, any webhook, e-mail by
// SMTP or Amazon SES, Amazon SNS.
//
// It makes one attempt per call and says whether another one can help; queues and retries belong to the caller. It must not
// reach addresses that the operator has not allowed, follow redirects, or let a secret out of a destination's configuration.
// Start reading at [Notifier] and [Destination]; a new kind of destination is one file and one row in kinds.
package notify

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"time"
)

// Type is the kind of a destination, in the words of the notifications plugin's config_type.
type Type string

// The kinds that can be delivered to.
const (
	Chime      Type = "chime"
	Slack      Type = "slack"
	Teams      Type = "microsoft_teams"
	Mattermost Type = "mattermost"
	Webhook    Type = "webhook"
	Email      Type = "email"
	SNS        Type = "sns"
	PagerDuty  Type = "pagerduty"
)

// The kinds of configurations that destinations refer to.
const (
	SMTPAccount Type = "smtp_account"
	SESConfig   Type = "ses_account"
	EmailGroup  Type = "email_group"
)

// kind is what the package knows about one type of destination.
type kind struct {
	// check returns the configuration with its defaults filled in.
	check func(config json.RawMessage) (json.RawMessage, error)
	// request makes the message as the receiver wants it. It is nil for what is not reached by one plain HTTP request.
	request func(config json.RawMessage, m Message) (outgoing, error)
}

// kinds holds a row for every type of destination.
func kinds() map[Type]kind {
	return map[Type]kind{
		Chime:      {checkURL, chimeRequest},
		Slack:      {checkURL, slackRequest},
		Teams:      {checkTeams, teamsRequest},
		Mattermost: {checkURL, mattermostRequest},
		Webhook:    {checkWebhook, webhookRequest},
		PagerDuty:  {checkPagerDuty, pagerDutyRequest},

		Email:       {checkEmail, nil},
		SNS:         {checkSNS, nil},
		SMTPAccount: {checkAccount, nil},
		SESConfig:   {checkSESAccount, nil},
		EmailGroup:  {checkGroup, nil},
	}
}

// Types returns all kinds of configurations, sorted.
func Types() []Type {
	var types []Type
	for t := range kinds() {
		types = append(types, t)
	}
	slices.Sort(types)
	return types
}

// Destination is where messages go. Config is the type's own object, as [Check] returns it; it may hold secrets.
type Destination struct {
	ID     string
	Name   string
	Type   Type
	Config json.RawMessage
	// Account or SES, and Recipients, are what an e-mail channel refers to. Whoever sends looks them up.
	Account    *Account
	SES        *SESAccount
	Recipients []string
}

// IsChannel reports whether messages can be sent to destinations of the type.
func (t Type) IsChannel() bool {
	return t != SMTPAccount && t != SESConfig && t != EmailGroup
}

// Message is what is sent. DeliveryID is the same for every attempt at one message, so that receivers can drop repetitions.
type Message struct {
	Subject    string
	Body       string
	DeliveryID string
	// AlertID is the alert that the message is about and Severity that of its trigger, from 1, the highest, to 5. A test message
	// has neither.
	AlertID, Severity string
}

// Result is a receiver's answer. Body is cut after 64 KiB.
type Result struct {
	Status int
	Body   string
}

// Error says why a message was not delivered and whether trying again can help. Its text names the host at most.
type Error struct {
	// Status is the receiver's, 0 if there was no answer.
	Status int
	// Body is what the receiver answered, cut after 64 KiB.
	Body string
	// Retry is set when another attempt may succeed.
	Retry bool
	// After is how long the receiver asked to wait, 0 if it did not say.
	After time.Duration
	Err   error
}

// Error returns the cause.
func (e *Error) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// ConfigError says what is wrong with a destination's configuration.
type ConfigError struct {
	Field  string
	Reason string
}

// Error returns the reason.
func (e *ConfigError) Error() string { return e.Reason }

// Check validates the configuration of a destination and returns it with its defaults filled in. The error is a
// *[ConfigError], or [ErrUnknownType].
func Check(t Type, config json.RawMessage) (json.RawMessage, error) {
	k, ok := kinds()[t]
	if !ok {
		return nil, fmt.Errorf("%w: %s", ErrUnknownType, t)
	}
	if bytes.Contains(config, []byte(Mask)) {
		return nil, &ConfigError{Reason: Mask + " stands for a secret that this host was never sent: write it out"}
	}
	return k.check(config)
}

// Options configure a [Notifier]. The zero value is safe: public addresses only.
type Options struct {
	// Version is told to receivers as "User-Agent: Vigil/<version>".
	Version string
	// AllowNetworks are networks that may be reached although they are loopback, private or link-local.
	AllowNetworks []netip.Prefix
	// AllowHosts, if not empty, are the only hosts that may be named. A leading "*." stands for any sub-domain.
	AllowHosts []string
	// DenyHosts are hosts, addresses or networks (as in http.host_deny_list) that may not be reached in any case.
	DenyHosts []string
	// Timeout bounds one attempt from dialling to the last byte read; default 10 s.
	Timeout time.Duration
	// Resolver looks names up; default net.DefaultResolver.
	Resolver *net.Resolver
	// RootCAs are the authorities that receivers' certificates must descend from; nil means those of the system.
	RootCAs *x509.CertPool
	// AWS says as whom Amazon's services are called.
	AWS AWS
	// OnSend, if set, is called after every attempt.
	OnSend func(t Type, err error)
	Log    *slog.Logger
}

// Notifier sends messages. It is safe for concurrent use.
type Notifier struct {
	o     Options
	kinds map[Type]kind
	guard *guard
	http  *http.Client
}

// New returns a Notifier. It fails on a malformed entry of DenyHosts or AllowHosts.
func New(o Options) (*Notifier, error) {
	if o.Timeout == 0 {
		o.Timeout = 10 * time.Second
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	g, err := newGuard(o)
	if err != nil {
		return nil, err
	}
	return &Notifier{o: o, kinds: kinds(), guard: g, http: newClient(o, g)}, nil
}

// Send makes one attempt to deliver a message. The error is an *[Error].
func (n *Notifier) Send(ctx context.Context, d Destination, m Message) (Result, error) {
	res, err := n.send(ctx, d, m)
	if n.o.OnSend != nil {
		n.o.OnSend(d.Type, err)
	}
	return res, err
}

func (n *Notifier) send(ctx context.Context, d Destination, m Message) (Result, error) {
	k, ok := n.kinds[d.Type]
	if !ok {
		return Result{}, &Error{Err: fmt.Errorf("%w: %s", ErrUnknownType, d.Type)}
	}
	switch d.Type {
	case Email:
		return n.sendEmail(ctx, d, m)
	case SNS:
		return n.sendSNS(ctx, d, m)
	default:
	}
	if k.request == nil {
		return Result{}, &Error{Err: fmt.Errorf("%s: no messages can be sent to it", d.Type)}
	}
	out, err := k.request(d.Config, m)
	if err != nil {
		return Result{}, &Error{Err: err}
	}
	return n.post(ctx, out, m.DeliveryID)
}

// Close closes idle connections.
func (n *Notifier) Close() { n.http.CloseIdleConnections() }
