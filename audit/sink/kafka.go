package sink

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"vigil/audit"
)

// KafkaOptions says which topic events go to. Name, Brokers and Topic are required.
type KafkaOptions struct {
	Name    string
	Brokers []string
	Topic   string
	// TLS encrypts; nil means plain TCP.
	TLS *tls.Config
	// SASL is plain, scram-sha-256, scram-sha-512, or empty for none.
	SASL               string
	Username, Password string
	// Timeout ends an attempt to deliver a batch; 30 s by default.
	Timeout time.Duration
}

// Kafka produces events to a topic, keyed by their ids, in order within a partition. A batch is delivered when all in-sync
// replicas have it. The producer is idempotent, so only what comes again after a failure may be there twice, under one key.
type Kafka struct {
	o      KafkaOptions
	auth   sasl.Mechanism
	client *kgo.Client
	hangUp func() // closes the client, once
}

// maxKafkaBatch is above the largest event in any format; what a broker takes is its own to say.
const maxKafkaBatch = 64 << 20

// NewKafka returns the sink. It connects when the first events come.
func NewKafka(o KafkaOptions) (*Kafka, error) {
	if o.Name == "" || len(o.Brokers) == 0 || o.Topic == "" {
		return nil, errors.New("kafka sink: no brokers, no topic or no name")
	}
	if o.Timeout <= 0 {
		o.Timeout = 30 * time.Second
	}
	s := &Kafka{o: o}
	auth := scram.Auth{User: o.Username, Pass: o.Password}
	switch o.SASL {
	case "":
	case "plain":
		s.auth = plain.Auth{User: o.Username, Pass: o.Password}.AsMechanism()
	case "scram-sha-256":
		s.auth = auth.AsSha256Mechanism()
	case "scram-sha-512":
		s.auth = auth.AsSha512Mechanism()
	default:
		return nil, fmt.Errorf("kafka sink: sasl %q is not one of plain, scram-sha-256, scram-sha-512", o.SASL)
	}
	return s, nil
}

// Name implements [audit.Sink].
func (s *Kafka) Name() string { return s.o.Name }

// Close implements [audit.Sink].
func (s *Kafka) Close() error {
	if s.client != nil {
		s.hangUp()
		s.client = nil
	}
	return nil
}

// Write produces a batch and waits for it.
func (s *Kafka) Write(ctx context.Context, batch []audit.Entry) error {
	return rejection(split(batch, func(part []audit.Entry) error { return s.produce(ctx, part) }))
}

func (s *Kafka) produce(ctx context.Context, batch []audit.Entry) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if s.client == nil {
		c, err := s.connect()
		if err != nil {
			return fmt.Errorf("kafka: %w", err)
		}
		s.client, s.hangUp = c, sync.OnceFunc(c.Close)
	}
	ctx, cancel := context.WithTimeout(ctx, s.o.Timeout)
	defer cancel()
	records := make([]*kgo.Record, len(batch))
	for i, e := range batch {
		records[i] = &kgo.Record{Key: []byte(e.ID), Value: e.Doc, Timestamp: e.Time}
	}
	// A client that waits for a broker to come back looks at the context too late.
	stop := context.AfterFunc(ctx, s.hangUp)
	err := s.client.ProduceSync(ctx, records...).FirstErr()
	stop()
	if err == nil {
		return nil
	}
	// What a failed batch left in the client must not be sent behind the next one.
	_ = s.Close()
	if errors.Is(err, kerr.MessageTooLarge) || errors.Is(err, kerr.RecordListTooLarge) || errors.Is(err, kerr.InvalidRecord) {
		return &refusedError{"the broker answered " + err.Error()}
	}
	return fmt.Errorf("kafka: %w", errors.Join(context.Cause(ctx), err))
}

func (s *Kafka) connect() (*kgo.Client, error) {
	// No RecordDeliveryTimeout: it counts from a record's own time, so nothing that waited longer than it would ever be sent.
	o := []kgo.Opt{
		kgo.SeedBrokers(s.o.Brokers...), kgo.DefaultProduceTopic(s.o.Topic), kgo.ClientID("vigil"),
		kgo.RequiredAcks(kgo.AllISRAcks()), kgo.ProducerLinger(0), kgo.ProducerBatchMaxBytes(maxKafkaBatch),
		kgo.ProduceRequestTimeout(s.o.Timeout), kgo.DialTimeout(s.o.Timeout),
		kgo.RetryTimeout(s.o.Timeout), kgo.AllowIdempotentProduceCancellation(),
		// A topic that is missing is to be told at once: the batch comes again anyway.
		kgo.UnknownTopicRetries(0),
	}
	if s.o.TLS != nil {
		o = append(o, kgo.DialTLSConfig(s.o.TLS))
	}
	if s.auth != nil {
		o = append(o, kgo.SASL(s.auth))
	}
	return kgo.NewClient(o...)
}
