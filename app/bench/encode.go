package main

import (
	"context"
	"fmt"
	"testing"
	"time"

	"vigil/audit"
)

// encoding measures how long it takes to encode one event. Reflection would show as allocations.
func (b *bench) encoding(context.Context) ([]figure, error) {
	node := &audit.Node{Cluster: "vigil", ID: "q3pZ0h1xTTuN1e0vX2aWbg", Name: "vigil-1", Host: "vigil-1.example.org", Address: "192.0.2.10"}
	var list []figure
	for _, e := range []*audit.Event{grantedPrivileges(), failedLogin(), extended(grantedPrivileges())} {
		var buf []byte
		encode := func() { buf = audit.AppendJSON(buf[:0], node, e) }
		times, err := cpuOf(pick(b, 9, 5), 50000, func() error { encode(); return nil })
		if err != nil {
			return list, err
		}
		allocs := testing.AllocsPerRun(100, encode)
		list = append(list, figure{
			what: "encoding one event: " + string(e.Category) + formatOf(e),
			must: "≤ 2 µs, no reflection",
			is:   fmt.Sprintf("%.2f µs %s; %d bytes, %.0f allocations", times.median(), times.spread("%.2f"), len(buf), allocs),
			met:  times.median() <= 2 && allocs == 0,
		})
	}
	return list, nil
}

// grantedPrivileges is the event of a search.
func grantedPrivileges() *audit.Event {
	body := searchRequest().body
	return &audit.Event{
		Time: time.Now(), Category: audit.GrantedPrivileges, Layer: audit.LayerTransport, Origin: audit.OriginREST,
		RemoteAddress: "192.0.2.7", EffectiveUser: "ada", Privilege: "indices:data/read/search", RequestType: "SearchRequest",
		Indices: []string{"accounts"}, Resolved: []string{"accounts"}, TaskID: "q3pZ0h1xTTuN1e0vX2aWbg:81723", Body: &body,
	}
}

// failedLogin is the event of a login with a wrong password.
func failedLogin() *audit.Event {
	return &audit.Event{
		Time: time.Now(), Category: audit.FailedLogin, Layer: audit.LayerREST, Origin: audit.OriginREST,
		RemoteAddress: "192.0.2.7", EffectiveUser: "mallory", IsAdmin: new(bool),
		REST: &audit.REST{
			Method: "GET", Path: "/accounts/_search", Params: map[string]string{"size": "10", "timeout": "1s"},
			Header: map[string][]string{
				"Host": {"search.example.org:9200"}, "User-Agent": {"opensearch-py/2.8.0 (Python 3.12.3)"}, "Accept": {"application/json"},
				"Accept-Encoding": {"gzip, deflate"}, "Connection": {"keep-alive"}, "Content-Type": {"application/json"}, "Content-Length": {"164"},
			},
		},
	}
}

// extended gives an event what the extended format adds.
func extended(e *audit.Event) *audit.Event {
	e.Request = &audit.Request{
		ID: "B5T2SXQE-2f", TraceID: "0af7651916cd43dd8448eb211c80319c", SpanID: "b7ad6b7169203331",
		UserAgent: "opensearch-py/2.8.0 (Python 3.12.3)", AuthMethod: "basic", Roles: []string{"own_index", "readall"},
		BackendRoles: []string{"analysts"}, SocketAddress: "192.0.2.1", Forwarded: "192.0.2.7",
	}
	return e
}

func formatOf(e *audit.Event) string {
	if e.Request != nil {
		return " in the extended format"
	}
	return ""
}
