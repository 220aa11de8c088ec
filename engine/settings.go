package engine

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"vigil/rest"
)

// createdVersion is how OpenSearch 2.19.4 writes its version into an index (compat: 04a get-index).
const createdVersion = "136408227"

// heededSettings have an effect in this engine. The others that are known tune what it does not have, such as segments,
// replicas and slow logs: they are kept and shown, and [request.warnSettings] says that this is all.
func heededSettings() []string {
	return []string{
		"number_of_shards", "hidden", "gc_deletes", "default_pipeline", "final_pipeline", "blocks.read", "blocks.write", "blocks.read_only", "blocks.read_only_allow_delete",
		"mapping.total_fields.limit", "mapping.depth.limit", "mapping.nested_fields.limit",
		"provided_name", "creation_date", "uuid", "version.created",
	}
}

// staticSettings can be given at creation only, dynamicSettings may change later. A trailing "*" covers what is below:
// names that clients choose (allocation by attributes) and those of plugins.
func staticSettings() []string {
	return []string{
		"number_of_shards", "number_of_routing_shards", "routing_partition_size", "codec", "codec.compression_level", "replication.type",
		"soft_deletes.enabled", "load_fixed_bitset_filters_eagerly", "store.type", "store.preload", "store.hybrid.mmap.extensions",
		"store.hybrid.nio.extensions", "store.fs.fs_lock", "shard.check_on_startup", "provided_name", "creation_date", "uuid",
		"version.created", "data_path", "queries.cache.enabled", "append_only.enabled",
	}
}

func dynamicSettings() []string {
	return slices.Concat([]string{
		"number_of_replicas", "auto_expand_replicas", "refresh_interval", "hidden", "max_result_window", "max_inner_result_window",
		"max_rescore_window", "max_docvalue_fields_search", "max_script_fields", "max_ngram_diff", "max_shingle_diff",
		"max_refresh_listeners", "max_terms_count", "max_regex_length", "max_slices_per_scroll", "max_slices_per_pit",
		"max_adjacency_matrix_filters", "analyze.max_token_count", "highlight.max_analyzed_offset", "gc_deletes", "priority",
		"default_pipeline", "final_pipeline", "write.wait_for_active_shards", "requests.cache.enable", "optimize_auto_generated_id",
		"warmer.enabled", "flush_after_merge", "soft_deletes.retention.operations", "soft_deletes.retention_lease.period",
		"blocks.read_only", "blocks.read_only_allow_delete", "blocks.read", "blocks.write", "blocks.metadata",
		"mapping.total_fields.limit", "mapping.depth.limit", "mapping.nested_fields.limit", "mapping.nested_objects.limit",
		"mapping.field_name_length.limit", "mapping.coerce", "mapping.ignore_malformed", "query.default_field",
		"query.parse.allow_unmapped_fields", "query_string.lenient", "query.max_nested_depth",
		"unassigned.node_left.delayed_timeout", "allocation.max_retries", "allocation.existing_shards_allocator",
		"plugins.*", "opendistro.*",
	}, routingSettings(), segmentSettings(), slowLogSettings())
}

func routingSettings() []string {
	return []string{
		"routing.allocation.include.*", "routing.allocation.exclude.*", "routing.allocation.require.*", "routing.allocation.enable",
		"routing.allocation.total_shards_per_node", "routing.allocation.total_primary_shards_per_node", "routing.rebalance.enable",
	}
}

func segmentSettings() []string {
	return []string{
		"translog.durability", "translog.sync_interval", "translog.flush_threshold_size", "translog.generation_threshold_size",
		"translog.retention.age", "translog.retention.size", "merge.policy", "merge.policy.compound_format",
		"merge.policy.deletes_pct_allowed", "merge.policy.expunge_deletes_allowed", "merge.policy.floor_segment",
		"merge.policy.max_merge_at_once", "merge.policy.max_merge_at_once_explicit", "merge.policy.max_merged_segment",
		"merge.policy.segments_per_tier", "merge.policy.reclaim_deletes_weight", "merge.scheduler.max_thread_count",
		"merge.scheduler.max_merge_count", "merge.scheduler.auto_throttle", "merge_on_flush.enabled", "merge_on_flush.policy",
		"merge_on_flush.max_full_flush_merge_wait_time", "merge.log_byte_size_policy.min_merge", "merge.log_byte_size_policy.max_merge_segment",
		"merge.log_byte_size_policy.merge_factor", "check_pending_flush.enabled",
	}
}

func slowLogSettings() []string {
	out := []string{
		"search.idle.after", "search.throttled", "search.default_pipeline", "search.concurrent_segment_search.enabled",
		"search.concurrent_segment_search.mode", "search.concurrent.max_slice_count", "search.slowlog.level", "indexing.slowlog.level",
		"indexing.slowlog.reformat", "indexing.slowlog.source",
	}
	for _, level := range []string{"warn", "info", "debug", "trace"} {
		out = append(out, "search.slowlog.threshold.query."+level, "search.slowlog.threshold.fetch."+level, "indexing.slowlog.threshold.index."+level)
	}
	return out
}

func settingIn(list []string, name string) bool {
	return slices.ContainsFunc(list, func(s string) bool { return rest.MatchName(s, name) })
}

