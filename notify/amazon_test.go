package notify

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// amazon is a fake of Amazon's services: it keeps the forms that were posted and answers what answer says, or success.
type amazon struct {
	url    string
	forms  []url.Values
	header http.Header
	answer func(form url.Values) (status int, xml string)
}

func newAmazon(t *testing.T) *amazon {
	a := &amazon{}
	u := receiver(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		form, _ := url.ParseQuery(string(body))
		a.forms, a.header = append(a.forms, form), r.Header
		w.Header().Set("Content-Type", "text/xml")
		status, xml := http.StatusOK, ""
		if a.answer != nil {
			status, xml = a.answer(form)
		}
		if xml == "" {
			xml = map[string]string{
				"Publish":      `<PublishResponse><PublishResult><MessageId>m-1</MessageId></PublishResult></PublishResponse>`,
				"SendRawEmail": `<SendRawEmailResponse><SendRawEmailResult><MessageId>m-1</MessageId></SendRawEmailResult></SendRawEmailResponse>`,
				"AssumeRole": `<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ROLE</AccessKeyId><SecretAccessKey>s</SecretAccessKey>
					<SessionToken>t</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>`,
			}[form.Get("Action")]
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, xml)
	})
	a.url = u.String()
	return a
}

func (a *amazon) options() Options {
	o := local()
	o.AWS = AWS{Endpoint: a.url, AccessKeyID: "KEY", SecretAccessKey: "SECRET"}
	return o
}

func refusal(status int, code string) func(url.Values) (int, string) {
	return func(url.Values) (int, string) {
		return status, `<ErrorResponse><Error><Type>Sender</Type><Code>` + code + `</Code><Message>no</Message></Error></ErrorResponse>`
	}
}

func topic(arn string) Destination {
	return Destination{ID: "d", Name: "d", Type: SNS, Config: encode(map[string]string{"topic_arn": arn})}
}

func TestSNSPublishes(t *testing.T) {
	a := newAmazon(t)
	n := open(t, a.options())
	m := Message{Subject: "Zugriff\nverweigert: Müller " + strings.Repeat("x", 100), Body: "text ü", DeliveryID: "delivery-1"}
	res, err := n.Send(t.Context(), topic("arn:aws:sns:eu-west-1:123456789012:alarms"), m)
	if err != nil {
		t.Fatal(err)
	}
	want := url.Values{
		"Action": {"Publish"}, "Version": {"2010-03-31"}, "TopicArn": {"arn:aws:sns:eu-west-1:123456789012:alarms"}, "Message": {"text ü"},
		"Subject":                        {"Zugriff verweigert: M?ller " + strings.Repeat("x", 72)},
		"MessageAttributes.entry.1.Name": {"vigil_delivery"}, "MessageAttributes.entry.1.Value.DataType": {"String"},
		"MessageAttributes.entry.1.Value.StringValue": {"delivery-1"},
	}
	if diff := cmp.Diff(want, a.forms[0]); diff != "" {
		t.Error(diff)
	}
	if res.Status != http.StatusOK || res.Body != "Success, message id: m-1" {
		t.Errorf("result %+v", res)
	}
	if ua := a.header.Get("User-Agent"); ua != "Vigil/1.2.3" {
		t.Errorf("user agent %q", ua)
	}
	if auth := a.header.Get("Authorization"); !strings.Contains(auth, "Credential=KEY/") || !strings.Contains(auth, "/eu-west-1/sns/aws4_request") {
		t.Errorf("authorization %q", auth)
	}
}

func TestSNSFirstInFirstOutTopicsDropRepetitions(t *testing.T) {
	a := newAmazon(t)
	n := open(t, a.options())
	if _, err := n.Send(t.Context(), topic("arn:aws:sns:eu-west-1:123456789012:alarms.fifo"), Message{Body: "x", DeliveryID: "delivery-1"}); err != nil {
		t.Fatal(err)
	}
	if f := a.forms[0]; f.Get("MessageDeduplicationId") != "delivery-1" || f.Get("MessageGroupId") != "vigil" || f.Has("Subject") {
		t.Errorf("form %v", f)
	}
}

func TestAmazonRolesAreAssumed(t *testing.T) {
	a := newAmazon(t)
	n := open(t, a.options())
	d := topic("arn:aws:sns:eu-west-1:123456789012:alarms")
	d.Config = json.RawMessage(`{"topic_arn":"arn:aws:sns:eu-west-1:123456789012:alarms","role_arn":"arn:aws:iam::123456789012:role/alarms"}`)
	if _, err := n.Send(t.Context(), d, Message{Body: "x"}); err != nil {
		t.Fatal(err)
	}
	if len(a.forms) != 2 || a.forms[0].Get("RoleArn") != "arn:aws:iam::123456789012:role/alarms" {
		t.Fatalf("forms %v", a.forms)
	}
	if auth := a.header.Get("Authorization"); !strings.Contains(auth, "Credential=ROLE/") {
		t.Errorf("published as %q", auth)
	}
}

