package alerting

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"vigil/cluster"
)

// Settings are the cluster settings of the alerting plugin that have an effect here. People change them by PUT
// _cluster/settings; a change counts within a second. A value that cannot be read counts as the default.
type Settings struct {
	// FilterByBackendRoles shows monitors and their alerts to users only who share a backend role with their author.
	FilterByBackendRoles bool
	MaxMonitors          int
	MaxTriggers          int
	// MaxThrottle bounds the throttle of actions; at most a day.
	MaxThrottle time.Duration
	// MaxActionable is how many alerts of a run have messages of their own, -1 for any number.
	MaxActionable int
	InputTimeout  time.Duration
	// IndexTimeout bounds the storing of a monitor, BulkTimeout that of an alert or a finding.
	IndexTimeout, BulkTimeout time.Duration
	// Backoff is how often, and how long apart, a store that is too busy for an alert is asked again, MoveBackoff the same for the
	// history.
	Backoff, MoveBackoff Backoff
	// MaxDocuments and MaxDuration bound one run of a document-level monitor. It leaves the rest to the next.
	MaxDocuments int
	MaxDuration  time.Duration
	// Destinations are the types that can be sent to, as Open Distro calls them; nil means all.
	Destinations []string
	// ResultRoles are the roles whose monitors show results in messages; none means all.
	ResultRoles []string
	// Scheduled is whether monitors run by themselves.
	Scheduled bool
	// Comments switches comments on alerts on.
	Comments bool
	// MaxCommentLength is in characters, MaxComments per alert. CommentsPerMessage is how many of them messages can show.
	MaxCommentLength, MaxComments, CommentsPerMessage int
	// AlertHistory is what is kept of ended alerts, FindingHistory of findings, CommentHistory of comments.
	AlertHistory, FindingHistory, CommentHistory History
}

// Backoff is a number of retries and the time between them.
type Backoff struct {
	Count int
	Wait  time.Duration
}

// DefaultSettings are those of a cluster where nobody changed any.
func DefaultSettings() Settings {
	return Settings{
		MaxMonitors: 1000, MaxTriggers: defaultTriggers, MaxThrottle: maxThrottle, MaxActionable: maxActionable, InputTimeout: 30 * time.Second,
		IndexTimeout: time.Minute, BulkTimeout: 2 * time.Minute, Backoff: Backoff{2, 50 * time.Millisecond},
		MoveBackoff: Backoff{3, 250 * time.Millisecond}, MaxDocuments: maxBatches * documentBatch, MaxDuration: 4 * time.Minute, Scheduled: true,
		MaxCommentLength: 2000, MaxComments: 500, CommentsPerMessage: 3,
		AlertHistory: defaultHistory(), FindingHistory: defaultHistory(), CommentHistory: defaultHistory(),
	}
}

// maxCommentSize is the most characters that settings can allow a comment.
const maxCommentSize = 100_000

// settingsAge is how long settings are believed.
const settingsAge = time.Second

// settingsCache holds the settings that were read last. The zero value is ready.
type settingsCache struct {
	mu   sync.Mutex
	last Settings
	at   time.Time
}

// Settings returns the settings in force. While they cannot be read, those that were read last stay in force; the error is
// for when there are none.
func (s *Store) Settings(ctx context.Context) (Settings, error) {
	c := &s.settings
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.at.IsZero() && time.Since(c.at) < settingsAge {
		return c.last, nil
	}
	read, err := s.readSettings(ctx)
	switch {
	case err == nil:
		c.last, c.at = read, time.Now()
	case c.at.IsZero():
		return DefaultSettings(), err
	}
	return c.last, nil
}

func (s *Store) readSettings(ctx context.Context) (Settings, error) {
	out := DefaultSettings()
	r, err := s.c.Do(ctx, "GET", cluster.Path("_cluster", "settings"), map[string][]string{"flat_settings": {"true"}}, nil)
	if err != nil {
		return out, fmt.Errorf("read cluster settings: %w", err)
	}
	var body struct {
		Persistent map[string]any `json:"persistent"`
		Transient  map[string]any `json:"transient"`
	}
	if err := json.Unmarshal(r.Body, &body); err != nil {
		return out, fmt.Errorf("read cluster settings: %w", err)
	}
	for _, level := range []map[string]any{body.Persistent, body.Transient} {
		for _, prefix := range []string{"opendistro.", "plugins."} {
			out.apply(func(name string) (string, bool) {
				v, ok := level[prefix+"alerting."+name]
				return fmt.Sprint(v), ok
			})
			out.applyLists(func(name string) (any, bool) {
				v, ok := level[prefix+name]
				return v, ok
			})
		}
	}
	return out, nil
}

