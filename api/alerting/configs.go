package alerting

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	core "vigil/alerting"
	"vigil/notify"
	"vigil/rest"
)

const maxConfigs = 1000

var configID = regexp.MustCompile(`^[A-Za-z0-9_:.-]{1,512}$`)

// configError words what is wrong with a channel as the notifications plugin does; see create-bad-url and create-teams in
// compat/.
func configError(err error) error {
	e, ok := errors.AsType[*notify.ConfigError](err)
	switch {
	case !ok:
		return err
	case strings.HasPrefix(e.Reason, "no protocol") || strings.HasPrefix(e.Reason, "unknown protocol"):
		return rest.Errorf(http.StatusInternalServerError, "malformed_u_r_l_exception", "%s", e.Reason)
	case strings.HasPrefix(e.Reason, "Wrong "):
		return statusError(http.StatusBadRequest, "%s", e.Reason)
	}
	return illegalArgument("%s", e.Reason)
}

// parseConfig reads {"config_id":…, "config":{…}}.
func parseConfig(r *request) (core.Channel, error) {
	c := core.Channel{Enabled: true}
	if err := r.object(); err != nil {
		return c, err
	}
	var body struct {
		ID     string                     `json:"config_id"`
		Config map[string]json.RawMessage `json:"config"`
	}
	if err := json.Unmarshal(r.body, &body); err != nil {
		return c, illegalArgument("the configuration is malformed: %v", err)
	}
	c.ID = body.ID
	if body.Config == nil {
		return c, illegalArgument("config field absent")
	}
	var kind string
	for name, into := range map[string]any{
		"name": &c.Name, "description": &c.Description, "config_type": &kind, "is_enabled": &c.Enabled,
	} {
		if raw, ok := body.Config[name]; ok && json.Unmarshal(raw, into) != nil {
			return c, illegalArgument("the value of [%s] has the wrong type", name)
		}
	}
	c.Type, c.Config = notify.Type(kind), body.Config[kind]
	switch {
	case c.Name == "" && kind != "":
		return c, illegalArgument("name field absent")
	case kind == "":
		return c, illegalArgument("config_type field absent")
	case !slices.Contains(notify.Types(), c.Type):
		return c, statusError(http.StatusNotAcceptable, "NotificationConfig with type NONE is not acceptable")
	case len(c.Config) == 0:
		return c, illegalArgument("%s field absent", kind)
	}
	return c, nil
}

type idAnswer struct {
	ID string `json:"config_id"`
}

func (a *API) createConfig(ctx context.Context, r *request) (answer, error) {
	c, err := parseConfig(r)
	if err != nil {
		return answer{}, err
	}
	if err := check(&c); err != nil {
		return answer{}, err
	}
	if err := a.checkReferences(ctx, c); err != nil {
		return answer{}, err
	}
	if c.ID == "" {
		c.ID = core.NewID()
	} else if !configID.MatchString(c.ID) {
		return answer{}, illegalArgument("Invalid characters in config id or longer than 512")
	}
	if err := a.owned(ctx, &c); err != nil {
		return answer{}, err
	}
	if _, err := a.o.Store.SaveChannel(ctx, c, true, nil); err != nil {
		return answer{}, configConflict(err)
	}
	return ok(idAnswer{c.ID}), nil
}

// checkReferences demands that the account and the groups of an e-mail channel are there.
func (a *API) checkReferences(ctx context.Context, c core.Channel) error {
	_, err := a.o.Store.Resolve(ctx, c.Destination)
	if errors.Is(err, core.ErrNoDestination) {
		return statusError(http.StatusNotFound, "%s", err)
	}
	if e, ok := errors.AsType[*core.Error](err); ok && e.Kind == core.BadArgument {
		return statusError(http.StatusNotAcceptable, "%s", e.Reason)
	}
	return err
}

func configConflict(err error) error {
	if e, ok := errors.AsType[*core.Error](err); ok && e.Kind == core.Conflict {
		return statusError(http.StatusConflict, "%s", e.Reason)
	}
	return err
}

func missingConfig(err error, id string) error {
	if errors.Is(err, core.ErrNoDestination) {
		return statusError(http.StatusNotFound, "NotificationConfig %s not found", id)
	}
	return err
}

func (a *API) updateConfig(ctx context.Context, r *request) (answer, error) {
	c, err := parseConfig(r)
	if err != nil {
		return answer{}, err
	}
	c.ID = r.call.Vars["config_id"]
	old, err := a.o.Store.Channel(ctx, c.ID, false)
	if err != nil {
		return answer{}, missingConfig(err, c.ID)
	}
	if err := a.mayUseChannel(ctx, old); err != nil {
		return answer{}, err
	}
	if old.Type != c.Type {
		return answer{}, statusError(http.StatusConflict, "Config type cannot be changed after creation")
	}
	c.Config, c.Created, c.Access = notify.Restore(c.Config, old.Config), old.Created, old.Access
	if err := check(&c); err != nil {
		return answer{}, err
	}
	if err := a.checkReferences(ctx, c); err != nil {
		return answer{}, err
	}
	if _, err := a.o.Store.SaveChannel(ctx, c, false, &old.Version); err != nil {
		return answer{}, configConflict(err)
	}
	return ok(idAnswer{c.ID}), nil
}

