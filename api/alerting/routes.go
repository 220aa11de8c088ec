package alerting

import (
	"strings"

	"vigil/notify"
	"vigil/rest"
)

const (
	opendistro = "cluster:admin/opendistro/alerting/"
	opensearch = "cluster:admin/opensearch/alerting/"
	notifying  = "cluster:admin/opensearch/notifications/"
)

// row is one line of the table below. Paths follow the prefix of their plugin.
type row struct {
	methods, path, op string
	action            rest.ActionName
	request           string
	handler           handlerFunc
}

// Routes returns the rows of both plugins. What is not built is there, too: known, authorized, audited, and answered by 501.
func (a *API) Routes() []rest.Route {
	var out []rest.Route
	both := []string{"/_plugins/_alerting", "/_opendistro/_alerting"}
	for _, r := range a.monitorRows() {
		out = a.expand(out, both, r)
	}
	for _, r := range a.destinationRows() {
		out = a.expand(out, both, r)
	}
	for _, r := range a.laterRows() {
		out = a.expand(out, both[:1], r)
	}
	for _, r := range a.notificationRows() {
		out = a.expand(out, []string{"/_plugins/_notifications"}, r)
	}
	for _, r := range a.ownRows() {
		out = a.expand(out, []string{"/_vigil/alerting"}, r)
	}
	return out
}

// ownRows are what no plugin has: what became of messages.
func (a *API) ownRows() []row {
	const own = "cluster:admin/vigil/alerting/outbox/"
	return []row{
		{"GET", "/outbox", "vigil.get_outbox", own + "get", "GetOutboxRequest", a.getOutbox},
		{"GET", "/outbox/{alertID}/receipts", "vigil.get_receipts", own + "get", "GetReceiptsRequest", a.getReceipts},
		{"POST", "/outbox/{alertID}/{deliveryID}/_resend", "vigil.resend", own + "write", "ResendRequest", a.resend},
	}
}

func (a *API) expand(out []rest.Route, prefixes []string, r row) []rest.Route {
	h := a.handle(r.handler, params(r.op))
	for _, prefix := range prefixes {
		for method := range strings.FieldsSeq(r.methods) {
			route := rest.Route{
				Method: method, Path: prefix + r.path, Op: r.op, Action: r.action, Request: r.request, Handler: h,
				Changes: strings.HasSuffix(string(r.action), "/write") || strings.HasSuffix(string(r.action), "/delete") ||
					strings.HasSuffix(string(r.action), "/ack") || strings.HasSuffix(string(r.action), "/execute") ||
					strings.HasSuffix(string(r.action), "/create") || strings.HasSuffix(string(r.action), "/update"),
			}
			if method == "POST" || method == "PUT" || strings.HasSuffix(r.path, "_search") {
				route.Body = rest.BodyJSON
			}
			out = append(out, route)
		}
	}
	return out
}

// params returns the query parameters of an operation. All others are refused by name; rows that are not built take any.
func params(op string) []string {
	_, op, _ = strings.Cut(op, ".")
	switch op {
	case "get_outbox":
		return []string{"state", "size"}
	case "get_receipts", "resend":
		return []string{}
	case "create_monitor", "update_monitor", "create_destination", "update_destination", "create_email_account", "update_email_account",
		"create_email_group", "update_email_group", "create_workflow", "update_workflow":
		return []string{"refresh", "if_seq_no", "if_primary_term"}
	case "search_email_accounts", "search_email_groups":
		return []string{}
	case "get_monitor", "get_email_account", "get_email_group":
		return []string{"version"}
	case "create_comment", "update_comment":
		return []string{"if_seq_no", "if_primary_term"}
	case "get_workflow", "delete_comment", "search_comments":
		return []string{}
	case "delete_workflow":
		return []string{"refresh", "deleteDelegateMonitors"}
	case "get_workflow_alerts":
		return []string{
			"sortString", "sortOrder", "missing", "size", "startIndex", "searchString", "severityLevel", "alertState", "workflowIds",
			"alertIds", "getAssociatedAlerts",
		}
	case "delete_monitor", "delete_destination", "acknowledge_alerts", "acknowledge_chained_alerts", "delete_email_account", "delete_email_group":
		return []string{"refresh"}
	case "search_monitors":
		return []string{"index"}
	case "execute_monitor", "execute_monitor_inline", "execute_workflow", "execute_workflow_inline":
		return []string{"dryrun", "period_end"}
	case "get_alerts":
		return []string{
			"sortString", "sortOrder", "missing", "size", "startIndex", "searchString", "severityLevel", "alertState",
			"monitorId", "workflowIds",
		}
	case "search_findings":
		return []string{"findingId", "sortString", "sortOrder", "missing", "size", "startIndex", "searchString"}
	case "stats":
		return []string{"timeout"}
	case "get_destinations", "get_destination":
		return []string{"sortString", "sortOrder", "missing", "size", "startIndex", "searchString", "destinationType"}
	case "get_configs", "get_config":
		return []string{
			"config_id", "config_id_list", "from_index", "max_items", "sort_field", "sort_order", "config_type",
			"name", "description", "is_enabled", "query", "text_query",
		}
	case "delete_configs", "delete_config":
		return []string{"config_id", "config_id_list"}
	case "create_config", "update_config", "list_channels", "list_features", "send_test":
		return []string{}
	}
	return nil
}

