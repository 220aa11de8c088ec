package engine

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"vigil/rest"
)

func (e *Engine) catTargets(q *request) ([]*index, error) {
	o, err := q.expandParams(adminExpand())
	if err != nil {
		return nil, err
	}
	if q.indices() == nil {
		o.hidden = true
	}
	return e.targets(q, e.state.Load(), q.indices(), o)
}

func (x *index) status() string {
	if x.Closed {
		return "close"
	}
	return "open"
}

// health of an index: replicas have no second node to be on.
func (x *index) health() string {
	if x.replicas() > 0 {
		return "yellow"
	}
	return "green"
}

func (e *Engine) handleCatIndices(q *request) (*answer, error) {
	indices, err := e.catTargets(q)
	if err != nil {
		return nil, err
	}
	columns := []column{
		{name: "health", short: "h", desc: "current health status"},
		{name: "status", short: "s", desc: "open/close status"},
		{name: "index", short: "i,idx", desc: "index name"},
		{name: "uuid", short: "id,uuid", desc: "index uuid"},
		{name: "pri", short: "p,shards.primary,shardsPrimary", desc: "number of primary shards", right: true},
		{name: "rep", short: "r,shards.replica,shardsReplica", desc: "number of replica shards", right: true},
		{name: "docs.count", short: "dc,docsCount", desc: "available docs", right: true},
		{name: "docs.deleted", short: "dd,docsDeleted", desc: "deleted docs", right: true},
		{name: "creation.date", short: "cd", desc: "index creation date (millisecond value)", off: true},
		{name: "creation.date.string", short: "cds", desc: "index creation date (as string)", off: true},
		{name: "store.size", short: "ss,storeSize", desc: "store size of primaries & replicas", right: true},
		{name: "pri.store.size", desc: "store size of primaries", right: true},
	}
	var rows [][]cell
	for _, x := range indices {
		if h := q.str("health", ""); h != "" && h != x.health() {
			continue
		}
		st := x.docs.stats()
		bytes, err := q.size(st.Bytes)
		if err != nil {
			return nil, err
		}
		docs, deleted := count(st.Docs), count(st.Deleted)
		if x.Closed {
			docs, deleted, bytes = text(""), text(""), text("")
		}
		rows = append(rows, []cell{
			text(x.health()), text(x.status()), text(x.Name), text(x.UUID), count(x.shards()), count(x.replicas()), docs, deleted,
			text(strconv.FormatInt(x.Created, 10)), text(isoMillis(x.Created)), bytes, bytes,
		})
	}
	return q.table(columns, rows)
}

func (e *Engine) handleCatHealth(q *request) (*answer, error) {
	h := e.health(e.state.Load(), nil)
	epoch, hms := clock(q.now)
	columns := []column{
		{name: "epoch", short: "t,time", desc: "seconds since 1970-01-01 00:00:00"},
		{name: "timestamp", short: "ts,hms,hhmmss", desc: "time in HH:MM:SS"},
		{name: "cluster", short: "cl", desc: "cluster name"},
		{name: "status", short: "st", desc: "health status"},
		{name: "node.total", short: "nt,nodeTotal", desc: "total number of nodes", right: true},
		{name: "node.data", short: "nd,nodeData", desc: "number of nodes that can store data", right: true},
		{name: "discovered_cluster_manager", short: "dcm", desc: "cluster manager is discovered or not"},
		{name: "shards", short: "t,sh,shards.total,shardsTotal", desc: "total number of shards", right: true},
		{name: "pri", short: "p,shards.primary,shardsPrimary", desc: "number of primary shards", right: true},
		{name: "relo", short: "r,shards.relocating,shardsRelocating", desc: "number of relocating nodes", right: true},
		{name: "init", short: "i,shards.initializing,shardsInitializing", desc: "number of initializing nodes", right: true},
		{name: "unassign", short: "u,shards.unassigned,shardsUnassigned", desc: "number of unassigned shards", right: true},
		{name: "pending_tasks", short: "pt,pendingTasks", desc: "number of pending tasks", right: true},
		{name: "max_task_wait_time", short: "mtwt,maxTaskWaitTime", desc: "wait time of longest task pending", right: true},
		{name: "active_shards_percent", short: "asp,activeShardsPercent", desc: "active number of shards in percent", right: true},
	}
	row := []cell{
		epoch, hms, text(h.ClusterName), text(h.Status), count(1), count(1), text("true"), count(h.ActiveShards), count(h.ActivePrimary),
		count(0), count(0), count(h.Unassigned), count(0), text("-"), text(strconv.FormatFloat(h.percent, 'f', 1, 64) + "%"),
	}
	return q.table(columns, [][]cell{row})
}

func (e *Engine) handleCatCount(q *request) (*answer, error) {
	o, err := q.expandParams(searchExpand())
	if err != nil {
		return nil, err
	}
	indices, err := e.targets(q, e.state.Load(), q.indices(), o)
	if err != nil {
		return nil, err
	}
	n := 0
	for _, x := range indices {
		if !q.hides(x) {
			n += x.docs.stats().Docs
		}
	}
	epoch, hms := clock(q.now)
	return q.table([]column{
		{name: "epoch", short: "t,time", desc: "seconds since 1970-01-01 00:00:00"},
		{name: "timestamp", short: "ts,hms,hhmmss", desc: "time in HH:MM:SS"},
		{name: "count", short: "dc,docs.count,docsCount", desc: "the document count"},
	}, [][]cell{{epoch, hms, count(n)}})
}

