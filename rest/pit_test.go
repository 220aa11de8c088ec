package rest

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// recordedPIT is the id of compat/scenarios/audit/10b-matrix-all.json, pit-open.
const recordedPIT = "o9mFQQEGbG9ncy1hFlRGYTdCbTBCUi1LdnRlVjlJTnEyM0EAFkh0TkNJX1dsUkkyTmhtdGNQVVdkM1EAAAAAAAAAAREWUzBBV21feHBTaXFKamRpN29sT1k1dwEW" +
	"VEZhN0JtMEJSLUt2dGVWOUlOcTIzQQAA"

func TestPITsAreWrittenAsRecorded(t *testing.T) {
	got, err := DecodePIT(recordedPIT)
	if err != nil {
		t.Fatal(err)
	}
	want := []PITShard{{
		Index: "logs-a", UUID: "TFa7Bm0BR-KvteV9INq23A", Node: "HtNCI_WlRI2NhmtcPUWd3Q", Session: "S0AWm_xpSiqJjdi7olOY5w", Context: 0x111,
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("decoded (-want +got):\n%s", diff)
	}
	if again := EncodePIT(got); again != recordedPIT {
		t.Errorf("encoded again: %s", again)
	}
}

func TestPITsOfManyShards(t *testing.T) {
	want := []PITShard{
		{Index: "a", UUID: "u", Shard: 0, Node: "n", Session: "s", Context: 1},
		{Index: "a", UUID: "u", Shard: 300, Node: "n", Session: "s", Context: 2},
		{Index: "größe-日本-🙂", UUID: "v", Shard: 1, Node: "n", Session: "s", Context: -1},
	}
	id := EncodePIT(want)
	got, err := DecodePIT(id)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("decoded (-want +got):\n%s", diff)
	}
	names, err := PITIndices(id, recordedPIT, id)
	if diff := cmp.Diff([]string{"a", "größe-日本-🙂", "logs-a"}, names); diff != "" || err != nil {
		t.Errorf("indices (-want +got), %v:\n%s", err, diff)
	}
}

func FuzzDecodePIT(f *testing.F) {
	f.Add(recordedPIT)
	f.Add("")
	f.Add("_____w==")
	f.Add("o9mFQf____8P")
	f.Fuzz(func(t *testing.T, id string) {
		if shards, err := DecodePIT(id); err == nil && len(shards) > len(id) {
			t.Errorf("%d shards from %d bytes", len(shards), len(id))
		}
	})
}
