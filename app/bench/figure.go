package main

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"syscall"
	"time"
)

// figure is a row of the table.
type figure struct {
	what, must, is string
	met            bool
	beside         bool // told for comparison, and not judged
}

// beside is a row of which nothing is demanded.
func beside(what, is string) figure { return figure{what: what, must: "–", is: is, beside: true} }

func (f figure) write(out io.Writer) {
	met := "no"
	switch {
	case f.beside:
		met = "–"
	case f.met:
		met = "yes"
	}
	writeRow(out, f.what, f.must, f.is, met)
}

func writeRow(out io.Writer, what, must, is, met string) {
	row := fmt.Sprintf("%-48s  %-37s  %-68s  %s", what, must, is, met)
	fmt.Fprintln(out, strings.TrimRight(row, " "))
}

// sample is what the rounds of a measurement gave.
type sample []float64

func (s sample) median() float64 {
	if len(s) == 0 {
		return 0
	}
	v := slices.Sorted(slices.Values(s))
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}

// spread is the lowest and the highest round, written with the verb of one value.
func (s sample) spread(verb string) string {
	return fmt.Sprintf("("+verb+"–"+verb+")", slices.Min(s), slices.Max(s))
}

// percentile returns the nearest rank: the smallest value that at least the part p of them does not exceed.
func percentile[T cmp.Ordered](values []T, p float64) T {
	v := slices.Sorted(slices.Values(values))
	rank := int(math.Ceil(p * float64(len(v))))
	return v[min(max(rank-1, 0), len(v)-1)]
}

// cpuTime is the CPU time that this process has used.
func cpuTime() (time.Duration, error) {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0, fmt.Errorf("getrusage: %w", err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), nil
}

// cpuOf returns the CPU time of f, called so many times, in microseconds for each call.
func cpuOf(rounds, times int, f func() error) (sample, error) {
	var took sample
	for range rounds {
		before, err := cpuTime()
		if err != nil {
			return nil, err
		}
		for range times {
			if err := f(); err != nil {
				return nil, err
			}
		}
		after, err := cpuTime()
		if err != nil {
			return nil, err
		}
		took = append(took, micros(after-before)/float64(times))
	}
	return took, nil
}

func micros(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e3 }

func millis(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e6 }
