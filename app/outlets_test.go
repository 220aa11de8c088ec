package app_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// outlets are the far ends of the sinks that are no files.
type outlets struct {
	hook   *httptest.Server
	syslog net.Listener
	kafka  *kfake.Cluster

	mu             sync.Mutex
	posted, logged bytes.Buffer
	done           sync.WaitGroup
}

func newOutlets(t *testing.T) *outlets {
	t.Helper()
	o := &outlets{}
	var err error
	o.hook = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		o.mu.Lock()
		defer o.mu.Unlock()
		o.posted.Write(b)
	}))
	t.Cleanup(o.hook.Close)
	if o.syslog, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	o.done.Go(func() {
		for {
			conn, err := o.syslog.Accept()
			if err != nil {
				return
			}
			o.done.Go(func() {
				defer conn.Close()
				b, _ := io.ReadAll(conn)
				o.mu.Lock()
				defer o.mu.Unlock()
				o.logged.Write(b)
			})
		}
	})
	t.Cleanup(func() {
		o.syslog.Close()
		o.done.Wait()
	})
	if o.kafka, err = kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "audit")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(o.kafka.Close)
	return o
}

// config is audit.sinks with every kind of sink but stdout, and secrets of their own.
func (o *outlets) config(c *canaries) string {
	return fmt.Sprintf(`{index: {type: index}, lines: {type: file, path: out/audit.json, max_size: 64kb, keep: 1000}, ecs: {type: file, path: out/ecs.json, format: ecs},
		ocsf: {type: file, path: out/ocsf.json, format: ocsf}, hook: {type: webhook, url: '%s', secret: '%s', token: '%s', headers: {X-Key: '%s'}},
		syslog: {type: syslog, network: tcp, address: '%s', max_message: 1mb}, kafka: {type: kafka, brokers: ['%s'], topic: audit}}`,
		o.hook.URL, c.plant("sink-secret"), c.plant("sink-token"), c.plant("sink-header"), o.syslog.Addr(), o.kafka.ListenAddrs()[0])
}

// silent looks into what the sinks sent, after the server has ended.
func (o *outlets) silent(t *testing.T, c *canaries) {
	t.Helper()
	o.syslog.Close()
	o.done.Wait()
	o.mu.Lock()
	defer o.mu.Unlock()
	topic := o.consume(t)
	for name, data := range map[string][]byte{"the webhook": o.posted.Bytes(), "syslog": o.logged.Bytes(), "Kafka": topic} {
		if !bytes.Contains(data, []byte("FAILED_LOGIN")) {
			t.Errorf("%s got no events", name)
		}
		c.silent(t, name, data, false)
	}
}

// consume reads the whole topic.
func (o *outlets) consume(t *testing.T) []byte {
	t.Helper()
	end := o.kafka.PartitionInfo("audit", 0).HighWatermark
	client, err := kgo.NewClient(kgo.SeedBrokers(o.kafka.ListenAddrs()...), kgo.ConsumeTopics("audit"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	var all []byte
	for n := int64(0); n < end; {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatal(err)
		}
		for _, r := range fetches.Records() {
			all = append(append(all, r.Key...), r.Value...)
			n++
		}
	}
	return all
}
