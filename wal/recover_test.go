package wal_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"vigil/wal"
	"vigil/wal/waltest"

	"github.com/google/go-cmp/cmp"
)

// lastGroup returns the files of a log whose last file ends, in front of zeros, with group; from and to are where the group
// lies in it.
func lastGroup(t *testing.T, segmentBytes int64, before, group []string) (files map[string][]byte, name string, from, to int) {
	t.Helper()
	fsys := waltest.New()
	l := openWith(t, wal.Options{FS: fsys, SegmentBytes: segmentBytes})
	for _, e := range before {
		appendTo(t, l, e)
	}
	old := image(t, fsys)
	appendTo(t, l, group...)
	l.Close()
	files = image(t, fsys)
	segments := l.Segments()
	name = fmt.Sprintf("%020d.wal", segments[len(segments)-1].First)
	from = len(strings.TrimRight(string(old[name]), "\x00"))
	to = len(strings.TrimRight(string(files[name]), "\x00"))
	from, to = from+(8-from%8)%8, to+(8-to%8)%8
	if from == 0 {
		t.Fatal("the group must not begin a file")
	}
	return files, name, from, to
}

func TestCutGroupIsAllOrNothing(t *testing.T) {
	before := lines(1, 7, 900)
	for name, tc := range map[string]struct {
		segmentBytes int64
		group        []string
		step         int
	}{
		"one frame":  {4 << 10, lines(8, 5, 40), 1},
		"one entry":  {4 << 10, lines(8, 1, 20), 1},
		"two frames": {4 << 20, append(lines(8, 30, 50000), "end"), 40009},
	} {
		t.Run(name, func(t *testing.T) {
			files, file, from, to := lastGroup(t, tc.segmentBytes, before, tc.group)
			for cut := from; cut <= to+8; cut += tc.step {
				for _, zeros := range []bool{false, true} {
					damaged := map[string][]byte{}
					for n, b := range files {
						damaged[n] = slices.Clone(b)
					}
					if zeros {
						clear(damaged[file][cut:])
					} else {
						damaged[file] = damaged[file][:cut]
					}
					checkCut(t, cut, disk(t, damaged), tc.segmentBytes, before, tc.group, cut >= to)
				}
			}
		})
	}
}

func checkCut(t *testing.T, cut int, fsys wal.FS, segmentBytes int64, before, group []string, whole bool) {
	t.Helper()
	want := slices.Clone(before)
	for i := range 2 {
		l := openWith(t, wal.Options{FS: fsys, SegmentBytes: segmentBytes})
		got := texts(readAll(t, l))
		if i == 0 && len(got) == len(before)+len(group) {
			want = append(want, group...)
		}
		if !slices.Equal(got, want) || whole && len(want) == len(before) {
			t.Fatalf("cut at %d, opening %d: got %d entries, want %d", cut, i, len(got), len(want))
		}
		if i == 1 && l.Recovered().File != "" {
			t.Fatalf("cut at %d: repaired twice", cut)
		}
		want = append(want, "next")
		appendTo(t, l, "next")
		l.Close()
	}
}

func TestFlippedBits(t *testing.T) {
	fsys := waltest.New()
	l := open(t, fsys)
	want := lines(1, 7, 800)
	for _, e := range want {
		appendTo(t, l, e)
	}
	l.Close()
	files := image(t, fsys)
	segments := l.Segments()
	lastFile := fmt.Sprintf("%020d.wal", segments[1].First)
	// The last file ends with two frames; only the last may be lost.
	end := len(strings.TrimRight(string(files[lastFile]), "\x00"))
	lastFrame := end + (8-end%8)%8 - (32 + 4 + 800 + 4)
	for name, b := range files {
		for at := range b {
			damaged := map[string][]byte{}
			for n, b := range files {
				damaged[n] = slices.Clone(b)
			}
			damaged[name][at] ^= 1 << (at % 8)
			l, err := wal.Open(wal.Options{Dir: dir, FS: disk(t, damaged), SegmentBytes: 4 << 10})
			if name == lastFile && at >= lastFrame {
				if err != nil {
					t.Fatalf("%s at %d: %v", name, at, err)
				}
				got := texts(readAll(t, l))
				l.Close()
				if !slices.Equal(got, want[:len(got)]) || len(got) < len(want)-1 || l.Recovered().File == "" {
					t.Fatalf("%s at %d: got %d entries, recovered %+v", name, at, len(got), l.Recovered())
				}
				continue
			}
			var corrupt *wal.CorruptError
			if !errors.As(err, &corrupt) || corrupt.File != dir+"/"+name || corrupt.Offset > int64(at) {
				t.Fatalf("%s at %d: got %v, want a CorruptError", name, at, err)
			}
		}
	}
}

func TestLateVerificationReportsDamage(t *testing.T) {
	fsys := waltest.New()
	l := open(t, fsys)
	for _, e := range lines(1, 20, 800) {
		appendTo(t, l, e)
	}
	l.Close()
	files := image(t, fsys)
	files[firstFile][1000] ^= 1
	l = openWith(t, wal.Options{FS: disk(t, files), VerifyBytes: 1})
	_, err := l.Read(0, 0, 0)
	var corrupt *wal.CorruptError
	if !errors.As(err, &corrupt) || corrupt.File != dir+"/"+firstFile {
		t.Errorf("got %v, want a CorruptError", err)
	}
	second := l.Segments()[1]
	if got, err := l.Read(second.First-1, 1, 0); err != nil || len(got) != 1 {
		t.Errorf("got %d entries, %v from a good file", len(got), err)
	}
}

