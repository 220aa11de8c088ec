package notify

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"regexp"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ses"
	"github.com/aws/aws-sdk-go-v2/service/ses/types"
)

// SESAccount is an account of Amazon SES that messages are handed to, and as whom.
type SESAccount struct {
	Region  string `json:"region"`
	RoleARN string `json:"role_arn,omitempty"`
	From    string `json:"from_address"`
}

// regionName bounds what becomes a part of a host's name.
var regionName = regexp.MustCompile(`^[a-z0-9-]{1,32}$`)

// maxMail is how long a raw message may be that SES takes.
const maxMail = 10 << 20

func checkSESAccount(config json.RawMessage) (json.RawMessage, error) {
	var a SESAccount
	if err := json.Unmarshal(config, &a); err != nil {
		return nil, &ConfigError{Field: "ses_account", Reason: "ses_account configuration is malformed"}
	}
	if !regionName.MatchString(a.Region) {
		return nil, &ConfigError{Field: "region", Reason: "region field absent or malformed"}
	}
	if err := checkRole(a.RoleARN); err != nil {
		return nil, err
	}
	if err := checkAddress("from_address", a.From); err != nil {
		return nil, err
	}
	return encode(a), nil
}

// sendSES hands one raw message per recipient to Amazon SES, as OpenSearch does.
func (n *Notifier) sendSES(ctx context.Context, d Destination, m Message) (Result, error) {
	ctx, cancel := context.WithTimeout(ctx, n.o.Timeout)
	defer cancel()
	amazon, err := n.amazon(ctx, d.SES.Region, d.SES.RoleARN)
	if err != nil {
		return Result{}, &Error{Retry: true, Err: err}
	}
	client := ses.NewFromConfig(amazon)
	var failed *Error
	var errs []error
	for _, to := range d.Recipients {
		raw := composeMail(d.SES.From, to, m, time.Now())
		if len(raw) > maxMail {
			return Result{}, &Error{Status: http.StatusRequestEntityTooLarge, Err: errors.New("message is too long for Amazon SES")}
		}
		_, err := client.SendRawEmail(ctx, &ses.SendRawEmailInput{
			Source: &d.SES.From, Destinations: []string{to}, RawMessage: &types.RawMessage{Data: raw},
		})
		if err == nil {
			continue
		}
		e := amazonError("Amazon SES", err, sesStatuses)
		if failed == nil {
			failed = e
		}
		errs = append(errs, e.Err)
		if e.Status == 0 {
			break // nobody answers
		}
	}
	if failed != nil {
		failed.Err = errors.Join(errs...)
		return Result{}, failed
	}
	return Result{Status: http.StatusOK, Body: "Success"}, nil
}

// sesStatuses are those of the notifications plugin.
var sesStatuses = map[string]int{
	"MessageRejected":                    http.StatusServiceUnavailable,
	"MailFromDomainNotVerifiedException": http.StatusForbidden, "MailFromDomainNotVerified": http.StatusForbidden,
	"AccountSendingPausedException": http.StatusInsufficientStorage, "AccountSendingPaused": http.StatusInsufficientStorage,
	"Throttling": http.StatusTooManyRequests, "ThrottlingException": http.StatusTooManyRequests,
}