func (s *Settings) apply(get func(name string) (string, bool)) {
	if v, ok := get("comments_enabled"); ok {
		s.Comments = v == "true"
	}
	if v, ok := get("filter_by_backend_roles"); ok {
		// What is neither must not open what somebody meant to close.
		s.FilterByBackendRoles = v != "false"
	}
	number := func(name string, into *int, low, high int) {
		if v, ok := get(name); ok {
			if n, err := strconv.Atoi(v); err == nil && n >= low && n <= high {
				*into = n
			}
		}
	}
	span := func(name string, into *time.Duration, high time.Duration) {
		if v, ok := get(name); ok {
			if d, ok := timeValue(v); ok && d > 0 && d <= high {
				*into = d
			}
		}
	}
	number("alert_backoff_count", &s.Backoff.Count, 0, maxRetries)
	span("alert_backoff_millis", &s.Backoff.Wait, time.Minute)
	number("move_alerts_backoff_count", &s.MoveBackoff.Count, 0, maxRetries)
	span("move_alerts_backoff_millis", &s.MoveBackoff.Wait, time.Minute)
	span("index_timeout", &s.IndexTimeout, time.Hour)
	span("bulk_timeout", &s.BulkTimeout, time.Hour)
	number("monitor.doc_level_monitor_shard_fetch_size", &s.MaxDocuments, 1, maxBatches*documentBatch)
	span("monitor.doc_level_monitor_execution_max_duration", &s.MaxDuration, longestTime)
	number("monitor.max_monitors", &s.MaxMonitors, 0, maxMonitors)
	number("monitor.max_triggers", &s.MaxTriggers, 0, maxTriggers)
	number("max_comment_character_length", &s.MaxCommentLength, 0, maxCommentSize)
	number("max_comments_per_alert", &s.MaxComments, 0, pageSize)
	number("max_comments_per_notification", &s.CommentsPerMessage, 0, pageSize)
	number("max_actionable_alert_count", &s.MaxActionable, -1, maxSelected)
	span("action_throttle_max_value", &s.MaxThrottle, maxThrottle)
	span("input_timeout", &s.InputTimeout, time.Hour)
	for _, h := range []struct {
		into                                     *History
		enabled, every, age, docs, retentionName string
	}{
		{&s.AlertHistory, "alert_history_enabled", "alert_history_rollover_period", "alert_history_max_age", "alert_history_max_docs", "alert_history_retention_period"},
		{&s.FindingHistory, "alert_finding_enabled", "alert_finding_rollover_period", "finding_history_max_age", "alert_finding_max_docs", "finding_history_retention_period"},
		{&s.CommentHistory, "", "comments_history_rollover_period", "comments_history_max_age", "comments_history_max_docs", "comments_history_retention_period"},
	} {
		if v, ok := get(h.enabled); ok && h.enabled != "" {
			h.into.Enabled = v != "false"
		}
		span(h.every, &h.into.Every, longestTime)
		span(h.age, &h.into.MaxAge, longestTime)
		span(h.retentionName, &h.into.Retention, longestTime)
		number(h.docs, &h.into.MaxDocs, 1, math.MaxInt32)
	}
}

// longestTime bounds what is kept: a hundred years.
const longestTime = 100 * 365 * 24 * time.Hour

// applyLists takes the settings that are not numbers or times.
func (s *Settings) applyLists(get func(name string) (any, bool)) {
	list := func(name string, into *[]string) {
		v, ok := get(name)
		if !ok {
			return
		}
		*into = []string{}
		switch v := v.(type) {
		case []any:
			for _, x := range v {
				*into = append(*into, fmt.Sprint(x))
			}
		case string:
			for x := range strings.SplitSeq(v, ",") {
				*into = append(*into, strings.TrimSpace(x))
			}
		}
	}
	list("alerting.destination.allow_list", &s.Destinations)
	list("alerting.notification_context_results_allowed_roles", &s.ResultRoles)
	if v, ok := get("scheduled_jobs.enabled"); ok {
		s.Scheduled = fmt.Sprint(v) != "false"
	}
}

// MayReach reports whether messages may go to destinations of a type, as Open Distro calls it.
func (s *Settings) MayReach(kind string) bool {
	return s.Destinations == nil || slices.Contains(s.Destinations, kind)
}

// timeValue reads a number with one of OpenSearch's units.
func timeValue(v string) (time.Duration, bool) {
	for _, u := range []struct {
		suffix string
		unit   time.Duration
	}{{"ms", time.Millisecond}, {"s", time.Second}, {"m", time.Minute}, {"h", time.Hour}, {"d", 24 * time.Hour}} {
		if digits, ok := strings.CutSuffix(v, u.suffix); ok {
			n, err := strconv.ParseInt(digits, 10, 32)
			return time.Duration(n) * u.unit, err == nil
		}
	}
	return 0, false
}

// Check refuses what the settings do not allow in new and changed monitors. Stored ones go on.
func (s *Settings) Check(m *Monitor) error {
	if len(m.Triggers) > s.MaxTriggers {
		return errorf(BadArgument, "Monitors can only support up to %d triggers.", s.MaxTriggers)
	}
	for i := range m.Triggers {
		for _, a := range m.Triggers[i].Actions {
			if a.Throttle > s.MaxThrottle {
				return errorf(BadArgument, "Can only set throttle period less than or equal to %s", shortTime(s.MaxThrottle))
			}
		}
	}
	return nil
}

// shortTime prints a time with the largest unit that divides it.
func shortTime(d time.Duration) string {
	switch {
	case d%(24*time.Hour) == 0:
		return strconv.FormatInt(int64(d/(24*time.Hour)), 10) + "d"
	case d%time.Hour == 0:
		return strconv.FormatInt(int64(d/time.Hour), 10) + "h"
	case d%time.Minute == 0:
		return strconv.FormatInt(int64(d/time.Minute), 10) + "m"
	}
	return strconv.FormatInt(int64(d/time.Second), 10) + "s"
}
