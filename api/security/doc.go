// Package security answers the REST API of the security plugin: users, roles, role mappings, action groups, tenants and the
// audit configuration, under _plugins/_security and _opendistro/_security.
//
// Each type of configuration is one document in the security index, as in the plugin, but in plain JSON. Who may call is
// decided before a handler runs (authz, by the Admin field of a row), and what is audited after it; the handlers only tell what they
// wrote. A change is answered when it is in force. Start reading at [API.Routes] and, for the state as the
// program uses it, [Load].
package security
