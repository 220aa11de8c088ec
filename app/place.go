package app

import (
	"strings"

	"vigil/alerting"
)

// place says where state is: in which indices.
type place struct {
	security string
	members  string
	alerting alerting.Indices
}

// ownPlace has the original names: nobody else is in the store.
func ownPlace() place { return place{security: securityIndex, alerting: alerting.DefaultIndices()} }

// sharedPlace has names of ours, for a cluster that others use, too: no plugin reads our documents, nor we a plugin's.
func sharedPlace() place {
	return place{
		security: ".vigil-security", members: ".vigil-state",
		alerting: alerting.Indices{
			Config: ".vigil-alerting-config", Alerts: ".vigil-alerting-alerts", History: ".vigil-alerting-alert-history-",
			Channels: ".vigil-notifications-config", Findings: ".vigil-alerting-finding-history-", Comments: ".vigil-alerting-comments-history-",
		},
	}
}

// originals are the names by which people know what sharedPlace calls otherwise, as prefixes.
var originals = [][2]string{
	{securityIndex, ".vigil-security"},
	{".opendistro-alerting-", ".vigil-alerting-"},
	{".opensearch-alerting-", ".vigil-alerting-"},
	{".opensearch-notifications-config", ".vigil-notifications-config"},
}

// translated returns index expressions with our names in the place of the originals, and whether there were any.
func translated(expressions []string) (list []string, some bool) {
	for _, e := range expressions {
		for _, o := range originals {
			if rest, ok := strings.CutPrefix(e, o[0]); ok {
				e, some = o[1]+rest, true
				break
			}
		}
		list = append(list, e)
	}
	if !some {
		return expressions, false
	}
	return list, true
}

// sharesStore reports whether events and state are in the guarded cluster, where other gateways may have theirs, too.
func (s *Server) sharesStore() bool { return s.remote != nil && s.cfg.Store.Place == "same" }
