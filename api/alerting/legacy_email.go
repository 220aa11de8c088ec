package alerting

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"regexp"
	"slices"
	"strings"

	core "vigil/alerting"
	"vigil/notify"
	"vigil/rest"
)

// legacyEmail handles the accounts, or the groups, of Open Distro's e-mail destinations.
type legacyEmail struct {
	a        *API
	kind     notify.Type
	variable string
}

var (
	accountName = regexp.MustCompile(`^[A-Za-z0-9_]{1,255}$`)
	groupName   = regexp.MustCompile(`^[A-Za-z0-9_-]{1,255}$`)
)

// member is how the plugin calls the kind in answers, title in messages.
func (l legacyEmail) member() (member, title string, name *regexp.Regexp) {
	if l.kind == notify.EmailGroup {
		return "email_group", "Email Group", groupName
	}
	return "email_account", "Email Account", accountName
}

type legacyAccount struct {
	Name   string `json:"name"`
	Email  string `json:"email"`
	Host   string `json:"host"`
	Port   int    `json:"port"`
	Method string `json:"method"`
	// Username and Password are ours: Open Distro took them from the keystore of the nodes.
	Username string `json:"username,omitempty"`
	Password string `json:"password,omitempty"`
}

type legacyGroup struct {
	Name   string        `json:"name"`
	Emails []legacyEntry `json:"emails"`
}

type legacyEntry struct {
	Email string `json:"email"`
}

// legacyMethod translates the one word that has changed.
func legacyMethod(m string) string {
	switch m {
	case "starttls":
		return "start_tls"
	case "start_tls":
		return "starttls"
	}
	return m
}

func encodeAny(v any) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil {
		return json.RawMessage("{}")
	}
	return b
}

// show writes an account or group in Open Distro's form, without its password.
func (l legacyEmail) show(c core.Channel) map[string]any {
	if l.kind == notify.EmailGroup {
		var g notify.GroupConfig
		_ = json.Unmarshal(c.Config, &g) // what was stored was checked
		out := legacyGroup{Name: c.Name, Emails: []legacyEntry{}}
		for _, address := range g.Addresses() {
			out.Emails = append(out.Emails, legacyEntry{address})
		}
		return map[string]any{"schema_version": destinationSchema, "name": out.Name, "emails": out.Emails}
	}
	var a notify.Account
	_ = json.Unmarshal(c.Config, &a) // what was stored was checked
	return map[string]any{
		"schema_version": destinationSchema, "name": c.Name, "email": a.From, "host": a.Host, "port": a.Port, "method": legacyMethod(a.Method),
	}
}

func (l legacyEmail) written(status int, c core.Channel) answer {
	member, _, _ := l.member()
	location := ""
	if status == http.StatusCreated {
		location = "/_plugins/_alerting/destinations/" + member + "s/" + c.ID
	}
	return answer{status, location, map[string]any{
		"_id": c.ID, "_version": c.Version.Version, "_seq_no": c.Version.SeqNo, "_primary_term": c.Version.PrimaryTerm, member: l.show(c),
	}}
}

func (l legacyEmail) stored(ctx context.Context, r *request) (core.Channel, error) {
	_, title, _ := l.member()
	c, err := l.a.o.Store.Channel(ctx, r.call.Vars[l.variable], true)
	if errors.Is(err, core.ErrNoDestination) || err == nil && c.Type != l.kind {
		return c, exception(http.StatusNotFound, "org.opensearch.OpenSearchStatusException", title+" not found.")
	}
	return c, err
}

func (l legacyEmail) get(ctx context.Context, r *request) (answer, error) {
	c, err := l.stored(ctx, r)
	if err != nil {
		return answer{}, err
	}
	return l.written(http.StatusOK, c), nil
}

// parse reads an account or group; old, if there is one, lends the password that is not sent again.
func (l legacyEmail) parse(ctx context.Context, r *request, old *core.Channel) (core.Channel, error) {
	c := core.Channel{Enabled: true, Legacy: true}
	c.Type = l.kind
	if err := r.object(); err != nil {
		return c, err
	}
	if s, err := l.a.o.Store.Settings(ctx); err == nil && !s.MayReach("email") {
		return c, forbidden("This API is blocked since Destination type [email] is not allowed")
	}
	if l.kind == notify.EmailGroup {
		var g legacyGroup
		if err := json.Unmarshal(r.body, &g); err != nil {
			return c, illegalArgument("the email group is malformed")
		}
		list := []map[string]string{}
		for _, e := range g.Emails {
			list = append(list, map[string]string{"recipient": e.Email})
		}
		c.Name, c.Config = g.Name, encodeAny(map[string]any{"recipient_list": list})
	} else {
		var in legacyAccount
		if err := json.Unmarshal(r.body, &in); err != nil {
			return c, illegalArgument("the email account is malformed")
		}
		account := notify.Account{
			Host: in.Host, Port: in.Port, Method: legacyMethod(in.Method), From: in.Email, Username: in.Username, Password: in.Password,
		}
		var before notify.Account
		if old != nil && json.Unmarshal(old.Config, &before) == nil && account.Username == "" && account.Password == "" &&
			account.Host == before.Host && account.Port == before.Port && account.Method == before.Method {
			// Only the server that had it before gets it.
			account.Username, account.Password = before.Username, before.Password
		}
		c.Name, c.Config = in.Name, encodeAny(account)
	}
	_, title, name := l.member()
	if !name.MatchString(c.Name) {
		return c, illegalArgument("Invalid %s name. Must match %s", title, name)
	}
	if err := check(&c); err != nil {
		return c, err
	}
	all, err := l.a.o.Store.LegacyEmail(ctx, l.kind)
	if slices.ContainsFunc(all, func(x core.Channel) bool { return x.Name == c.Name && (old == nil || x.ID != old.ID) }) {
		return c, illegalArgument("Unable to store %s: the name [%s] is in use", title, c.Name)
	}
	return c, err
}

