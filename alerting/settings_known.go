package alerting

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// knownSetting is a cluster setting of the alerting plugin.
type knownSetting struct {
	// name is with its prefix; old is set if Open Distro had it, too.
	name string
	old  bool
	// check refuses a value.
	check func(name, value string) error
	// list is set if the value is a list of texts.
	list bool
	// idle, if set, is why the setting has no effect here.
	idle string
	// refused, if set, is why it cannot be set here.
	refused string
}

const alertingPrefix = "plugins.alerting."

// knownSettings are all cluster settings that the alerting plugin of OpenSearch 2.19 has. Those of what is not built are
// refused, those that tune what works otherwise here are kept without effect.
func knownSettings() []knownSetting {
	const (
		nodes   = "a monitor runs on one node"
		queries = "queries of monitors are not indexed"
		sweeps  = "monitors are not swept: changes count at once"
		ppl     = "there are no PPL monitors"
	)
	all := []knownSetting{
		{name: "monitor.max_monitors", old: true, check: inRange(0, maxMonitors)},
		{name: "monitor.max_triggers", check: inRange(0, maxTriggers)},
		{name: "max_actionable_alert_count", check: inRange(-1, maxSelected)},
		{name: "input_timeout", old: true, check: upTo(time.Hour)},
		{name: "index_timeout", old: true, check: upTo(time.Hour)},
		{name: "bulk_timeout", old: true, check: upTo(time.Hour)},
		{name: "request_timeout", old: true, check: upTo(longestTime), idle: "reads are not bounded by it"},
		{name: "action_throttle_max_value", old: true, check: upTo(maxThrottle)},
		{name: "alert_backoff_millis", old: true, check: upTo(time.Minute)},
		{name: "alert_backoff_count", old: true, check: inRange(0, maxRetries)},
		{name: "move_alerts_backoff_millis", old: true, check: upTo(time.Minute)},
		{name: "move_alerts_backoff_count", old: true, check: inRange(0, maxRetries)},
		{name: "alert_history_enabled", old: true, check: yesOrNo},
		{name: "alert_history_rollover_period", old: true, check: upTo(longestTime)},
		{name: "alert_history_max_age", old: true, check: upTo(longestTime)},
		{name: "alert_history_max_docs", old: true, check: inRange(1, math.MaxInt32)},
		{name: "alert_history_retention_period", old: true, check: upTo(longestTime)},
		{name: "alert_finding_enabled", check: yesOrNo},
		{name: "alert_finding_rollover_period", check: upTo(longestTime)},
		{name: "finding_history_max_age", check: upTo(longestTime)},
		{name: "alert_finding_max_docs", check: inRange(1, math.MaxInt32)},
		{name: "finding_history_retention_period", check: upTo(longestTime)},
		{name: "alert_findings_indexing_batch_size", check: inRange(1, math.MaxInt32), idle: "findings are stored one by one"},
		{name: "filter_by_backend_roles", old: true, check: yesOrNo},
		{name: "cross_cluster_monitoring_enabled", check: yesOrNo, idle: "there is one cluster"},
		{name: "comments_enabled", check: yesOrNo},
		{name: "max_comment_character_length", check: inRange(0, maxCommentSize)},
		{name: "max_comments_per_alert", check: inRange(0, pageSize)},
		{name: "max_comments_per_notification", check: inRange(0, pageSize)},
		{name: "notification_context_results_allowed_roles", list: true},
		{name: "destination.allow_list", old: true, list: true},
		{name: "monitor.doc_level_monitor_shard_fetch_size", check: inRange(1, maxBatches*documentBatch)},
		{name: "monitor.doc_level_monitor_execution_max_duration", check: upTo(longestTime)},
		{name: "monitor.doc_level_monitor_fanout_max_duration", check: upTo(longestTime), idle: nodes},
		{name: "monitor.doc_level_monitor_fan_out_nodes", check: inRange(1, math.MaxInt32), idle: nodes},
		{name: "monitor.doc_level_monitor_query_field_names_enabled", check: yesOrNo, idle: queries},
		{name: "monitor.percolate_query_max_num_docs_in_memory", check: inRange(1000, math.MaxInt32), idle: queries},
		{name: "monitor.percolate_query_docs_size_memory_percentage_limit", check: inRange(0, 100), idle: queries},
		{name: "comments_history_max_docs", check: inRange(1, math.MaxInt32)},
		{name: "comments_history_max_age", check: upTo(longestTime)},
		{name: "comments_history_rollover_period", check: upTo(longestTime)},
		{name: "comments_history_retention_period", check: upTo(longestTime)},
		{name: "filter_by_backend_roles_access_strategy", refused: "roles have to intersect"},
		{name: "monitor.max_ppl_triggers", refused: ppl},
		{name: "ppl_query_max_execution_duration", refused: ppl},
		{name: "ppl_monitor_max_query_length", refused: ppl},
		{name: "ppl_query_results_max_datarows", refused: ppl},
		{name: "ppl_query_results_max_size", refused: ppl},
		{name: "notification_subject_source_max_length", refused: ppl},
		{name: "notification_message_source_max_length", refused: ppl},
	}
	for i := range all {
		all[i].name = alertingPrefix + all[i].name
	}
	return append(all,
		knownSetting{name: "plugins.scheduled_jobs.enabled", old: true, check: yesOrNo},
		knownSetting{name: "plugins.scheduled_jobs.sweeper.period", old: true, check: upTo(longestTime), idle: sweeps},
		knownSetting{name: "plugins.scheduled_jobs.sweeper.page_size", old: true, check: inRange(1, math.MaxInt32), idle: sweeps},
		knownSetting{name: "plugins.scheduled_jobs.sweeper.backoff_millis", old: true, check: upTo(longestTime), idle: sweeps},
		knownSetting{name: "plugins.scheduled_jobs.retry_count", old: true, check: inRange(0, math.MaxInt32), idle: sweeps},
		knownSetting{name: "plugins.scheduled_jobs.request_timeout", old: true, check: upTo(longestTime), idle: sweeps},
		knownSetting{name: "plugins.destination.host.deny_list", old: true, list: true, refused: "it is notify.deny_hosts in vigil.yml"},
	)
}

