package notify

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
)

// AWS says as whom Amazon's services are called, and where. The zero value takes what the SDK finds: the environment, shared
// files, the role of the container or instance.
type AWS struct {
	// Endpoint stands for the services' own addresses, for tests and for networks with endpoints of their own.
	Endpoint string
	// AccessKeyID and SecretAccessKey are needed together.
	AccessKeyID, SecretAccessKey, SessionToken string
}

// checkRole accepts no role, or the ARN of one.
func checkRole(role string) error {
	if role == "" {
		return nil
	}
	if a, err := arn.Parse(role); err != nil || a.Service != "iam" || len(role) > maxURL {
		return &ConfigError{Field: "role_arn", Reason: "Invalid AWS role ARN"}
	}
	return nil
}

// amazon returns what a client of a service in the region is made of. The SDK makes one attempt: trying again is the caller's.
func (n *Notifier) amazon(ctx context.Context, region, role string) (aws.Config, error) {
	load := []func(*awsconfig.LoadOptions) error{awsconfig.WithRegion(region)}
	if k := n.o.AWS; k.AccessKeyID != "" {
		load = append(load, awsconfig.WithCredentialsProvider(
			credentials.NewStaticCredentialsProvider(k.AccessKeyID, k.SecretAccessKey, k.SessionToken)))
	}
	// Credentials of an instance come from a link-local address, which the operator has and no destination may reach: only
	// the services' own clients go through the guard.
	c, err := awsconfig.LoadDefaultConfig(ctx, load...)
	if err != nil {
		return c, fmt.Errorf("credentials for Amazon: %w", err)
	}
	c.HTTPClient = guarded{n}
	c.Retryer = func() aws.Retryer { return aws.NopRetryer{} }
	if n.o.AWS.Endpoint != "" {
		c.BaseEndpoint = aws.String(n.o.AWS.Endpoint)
	}
	if role != "" {
		c.Credentials = aws.NewCredentialsCache(stscreds.NewAssumeRoleProvider(sts.NewFromConfig(c), role))
	}
	return c, nil
}

// guarded is the client of the services: the notifier's, with its check of the host and its name.
type guarded struct{ n *Notifier }

// Do implements [aws.HTTPClient].
func (g guarded) Do(r *http.Request) (*http.Response, error) {
	if err := g.n.guard.host(r.URL.Hostname()); err != nil {
		return nil, err
	}
	r.Header.Set("User-Agent", "Vigil/"+g.n.o.Version) // is not signed
	return g.n.http.Do(r)
}

// amazonError says what a refusal means: its status is that of the notifications plugin, by the service's code, or otherwise.
func amazonError(service string, err error, statuses map[string]int) *Error {
	out := &Error{Retry: !errors.Is(err, ErrForbidden), Err: fmt.Errorf("%s: %w", service, bare(err))}
	api, refused := errors.AsType[smithy.APIError](err)
	if !refused {
		return out
	}
	out.Status, out.Body = http.StatusFailedDependency, api.ErrorMessage()
	if s, ok := statuses[api.ErrorCode()]; ok {
		out.Status = s
	}
	out.Err = fmt.Errorf("%s answered %s: %s", service, api.ErrorCode(), api.ErrorMessage())
	out.Retry = out.Status == http.StatusTooManyRequests || out.Status == http.StatusServiceUnavailable && api.ErrorFault() != smithy.FaultClient
	if res, ok := errors.AsType[*awshttp.ResponseError](err); ok {
		out.Retry = out.Retry || worthRetrying(res.HTTPStatusCode())
		out.After = retryAfter(res.Response.Header.Get("Retry-After"), time.Now())
	}
	return out
}