// flattenSettings reads settings as clients write them, nested or dotted, with or without the "index" prefix. A nil value
// resets a setting.
func flattenSettings(raw json.RawMessage) (map[string]any, error) {
	flat, err := flatten(raw)
	if err != nil {
		return nil, err
	}
	out := make(map[string]any, len(flat))
	for k, v := range flat {
		if !strings.HasPrefix(k, "index.") {
			k = "index." + k
		}
		out[k] = v
	}
	return out, nil
}

// flatten turns an object into dotted keys with strings, lists of strings or nil.
func flatten(raw json.RawMessage) (map[string]any, error) {
	out := map[string]any{}
	if len(bytes.TrimSpace(raw)) == 0 || string(raw) == "null" {
		return out, nil
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var v map[string]any
	if err := dec.Decode(&v); err != nil {
		return nil, badRequest("malformed settings: an object is expected")
	}
	return out, flattenInto(out, "", v)
}

func flattenInto(out map[string]any, prefix string, o map[string]any) error {
	for k, v := range o {
		switch v := v.(type) {
		case map[string]any:
			if err := flattenInto(out, prefix+k+".", v); err != nil {
				return err
			}
		case []any:
			list := make([]any, len(v))
			for i, e := range v {
				if _, nested := e.(map[string]any); nested {
					return badRequest("setting [%s%s] holds a list of objects", prefix, k)
				}
				list[i] = fmt.Sprint(e)
			}
			out[prefix+k] = list
		case nil:
			out[prefix+k] = nil
		default:
			out[prefix+k] = fmt.Sprint(v)
		}
	}
	return nil
}

// nest turns dotted keys into objects.
func nest(flat map[string]any) map[string]any {
	out := map[string]any{}
	for _, k := range slices.Sorted(maps.Keys(flat)) {
		o := out
		parts := strings.Split(k, ".")
		for i, p := range parts[:len(parts)-1] {
			sub, ok := o[p].(map[string]any)
			if !ok {
				if _, taken := o[p]; taken { // both "a" and "a.b" are set
					o[strings.Join(parts[i:], ".")] = flat[k]
					o = nil
					break
				}
				sub = map[string]any{}
				o[p] = sub
			}
			o = sub
		}
		if o != nil {
			o[parts[len(parts)-1]] = flat[k]
		}
	}
	return out
}

// checkSettings refuses settings that do not exist, do not fit or are not built.
func checkSettings(flat map[string]any) error {
	for _, key := range slices.Sorted(maps.Keys(flat)) {
		name := strings.TrimPrefix(key, "index.")
		switch {
		case strings.HasPrefix(name, "analysis.") || strings.HasPrefix(name, "sort.") || strings.HasPrefix(name, "similarity."):
			return badRequest("setting [%s] is not supported", key)
		case !settingIn(staticSettings(), name) && !settingIn(dynamicSettings(), name):
			return badRequest("unknown setting [%s] please check that any required plugins are installed, or check the breaking changes "+
				"documentation for removed settings", key)
		}
		if err := checkValue(key, name, flat[key]); err != nil {
			return err
		}
	}
	return nil
}

func checkValue(key, name string, v any) error {
	s, isText := v.(string)
	if v == nil || !isText {
		return nil
	}
	switch name {
	case "number_of_shards":
		return checkRange(key, s, 1, 1024)
	case "number_of_replicas":
		return checkRange(key, s, 0, 1<<20)
	case "mapping.total_fields.limit", "mapping.depth.limit", "mapping.nested_fields.limit", "max_result_window":
		return checkRange(key, s, 0, 1<<31-1)
	case "hidden", "blocks.write", "blocks.read", "blocks.read_only", "blocks.metadata", "blocks.read_only_allow_delete":
		if s != "true" && s != "false" {
			return badRequest("Failed to parse value [%s] as only [true] or [false] are allowed.", s)
		}
	case "gc_deletes", "refresh_interval":
		_, err := timeValue(key, s)
		return err
	}
	return nil
}

func checkRange(key, s string, least, most int) error {
	n, err := strconv.Atoi(s)
	switch {
	case err != nil:
		return badRequest("Failed to parse value [%s] for setting [%s]", s, key)
	case n < least:
		return badRequest("Failed to parse value [%s] for setting [%s] must be >= %d", s, key, least)
	case n > most:
		return badRequest("Failed to parse value [%s] for setting [%s] must be <= %d", s, key, most)
	}
	return nil
}

// shownSettings are an index's settings as clients read them, flat.
func (x *index) shownSettings() map[string]any {
	out := maps.Clone(x.Settings)
	if out == nil {
		out = map[string]any{}
	}
	for k, v := range map[string]string{
		"index.number_of_shards": strconv.Itoa(x.shards()), "index.number_of_replicas": strconv.Itoa(x.replicas()),
		"index.provided_name": x.Name, "index.creation_date": strconv.FormatInt(x.Created, 10), "index.uuid": x.UUID,
		"index.version.created": createdVersion, "index.replication.type": "DOCUMENT",
	} {
		if _, given := out[k]; !given {
			out[k] = v
		}
	}
	return out
}
