package engine

import (
	"encoding/json"
	"maps"
	"strconv"
)

func itoa(n int) string { return strconv.Itoa(n) }

// operations is the table of what is built: for every operation of the API the query parameters it knows and its handler.
func (e *Engine) operations() map[string]operation {
	all := map[string]operation{}
	for _, group := range []map[string]operation{e.documentOps(), e.searchOps(), e.indexOps(), e.templateOps(), e.clusterOps()} {
		maps.Copy(all, group)
	}
	return all
}

func (e *Engine) documentOps() map[string]operation {
	return map[string]operation{
		"index":         {writeParams, e.handleIndex},
		"create":        {writeParams, e.handleIndex},
		"delete":        {writeParams, e.handleDelete},
		"update":        {writeParams + "retry_on_conflict lang _source _source_includes _source_excludes ", e.handleUpdate},
		"get":           {getParams, e.handleGet},
		"exists":        {getParams, e.handleGet},
		"get_source":    {getParams, e.handleGetSource},
		"exists_source": {getParams, e.handleGetSource},
		"bulk":          {bulkParams, e.handleBulk},
		"mget":          {mgetParams, e.handleMget},
	}
}

func (e *Engine) searchOps() map[string]operation {
	return map[string]operation{
		"search":          {searchParams, e.handleSearch},
		"count":           {countParams, e.handleCount},
		"msearch":         {msearchParams, e.handleMsearch},
		"scroll":          {"scroll scroll_id rest_total_hits_as_int ", e.handleScroll},
		"clear_scroll":    {"scroll_id ", e.handleClearScroll},
		"update_by_query": {byQueryParams, e.handleUpdateByQuery},
		"delete_by_query": {byQueryParams, e.handleDeleteByQuery},
		"reindex":         {reindexParams, e.handleReindex},

		"termvectors":            {vectorParams, e.handleTermVectors},
		"mtermvectors":           {vectorParams + "ids ", e.handleMultiTermVectors},
		"explain":                {explainParams, e.handleExplain},
		"ingest.put_pipeline":    {pipelineParams, e.handlePutPipeline},
		"ingest.get_pipeline":    {pipelineParams + "local ", e.handleGetPipeline},
		"ingest.delete_pipeline": {pipelineParams, e.handleDeletePipeline},
		"ingest.simulate":        {"verbose ", e.handleSimulate},

		"create_pit":      {createPITParams, e.handleCreatePIT},
		"delete_pit":      {"", e.handleDeletePITs},
		"delete_all_pits": {"", e.handleDeleteAllPITs},
		"get_all_pits":    {"", e.handleListPITs},

		"search_template":        {searchTemplateParams, e.handleSearchTemplate},
		"render_search_template": {"", e.handleRenderTemplate},
		"msearch_template":       {msearchParams, e.handleMsearchTemplate},
		"put_script":             {storedParams + "context ", e.handlePutScript},
		"get_script":             {storedParams + "local ", e.handleGetScript},
		"delete_script":          {storedParams, e.handleDeleteScript},
	}
}

func (e *Engine) indexOps() map[string]operation {
	return map[string]operation{
		"indices.create":             {createParams, e.handleCreateIndex},
		"indices.get":                {adminParams + "flat_settings include_defaults include_type_name ", e.handleGetIndex},
		"indices.exists":             {adminParams + "flat_settings include_defaults ", e.handleIndexExists},
		"indices.delete":             {adminParams, e.handleDeleteIndex},
		"indices.open":               {adminParams + "wait_for_active_shards wait_for_completion task_execution_timeout ", e.handleOpen},
		"indices.close":              {adminParams + "wait_for_active_shards ", e.handleClose},
		"indices.add_block":          {adminParams, e.handleAddBlock},
		"indices.put_mapping":        {adminParams + "write_index_only include_type_name ", e.handlePutMapping},
		"indices.get_mapping":        {adminParams + "include_type_name ", e.handleGetMapping},
		"indices.get_field_mapping":  {adminParams + "include_defaults include_type_name ", e.handleGetFieldMapping},
		"indices.get_settings":       {adminParams + "flat_settings include_defaults ", e.handleGetSettings},
		"indices.put_settings":       {adminParams + "flat_settings preserve_existing ", e.handlePutSettings},
		"indices.update_aliases":     {aliasParams, e.handleUpdateAliases},
		"indices.put_alias":          {aliasParams, e.handlePutAlias},
		"indices.delete_alias":       {aliasParams, e.handleDeleteAlias},
		"indices.get_alias":          {adminParams, e.handleGetAlias},
		"indices.exists_alias":       {adminParams, e.handleAliasExists},
		"indices.refresh":            {expandNames, e.handleMaintenance("indices:admin/refresh", "BasicReplicationRequest")},
		"indices.flush":              {expandNames + "force wait_if_ongoing ", e.handleMaintenance("indices:admin/flush", "ShardFlushRequest")},
		"indices.forcemerge":         {expandNames + "flush max_num_segments only_expunge_deletes primary_only wait_for_completion ", e.handleMaintenance("", "")},
		"indices.clear_cache":        {expandNames + "fielddata fields query request file ", e.handleMaintenance("", "")},
		"indices.resolve_index":      {expandNames, e.handleResolveIndex},
		"indices.stats":              {expandNames + "level fields groups include_segment_file_sizes include_unloaded_segments forbid_closed_indices completion_fields fielddata_fields ", e.handleStats},
		"indices.analyze":            {"analyzer text field index prefer_local ", e.handleAnalyze},
		"indices.validate_query":     {countParams + "explain rewrite all_shards ", e.handleValidate},
		"indices.clone":              {createParams + "wait_for_completion copy_settings task_execution_timeout ", e.handleClone},
		"indices.rollover":           {createParams + "dry_run ", e.handleRollover},
		"indices.create_data_stream": {streamParams, e.handleCreateStream},
		"indices.get_data_stream":    {streamParams + expandNames, e.handleGetStreams},
		"indices.delete_data_stream": {streamParams + expandNames, e.handleDeleteStreams},
		"indices.data_streams_stats": {expandNames + "forbid_closed_indices ", e.handleStreamStats},
		"field_caps":                 {expandNames + "fields include_unmapped ", e.handleFieldCaps},
	}
}

