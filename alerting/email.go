package alerting

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"vigil/cluster"
	"vigil/notify"
)

// Resolve looks up what a destination refers to: the account and the recipients of an e-mail channel. Others are returned as
// they are. A reference to nothing is [ErrNoDestination].
func (s *Store) Resolve(ctx context.Context, d notify.Destination) (notify.Destination, error) {
	if d.Type != notify.Email {
		return d, nil
	}
	var c notify.EmailConfig
	if err := json.Unmarshal(d.Config, &c); err != nil {
		return d, fmt.Errorf("read destination %s: %w", d.ID, err)
	}
	account, err := s.referred(ctx, c.AccountID, notify.SMTPAccount, notify.SESConfig)
	if err != nil {
		return d, err
	}
	var into any
	if account.Type == notify.SMTPAccount {
		d.Account = &notify.Account{}
		into = d.Account
	} else {
		d.SES = &notify.SESAccount{}
		into = d.SES
	}
	if err := json.Unmarshal(account.Config, into); err != nil {
		return d, fmt.Errorf("read destination %s: %w", account.ID, err)
	}
	d.Recipients = c.Addresses()
	for _, id := range c.GroupIDs {
		found, err := s.referred(ctx, id, notify.EmailGroup)
		if err != nil {
			return d, err
		}
		var group notify.GroupConfig
		if err := json.Unmarshal(found.Config, &group); err != nil {
			return d, fmt.Errorf("read destination %s: %w", id, err)
		}
		d.Recipients = append(d.Recipients, group.Addresses()...)
	}
	slices.Sort(d.Recipients)
	d.Recipients = slices.Compact(d.Recipients)
	return d, nil
}

// referred returns a configuration of one of the types, in either form.
func (s *Store) referred(ctx context.Context, id string, types ...notify.Type) (Channel, error) {
	c, err := s.Channel(ctx, id, false)
	if errors.Is(err, ErrNoDestination) {
		c, err = s.Channel(ctx, id, true)
	}
	if err == nil && !slices.Contains(types, c.Type) {
		err = errorf(BadArgument, "configuration %s is of type %s, not %s", id, c.Type, types[0])
	}
	return c, err
}

// LegacyEmail returns the accounts or groups of Open Distro's form.
func (s *Store) LegacyEmail(ctx context.Context, t notify.Type) ([]Channel, error) {
	field := "email_account.name"
	if t == notify.EmailGroup {
		field = "email_group.name"
	}
	var out []Channel
	query := map[string]any{"exists": map[string]any{"field": field}}
	err := s.scan(ctx, []string{s.ix.Config}, query, field+".keyword", func(d cluster.Doc) error {
		c, ok, err := s.readChannel(d, true)
		if ok {
			out = append(out, c)
		}
		return err
	})
	return out, err
}
