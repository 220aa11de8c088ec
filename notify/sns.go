package notify

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"
)

// Bounds of Amazon SNS.
const (
	maxSubject = 99
	maxSNS     = 256<<10 - 1024 // leaves room for the attribute
)

// snsConfig is the configuration of a topic of Amazon SNS.
type snsConfig struct {
	TopicARN string `json:"topic_arn"`
	RoleARN  string `json:"role_arn,omitempty"`
}

func readSNS(config json.RawMessage) (snsConfig, arn.ARN, error) {
	var c snsConfig
	if err := json.Unmarshal(config, &c); err != nil {
		return c, arn.ARN{}, &ConfigError{Field: "sns", Reason: "sns configuration is malformed"}
	}
	if c.TopicARN == "" {
		return c, arn.ARN{}, &ConfigError{Field: "topic_arn", Reason: "topic_arn field absent"}
	}
	topic, err := arn.Parse(c.TopicARN)
	if err != nil || topic.Service != "sns" || !regionName.MatchString(topic.Region) || topic.Resource == "" || len(c.TopicARN) > maxURL {
		return c, topic, &ConfigError{Field: "topic_arn", Reason: "Invalid AWS SNS topic ARN"}
	}
	return c, topic, nil
}

func checkSNS(config json.RawMessage) (json.RawMessage, error) {
	c, _, err := readSNS(config)
	if err != nil {
		return nil, err
	}
	if err := checkRole(c.RoleARN); err != nil {
		return nil, err
	}
	return encode(c), nil
}

// sendSNS publishes to a topic in the topic's region. The delivery id is an attribute of the message, and of a first-in-first-out
// topic the id by which it drops repetitions.
func (n *Notifier) sendSNS(ctx context.Context, d Destination, m Message) (Result, error) {
	c, topic, err := readSNS(d.Config)
	if err != nil {
		return Result{}, &Error{Err: err}
	}
	ctx, cancel := context.WithTimeout(ctx, n.o.Timeout)
	defer cancel()
	amazon, err := n.amazon(ctx, topic.Region, c.RoleARN)
	if err != nil {
		return Result{}, &Error{Retry: true, Err: err}
	}
	in := &sns.PublishInput{TopicArn: &c.TopicARN, Message: aws.String(clip(m.Body, maxSNS))}
	if s := asciiSubject(m.Subject); s != "" {
		in.Subject = &s
	}
	if m.DeliveryID != "" {
		in.MessageAttributes = map[string]types.MessageAttributeValue{
			"vigil_delivery": {DataType: aws.String("String"), StringValue: &m.DeliveryID},
		}
	}
	if strings.HasSuffix(topic.Resource, ".fifo") {
		in.MessageDeduplicationId, in.MessageGroupId = &m.DeliveryID, aws.String("vigil")
	}
	out, err := sns.NewFromConfig(amazon).Publish(ctx, in)
	if err != nil {
		return Result{}, amazonError("Amazon SNS", err, snsStatuses)
	}
	return Result{Status: http.StatusOK, Body: "Success, message id: " + aws.ToString(out.MessageId)}, nil
}

// snsStatuses are those of the notifications plugin.
var snsStatuses = map[string]int{
	"InvalidParameter": http.StatusBadRequest, "ParameterValueInvalid": http.StatusBadRequest, "InvalidParameterValue": http.StatusBadRequest,
	"AuthorizationError": http.StatusUnauthorized, "InvalidSecurity": http.StatusUnauthorized,
	"NotFound":    http.StatusNotFound,
	"KMSDisabled": http.StatusPreconditionFailed, "KMSInvalidState": http.StatusPreconditionFailed, "KMSNotFound": http.StatusPreconditionFailed,
	"KMSOptInRequired": http.StatusPreconditionFailed, "KMSAccessDenied": http.StatusPreconditionFailed,
	"KMSThrottling": http.StatusTooManyRequests, "Throttled": http.StatusTooManyRequests, "Throttling": http.StatusTooManyRequests,
	"EndpointDisabled": http.StatusLocked, "PlatformApplicationDisabled": http.StatusServiceUnavailable,
}

// asciiSubject makes a subject that SNS takes: it refuses a message whose subject has other characters or is long, and an alert
// must not be lost for its title.
func asciiSubject(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, oneLine(s))
	return strings.TrimSpace(s[:min(len(s), maxSubject)])
}
