package sink

import (
	"cmp"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// endedLayout is the part of an ended file's name that tells when it ended. It sorts by time.
const endedLayout = "20060102T150405.000000000Z"

// rotate ends the file and begins another.
func (s *File) rotate() error {
	if err := s.close(); err != nil {
		return err
	}
	ended := s.endedName(time.Now())
	if err := os.Rename(s.o.Path, ended); err != nil {
		return err
	}
	if err := s.open(); err != nil {
		return err
	}
	s.cleanUp()
	return nil
}

// stem is what the names of ended files begin with, ext what they end with.
func (s *File) stem() (stem, ext string) {
	ext = filepath.Ext(s.o.Path)
	return strings.TrimSuffix(s.o.Path, ext) + "-", ext
}

func (s *File) endedName(now time.Time) string {
	stem, ext := s.stem()
	for {
		name := stem + now.UTC().Format(endedLayout) + ext
		_, plain := os.Lstat(name)
		_, packed := os.Lstat(name + ".gz")
		if errors.Is(plain, fs.ErrNotExist) && errors.Is(packed, fs.ErrNotExist) {
			return name
		}
		now = now.Add(1)
	}
}

// ended returns the ended files, oldest first, and when each ended.
func (s *File) ended() (names []string, times map[string]time.Time, err error) {
	dir, err := os.ReadDir(filepath.Dir(s.o.Path))
	if err != nil {
		return nil, nil, err
	}
	stem, ext := s.stem()
	times = map[string]time.Time{}
	for _, d := range dir {
		name := filepath.Join(filepath.Dir(s.o.Path), d.Name())
		rest, ok := strings.CutPrefix(name, stem)
		if !ok {
			continue
		}
		rest, ok = strings.CutSuffix(strings.TrimSuffix(rest, ".gz"), ext)
		at, err := time.Parse(endedLayout, rest)
		if !ok || err != nil {
			continue
		}
		names = append(names, name)
		times[name] = at
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(times[a].Compare(times[b]), cmp.Compare(a, b)) })
	return names, times, nil
}

// cleanUp packs and removes ended files beside the deliveries. Close waits for it.
func (s *File) cleanUp() {
	s.cleaning.Go(func() {
		s.oneClean.Lock()
		defer s.oneClean.Unlock()
		if err := s.clean(time.Now()); err != nil {
			s.o.Logger.Warn("ended files of a sink could not be packed or removed", "sink", s.o.Name, "error", err)
		}
	})
}

func (s *File) clean(now time.Time) error {
	names, times, err := s.ended()
	if err != nil {
		return err
	}
	var errs []error
	for i, name := range names {
		many := s.o.Keep > 0 && len(names)-i > s.o.Keep
		old := s.o.KeepFor > 0 && now.Sub(times[name]) > s.o.KeepFor
		switch {
		case many || old:
			errs = append(errs, os.Remove(name))
		case s.o.Compress && !strings.HasSuffix(name, ".gz"):
			errs = append(errs, pack(name))
		}
	}
	return errors.Join(errs...)
}

// pack replaces a file by its compressed form. A crash leaves either or both, and the next clean begins again.
func pack(name string) error {
	in, err := os.Open(name)
	if err != nil {
		return err
	}
	defer in.Close()
	part := name + ".gz.part"
	out, err := os.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	z := gzip.NewWriter(out)
	_, err = io.Copy(z, in)
	if err = errors.Join(err, z.Close(), out.Sync(), out.Close()); err != nil {
		return errors.Join(fmt.Errorf("pack %s: %w", name, err), os.Remove(part))
	}
	if err := os.Rename(part, name+".gz"); err != nil {
		return err
	}
	return os.Remove(name)
}
