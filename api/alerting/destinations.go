package alerting

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"

	core "vigil/alerting"
	"vigil/notify"
)

// destinationSchema is what OpenSearch writes into destinations.
const destinationSchema = 3

// legacyNames are Open Distro's types of destinations, and what they are called since.
func legacyNames() map[string]notify.Type {
	return map[string]notify.Type{"chime": notify.Chime, "slack": notify.Slack, "custom_webhook": notify.Webhook, "email": notify.Email}
}

func legacyName(t notify.Type) string {
	for name, typ := range legacyNames() {
		if typ == t {
			return name
		}
	}
	return string(t)
}

// destinationBody shows a destination without its secrets.
func destinationBody(c core.Channel) map[string]any {
	name := legacyName(c.Type)
	return map[string]any{
		"id": c.ID, "type": name, "name": c.Name, "schema_version": destinationSchema, "seq_no": c.Version.SeqNo,
		"primary_term": c.Version.PrimaryTerm, "last_update_time": c.Updated.UnixMilli(), name: legacyConfig(c),
	}
}

type destinationAnswer struct {
	ID          string         `json:"_id"`
	Version     int64          `json:"_version"`
	SeqNo       int64          `json:"_seq_no"`
	PrimaryTerm int64          `json:"_primary_term"`
	Destination map[string]any `json:"destination"`
}

func (a *API) getDestinations(ctx context.Context, r *request) (answer, error) {
	if err := a.o.Store.Exists(ctx); err != nil {
		return answer{}, err
	}
	size, from, err := window(r, "size", 20, "startIndex")
	if err != nil {
		return answer{}, err
	}
	all, err := a.o.Store.Channels(ctx, true)
	if err == nil {
		all, err = a.visibleChannels(ctx, all)
	}
	if err != nil {
		return answer{}, err
	}
	all = slices.DeleteFunc(all, func(c core.Channel) bool { return !c.Type.IsChannel() })
	id, kind, search := r.call.Vars["destinationID"], unlessAll(r.param("destinationType", "ALL")), strings.ToLower(r.param("searchString", ""))
	all = slices.DeleteFunc(all, func(c core.Channel) bool {
		return id != "" && c.ID != id || kind != "" && legacyName(c.Type) != kind ||
			search != "" && !strings.Contains(strings.ToLower(c.Name), strings.Trim(search, "*"))
	})
	desc := r.param("sortOrder", "asc") == "desc"
	switch field := r.param("sortString", "destination.name.keyword"); field {
	case "destination.name.keyword":
		sortBy(all, desc, func(x, y core.Channel) int { return cmp.Compare(x.Name, y.Name) })
	case "destination.type":
		sortBy(all, desc, func(x, y core.Channel) int { return cmp.Compare(x.Type, y.Type) })
	case "destination.last_update_time":
		sortBy(all, desc, func(x, y core.Channel) int { return x.Updated.Compare(y.Updated) })
	default:
		return answer{}, illegalArgument("sortString [%s] is not supported", field)
	}
	list := []map[string]any{}
	for _, c := range page(all, from, size) {
		list = append(list, destinationBody(c))
	}
	return ok(struct {
		Total        int              `json:"totalDestinations"`
		Destinations []map[string]any `json:"destinations"`
	}{len(all), list}), nil
}

func sortBy(all []core.Channel, desc bool, compare func(x, y core.Channel) int) {
	slices.SortStableFunc(all, func(x, y core.Channel) int {
		if desc {
			return compare(y, x)
		}
		return compare(x, y)
	})
}

func page[T any](all []T, from, size int) []T {
	from = min(from, len(all))
	return all[from:min(from+size, len(all))]
}

// parseDestination reads a destination of Open Distro's form.
func parseDestination(r *request) (core.Channel, error) {
	c := core.Channel{Enabled: true, Legacy: true}
	if err := r.object(); err != nil {
		return c, err
	}
	var body map[string]json.RawMessage
	if err := json.Unmarshal(r.body, &body); err != nil {
		return c, illegalArgument("a destination is an object")
	}
	var kind string
	for name, into := range map[string]*string{"name": &c.Name, "type": &kind} {
		if raw, ok := body[name]; ok && json.Unmarshal(raw, into) != nil {
			return c, illegalArgument("%s must be text", name)
		}
	}
	switch {
	case c.Name == "":
		return c, illegalArgument("Destination name is null")
	case kind == "":
		return c, illegalArgument("Destination type is null")
	}
	t, known := legacyNames()[kind]
	if !known {
		return c, illegalArgument("No enum constant com.amazon.opendistroforelasticsearch.alerting.model.destination.DestinationType.%s", strings.ToUpper(kind))
	}
	if len(body[kind]) == 0 {
		return c, illegalArgument("destination has no [%s]", kind)
	}
	c.Type, c.Config = t, body[kind]
	if t == notify.Email {
		var err error
		c.Config, err = modernEmail(body[kind])
		return c, err
	}
	return c, nil
}