func (a *API) monitorRows() []row {
	return []row{
		{"POST", "/monitors", "alerting.create_monitor", opendistro + "monitor/write", "IndexMonitorRequest", a.createMonitor},
		{"PUT", "/monitors/{monitorID}", "alerting.update_monitor", opendistro + "monitor/write", "IndexMonitorRequest", a.updateMonitor},
		{"GET HEAD", "/monitors/{monitorID}", "alerting.get_monitor", opendistro + "monitor/get", "GetMonitorRequest", a.getMonitor},
		{"DELETE", "/monitors/{monitorID}", "alerting.delete_monitor", opendistro + "monitor/delete", "DeleteMonitorRequest", a.deleteMonitor},
		{"GET POST", "/monitors/_search", "alerting.search_monitors", opendistro + "monitor/search", "SearchMonitorRequest", a.searchMonitors},
		{"POST", "/monitors/{monitorID}/_execute", "alerting.execute_monitor", opendistro + "monitor/execute", "ExecuteMonitorRequest", a.executeStored},
		{"POST", "/monitors/_execute", "alerting.execute_monitor_inline", opendistro + "monitor/execute", "ExecuteMonitorRequest", a.executeInline},
		{"GET", "/monitors/alerts", "alerting.get_alerts", opendistro + "alerts/get", "GetAlertsRequest", a.getAlerts},
		{"POST", "/monitors/{monitorID}/_acknowledge/alerts", "alerting.acknowledge_alerts", opendistro + "alerts/ack", "AcknowledgeAlertRequest", a.acknowledge},
		{"GET", "/stats", "alerting.stats", "cluster:admin/opendistro/_scheduled_jobs/stats", "ScheduledJobsStatsRequest", a.stats},
		{"GET", "/stats/{metric}", "alerting.stats", "cluster:admin/opendistro/_scheduled_jobs/stats", "ScheduledJobsStatsRequest", a.stats},
		{"GET", "/{nodeId}/stats", "alerting.stats", "cluster:admin/opendistro/_scheduled_jobs/stats", "ScheduledJobsStatsRequest", a.stats},
		{"GET", "/{nodeId}/stats/{metric}", "alerting.stats", "cluster:admin/opendistro/_scheduled_jobs/stats", "ScheduledJobsStatsRequest", a.stats},
	}
}

func (a *API) destinationRows() []row {
	rows := []row{
		{"GET", "/destinations", "alerting.get_destinations", opendistro + "destination/get", "GetDestinationsRequest", a.getDestinations},
		{"GET", "/destinations/{destinationID}", "alerting.get_destination", opendistro + "destination/get", "GetDestinationsRequest", a.getDestinations},
		// Writing destinations went with OpenSearch 2.0; we keep it, for clients of Open Distro.
		{"POST", "/destinations", "alerting.create_destination", opendistro + "destination/write", "IndexDestinationRequest", a.createDestination},
		{"PUT", "/destinations/{destinationID}", "alerting.update_destination", opendistro + "destination/write", "IndexDestinationRequest", a.updateDestination},
		{"DELETE", "/destinations/{destinationID}", "alerting.delete_destination", opendistro + "destination/delete", "DeleteDestinationRequest", a.deleteDestination},
	}
	for _, k := range []struct {
		path, variable, name, class string
		handler                     legacyEmail
	}{
		{"/destinations/email_accounts", "/{emailAccountID}", "email_account", "EmailAccountRequest", legacyEmail{a, notify.SMTPAccount, "emailAccountID"}},
		{"/destinations/email_groups", "/{emailGroupID}", "email_group", "EmailGroupRequest", legacyEmail{a, notify.EmailGroup, "emailGroupID"}},
	} {
		action := rest.ActionName(opendistro + "destination/" + k.name)
		rows = append(rows,
			row{"GET HEAD", k.path + k.variable, "alerting.get_" + k.name, action + "/get", "Get" + k.class, k.handler.get},
			row{"GET POST", k.path + "/_search", "alerting.search_" + k.name + "s", action + "/search", "SearchRequest", k.handler.search},
			row{"POST", k.path, "alerting.create_" + k.name, action + "/write", "Index" + k.class, k.handler.create},
			row{"PUT", k.path + k.variable, "alerting.update_" + k.name, action + "/write", "Index" + k.class, k.handler.update},
			row{"DELETE", k.path + k.variable, "alerting.delete_" + k.name, action + "/delete", "Delete" + k.class, k.handler.remove},
		)
	}
	return rows
}