func (l legacyEmail) create(ctx context.Context, r *request) (answer, error) {
	c, err := l.parse(ctx, r, nil)
	if err != nil {
		return answer{}, err
	}
	c.ID = core.NewID()
	if c, err = l.a.o.Store.SaveChannel(ctx, c, true, nil); err != nil {
		return answer{}, err
	}
	return l.written(http.StatusCreated, c), nil
}

func (l legacyEmail) update(ctx context.Context, r *request) (answer, error) {
	version, err := ifVersion(r)
	if err != nil {
		return answer{}, err
	}
	old, err := l.stored(ctx, r)
	if err != nil {
		return answer{}, err
	}
	c, err := l.parse(ctx, r, &old)
	if err != nil {
		return answer{}, err
	}
	c.ID = old.ID
	if c, err = l.a.o.Store.SaveChannel(ctx, c, false, version); err != nil {
		return answer{}, err
	}
	return l.written(http.StatusOK, c), nil
}

func (l legacyEmail) remove(ctx context.Context, r *request) (answer, error) {
	c, err := l.stored(ctx, r)
	if err != nil {
		return answer{}, err
	}
	v, err := l.a.o.Store.DeleteChannel(ctx, c.ID, true)
	if err != nil {
		return answer{}, err
	}
	return ok(map[string]any{"_id": c.ID, "_version": v.Version, "result": "deleted"}), nil
}

// search finds accounts or groups by name. What else they hold is encrypted.
func (l legacyEmail) search(ctx context.Context, r *request) (answer, error) {
	if err := l.a.o.Store.Exists(ctx); err != nil {
		if convert(err).Status == http.StatusNotFound {
			index := l.a.o.Store.Indices().Config
			return answer{}, rest.Errorf(http.StatusNotFound, "index_not_found_exception", "no such index [%s]", index)
		}
		return answer{}, err
	}
	body, err := searchBody(r, false, nil)
	if err != nil {
		return answer{}, err
	}
	member, _, _ := l.member()
	var members map[string]json.RawMessage
	if err := json.Unmarshal(body, &members); err != nil {
		return answer{}, illegalArgument("the body is not an object")
	}
	must := []json.RawMessage{json.RawMessage(`{"exists":{"field":"` + member + `.name"}}`)}
	if q, given := members["query"]; given {
		must = append(must, q)
	}
	for name := range members {
		if strings.HasPrefix(name, "agg") || name == "suggest" || name == "_source" || name == "fields" {
			return answer{}, illegalArgument("[%s] is not supported in searches for %ss", name, member)
		}
	}
	members["query"] = encodeAny(map[string]any{"bool": map[string]any{"must": must}})
	raw, err := l.a.o.Store.Search(ctx, false, mustJSON(members))
	found, err := readFound(raw, err)
	if err != nil {
		return answer{}, err
	}
	for i := range found.Hits.Hits {
		h := &found.Hits.Hits[i]
		c, err := l.a.o.Store.Channel(ctx, h.ID, true)
		if err != nil {
			return answer{}, err
		}
		h.Source = encodeAny(map[string]any{member: l.show(c)})
	}
	return ok(found), nil
}

// legacyRecipient is one in an e-mail destination of Open Distro's form.
type legacyRecipient struct {
	Type  string `json:"type"`
	Email string `json:"email,omitempty"`
	Group string `json:"email_group_id,omitempty"`
}

// modernEmail reads the configuration of an e-mail destination of Open Distro's form.
func modernEmail(raw json.RawMessage) (json.RawMessage, error) {
	var in struct {
		Account    string            `json:"email_account_id"`
		Recipients []legacyRecipient `json:"recipients"`
	}
	if err := json.Unmarshal(raw, &in); err != nil {
		return nil, illegalArgument("the email destination is malformed")
	}
	list, groups := []map[string]string{}, []string{}
	for _, r := range in.Recipients {
		switch r.Type {
		case "email":
			list = append(list, map[string]string{"recipient": r.Email})
		case "email_group":
			groups = append(groups, r.Group)
		default:
			return nil, illegalArgument("recipients are of type email or email_group, not [%s]", r.Type)
		}
	}
	return encodeAny(map[string]any{"email_account_id": in.Account, "recipient_list": list, "email_group_id_list": groups}), nil
}

// legacyConfig shows a destination's configuration in Open Distro's form, without its secrets.
func legacyConfig(c core.Channel) json.RawMessage {
	if c.Type != notify.Email {
		return notify.Redact(c.Config)
	}
	var in notify.EmailConfig
	_ = json.Unmarshal(c.Config, &in) // what was stored was checked
	list := []legacyRecipient{}
	for _, address := range in.Addresses() {
		list = append(list, legacyRecipient{Type: "email", Email: address})
	}
	for _, id := range in.GroupIDs {
		list = append(list, legacyRecipient{Type: "email_group", Group: id})
	}
	return encodeAny(map[string]any{"email_account_id": in.AccountID, "recipients": list})
}
