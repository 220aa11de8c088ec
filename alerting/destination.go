package alerting

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"vigil/cluster"
	"vigil/notify"
)

var (
	// ErrNoDestination says that an action names a destination that does not exist.
	ErrNoDestination = errors.New("no such destination")
	// ErrMuted says that a channel is switched off.
	ErrMuted = errors.New("The channel is muted") //nolint:staticcheck // the notifications plugin's words
)

// noDestinationError is told in the words of OpenSearch 2.19; see execute-inline-missing-channel in compat/.
type noDestinationError struct{ id string }

func (e noDestinationError) Error() string {
	return fmt.Sprintf("Unable to find a Notification Channel or Destination config with id [%s]", e.id)
}

func (noDestinationError) Is(target error) bool { return target == ErrNoDestination }

// Channel is a destination, in either of the forms in which people keep them.
type Channel struct {
	notify.Destination
	Description string
	Enabled     bool
	Created     time.Time
	Updated     time.Time
	Version     Version
	// Legacy marks a destination of Open Distro's form.
	Legacy bool
	// Access are the backend roles of whoever made it.
	Access []string
}

// legacyTypes are Open Distro's words where they are not those of the notifications plugin.
func legacyType(t notify.Type) notify.Type {
	switch t {
	case "custom_webhook":
		return notify.Webhook
	case notify.Webhook:
		return "custom_webhook"
	default:
		return t
	}
}

// Destination returns where an action's messages go: a channel, else a destination of Open Distro's form.
func (s *Store) Destination(ctx context.Context, id string) (notify.Destination, error) {
	for _, legacy := range []bool{false, true} {
		c, err := s.Channel(ctx, id, legacy)
		if errors.Is(err, ErrNoDestination) {
			continue
		}
		if err != nil {
			return notify.Destination{}, err
		}
		if !c.Enabled {
			return c.Destination, ErrMuted
		}
		return s.Resolve(ctx, c.Destination)
	}
	return notify.Destination{}, noDestinationError{id}
}

// Channel returns one channel, or one destination of Open Distro's form. One that does not exist is [ErrNoDestination].
func (s *Store) Channel(ctx context.Context, id string, legacy bool) (Channel, error) {
	d, err := s.c.Get(ctx, s.channelIndex(legacy), id)
	if errors.Is(err, cluster.ErrNotFound) {
		return Channel{}, noDestinationError{id}
	}
	if err != nil {
		return Channel{}, fmt.Errorf("get destination %s: %w", id, err)
	}
	c, ok, err := s.readChannel(d, legacy)
	if err == nil && !ok {
		return Channel{}, noDestinationError{id}
	}
	return c, err
}

// Channels returns all channels, or all destinations of Open Distro's form.
func (s *Store) Channels(ctx context.Context, legacy bool) ([]Channel, error) {
	var out []Channel
	order, query := "metadata.created_time_ms", `{"match_all":{}}`
	if legacy {
		order, query = "destination.last_update_time", `{"exists":{"field":"destination.type"}}`
	}
	err := s.scan(ctx, []string{s.channelIndex(legacy)}, json.RawMessage(query), order, func(d cluster.Doc) error {
		c, ok, err := s.readChannel(d, legacy)
		if ok {
			out = append(out, c)
		}
		return err
	})
	return out, err
}

// SaveChannel stores a channel. With create set there must be none of its id yet, else there must be one; ifVersion, if not
// nil, demands that nobody changed it since.
func (s *Store) SaveChannel(ctx context.Context, c Channel, create bool, ifVersion *Version) (Channel, error) {
	now := time.Now()
	c.Updated = now
	if c.Created.IsZero() {
		c.Created = now
	}
	o := cluster.IndexOptions{}
	switch {
	case create:
		o.OpType = "create"
	case ifVersion != nil:
		o = onlyIf(ifVersion)
	}
	doc, err := s.channelDoc(c)
	if err != nil {
		return c, err
	}
	v, err := s.write(ctx, s.channelIndex(c.Legacy), c.ID, doc, o)
	if err != nil {
		return c, conflict(fmt.Errorf("store destination %s: %w", c.ID, err))
	}
	c.Version = v
	return c, nil
}

// DeleteChannel removes a channel or destination. One that does not exist is [ErrNoDestination].
func (s *Store) DeleteChannel(ctx context.Context, id string, legacy bool) (Version, error) {
	if _, err := s.Channel(ctx, id, legacy); err != nil {
		return Version{}, err
	}
	v, err := s.remove(ctx, s.channelIndex(legacy), id)
	if errors.Is(err, cluster.ErrNotFound) {
		return v, noDestinationError{id}
	}
	return v, err
}

func (s *Store) channelIndex(legacy bool) string {
	if legacy {
		return s.ix.Config
	}
	return s.ix.Channels
}