const (
	maxMonitors = 1_000_000
	maxRetries  = 100
)

// CheckSetting judges a cluster setting that somebody wants to change, by its full name. A nil value resets it. Mine is whether
// it is one of alerting at all; idle is why it has no effect, if it has none. The error is for what is unknown, refused, or not a
// value of the setting.
func CheckSetting(name string, value any) (mine bool, idle string, err error) {
	full := name
	if rest, ok := strings.CutPrefix(name, "opendistro."); ok {
		full = "plugins." + rest
	}
	for _, prefix := range []string{alertingPrefix, "plugins.scheduled_jobs.", "plugins.destination."} {
		mine = mine || strings.HasPrefix(full, prefix)
	}
	if !mine || strings.Contains(name, "*") && value == nil {
		return mine, "", nil
	}
	for _, s := range knownSettings() {
		if s.name != full || full != name && !s.old {
			continue
		}
		switch text, isText := value.(string); {
		case value == nil:
			return true, "", nil
		case s.refused != "":
			return true, "", errorf(BadArgument, "setting [%s] is not supported: %s", name, s.refused)
		case s.list:
			return true, s.idle, nil
		case !isText:
			return true, "", errorf(BadArgument, "setting [%s] is not a list", name)
		default:
			return true, s.idle, s.check(name, text)
		}
	}
	return true, "", errorf(BadArgument, "setting [%s], not recognized", name)
}

// The words of the checks are OpenSearch's.

func yesOrNo(_, value string) error {
	if value == "true" || value == "false" {
		return nil
	}
	return errorf(BadArgument, "Failed to parse value [%s] as only [true] or [false] are allowed.", value)
}

func inRange(low, high int) func(name, value string) error {
	return func(name, value string) error {
		n, err := strconv.Atoi(value)
		bound := ""
		switch {
		case err != nil:
		case n < low:
			bound = fmt.Sprintf(" must be >= %d", low)
		case n > high:
			bound = fmt.Sprintf(" must be <= %d", high)
		default:
			return nil
		}
		return errorf(BadArgument, "Failed to parse value [%s] for setting [%s]%s", value, name, bound)
	}
}

func upTo(most time.Duration) func(name, value string) error {
	return func(name, value string) error {
		d, ok := timeValue(value)
		switch {
		case !ok:
			return errorf(BadArgument, "failed to parse setting [%s] with value [%s] as a time value: unit is missing or unrecognized", name, value)
		case d <= 0:
			return errorf(BadArgument, "failed to parse value [%s] for setting [%s], must be > [0ms]", value, name)
		case d > most:
			return errorf(BadArgument, "failed to parse value [%s] for setting [%s], must be <= [%s]", value, name, shortTime(most))
		}
		return nil
	}
}