func TestReadReportsDamageThatCameLater(t *testing.T) {
	fsys := waltest.New()
	l := openWith(t, wal.Options{FS: fsys, RecentBytes: -1})
	appendTo(t, l, lines(1, 3, 100)...)
	files := image(t, fsys)
	f, err := fsys.OpenFile(dir+"/"+firstFile, 0)
	if err != nil {
		t.Fatal(err)
	}
	f.WriteAt([]byte{^files[firstFile][200]}, 200)
	_, err = l.Read(0, 0, 0)
	if _, ok := errors.AsType[*wal.CorruptError](err); !ok {
		t.Errorf("got %v, want a CorruptError", err)
	}
}

func TestMissingAndForeignFilesAreReported(t *testing.T) {
	fsys := waltest.New()
	l := open(t, fsys)
	for _, e := range lines(1, 20, 800) {
		appendTo(t, l, e)
	}
	l.Close()
	name := func(i int) string { return fmt.Sprintf("%020d.wal", l.Segments()[i].First) }
	for what, damage := range map[string]func(files map[string][]byte){
		"file missing": func(files map[string][]byte) { delete(files, name(1)) },
		"file renamed": func(files map[string][]byte) {
			files["00000000000000000099.wal"] = files[name(len(l.Segments())-1)]
		},
		"finished file cut":    func(files map[string][]byte) { files[name(1)] = files[name(1)][:1000] },
		"finished file zeroed": func(files map[string][]byte) { clear(files[name(1)][900:]) },
		"file empty":           func(files map[string][]byte) { files[name(1)] = nil },
		"last file empty":      func(files map[string][]byte) { files[name(len(l.Segments())-1)] = nil },
		"frames of another file": func(files map[string][]byte) {
			copy(files[name(1)][32:], files[name(2)][32:])
		},
		"newer version": func(files map[string][]byte) {
			binary.LittleEndian.PutUint32(files[name(0)][8:], 2)
		},
	} {
		t.Run(what, func(t *testing.T) {
			files := image(t, fsys)
			damage(files)
			_, err := wal.Open(wal.Options{Dir: dir, FS: disk(t, files)})
			if _, ok := errors.AsType[*wal.CorruptError](err); !ok {
				t.Errorf("got %v, want a CorruptError", err)
			}
		})
	}
}

func TestRecoveredTellsWhatWasCut(t *testing.T) {
	files, name, from, to := lastGroup(t, 4<<10, []string{"a"}, []string{"b", "c"})
	files[name] = files[name][:to-8]
	l := open(t, disk(t, files))
	want := wal.Recovered{File: dir + "/" + name, Offset: int64(from), Bytes: int64(len(strings.TrimRight(string(files[name]), "\x00")) - from)}
	if diff := cmp.Diff(want, l.Recovered()); diff != "" {
		t.Error(diff)
	}
}

// TestPayloadThatLooksLikeAFrame has the tear in front of a whole frame that a client sent: one that, were it the log's own,
// would prove that what is torn had been durable.
func TestPayloadThatLooksLikeAFrame(t *testing.T) {
	others, name, at, end := lastGroup(t, 4<<10, []string{strings.Repeat("x", 600)}, []string{"y"})
	payload := strings.Repeat("x", 4+at) + string(others[name][at:end]) + "x"
	files, name, from, _ := lastGroup(t, 4<<10, []string{"a"}, []string{payload})
	files[name][from+50] ^= 1
	l := open(t, disk(t, files))
	if got := texts(readAll(t, l)); !slices.Equal(got, []string{"a"}) {
		t.Errorf("got %q", got)
	}
}

func TestUnfinishedFilesAreRemoved(t *testing.T) {
	fsys := disk(t, map[string][]byte{firstFile + ".tmp": []byte("half"), "a.cursor.tmp": nil, "other": nil})
	l := open(t, fsys)
	appendTo(t, l, "a")
	l.Close()
	got := image(t, fsys)
	if _, ok := got["other"]; !ok || len(got) != 2 {
		t.Errorf("got files %v", got)
	}
}

func FuzzRecovery(f *testing.F) {
	fsys := waltest.New()
	l := open(f, fsys)
	want := lines(1, 9, 100)
	for i := 0; i < len(want); i += 3 {
		appendTo(f, l, want[i:i+3]...)
	}
	l.Close()
	good := image(f, fsys)
	f.Add(uint16(4096), uint16(4096), []byte{})
	f.Add(uint16(500), uint16(4096), []byte{})
	f.Add(uint16(4096), uint16(600), []byte("garbage"))
	f.Add(uint16(4096), uint16(32), make([]byte, 4064))
	f.Add(uint16(4096), uint16(1200), make([]byte, 32))
	f.Add(uint16(4096), uint16(0), []byte("VIGILWAL\x01\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, size, at uint16, garbage []byte) {
		b := slices.Clone(good[firstFile])[:min(int(size), len(good[firstFile]))]
		if int(at) < len(b) {
			b = slices.Concat(b[:at], garbage, b[min(int(at)+len(garbage), len(b)):])
		}
		fsys := disk(t, map[string][]byte{firstFile: b})
		l, err := wal.Open(wal.Options{Dir: dir, FS: fsys, SegmentBytes: 4 << 10})
		if err != nil {
			return
		}
		got := texts(readAll(t, l))
		if !slices.Equal(got, want[:len(got)]) || len(got)%3 != 0 {
			t.Fatalf("got %q", got)
		}
		appendTo(t, l, "next")
		l.Close()
		if again := texts(readAll(t, open(t, fsys))); !slices.Equal(again, append(got, "next")) {
			t.Fatalf("got %q after %q", again, got)
		}
	})
}
