package engine

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// What OpenSearch knows and this engine accepts without effect is answered with a Warning header that names it, as long as
// a client may rely on the effect. Tuning that only ever changed speed is not worth a warning.

// inertParam is a query parameter without effect.
type inertParam struct {
	// ops are the operations in which it has none, separated by spaces; empty means all.
	ops string
	// same are the values that ask for what happens anyway.
	same []string
	why  string
}

// inertParams returns the query parameters without effect by name.
func inertParams() map[string]inertParam {
	const answered = "requests are answered when they are done"
	return map[string]inertParam{
		"timeout": {
			ops: "index create delete update bulk update_by_query delete_by_query reindex cluster.health indices.create indices.delete " +
				"indices.open indices.close indices.put_mapping indices.put_settings indices.clone indices.rollover cluster.put_settings",
			same: []string{"1m", "60s", "60000ms", "30s", "30000ms"}, why: answered,
		},
		"from":                       {ops: "update_by_query delete_by_query", same: []string{"0"}, why: "all that matches is written"},
		"search_timeout":             {why: "the search of a by-query request is not bounded"},
		"wait_for_active_shards":     {same: []string{"0", "1"}, why: "there is one copy of each shard"},
		"wait_for_nodes":             {same: []string{"1", ">=1", "<=1", "ge(1)", "le(1)"}, why: "there is one node"},
		"wait_for_metadata_version":  {why: "the state is the newest"},
		"wait_for_completion":        {ops: "indices.open indices.clone indices.forcemerge", same: []string{"", "true"}, why: answered},
		"copy_settings":              {same: []string{"", "true"}, why: "settings are always copied"},
		"preference":                 {same: []string{""}, why: "there is one copy of each shard, and all are searched"},
		"request_cache":              {same: []string{"", "false"}, why: "answers are not cached"},
		"search_type":                {same: []string{"query_then_fetch"}, why: "scores are a shard's own"},
		"slices":                     {same: []string{"1", "auto"}, why: "the work is done in one piece"},
		"requests_per_second":        {same: []string{"-1"}, why: "requests are not throttled"},
		"cancel_after_time_interval": {same: []string{"-1"}, why: "only [timeout] bounds a search"},
		"phase_took":                 {same: []string{"false"}, why: "phases are not timed"},
		"awareness_attribute":        {why: "there is one node"},
		"ensure_node_weighed_in":     {same: []string{"false"}, why: "there is one node"},
		"all_shards":                 {same: []string{"false"}, why: "a query is checked once"},
		"ts":                         {same: []string{"", "true"}, why: "timestamps are always shown"},
		"full_id":                    {same: []string{"false"}, why: "ids are shown as they are"},
		"types":                      {why: "there are no such figures"},
		"groups":                     {ops: "nodes.stats", why: "there are no such figures"},
		"completion_fields":          {why: "there are no such figures"},
		"fielddata_fields":           {why: "there are no such figures"},
		"include_segment_file_sizes": {same: []string{"false"}, why: "there are no segments"},
		"level":                      {ops: "indices.stats", same: []string{"indices"}, why: "figures are those of indices"},
	}
}

// warnParams names the parameters that the operation accepts without effect.
func (q *request) warnParams(op string) {
	if len(q.call.Query) == 0 {
		return
	}
	inert := inertParams()
	for _, name := range sortedKeys(q.call.Query) {
		p, known := inert[name]
		if !known || p.ops != "" && !slices.Contains(strings.Fields(p.ops), op) {
			continue
		}
		if v := q.str(name, ""); !slices.Contains(p.same, v) {
			q.warn("[%s] has no effect: %s", name, p.why)
		}
	}
}

// sameSettings are values of settings without effect that ask for what happens anyway, by name without the "index." prefix.
func sameSettings() map[string]string {
	return map[string]string{
		"number_of_replicas": "0", "auto_expand_replicas": "false", "replication.type": "DOCUMENT", "soft_deletes.enabled": "true",
		"blocks.metadata": "false", "max_result_window": "10000",
	}
}

// warnSettings names the index settings that are kept and shown but have no effect.
func (q *request) warnSettings(raw json.RawMessage) error {
	flat, err := flattenSettings(raw)
	if err != nil {
		return err
	}
	same := sameSettings()
	for _, key := range sortedKeys(flat) {
		name := strings.TrimPrefix(key, "index.")
		if v := flat[key]; v != nil && !settingIn(heededSettings(), name) && v != any(same[name]) {
			q.warn("[%s] has no effect", key)
		}
	}
	return nil
}

// warnClusterSettings does the same for settings of the cluster.
func (e *Engine) warnClusterSettings(q *request, flat map[string]any) {
	for _, key := range sortedKeys(flat) {
		if flat[key] == nil || key == "action.auto_create_index" || key == "action.destructive_requires_name" {
			continue
		}
		switch mine, idle, _ := e.checkSetting(key, flat[key]); {
		case idle != "":
			q.warn("[%s] has no effect: %s", key, idle)
		case !mine:
			q.warn("[%s] has no effect", key)
		}
	}
}

// warn notes what the answer's Warning header is to say. Saying it twice makes no difference.
func (q *request) warn(format string, args ...any) {
	if w := fmt.Sprintf(format, args...); !slices.Contains(*q.warned, w) {
		*q.warned = append(*q.warned, w)
	}
}

// maxWarnings bounds the header in bytes, as servers on the way bound what they take.
const maxWarnings = 4 << 10

// warningHeader is the header that names what was accepted without effect; empty if there is nothing to name. Where it
// would get too long it says how many names are missing.
func warningHeader(list []string) string {
	var b strings.Builder
	for i, w := range list {
		if i > 0 {
			b.WriteString(", ")
		}
		next := strconv.QuoteToASCII(w)
		if b.Len()+len(next) > maxWarnings {
			fmt.Fprintf(&b, `299 Vigil "and %d more without effect"`, len(list)-i)
			break
		}
		b.WriteString("299 Vigil " + next)
	}
	return b.String()
}