func TestSESSendsOneRawMessagePerRecipient(t *testing.T) {
	a := newAmazon(t)
	n := open(t, a.options())
	d := Destination{
		ID: "d", Name: "d", Type: Email, SES: &SESAccount{Region: "eu-west-1", From: "vigil@example.org"},
		Recipients: []string{"ann@example.org", "bob@example.org"},
	}
	if _, err := n.Send(t.Context(), d, Message{Subject: "Über", Body: "text", DeliveryID: "delivery-1"}); err != nil {
		t.Fatal(err)
	}
	for i, to := range d.Recipients {
		f := a.forms[i]
		raw, err := base64.StdEncoding.DecodeString(f.Get("RawMessage.Data"))
		if err != nil {
			t.Fatal(err)
		}
		if f.Get("Action") != "SendRawEmail" || f.Get("Source") != "vigil@example.org" || f.Get("Destinations.member.1") != to {
			t.Errorf("form %v", f)
		}
		for _, line := range []string{"To: " + to, "Subject: =?utf-8?q?=C3=9Cber?=", "X-Vigil-Delivery: delivery-1"} {
			if !strings.Contains(string(raw), line+"\r\n") {
				t.Errorf("no %q in %s", line, raw)
			}
		}
	}
}

func TestAmazonRefusals(t *testing.T) {
	mail := Destination{Type: Email, SES: &SESAccount{Region: "eu-west-1", From: "a@example.org"}, Recipients: []string{"b@example.org", "c@example.org"}}
	sns := topic("arn:aws:sns:eu-west-1:123456789012:alarms")
	tests := []struct {
		to           Destination
		answered     int
		code         string
		status       int
		retry        bool
		attempts     int
		wantInReason string
	}{
		{sns, 400, "InvalidParameter", 400, false, 1, "Amazon SNS answered InvalidParameter: no"},
		{sns, 403, "AuthorizationError", 401, false, 1, ""},
		{sns, 404, "NotFound", 404, false, 1, ""},
		{sns, 400, "KMSDisabled", 412, false, 1, ""},
		{sns, 429, "Throttled", 429, true, 1, ""},
		{sns, 400, "EndpointDisabled", 423, false, 1, ""},
		{sns, 400, "SomethingNew", 424, false, 1, ""},
		{sns, 500, "InternalError", 424, true, 1, ""},
		{mail, 400, "MessageRejected", 503, false, 2, "Amazon SES answered MessageRejected: no"},
		{mail, 400, "MailFromDomainNotVerifiedException", 403, false, 2, ""},
		{mail, 400, "AccountSendingPausedException", 507, false, 2, ""},
		{mail, 400, "Throttling", 429, true, 2, ""},
	}
	for _, tt := range tests {
		a := newAmazon(t)
		a.answer = refusal(tt.answered, tt.code)
		_, err := open(t, a.options()).Send(t.Context(), tt.to, Message{Body: "x"})
		e, ok := errors.AsType[*Error](err)
		if !ok || e.Status != tt.status || e.Retry != tt.retry || !strings.Contains(e.Error(), tt.wantInReason) {
			t.Errorf("%s: %+v", tt.code, err)
		}
		if len(a.forms) != tt.attempts {
			t.Errorf("%s: %d attempts, want %d", tt.code, len(a.forms), tt.attempts)
		}
	}
}

func TestAmazonIsGuarded(t *testing.T) {
	a := newAmazon(t)
	o := a.options()
	o.AllowNetworks = nil
	_, err := open(t, o).Send(t.Context(), topic("arn:aws:sns:eu-west-1:123456789012:alarms"), Message{Body: "x"})
	if e, ok := errors.AsType[*Error](err); !ok || !errors.Is(err, ErrForbidden) || e.Retry || len(a.forms) > 0 {
		t.Errorf("%v, %d forms", err, len(a.forms))
	}
	o = a.options()
	o.AllowHosts = []string{"sns.eu-west-1.amazonaws.com"}
	if _, err := open(t, o).Send(t.Context(), topic("arn:aws:sns:eu-west-1:123456789012:alarms"), Message{Body: "x"}); !errors.Is(err, ErrForbidden) {
		t.Errorf("%v", err)
	}
}