// laterRows came with OpenSearch and have no name of Open Distro.
func (a *API) laterRows() []row {
	return []row{
		{"POST", "/workflows", "alerting.create_workflow", opensearch + "workflow/write", "IndexWorkflowRequest", a.createWorkflow},
		{"PUT", "/workflows/{workflowID}", "alerting.update_workflow", opensearch + "workflow/write", "IndexWorkflowRequest", a.updateWorkflow},
		{"GET HEAD", "/workflows/{workflowID}", "alerting.get_workflow", opensearch + "workflow/get", "GetWorkflowRequest", a.getWorkflow},
		{"DELETE", "/workflows/{workflowID}", "alerting.delete_workflow", opensearch + "workflow/delete", "DeleteWorkflowRequest", a.deleteWorkflow},
		{"POST", "/workflows/{workflowID}/_execute", "alerting.execute_workflow", opensearch + "workflow/execute", "ExecuteWorkflowRequest", a.executeWorkflow},
		// OpenSearch reads such a request and has no route to it.
		{"POST", "/workflows/_execute", "alerting.execute_workflow_inline", opensearch + "workflow/execute", "ExecuteWorkflowRequest", a.executeInlineWorkflow},
		{"GET", "/workflows/alerts", "alerting.get_workflow_alerts", opensearch + "workflow_alerts/get", "GetWorkflowAlertsRequest", a.getWorkflowAlerts},
		{"POST", "/workflows/{workflowID}/_acknowledge/alerts", "alerting.acknowledge_chained_alerts", opendistro + "chained_alerts/ack", "AcknowledgeChainedAlertRequest", a.acknowledge},
		{"GET", "/findings/_search", "alerting.search_findings", opensearch + "findings/get", "GetFindingsRequest", a.searchFindings},
		{"POST", "/comments/{id}", "alerting.create_comment", opensearch + "comments/write", "IndexCommentRequest", a.createComment},
		{"PUT", "/comments/{id}", "alerting.update_comment", opensearch + "comments/write", "IndexCommentRequest", a.updateComment},
		{"GET POST", "/comments/_search", "alerting.search_comments", opensearch + "comments/search", "SearchCommentRequest", a.searchComments},
		{"DELETE", "/comments/{id}", "alerting.delete_comment", opensearch + "comments/delete", "DeleteCommentRequest", a.deleteComment},
		{"GET", "/remote/indexes", "alerting.get_remote_indexes", opensearch + "remote/indexes/get", "GetRemoteIndexesRequest", a.unbuilt("remote indexes")},
	}
}

func (a *API) notificationRows() []row {
	return []row{
		{"POST", "/configs", "notifications.create_config", notifying + "configs/create", "CreateNotificationConfigRequest", a.createConfig},
		{"PUT", "/configs/{config_id}", "notifications.update_config", notifying + "configs/update", "UpdateNotificationConfigRequest", a.updateConfig},
		{"GET", "/configs", "notifications.get_configs", notifying + "configs/get", "GetNotificationConfigRequest", a.getConfigs},
		{"GET", "/configs/{config_id}", "notifications.get_config", notifying + "configs/get", "GetNotificationConfigRequest", a.getConfigs},
		{"DELETE", "/configs", "notifications.delete_configs", notifying + "configs/delete", "DeleteNotificationConfigRequest", a.deleteConfigs},
		{"DELETE", "/configs/{config_id}", "notifications.delete_config", notifying + "configs/delete", "DeleteNotificationConfigRequest", a.deleteConfigs},
		{"GET", "/channels", "notifications.list_channels", notifying + "channels/get", "GetChannelListRequest", a.getChannels},
		{"GET", "/features", "notifications.list_features", notifying + "features", "GetPluginFeaturesRequest", a.features},
		{"GET POST", "/feature/test/{config_id}", "notifications.send_test", notifying + "test_notification", "SendTestNotificationRequest", a.sendTest},
	}
}
