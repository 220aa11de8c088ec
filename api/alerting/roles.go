package alerting

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"slices"

	core "vigil/alerting"
)

// adminRole sees and changes everything, as in OpenSearch.
const adminRole = "all_access"

func isAdmin(u core.User) bool { return slices.Contains(u.Roles, adminRole) }

func forbidden(reason string) error {
	return exception(http.StatusForbidden, "org.opensearch.OpenSearchStatusException", reason)
}

// visible returns the backend roles to which the caller's view is restricted; nil if it is not.
func (a *API) visible(ctx context.Context) ([]string, error) {
	s, err := a.o.Store.Settings(ctx)
	if err != nil {
		return nil, err
	}
	u := a.o.Caller(ctx)
	if !s.FilterByBackendRoles || isAdmin(u) {
		return nil, nil
	}
	if len(u.BackendRoles) == 0 {
		return nil, forbidden("User doesn't have backend roles configured. Contact administrator")
	}
	return u.BackendRoles, nil
}

// mayUse refuses a monitor with whose author the caller shares no backend role, where that is asked for.
func (a *API) mayUse(ctx context.Context, m *core.Monitor) error {
	roles, err := a.visible(ctx)
	if err != nil || roles == nil {
		return err
	}
	if m.User != nil && slices.ContainsFunc(m.User.BackendRoles, func(r string) bool { return slices.Contains(roles, r) }) {
		return nil
	}
	resource := "monitor"
	if m.Type == core.Composite {
		resource = "workflow"
	}
	return forbidden("Do not have permissions to resource, " + resource + ", with id, " + m.ID)
}

// mayUseAlert is mayUse for the monitor or workflow that raised an alert. One that does not exist is for the caller to find out.
func (a *API) mayUseAlert(ctx context.Context, id string) error {
	if roles, err := a.visible(ctx); err != nil || roles == nil {
		return err
	}
	alert, err := a.o.Store.CommentedAlert(ctx, id)
	if err != nil {
		if convert(err).Status == http.StatusNotFound {
			return nil
		}
		return err
	}
	return a.mayUse(ctx, &core.Monitor{ID: cmp.Or(alert.MonitorID, alert.WorkflowID), User: alert.MonitorUser})
}

// mayUseStored is mayUse for a monitor that was not read yet. What does not exist is for the caller to find out.
func (a *API) mayUseStored(ctx context.Context, id string) (*core.Monitor, error) {
	return a.mayUseRead(ctx, id, a.o.Store.Monitor)
}

func (a *API) mayUseRead(
	ctx context.Context, id string, read func(context.Context, string) (*core.Monitor, error),
) (*core.Monitor, error) {
	if _, err := a.visible(ctx); err != nil {
		return nil, err
	}
	m, err := read(ctx, id)
	if err != nil {
		if convert(err).Status == http.StatusNotFound {
			return nil, nil
		}
		return nil, err
	}
	return m, a.mayUse(ctx, m)
}

// share decides who may use a monitor: those with the backend roles of its author, or with those of them that rbac_roles
// names. An edit without rbac_roles leaves that as it was.
func (a *API) share(ctx context.Context, r *request, m, old *core.Monitor) error {
	if _, err := a.visible(ctx); err != nil {
		return err
	}
	var body struct {
		Roles *[]string `json:"rbac_roles"`
	}
	if err := json.Unmarshal(r.body, &body); err != nil {
		return illegalArgument("rbac_roles is a list of roles")
	}
	if body.Roles == nil {
		if old != nil && old.User != nil {
			m.User.BackendRoles = old.User.BackendRoles
		}
		return nil
	}
	if isAdmin(*m.User) {
		m.User.BackendRoles = *body.Roles
		return nil
	}
	if len(*body.Roles) == 0 {
		return forbidden("Non-admin users are not allowed to remove all roles.")
	}
	for _, role := range *body.Roles {
		if !slices.Contains(m.User.BackendRoles, role) {
			return forbidden("User doesn't have backend roles specified in rbac_roles")
		}
	}
	m.User.BackendRoles = *body.Roles
	return nil
}