type channelDoc struct {
	Metadata    *channelTimes              `json:"metadata,omitempty"`
	Config      map[string]json.RawMessage `json:"config,omitempty"`
	Destination map[string]json.RawMessage `json:"destination,omitempty"`
	Account     map[string]json.RawMessage `json:"email_account,omitempty"`
	Group       map[string]json.RawMessage `json:"email_group,omitempty"`
}

type channelTimes struct {
	Updated int64    `json:"last_updated_time_ms"`
	Created int64    `json:"created_time_ms"`
	Access  []string `json:"access"`
}

// channelUser is what a destination of Open Distro's form keeps of its author.
type channelUser struct {
	BackendRoles []string `json:"backend_roles"`
}

// access is never nil: the plugin writes an empty list.
func (c *Channel) access() []string { return append([]string{}, c.Access...) }

// sealed stands in the place of a configuration that is encrypted.
type sealed struct {
	Box string `json:"vigil_sealed"`
}

func (s *Store) channelDoc(c Channel) (json.RawMessage, error) {
	config := c.Config
	if s.o.Sealer != nil {
		box, err := s.o.Sealer.Seal(c.ID, config)
		if err != nil {
			return nil, fmt.Errorf("seal destination %s: %w", c.ID, err)
		}
		config = encode(sealed{base64.StdEncoding.EncodeToString(box)})
	}
	if c.Legacy && !c.Type.IsChannel() {
		members := map[string]json.RawMessage{
			"name": encode(c.Name), "last_update_time": encode(c.Updated.UnixMilli()), string(c.Type): config,
		}
		if c.Type == notify.EmailGroup {
			return encode(channelDoc{Group: members}), nil
		}
		return encode(channelDoc{Account: members}), nil
	}
	if c.Legacy {
		t := legacyType(c.Type)
		return encode(channelDoc{Destination: map[string]json.RawMessage{
			"id": encode(c.ID), "type": encode(t), "name": encode(c.Name), "schema_version": encode(monitorSchema),
			"last_update_time": encode(c.Updated.UnixMilli()), string(t): config, "user": encode(channelUser{c.access()}),
		}}), nil
	}
	return encode(channelDoc{
		Metadata: &channelTimes{c.Updated.UnixMilli(), c.Created.UnixMilli(), c.access()},
		Config: map[string]json.RawMessage{
			"name": encode(c.Name), "description": encode(c.Description), "config_type": encode(c.Type),
			"is_enabled": encode(c.Enabled), string(c.Type): config,
		},
	}), nil
}

func (s *Store) readChannel(d cluster.Doc, legacy bool) (Channel, bool, error) {
	var doc channelDoc
	if err := json.Unmarshal(d.Source, &doc); err != nil {
		return Channel{}, false, fmt.Errorf("read destination %s: %w", d.ID, err)
	}
	c := Channel{Enabled: true, Legacy: legacy, Version: versionOf(d)}
	c.ID = d.ID
	members, typeName := doc.Config, "config_type"
	if legacy {
		members, typeName = doc.Destination, "type"
		switch {
		case doc.Account != nil:
			members, c.Type = doc.Account, notify.SMTPAccount
		case doc.Group != nil:
			members, c.Type = doc.Group, notify.EmailGroup
		}
	}
	if members == nil {
		return Channel{}, false, nil
	}
	var updated int64
	var user channelUser
	for name, into := range map[string]any{
		"user": &user,
		"name": &c.Name, "description": &c.Description, typeName: &c.Type, "is_enabled": &c.Enabled, "last_update_time": &updated,
	} {
		if raw, ok := members[name]; ok {
			if err := json.Unmarshal(raw, into); err != nil {
				return Channel{}, false, fmt.Errorf("read destination %s: %w", d.ID, err)
			}
		}
	}
	c.Config = members[string(c.Type)]
	if legacy {
		c.Type, c.Updated = legacyType(c.Type), time.UnixMilli(updated)
	}
	c.Access = user.BackendRoles
	if doc.Metadata != nil {
		c.Access = doc.Metadata.Access
		c.Updated, c.Created = time.UnixMilli(doc.Metadata.Updated), time.UnixMilli(doc.Metadata.Created)
	}
	if err := s.unseal(&c); err != nil {
		return Channel{}, false, err
	}
	return c, true, nil
}

func (s *Store) unseal(c *Channel) error {
	var box sealed
	if json.Unmarshal(c.Config, &box) != nil || box.Box == "" {
		return nil
	}
	if s.o.Sealer == nil {
		return fmt.Errorf("destination %s is encrypted and there is no key", c.ID)
	}
	raw, err := base64.StdEncoding.DecodeString(box.Box)
	if err != nil {
		return fmt.Errorf("read destination %s: %w", c.ID, err)
	}
	if c.Config, err = s.o.Sealer.Open(c.ID, raw); err != nil {
		return fmt.Errorf("open destination %s: %w", c.ID, err)
	}
	return nil
}