// configIDs reads the ids of the path and of the query.
func configIDs(r *request) []string {
	var ids []string
	for _, list := range []string{r.call.Vars["config_id"], r.param("config_id", ""), r.param("config_id_list", "")} {
		for id := range strings.SplitSeq(list, ",") {
			if id != "" && !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
		}
	}
	return ids
}

type configItem struct {
	ID      string       `json:"config_id"`
	Updated int64        `json:"last_updated_time_ms"`
	Created int64        `json:"created_time_ms"`
	Config  configDetail `json:"config"`
}

// configDetail is written by hand: the last member is named by the type.
type configDetail struct{ c core.Channel }

// MarshalJSON shows a channel without its secrets.
func (d configDetail) MarshalJSON() ([]byte, error) {
	head, err := json.Marshal(struct {
		Name        string      `json:"name"`
		Description string      `json:"description"`
		Type        notify.Type `json:"config_type"`
		Enabled     bool        `json:"is_enabled"`
	}{d.c.Name, d.c.Description, d.c.Type, d.c.Enabled})
	if err != nil {
		return nil, err
	}
	out := append(head[:len(head)-1], `,"`+string(d.c.Type)+`":`...)
	out = append(out, notify.Redact(d.c.Config)...)
	return append(out, '}'), nil
}

type listHead struct {
	Start    int    `json:"start_index"`
	Total    int    `json:"total_hits"`
	Relation string `json:"total_hit_relation"`
}

func (a *API) getConfigs(ctx context.Context, r *request) (answer, error) {
	size, from, err := window(r, "max_items", maxConfigs, "from_index")
	if err != nil {
		return answer{}, err
	}
	all, err := a.o.Store.Channels(ctx, false)
	if err != nil {
		return answer{}, err
	}
	if ids := configIDs(r); len(ids) > 0 {
		all = slices.DeleteFunc(all, func(c core.Channel) bool { return !slices.Contains(ids, c.ID) })
		if len(all) < len(ids) {
			return answer{}, notFound(ids, all, r.call.Vars["config_id"] != "")
		}
		for _, c := range all {
			if err := a.mayUseChannel(ctx, c); err != nil {
				return answer{}, err
			}
		}
	}
	if all, err = a.visibleChannels(ctx, all); err != nil {
		return answer{}, err
	}
	if all, err = filterConfigs(r, all); err != nil {
		return answer{}, err
	}
	if err := sortConfigs(all, r.param("sort_field", "created_time_ms"), r.param("sort_order", "asc")); err != nil {
		return answer{}, err
	}
	items := []configItem{}
	for _, c := range page(all, from, size) {
		items = append(items, configItem{c.ID, c.Updated.UnixMilli(), c.Created.UnixMilli(), configDetail{c}})
	}
	return ok(struct {
		listHead
		Items []configItem `json:"config_list"`
	}{listHead{from, len(all), "eq"}, items}), nil
}

func notFound(ids []string, found []core.Channel, single bool) error {
	missing := slices.DeleteFunc(slices.Clone(ids), func(id string) bool {
		return slices.ContainsFunc(found, func(c core.Channel) bool { return c.ID == id })
	})
	if single {
		return statusError(http.StatusNotFound, "NotificationConfig %s not found", missing[0])
	}
	return statusError(http.StatusNotFound, "NotificationConfig [%s] not found", strings.Join(missing, ", "))
}

func filterConfigs(r *request, all []core.Channel) ([]core.Channel, error) {
	types := strings.Split(r.param("config_type", ""), ",")
	var enabled *bool
	if text, ok := r.call.Param("is_enabled"); ok {
		v, err := strconv.ParseBool(text)
		if err != nil {
			return nil, illegalArgument("Failed to parse value [%s] as only [true] or [false] are allowed.", text)
		}
		enabled = &v
	}
	has := func(text, words string) bool {
		for w := range strings.FieldsSeq(strings.ToLower(words)) {
			if strings.Contains(strings.ToLower(text), strings.Trim(w, "*")) {
				return true
			}
		}
		return words == ""
	}
	return slices.DeleteFunc(all, func(c core.Channel) bool {
		text := c.Name + " " + c.Description
		return types[0] != "" && !slices.Contains(types, string(c.Type)) || enabled != nil && c.Enabled != *enabled ||
			!has(c.Name, r.param("name", "")) || !has(c.Description, r.param("description", "")) ||
			!has(text+" "+string(c.Type), r.param("query", "")) || !has(text, r.param("text_query", ""))
	}), nil
}

