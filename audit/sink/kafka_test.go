package sink

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http/httptest"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"vigil/audit"
	"vigil/audit/sinktest"
)

func newBroker(t testing.TB, o ...kfake.Opt) *kfake.Cluster {
	t.Helper()
	c, err := startBroker(t, o...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func startBroker(t testing.TB, o ...kfake.Opt) (*kfake.Cluster, error) {
	c, err := kfake.NewCluster(append(o, kfake.NumBrokers(1), kfake.SeedTopics(1, "audit"))...)
	if err == nil {
		t.Cleanup(c.Close)
	}
	return c, err
}

func newKafka(t testing.TB, c *kfake.Cluster, o KafkaOptions) *Kafka {
	t.Helper()
	o.Name, o.Brokers, o.Topic = "kafka", c.ListenAddrs(), "audit"
	if o.Timeout == 0 {
		o.Timeout = time.Minute
	}
	s, err := NewKafka(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// consume reads the whole topic.
func consume(t testing.TB, c *kfake.Cluster, o ...kgo.Opt) []sinktest.Delivery {
	t.Helper()
	end := c.PartitionInfo("audit", 0).HighWatermark
	client, err := kgo.NewClient(append(o, kgo.SeedBrokers(c.ListenAddrs()...), kgo.ConsumeTopics("audit"),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchMaxPartitionBytes(64<<20))...)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	var list []sinktest.Delivery
	for int64(len(list)) < end {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatal(err)
		}
		for _, r := range fetches.Records() {
			d := delivery(t, string(r.Value))
			if d.ID != string(r.Key) {
				t.Errorf("got key %s of event %s", r.Key, d.ID)
			}
			list = append(list, d)
		}
	}
	return list
}

// refuse makes the broker answer every produce request with an error.
func refuse(c *kfake.Cluster, code *kerr.Error, when func(*kmsg.ProduceRequest) bool) {
	c.ControlKey(int16(kmsg.Produce), func(req kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		p := req.(*kmsg.ProduceRequest)
		if !when(p) {
			return nil, nil, false
		}
		resp := p.ResponseKind().(*kmsg.ProduceResponse)
		for _, topic := range p.Topics {
			rt := kmsg.NewProduceResponseTopic()
			rt.Topic, rt.TopicID = topic.Topic, topic.TopicID
			for _, partition := range topic.Partitions {
				rp := kmsg.NewProduceResponseTopicPartition()
				rp.Partition, rp.ErrorCode = partition.Partition, code.Code
				rt.Partitions = append(rt.Partitions, rp)
			}
			resp.Topics = append(resp.Topics, rt)
		}
		return resp, nil, true
	})
}

func TestKafkaConforms(t *testing.T) {
	sinktest.Run(t, func(t *testing.T) sinktest.Harness {
		c := newBroker(t, kfake.BrokerConfigs(map[string]string{"message.max.bytes": "33554432"}))
		broken := make(chan bool, 1)
		broken <- false
		refuse(c, kerr.ClusterAuthorizationFailed, func(*kmsg.ProduceRequest) bool {
			b := <-broken
			broken <- b
			return b
		})
		return sinktest.Harness{
			Sink:      WithFormat(newKafka(t, c, KafkaOptions{}), Native),
			Delivered: func() []sinktest.Delivery { return consume(t, c) },
			Break: func(b bool) {
				<-broken
				broken <- b
			},
		}
	})
}

func TestKafkaRejectsWhatIsTooLargeForTheBroker(t *testing.T) {
	c := newBroker(t)
	refuse(c, kerr.MessageTooLarge, func(p *kmsg.ProduceRequest) bool {
		n := 0
		for _, topic := range p.Topics {
			for _, partition := range topic.Partitions {
				n += len(partition.Records)
			}
		}
		return n > 2000
	})
	s := newKafka(t, c, KafkaOptions{})
	defer s.Close()
	batch := sinktest.Entries(1, 3)
	batch[1].Doc = []byte(`{"a":"` + incompressible(20_000) + `"}`)
	rejected, ok := errors.AsType[*audit.RejectedError](WithFormat(s, Native).Write(t.Context(), batch))
	if !ok || len(rejected.Rejections) != 1 || rejected.Rejections[0].Entry.ID != batch[1].ID {
		t.Fatalf("got %v, want the second event rejected", rejected)
	}
	if got := consume(t, c); len(got) != 2 || got[0].ID != batch[0].ID || got[1].ID != batch[2].ID {
		t.Errorf("got %v, want the other two", got)
	}
}

func incompressible(n int) string {
	var b strings.Builder
	for x := uint64(1); b.Len() < n; {
		x = x*6364136223846793005 + 1442695040888963407
		b.WriteByte("abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-_"[x>>58])
	}
	return b.String()
}

func TestKafkaLogsIn(t *testing.T) {
	f := func(mechanism, broker, password string, want bool) {
		t.Helper()
		c := newBroker(t, kfake.EnableSASL(), kfake.Superuser(broker, "vigil", "right"))
		s := newKafka(t, c, KafkaOptions{SASL: mechanism, Username: "vigil", Password: password, Timeout: 2 * time.Second})
		defer s.Close()
		err := s.Write(t.Context(), sinktest.Entries(1, 1))
		if (err == nil) != want {
			t.Errorf("%s with password %s: got %v, want success %t", mechanism, password, err, want)
		}
		if err != nil && strings.Contains(err.Error(), password) {
			t.Errorf("the error repeats the password: %v", err)
		}
	}
	f("plain", "PLAIN", "right", true)
	f("scram-sha-256", "SCRAM-SHA-256", "right", true)
	f("scram-sha-512", "SCRAM-SHA-512", "right", true)
	f("scram-sha-256", "SCRAM-SHA-256", "canary", false)
}

func TestKafkaBrokerThatIsAwayFailsInTime(t *testing.T) {
	c := newBroker(t)
	s := newKafka(t, c, KafkaOptions{Timeout: 300 * time.Millisecond})
	defer s.Close()
	c.Close()
	if err := s.Write(t.Context(), sinktest.Entries(1, 1)); err == nil {
		t.Error("a batch was delivered to nobody")
	}
}

// portOf is where a broker listens.
func portOf(t *testing.T, c *kfake.Cluster) int {
	t.Helper()
	_, text, err := net.SplitHostPort(c.ListenAddrs()[0])
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return port
}

func TestKafkaBrokerThatComesBackGetsWhatItMissed(t *testing.T) {
	for range 10 {
		if comesBack(t) {
			return
		}
	}
	t.Fatal("others took the broker's port whenever it was away")
}

// comesBack stops a broker and starts it again on its port. It returns false if somebody else has that by then.
func comesBack(t *testing.T) bool {
	c := newBroker(t)
	s := newKafka(t, c, KafkaOptions{Timeout: 2 * time.Second})
	defer s.Close()
	sink := WithFormat(s, Native)
	if err := sink.Write(t.Context(), sinktest.Entries(1, 2)); err != nil {
		t.Fatal(err)
	}
	port := portOf(t, c)
	c.Close()
	if err := sink.Write(t.Context(), sinktest.Entries(3, 2)); err == nil {
		t.Fatal("events were delivered to a broker that is away")
	}
	back, err := startBroker(t, kfake.Ports(port))
	if errors.Is(err, syscall.EADDRINUSE) {
		return false
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := sink.Write(t.Context(), sinktest.Entries(3, 2)); err != nil {
		t.Fatal(err)
	}
	if got := consume(t, back); len(got) != 2 || got[0].ID != "run-000003" {
		t.Errorf("got %v, want the two events", got)
	}
	return true
}

func TestKafkaWaitsForATopicThatIsMissing(t *testing.T) {
	c, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	s := newKafka(t, c, KafkaOptions{Timeout: 20 * time.Second})
	defer s.Close()
	sink := WithFormat(s, Native)
	batch := sinktest.Entries(1, 2)
	err = sink.Write(t.Context(), batch)
	if _, rejected := errors.AsType[*audit.RejectedError](err); err == nil || rejected || !strings.Contains(err.Error(), "UNKNOWN_TOPIC") {
		t.Fatalf("got %v, want an error that names the topic's absence and makes the batch come again", err)
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(c.ListenAddrs()...))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	req, topic := kmsg.NewPtrCreateTopicsRequest(), kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = "audit", 1, 1
	req.Topics = append(req.Topics, topic)
	if _, err := req.RequestWith(t.Context(), client); err != nil {
		t.Fatal(err)
	}
	if err := sink.Write(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	if got := consume(t, c); len(got) != 2 {
		t.Errorf("got %v, want the two events", got)
	}
}

func TestKafkaOverTLS(t *testing.T) {
	authority := httptest.NewTLSServer(nil) // for its certificate
	authority.Close()
	c := newBroker(t, kfake.TLS(&tls.Config{Certificates: authority.TLS.Certificates}), kfake.EnableSASL(), kfake.Superuser("SCRAM-SHA-512", "vigil", "right"))
	pool := x509.NewCertPool()
	pool.AddCert(authority.Certificate())
	for _, trusted := range []bool{true, false} {
		config := &tls.Config{MinVersion: tls.VersionTLS12}
		if trusted {
			config.RootCAs = pool
		}
		s := newKafka(t, c, KafkaOptions{TLS: config, SASL: "scram-sha-512", Username: "vigil", Password: "right", Timeout: 2 * time.Second})
		if err := WithFormat(s, Native).Write(t.Context(), sinktest.Entries(1, 1)); (err == nil) != trusted {
			t.Errorf("got %v from a broker with a certificate that is trusted %t", err, trusted)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestKafkaStopsWithItsContext hangs if a client that waits for its broker does not look at the context.
func TestKafkaStopsWithItsContext(t *testing.T) {
	c := newBroker(t)
	s := newKafka(t, c, KafkaOptions{Timeout: time.Hour})
	defer s.Close()
	if err := s.Write(t.Context(), sinktest.Entries(1, 1)); err != nil {
		t.Fatal(err)
	}
	c.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := s.Write(ctx, sinktest.Entries(2, 1)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want the context's end", err)
	}
}
