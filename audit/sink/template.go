package sink

import (
	"strings"
)

// ignoreAbove is what fits a term of Lucene (32,766 bytes) in any script. A longer value is stored, and not found by it.
const ignoreAbove = 8000

type object = map[string]any

// keyword answers queries that were written for the original's dynamic mapping, which has every string as name and as
// name.keyword.
func keyword() object {
	return object{
		"type": "keyword", "ignore_above": ignoreAbove,
		"fields": object{"keyword": object{"type": "keyword", "ignore_above": ignoreAbove}},
	}
}

// longText is for what can be a megabyte: searched by words, and as a whole only while it is short.
func longText() object {
	return object{
		"type": "text", "fields": object{"keyword": object{"type": "keyword", "ignore_above": 256}},
	}
}

// address also answers questions for networks, under name.ip.
func address() object {
	o := keyword()
	o["fields"].(object)["ip"] = object{"type": "ip", "ignore_malformed": true}
	return o
}

func typed(t string) object { return object{"type": t} }

// closed is an object whose members clients choose: none of them ever becomes a field, but those named here.
func closed(names ...string) object {
	properties := object{}
	for _, name := range names {
		properties[name] = keyword()
	}
	return object{"type": "object", "dynamic": false, "properties": properties}
}

// keywords are the fields that hold one string or a list of strings.
var keywords = []string{
	"audit_category", "audit_cluster_name", "audit_compliance_operation", "audit_node_host_address", "audit_node_host_name",
	"audit_node_id", "audit_node_name", "audit_request_effective_user", "audit_request_initiating_user", "audit_request_layer",
	"audit_request_origin", "audit_request_privilege", "audit_rest_request_method", "audit_rest_request_path",
	"audit_trace_doc_id", "audit_trace_indices", "audit_trace_resolved_indices", "audit_trace_task_id",
	"audit_trace_task_parent_id", "audit_transport_action", "audit_transport_request_type", "audit_vigil_recovered",
	"audit_request_auth_method", "audit_request_id", "audit_request_user_agent", "audit_request_user_roles", "audit_vigil_error_type",
	"audit_vigil_resolved_sha256", "audit_vigil_span_id", "audit_vigil_trace_id", "audit_vigil_user_backend_roles",
}

// Template returns the name and the body of the composable index template for audit indices of that name. It holds for
// whatever clients send: strings are keywords that also answer under name.keyword, and headers and parameters never add
// fields. audit_utc_timestamp, the name of format 3, is an alias of @timestamp.
func Template(n *IndexName) (name string, body any) {
	wildcard := n.Wildcard()
	name = "vigil-" + strings.Trim(strings.ReplaceAll(wildcard, "*", ""), ".-_")
	template := object{
		"index_patterns": []string{wildcard},
		"priority":       200,
		"version":        2,
		"_meta":          object{"managed_by": "vigil"},
		"template": object{
			"settings": object{"index": object{"number_of_shards": 1, "auto_expand_replicas": "0-1"}},
			"mappings": object{
				"dynamic_templates": []object{
					{"strings": object{"match_mapping_type": "string", "mapping": keyword()}},
				},
				"properties": properties(),
			},
		},
	}
	if n.stream {
		template["data_stream"] = object{}
	}
	return name, template
}

func properties() object {
	p := object{
		"@timestamp":                            typed("date"),
		"audit_utc_timestamp":                   object{"type": "alias", "path": "@timestamp"},
		"audit_request_remote_address":          address(),
		"audit_vigil_socket_address":            address(),
		"audit_vigil_forwarded_address":         address(),
		"audit_vigil_response_status":           typed("integer"),
		"audit_vigil_took_ms":                   typed("double"),
		"audit_vigil_request_bytes":             typed("long"),
		"audit_vigil_response_bytes":            typed("long"),
		"audit_vigil_hits":                      typed("long"),
		"audit_vigil_documents":                 typed("long"),
		"audit_vigil_failed_items":              typed("long"),
		"audit_vigil_client_gone":               typed("boolean"),
		"audit_vigil_resolved_count":            typed("long"),
		"audit_format_version":                  typed("integer"),
		"audit_trace_shard_id":                  typed("integer"),
		"audit_compliance_doc_version":          typed("long"),
		"audit_compliance_diff_is_noop":         typed("boolean"),
		"audit_request_effective_user_is_admin": typed("boolean"),
		"audit_request_body":                    longText(),
		"audit_compliance_diff_content":         longText(),
		"audit_request_exception_stacktrace":    longText(),
		"audit_rest_request_headers": closed(
			"Accept", "Content-Length", "Content-Type", "Host", "Origin", "Referer", "User-Agent", "X-Forwarded-For",
			"X-Opaque-Id", "X-Request-Id", "Traceparent",
		),
		"audit_rest_request_params": closed("index", "id", "name", "q", "pretty", "refresh", "routing", "scroll", "timeout"),
		"audit_transport_headers": closed(
			"_opendistro_security_initial_action_class_header", "_opendistro_security_origin_header",
			"_opendistro_security_remotecn",
		),
		"audit_compliance_file_infos": closed("key", "path", "sha256", "last_modified"),
		"audit_settings_changes":      closed("setting", "old_value", "new_value", "operation", "scope"),
		"audit_vigil_body":            object{"properties": object{"length": typed("long"), "sha256": keyword()}},
		"audit_vigil_gap": object{"properties": object{
			"events": typed("long"), "requests": typed("long"), "first": typed("date"), "last": typed("date"),
			"exact": typed("boolean"),
		}},
		"audit_vigil_delivery": object{"properties": object{
			"delivery_id": keyword(), "alert_id": keyword(), "action_id": keyword(), "destination_id": keyword(), "destination_type": keyword(),
			"attempt": typed("integer"), "status": typed("integer"), "delivered": typed("boolean"), "error": keyword(),
		}},
		"audit_vigil_folded": object{"properties": object{
			"count": typed("long"), "first": typed("date"), "last": typed("date"),
		}},
		"audit_vigil_skipped": object{"properties": object{
			"sink": keyword(), "first_sequence": typed("long"), "last_sequence": typed("long"), "events": typed("long"),
		}},
	}
	for _, name := range keywords {
		p[name] = keyword()
	}
	return p
}
