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
	if m.User != nil && sharesRole(m.User.BackendRoles, roles) {
		return nil
	}
	resource := "monitor"
	if m.Type == core.Composite {
		resource = "workflow"
	}
	return forbidden("Do not have permissions to resource, " + resource + ", with id, " + m.ID)
}

// visibleChannels are those whose authors the caller shares a backend role with, where that is asked for.
func (a *API) visibleChannels(ctx context.Context, all []core.Channel) ([]core.Channel, error) {
	roles, err := a.visible(ctx)
	if err != nil || roles == nil {
		return all, err
	}
	return slices.DeleteFunc(all, func(c core.Channel) bool { return !sharesRole(c.Access, roles) }), nil
}

// mayUseChannel is mayUse for a channel or destination.
func (a *API) mayUseChannel(ctx context.Context, c core.Channel) error {
	roles, err := a.visible(ctx)
	switch {
	case err != nil || roles == nil || sharesRole(c.Access, roles):
		return err
	case c.Legacy:
		return forbidden("Do not have permissions to resource, destination, with id, " + c.ID)
	}
	return statusError(http.StatusForbidden, "Permission denied for NotificationConfig %s", c.ID)
}

// owned gives a new channel or destination its author's backend roles. One without any makes none where they are asked for.
func (a *API) owned(ctx context.Context, c *core.Channel) error {
	_, err := a.visible(ctx)
	c.Access = a.o.Caller(ctx).BackendRoles
	return err
}

func sharesRole(some, roles []string) bool {
	return slices.ContainsFunc(some, func(r string) bool { return slices.Contains(roles, r) })
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
