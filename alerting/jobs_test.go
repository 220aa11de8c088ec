package alerting

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestJobsTellWhetherTheyAreOnTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.channel("chime-1")
		m := r.monitor(nil)
		began := time.Now()
		if diff := cmp.Diff([]Job{{m.ID, time.Time{}, true}}, r.sched.Jobs()); diff != "" {
			t.Errorf("before the first slot: %s", diff)
		}
		pass(75 * time.Second)
		if jobs := r.sched.Jobs(); jobs[0].OnTime {
			t.Errorf("nobody runs it: %+v", jobs)
		}
		stop := r.start()
		defer stop()
		pass(time.Minute)
		if diff := cmp.Diff([]Job{{m.ID, began.Add(2 * time.Minute), true}}, r.sched.Jobs()); diff != "" {
			t.Errorf("after the second: %s", diff)
		}
		if _, err := r.store.DeleteMonitor(t.Context(), m.ID); err != nil {
			t.Fatal(err)
		}
		pass(time.Second)
		if jobs := r.sched.Jobs(); jobs != nil {
			t.Errorf("deleted: %+v", jobs)
		}
	})
}