func (e *Engine) handleCatAliases(q *request) (*answer, error) {
	s := e.state.Load()
	patterns := rest.SplitIndices(q.call.Vars["alias"])
	var rows [][]cell
	or := func(v string) cell {
		if v == "" {
			v = "-"
		}
		return text(v)
	}
	for _, name := range sortedKeys(s.aliases) {
		if patterns != nil && !slices.ContainsFunc(patterns, func(p string) bool { return p == "_all" || rest.MatchName(p, name) }) {
			continue
		}
		for _, x := range s.aliases[name] {
			a := s.indices[x].Aliases[name]
			filter, write := "-", "-"
			if len(a.Filter) > 0 {
				filter = "*"
			}
			if a.IsWriteIndex != nil {
				write = strconv.FormatBool(*a.IsWriteIndex)
			}
			rows = append(rows, []cell{text(name), text(x), text(filter), or(a.IndexRouting), or(a.SearchRouting), text(write)})
		}
	}
	return q.table([]column{
		{name: "alias", short: "a", desc: "alias name"},
		{name: "index", short: "i,idx", desc: "index alias points to"},
		{name: "filter", short: "f,fi", desc: "filter"},
		{name: "routing.index", short: "ri,routingIndex", desc: "index routing"},
		{name: "routing.search", short: "rs,routingSearch", desc: "search routing"},
		{name: "is_write_index", short: "w,isWriteIndex", desc: "write index"},
	}, rows)
}

func (e *Engine) handleCatShards(q *request) (*answer, error) {
	indices, err := e.catTargets(q)
	if err != nil {
		return nil, err
	}
	var rows [][]cell
	for _, x := range indices {
		if x.Closed {
			continue
		}
		docs, bytes := x.byShard()
		for shard := range x.shards() {
			sz, err := q.size(bytes[shard])
			if err != nil {
				return nil, err
			}
			rows = append(rows, []cell{
				text(x.Name), count(shard), text("p"), text("STARTED"), count(docs[shard]), sz, text("127.0.0.1"), text(e.opts.NodeName),
			})
			for range x.replicas() {
				rows = append(rows, []cell{text(x.Name), count(shard), text("r"), text("UNASSIGNED"), text(""), text(""), text(""), text("")})
			}
		}
	}
	return q.table([]column{
		{name: "index", short: "i,idx", desc: "index name"},
		{name: "shard", short: "s,sh", desc: "shard name"},
		{name: "prirep", short: "p,pr,primaryOrReplica", desc: "primary or replica"},
		{name: "state", short: "st", desc: "shard state"},
		{name: "docs", short: "d,dc", desc: "number of docs in shard", right: true},
		{name: "store", short: "sto", desc: "store size of shard (how much disk it uses)", right: true},
		{name: "ip", desc: "ip of node where it lives"},
		{name: "node", short: "n", desc: "name of node where it lives"},
	}, rows)
}

func (x *index) byShard() (docs []int, bytes []int64) {
	docs, bytes = make([]int, x.shards()), make([]int64, x.shards())
	for _, d := range x.docs.snapshot() {
		docs[d.Shard]++
		bytes[d.Shard] += int64(len(d.Source))
	}
	return docs, bytes
}

func (e *Engine) handleCatNodes(q *request) (*answer, error) {
	return q.table([]column{
		{name: "ip", short: "i", desc: "ip address"},
		{name: "node.roles", short: "nodeRole", desc: "roles, abbreviated"},
		{name: "cluster_manager", short: "cm,m,master", desc: "*:current cluster manager"},
		{name: "name", short: "n", desc: "node name"},
		{name: "id", short: "nodeId", desc: "unique node id", off: true},
		{name: "version", short: "v", desc: "compatible version", off: true},
	}, [][]cell{{text("127.0.0.1"), text("dimr"), text("*"), text(e.opts.NodeName), text(e.nodeID), text(version)}})
}

func (e *Engine) handleCatTemplates(q *request) (*answer, error) {
	s := e.state.Load()
	var rows [][]cell
	list := q.call.Vars["name"]
	for _, name := range matching(s.templates, list) {
		var t legacyTemplate
		if err := decodeNumbers(s.templates[name], &t); err != nil {
			return nil, err
		}
		rows = append(rows, []cell{text(name), text("[" + strings.Join(t.Patterns, ", ") + "]"), count(t.Order), optional(t.Version), text("")})
	}
	for _, name := range matching(s.indexTemplates, list) {
		var t indexTemplate
		if err := decodeNumbers(s.indexTemplates[name], &t); err != nil {
			return nil, err
		}
		rows = append(rows, []cell{
			text(name), text("[" + strings.Join(t.Patterns, ", ") + "]"), count(int(t.priority())), optional(t.Version),
			text("[" + strings.Join(t.ComposedOf, ", ") + "]"),
		})
	}
	return q.table([]column{
		{name: "name", short: "n", desc: "template name"},
		{name: "index_patterns", short: "t", desc: "template index patterns"},
		{name: "order", short: "o,p", desc: "template application order/priority number"},
		{name: "version", short: "v", desc: "version"},
		{name: "composed_of", short: "c", desc: "component templates comprising index template"},
	}, rows)
}

func optional(n *int64) cell {
	if n == nil {
		return text("")
	}
	return count(int(*n))
}

// handleCatHelp lists the tables that are built.
func (e *Engine) handleCatHelp(*request) (*answer, error) {
	var b strings.Builder
	b.WriteString("=^.^=\n")
	for _, r := range e.table.Routes() {
		if _, built := e.ops[r.Op]; built && r.Method == http.MethodGet && strings.HasPrefix(r.Path, "/_cat/") {
			b.WriteString(r.Path + "\n")
		}
	}
	return &answer{status: http.StatusOK, ctype: "text/plain; charset=UTF-8", text: []byte(b.String())}, nil
}