// check validates the configuration and fills in its defaults.
func check(c *core.Channel) error {
	config, err := notify.Check(c.Type, c.Config)
	if err != nil {
		return configError(err)
	}
	c.Config = config
	return nil
}

func (a *API) createDestination(ctx context.Context, r *request) (answer, error) {
	c, err := parseDestination(r)
	if err != nil {
		return answer{}, err
	}
	if err := check(&c); err != nil {
		return answer{}, err
	}
	if err := a.mayReach(ctx, c.Type); err != nil {
		return answer{}, err
	}
	if err := a.checkReferences(ctx, c); err != nil {
		return answer{}, err
	}
	if err := a.owned(ctx, &c); err != nil {
		return answer{}, err
	}
	c.ID = core.NewID()
	if c, err = a.o.Store.SaveChannel(ctx, c, true, nil); err != nil {
		return answer{}, err
	}
	return answer{http.StatusCreated, "/_plugins/_alerting/destinations/" + c.ID, destinationWritten(c)}, nil
}

// mayReach refuses types of destinations that the settings do not allow.
func (a *API) mayReach(ctx context.Context, t notify.Type) error {
	s, err := a.o.Store.Settings(ctx)
	if name := legacyName(t); err == nil && !s.MayReach(name) {
		err = forbidden("Destination type is not allowed: " + name)
	}
	return err
}

func destinationWritten(c core.Channel) destinationAnswer {
	return destinationAnswer{c.ID, c.Version.Version, c.Version.SeqNo, c.Version.PrimaryTerm, destinationBody(c)}
}

func (a *API) updateDestination(ctx context.Context, r *request) (answer, error) {
	version, err := ifVersion(r)
	if err != nil {
		return answer{}, err
	}
	c, err := parseDestination(r)
	if err != nil {
		return answer{}, err
	}
	if err := a.mayReach(ctx, c.Type); err != nil {
		return answer{}, err
	}
	c.ID = r.call.Vars["destinationID"]
	old, err := a.o.Store.Channel(ctx, c.ID, true)
	if err != nil {
		return answer{}, missingDestination(err, c.ID)
	}
	if err := a.mayUseChannel(ctx, old); err != nil {
		return answer{}, err
	}
	c.Access = old.Access
	if old.Type == c.Type {
		c.Config = notify.Restore(c.Config, old.Config)
	}
	if err := check(&c); err != nil {
		return answer{}, err
	}
	if c, err = a.o.Store.SaveChannel(ctx, c, false, version); err != nil {
		return answer{}, err
	}
	return ok(destinationWritten(c)), nil
}

func missingDestination(err error, id string) error {
	if errors.Is(err, core.ErrNoDestination) {
		return exception(http.StatusNotFound, "org.opensearch.OpenSearchStatusException", "Destination with "+id+" is not found")
	}
	return err
}

func (a *API) deleteDestination(ctx context.Context, r *request) (answer, error) {
	id := r.call.Vars["destinationID"]
	old, err := a.o.Store.Channel(ctx, id, true)
	if err != nil {
		return answer{}, missingDestination(err, id)
	}
	if err := a.mayUseChannel(ctx, old); err != nil {
		return answer{}, err
	}
	v, err := a.o.Store.DeleteChannel(ctx, id, true)
	if err != nil {
		return answer{}, missingDestination(err, id)
	}
	return ok(map[string]any{
		"_index": a.o.Store.Indices().Config, "_id": id, "_version": v.Version, "result": "deleted", "forced_refresh": true,
		"_shards": map[string]int{"total": 1, "successful": 1, "failed": 0}, "_seq_no": v.SeqNo, "_primary_term": v.PrimaryTerm,
	}), nil
}
