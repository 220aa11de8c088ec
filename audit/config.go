package audit

import (
	"encoding/json"
	"slices"
	"strings"
)

// Config is the audit configuration document: which events are kept and what they say. Its JSON members come in the order
// in which OpenSearch 2.19 answers them; see compat/scenarios 11 get.
type Config struct {
	Compliance Compliance `json:"compliance"`
	Enabled    bool       `json:"enabled"`
	Audit      Filter     `json:"audit"`
}

// Filter is the section "audit": events of the REST and transport layers.
type Filter struct {
	// IgnoreUsers are patterns for the effective user.
	IgnoreUsers []string `json:"ignore_users"`
	// IgnoreRequests are patterns for paths on the REST layer, for actions and request classes on the transport layer.
	IgnoreRequests []string `json:"ignore_requests"`
	// IgnoreHeaders are patterns for names of HTTP headers that no event shows.
	IgnoreHeaders []string `json:"ignore_headers"`
	// IgnoreURLParams is kept and answered, and has no effect; see compat/scenarios 08l.
	IgnoreURLParams             []string   `json:"ignore_url_params"`
	DisabledRESTCategories      []Category `json:"disabled_rest_categories"`
	DisabledTransportCategories []Category `json:"disabled_transport_categories"`
	// DisabledCategories are off on both layers. OpenSearch has the member since 3.8; it is shown if it is not empty.
	DisabledCategories      []Category `json:"disabled_categories,omitempty"`
	LogRequestBody          bool       `json:"log_request_body"`
	ResolveIndices          bool       `json:"resolve_indices"`
	ResolveBulkRequests     bool       `json:"resolve_bulk_requests"`
	ExcludeSensitiveHeaders bool       `json:"exclude_sensitive_headers"`
	EnableTransport         bool       `json:"enable_transport"`
	EnableREST              bool       `json:"enable_rest"`
}

// Compliance is the section "compliance": who read and wrote which documents.
type Compliance struct {
	Enabled       bool `json:"enabled"`
	WriteLogDiffs bool `json:"write_log_diffs"`
	// ReadWatchedFields holds, for patterns of concrete indices, patterns of flattened field names.
	ReadWatchedFields   map[string][]string `json:"read_watched_fields"`
	ReadIgnoreUsers     []string            `json:"read_ignore_users"`
	WriteWatchedIndices []string            `json:"write_watched_indices"`
	WriteIgnoreUsers    []string            `json:"write_ignore_users"`
	ReadMetadataOnly    bool                `json:"read_metadata_only"`
	WriteMetadataOnly   bool                `json:"write_metadata_only"`
	ExternalConfig      bool                `json:"external_config"`
	InternalConfig      bool                `json:"internal_config"`
}

// DefaultConfig is the document that a cluster starts with: the values of the audit.yml that OpenSearch 2.19 ships.
// A document that leaves members out has other values for three of them, see [ParseConfig].
func DefaultConfig() Config {
	c := codeDefaults()
	c.Compliance.InternalConfig = true
	c.Compliance.ReadMetadataOnly = true
	c.Compliance.WriteMetadataOnly = true
	return c
}

// codeDefaults are the values of members that a document does not have.
func codeDefaults() Config {
	return Config{
		Enabled: true,
		Audit: Filter{
			IgnoreUsers:                 []string{"kibanaserver"},
			DisabledRESTCategories:      []Category{Authenticated, GrantedPrivileges},
			DisabledTransportCategories: []Category{Authenticated, GrantedPrivileges},
			LogRequestBody:              true,
			ResolveIndices:              true,
			ExcludeSensitiveHeaders:     true,
			EnableTransport:             true,
			EnableREST:                  true,
		},
		Compliance: Compliance{
			Enabled:          true,
			ReadIgnoreUsers:  []string{"kibanaserver"},
			WriteIgnoreUsers: []string{"kibanaserver"},
		},
	}
}

// MarshalJSON writes every member; lists and objects that are nil are empty.
func (c Config) MarshalJSON() ([]byte, error) {
	a, w := &c.Audit, &c.Compliance
	for _, l := range []*[]string{
		&a.IgnoreUsers, &a.IgnoreRequests, &a.IgnoreHeaders, &a.IgnoreURLParams,
		&w.ReadIgnoreUsers, &w.WriteWatchedIndices, &w.WriteIgnoreUsers,
	} {
		*l = present(*l)
	}
	a.DisabledRESTCategories = present(a.DisabledRESTCategories)
	a.DisabledTransportCategories = present(a.DisabledTransportCategories)
	fields := make(map[string][]string, len(w.ReadWatchedFields))
	for index, names := range w.ReadWatchedFields {
		fields[index] = present(names)
	}
	w.ReadWatchedFields = fields
	type plain Config
	return json.Marshal(plain(c))
}

func present[E any](l []E) []E {
	if l == nil {
		return []E{}
	}
	return l
}

// compliance reports whether the section "compliance" decides about events of this category.
func (c Category) compliance() bool {
	return slices.Contains(complianceCategories, c)
}

var (
	restCategories = []Category{
		BadHeaders, SSLException, Authenticated, FailedLogin, GrantedPrivileges, MissingPrivileges,
	}
	transportCategories = append([]Category{
		IndexEvent, SecurityIndexAttempt, ClusterSettingsChanged, IndexSettingsChanged,
	}, restCategories...)
	complianceCategories = []Category{DocRead, DocWrite, InternalConfigRead, InternalConfigWrite, ExternalConfig}
)

// Categories returns all categories that the configuration or a sink may name.
func Categories() []Category { return slices.Concat(transportCategories, complianceCategories) }

// WithoutEffect names the settings that are kept and answered and change nothing, as in OpenSearch 2.19, where they are given.
func (c *Config) WithoutEffect() []string {
	var names []string
	if len(c.Audit.IgnoreURLParams) > 0 {
		names = append(names, "audit.ignore_url_params")
	}
	if i := slices.IndexFunc(c.Audit.DisabledCategories, Category.compliance); i >= 0 {
		names = append(names, "audit.disabled_categories: "+string(c.Audit.DisabledCategories[i]))
	}
	return names
}

// ParseCategory finds a category by its name in any case. It also knows OPENSEARCH_SECURITY_INDEX_ATTEMPT, the name that
// documentation uses and that OpenSearch itself refuses, as SecurityIndexAttempt.
func ParseCategory(name string) (Category, bool) {
	c := Category(strings.ToUpper(name))
	if c == "OPENSEARCH_SECURITY_INDEX_ATTEMPT" {
		c = SecurityIndexAttempt
	}
	return c, c.compliance() || c == Gap || c == RequestOutcome || c == AlertDelivery || slices.Contains(transportCategories, c)
}