func sortConfigs(all []core.Channel, field, order string) error {
	compare := map[string]func(x, y core.Channel) int{
		"name":        func(x, y core.Channel) int { return cmp.Compare(x.Name, y.Name) },
		"description": func(x, y core.Channel) int { return cmp.Compare(x.Description, y.Description) },
		"config_type": func(x, y core.Channel) int { return cmp.Compare(x.Type, y.Type) },
		"is_enabled": func(x, y core.Channel) int {
			return cmp.Compare(strconv.FormatBool(x.Enabled), strconv.FormatBool(y.Enabled))
		},
		"created_time_ms":      func(x, y core.Channel) int { return x.Created.Compare(y.Created) },
		"last_updated_time_ms": func(x, y core.Channel) int { return x.Updated.Compare(y.Updated) },
	}[field]
	if compare == nil {
		return illegalArgument("Sort on %s not acceptable", field)
	}
	if order != "asc" && order != "desc" {
		return illegalArgument("sort_order [%s] is not supported", order)
	}
	sortBy(all, order == "desc", compare)
	return nil
}

func (a *API) deleteConfigs(ctx context.Context, r *request) (answer, error) {
	ids := configIDs(r)
	if len(ids) == 0 {
		return answer{}, illegalArgument("either config_id or config_id_list is required")
	}
	all, err := a.o.Store.Channels(ctx, false)
	if err != nil {
		return answer{}, err
	}
	found := slices.DeleteFunc(all, func(c core.Channel) bool { return !slices.Contains(ids, c.ID) })
	if len(found) < len(ids) {
		// All or none, as in the plugin.
		return answer{}, notFound(ids, found, len(ids) == 1)
	}
	for _, c := range found {
		if err := a.mayUseChannel(ctx, c); err != nil {
			return answer{}, err
		}
	}
	done := map[string]string{}
	for _, id := range ids {
		if _, err := a.o.Store.DeleteChannel(ctx, id, false); err != nil {
			return answer{}, missingConfig(err, id)
		}
		done[id] = "OK"
	}
	return ok(map[string]any{"delete_response_list": done}), nil
}

func (a *API) getChannels(ctx context.Context, _ *request) (answer, error) {
	all, err := a.o.Store.Channels(ctx, false)
	if err == nil {
		all, err = a.visibleChannels(ctx, all)
	}
	if err != nil {
		return answer{}, err
	}
	type channel struct {
		ID          string      `json:"config_id"`
		Name        string      `json:"name"`
		Description string      `json:"description"`
		Type        notify.Type `json:"config_type"`
		Enabled     bool        `json:"is_enabled"`
	}
	list := []channel{}
	for _, c := range all {
		if !c.Type.IsChannel() {
			continue
		}
		list = append(list, channel{c.ID, c.Name, c.Description, c.Type, c.Enabled})
	}
	return ok(struct {
		listHead
		Channels []channel `json:"channel_list"`
	}{listHead{0, len(list), "eq"}, list}), nil
}

func (a *API) features(context.Context, *request) (answer, error) {
	return ok(struct {
		Types    []notify.Type     `json:"allowed_config_type_list"`
		Features map[string]string `json:"plugin_features"`
	}{notify.Types(), map[string]string{"tooltip_support": "true"}}), nil
}

func (a *API) sendTest(ctx context.Context, r *request) (answer, error) {
	id := r.call.Vars["config_id"]
	c, err := a.o.Store.Channel(ctx, id, false)
	if errors.Is(err, core.ErrNoDestination) {
		return answer{}, statusError(http.StatusNotFound, "%s", core.MissingReceipt(id))
	}
	if err != nil {
		return answer{}, err
	}
	if err := a.mayUseChannel(ctx, c); err != nil {
		return answer{}, err
	}
	if !c.Enabled {
		// The plugin fails to make a number of its status; the words are recorded (test-send hook-off in compat/).
		return answer{}, statusError(http.StatusBadRequest, `For input string: "LOCKED"`)
	}
	m := notify.Message{
		Subject: "Test Message Title-" + id, Body: "Test message content body for config id " + id, DeliveryID: core.NewID(),
	}
	if c.Destination, err = a.o.Store.Resolve(ctx, c.Destination); err != nil {
		return answer{}, err
	}
	res, err := a.o.Sender.Send(ctx, c.Destination, m)
	if err != nil {
		status, text := core.FailedReceipt(c.Destination, err)
		return answer{}, statusError(status, "%s", text)
	}
	return ok(core.Receipt(m.Subject, c.Destination, res)), nil
}