func (e *Engine) templateOps() map[string]operation {
	return map[string]operation{
		"indices.put_template":              {templateParams, e.handlePutTemplate},
		"indices.get_template":              {templateParams, e.handleGetTemplate},
		"indices.exists_template":           {templateParams, e.handleTemplateExists(legacyTemplates)},
		"indices.delete_template":           {templateParams, e.handleDeleteTemplate},
		"indices.put_index_template":        {templateParams, e.handlePutIndexTemplate},
		"indices.get_index_template":        {templateParams, e.handleGetIndexTemplate},
		"indices.exists_index_template":     {templateParams, e.handleTemplateExists(indexTemplates)},
		"indices.delete_index_template":     {templateParams, e.handleDeleteIndexTemplate},
		"cluster.put_component_template":    {templateParams, e.handlePutComponent},
		"cluster.get_component_template":    {templateParams, e.handleGetComponent},
		"cluster.exists_component_template": {templateParams, e.handleTemplateExists(componentTemplates)},
		"cluster.delete_component_template": {templateParams, e.handleDeleteComponent},
	}
}

func (e *Engine) clusterOps() map[string]operation {
	return map[string]operation{
		"info":                 {"", e.handleInfo},
		"ping":                 {"", e.handleInfo},
		"cluster.health":       {expandNames + "level local timeout master_timeout cluster_manager_timeout wait_for_status wait_for_active_shards wait_for_events wait_for_no_initializing_shards wait_for_no_relocating_shards wait_for_nodes awareness_attribute ensure_node_weighed_in ", e.handleHealth},
		"cluster.state":        {adminParams + "flat_settings wait_for_metadata_version wait_for_timeout ", e.handleState},
		"cluster.stats":        {"timeout flat_settings ", e.handleClusterStats},
		"cluster.get_settings": {"timeout master_timeout cluster_manager_timeout flat_settings include_defaults local ", e.handleGetClusterSettings},
		"cluster.put_settings": {"timeout master_timeout cluster_manager_timeout flat_settings ", e.handlePutClusterSettings},
		"nodes.info":           {"timeout flat_settings ", e.handleNodes},
		"nodes.stats":          {"timeout level fields completion_fields fielddata_fields groups types include_segment_file_sizes ", e.handleNodesStats},
		"tasks.list":           {"actions detailed group_by nodes parent_task_id timeout wait_for_completion ", e.handleTasks},

		"cat.help":      {catParams, e.handleCatHelp},
		"cat.indices":   {catParams, e.handleCatIndices},
		"cat.health":    {catParams, e.handleCatHealth},
		"cat.count":     {catParams, e.handleCatCount},
		"cat.aliases":   {catParams, e.handleCatAliases},
		"cat.shards":    {catParams, e.handleCatShards},
		"cat.nodes":     {catParams, e.handleCatNodes},
		"cat.templates": {catParams, e.handleCatTemplates},
	}
}

func legacyTemplates(s *state) map[string]json.RawMessage    { return s.templates }
func indexTemplates(s *state) map[string]json.RawMessage     { return s.indexTemplates }
func componentTemplates(s *state) map[string]json.RawMessage { return s.components }
