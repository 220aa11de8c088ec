package wal_test

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"vigil/wal"
	"vigil/wal/waltest"
)

func TestReadsFromMemoryAndDiskAgree(t *testing.T) {
	for _, recentBytes := range []int{-1, 3000, 1 << 20} {
		t.Run(strconv.Itoa(recentBytes), func(t *testing.T) {
			l := openWith(t, wal.Options{FS: waltest.New(), RecentBytes: recentBytes, SegmentBytes: 64 << 10})
			want := lines(1, 300, 700)
			for i := 0; i < len(want); i += 4 {
				appendTo(t, l, want[i:i+4]...)
			}
			for after := range uint64(300) {
				got, err := l.Read(after, 5, 0)
				if err != nil {
					t.Fatal(err)
				}
				if len(got) == 0 || got[0].Run != l.Run() || got[0].Seq != after+1 {
					t.Fatalf("behind %d got %v", after, got)
				}
				if diff := cmp.Diff(want[after:min(300, after+uint64(len(got)))], texts(got)); diff != "" {
					t.Fatal(diff)
				}
			}
		})
	}
}

func TestReadKeepsItsLimits(t *testing.T) {
	for _, recentBytes := range []int{-1, 0} {
		l := openWith(t, wal.Options{FS: waltest.New(), RecentBytes: recentBytes})
		appendTo(t, l, lines(1, 10, 100)...)
		for _, tc := range []struct{ after, maxEntries, maxBytes, want int }{
			{0, 3, 0, 3}, {0, 0, 0, 10}, {8, 5, 0, 2}, {0, 5, 250, 2}, {0, 5, 200, 2}, {0, 5, 1, 1}, {10, 5, 0, 0}, {99, 5, 0, 0},
		} {
			got, err := l.Read(uint64(tc.after), tc.maxEntries, tc.maxBytes)
			if err != nil || len(got) != tc.want {
				t.Errorf("Read(%d, %d, %d): got %d entries, %v; want %d", tc.after, tc.maxEntries, tc.maxBytes, len(got), err, tc.want)
			}
		}
		l.Close()
	}
}

func TestWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := open(t, waltest.New())
		appendTo(t, l, "a")
		if err := l.Wait(t.Context(), 0); err != nil {
			t.Errorf("got %v for an entry that is there", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if err := l.Wait(ctx, 1); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want context.DeadlineExceeded", err)
		}
		woken := make(chan error, 2)
		go func() { woken <- l.Wait(t.Context(), 1) }()
		go func() { woken <- l.Wait(t.Context(), 2) }()
		synctest.Wait()
		appendTo(t, l, "b")
		if err := <-woken; err != nil {
			t.Errorf("got %v", err)
		}
		synctest.Wait()
		if len(woken) > 0 {
			t.Error("the reader behind 2 woke for entry 2")
		}
		l.Close()
		if err := <-woken; !errors.Is(err, wal.ErrClosed) {
			t.Errorf("got %v, want ErrClosed", err)
		}
	})
}
